"""What a campaign would do, told before it is done: who gets it and who does not and why, what it costs, when it ends.

Nothing is sent and nothing is written. The audience is read once, a page at a time; of each person only number, reason,
alphabet and parts are kept, and the texts of a sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gatewayd.clock import Clock
from gatewayd.domain import forecast
from gatewayd.domain.campaign import approvals_needed, first_opening, window
from gatewayd.domain.forecast import Share, SimState
from gatewayd.domain.hours import spell
from gatewayd.domain.lint import Remark, remarks
from gatewayd.domain.pacing import widest_start
from gatewayd.domain.purpose import Hours, MessageClass, Purpose, SimSettings
from gatewayd.errors import RefusedByRule
from gatewayd.services.allowance import load_history
from gatewayd.services.audience import AudienceReader, House, Verdict
from gatewayd.store.campaigns import FOR_EVER, NOT_NOW, Campaign
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox
from gatewayd.store.sims import Sims

SAMPLE = 3


@dataclass(frozen=True, slots=True)
class Told:
    """One person: `reason` is empty for who gets a message of so many parts."""

    number: str
    reason: str
    alphabet: str
    parts: int


@dataclass(slots=True)
class Explanation:
    """What a campaign would do."""

    campaign: Campaign
    size: int = 0
    included: int = 0
    parts: int = 0
    approvals: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    alphabets: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    sample: list[tuple[str, str]] = field(default_factory=list)
    people: list[Told] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    opens_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def price(self) -> float | None:
        """Of all SIMs; None while one of them has no price."""
        prices = [share.price for share in self.shares if share.messages]
        return None if not prices or None in prices else round(sum(one for one in prices if one is not None), 2)


def explain(
    database: Database,
    house: House,
    campaign: Campaign,
    clock: Clock,
    *,
    sample: int = SAMPLE,
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Explanation:
    """What this campaign would do now. RefusedByRule: its purpose is gone. SegmentError: a field is."""
    reader = AudienceReader(database, house, campaign, clock)
    found = Explanation(campaign, size=reader.size())
    for verdict in reader.all():
        one = told_of(verdict)
        found.people.append(one)
        if verdict.plan is None:
            found.reasons[one.reason] += 1
            continue
        found.included += 1
        found.parts += one.parts
        found.alphabets[one.alphabet] += 1
        found.lengths[one.parts] += 1
        if len(found.sample) < sample:
            found.sample.append((verdict.number, verdict.plan.text))
        if len(found.people) % 1000 == 0:
            told(len(found.people), found.size)
    found.approvals = approvals_needed(found.included, house.rules)
    found.remarks = lint(house, campaign, found.sample[0][1] if found.sample else campaign.template)
    _forecast(database, house, found, clock)
    return found


def told_of(verdict: Verdict) -> Told:
    """What is told of one person."""
    if verdict.plan is None:
        return Told(verdict.number, verdict.reason, "", 0)
    return Told(verdict.number, "", str(verdict.plan.alphabet), len(verdict.plan.parts))


def lint(house: House, campaign: Campaign, text: str) -> list[Remark]:
    """What the text does not tell, and whether a line may carry it."""
    purpose = house.purpose(campaign.purpose)
    return [*remarks(text, house.sender), *_lines(house, purpose, campaign.pool)]


def check(purpose: Purpose, found: Sequence[Remark]) -> None:
    """RefusedByRule: marketing that does not tell what it must, or that no line may carry."""
    if purpose.message_class is MessageClass.MARKETING and found:
        raise RefusedByRule("lint", "marketing is refused: " + "; ".join(one.words for one in found))
    forbidden = [one.words for one in found if one.about == "line_forbids"]
    if forbidden:
        raise RefusedByRule("line", forbidden[0])


def hours_of(house: House, campaign: Campaign) -> tuple[Hours | None, Hours | None]:
    """Those of its purpose, and its own window."""
    return house.purpose(campaign.purpose).hours, window(campaign.window)


def opens_at(house: House, campaign: Campaign, at: datetime) -> datetime | None:
    """From `at` on, the first moment at which it may write; None: never within a year."""
    return first_opening(hours_of(house, campaign), at, house.sending.tz, house.sending.holiday)


def may_send_until(campaign: Campaign, house: House, now: datetime) -> datetime:
    """When its present window closes; the past while none is open. The hours of its purpose are kept by each line."""
    found = spell(window(campaign.window), now, house.sending.tz, house.sending.holiday)
    return (found.until or FOR_EVER) if found.open else NOT_NOW


def _lines(house: House, purpose: Purpose, pool: str) -> Iterator[Remark]:
    """Whether the contracts of the pool's lines allow this class."""
    pooled = [sim for sim in house.sending.sims if sim.pool == pool]
    if pooled and not any(sim.carries(purpose.message_class) for sim in pooled):
        yield Remark("line_forbids", f"no SIM of the pool {pool} has a line that allows {purpose.message_class}")
    elif not pooled and purpose.message_class is MessageClass.MARKETING:
        yield Remark("line_forbids", f"no listed SIM of the pool {pool} has a line that allows marketing")
    unset = [sim.name for sim in pooled if sim.line_allows is None] if pooled else ["any SIM that is found"]
    if unset:
        names = ", ".join(unset)
        yield Remark("line", f"nobody said what the line of {names} may carry (ARCEP 2022-1583): ask your operator")


def _forecast(database: Database, house: House, found: Explanation, clock: Clock) -> None:
    campaign, now = found.campaign, clock.utc_now()
    start = max(now, campaign.start_at or now)
    found.opens_at = opens_at(house, campaign, start)
    states, known, met = _sims(database, house, campaign, clock)
    if not states:
        return
    dealt = forecast.deal(
        states,
        (
            (one.parts, known.get(one.number), one.number not in met.get(known.get(one.number, ""), ()))
            for one in found.people
            if not one.reason
        ),
    )
    tz, holiday = house.sending.tz, house.sending.holiday
    spans = list(forecast.openings(hours_of(house, campaign), start, tz, holiday))
    found.shares = [forecast.share(sim, dealt[sim.name], spans, tz, campaign.deadline) for sim in states]
    ends = [one.ends_at for one in found.shares if one.messages]
    found.ends_at = None if not ends or None in ends else max(end for end in ends if end is not None)


def _sims(
    database: Database, house: House, campaign: Campaign, clock: Clock
) -> tuple[list[SimState], dict[str, str], Mapping[str, set[str]]]:
    """The SIMs of the pool with what is left of them; whom each knows; and whom it met in its present windows."""
    outbox, purpose, now = Outbox(database), house.purpose(campaign.purpose), clock.utc_now()
    states: list[SimState] = []
    known: dict[str, str] = {}
    met: dict[str, set[str]] = {}
    for sim in Sims(database).list():
        settings = house.sending.settings_of(sim.iccid, sim.imsi)
        if settings.pool != campaign.pool or not settings.carries(purpose.message_class):
            continue
        left = load_history(sim.id, settings, house.sending, outbox, clock).remaining(now, clock.monotonic())
        renews_at = {one.limit: one.renews_at for one in left if one.renews_at is not None}
        states.append(_state(settings, {one.limit: one.left for one in left}, renews_at))
        since = widest_start(settings.limits, now, house.sending.tz) or now
        people = outbox.met(sim.id, NOT_NOW)
        met[settings.name] = {number for last_at, number in people if last_at >= since}
        known.update({number: settings.name for _, number in people if number not in known})
    listed = {state.name for state in states}
    states += [
        _state(sim, _whole(sim), {})
        for sim in house.sending.sims
        if sim.name not in listed and sim.pool == campaign.pool and sim.carries(purpose.message_class)
    ]
    return states, known, met


def _state(sim: SimSettings, left: Mapping[str, int], renews_at: Mapping[str, datetime]) -> SimState:
    return SimState(sim.name, sim.limits, left, renews_at, sim.price_per_sms)


_COUNTED = ("per_day", "per_month", "recipients_per_day", "recipients_per_month")


def _whole(sim: SimSettings) -> dict[str, int]:
    """The limits of a SIM that was never found."""
    limits = {name: getattr(sim.limits, name) for name in _COUNTED}
    return {name: limit for name, limit in limits.items() if limit is not None}
