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
from gatewayd.domain.pacing import History, Remaining, widest_start
from gatewayd.domain.purpose import Hours, MessageClass, Purpose, SimSettings
from gatewayd.errors import RefusedByRule
from gatewayd.services.allowance import load_history
from gatewayd.services.audience import AudienceReader, House, Verdict
from gatewayd.store.campaigns import FOR_EVER, NOT_NOW, Campaign
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox
from gatewayd.store.sims import Sims

SAMPLE = 3


@dataclass(slots=True)
class Told:
    """One person: `reason` is empty for who gets a message of so many parts.

    sim, leaves_at   from which SIM and about when, as far as that can be foretold
    waits_for        what keeps it back until then: `hours`, or a limit of that SIM, as `per_day`
    late             its time to live, or the campaign's deadline, is over before: it would not be sent
    """

    number: str
    reason: str
    alphabet: str
    parts: int
    sim: str = ""
    leaves_at: datetime | None = None
    waits_for: str = ""
    late: bool = False


@dataclass(slots=True)
class Explanation:
    """What a campaign would do. `forcing`: the letters that make texts UCS-2, and to how many people."""

    campaign: Campaign
    size: int = 0
    included: int = 0
    parts: int = 0
    approvals: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    alphabets: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    forcing: Counter[str] = field(default_factory=Counter)
    sample: list[tuple[str, str]] = field(default_factory=list)
    people: list[Told] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    opens_at: datetime | None = None
    ends_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def waits(self) -> Counter[str]:
        """How many people are kept back by what: hours, or a limit."""
        return Counter(one.waits_for for one in self.people if one.waits_for)

    @property
    def late(self) -> int:
        """Messages that would expire before they may leave, as far as that can be foretold."""
        return sum(one.late for one in self.people)

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
        found.forcing.update(verdict.plan.forcing)
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


def refusal(purpose: Purpose, found: Sequence[Remark]) -> str | None:
    """Why it may not be sent so: `lint`, marketing that does not tell what it must; `line`, no line may carry it."""
    if purpose.message_class is MessageClass.MARKETING and found:
        return "lint"
    return "line" if any(one.about == "line_forbids" for one in found) else None


def check(purpose: Purpose, found: Sequence[Remark]) -> None:
    """RefusedByRule: marketing that does not tell what it must, or that no line may carry."""
    reason = refusal(purpose, found)
    if reason == "lint":
        raise RefusedByRule(reason, "marketing is refused: " + "; ".join(one.words for one in found))
    if reason is not None:
        raise RefusedByRule(reason, next(one.words for one in found if one.about == "line_forbids"))


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
    found.expires_at = campaign.deadline or start + house.purpose(campaign.purpose).time_to_live
    states, known, met = _sims(database, house, campaign, clock)
    if not states:
        return
    written = [one for one in found.people if not one.reason]
    dealt = forecast.deal(
        states,
        (
            (one.parts, known.get(one.number), one.number not in met.get(known.get(one.number, ""), ()))
            for one in written
        ),
    )
    spans = list(forecast.openings(hours_of(house, campaign), start, house.sending.tz, house.sending.holiday))
    for sim in states:
        leaving = forecast.follow(sim, dealt[sim.name], spans, start)
        for place, at, why in leaving:
            one = written[place]
            one.sim, one.leaves_at, one.waits_for = sim.name, at, why
            one.late = at is None or at >= found.expires_at
        found.shares.append(forecast.share(sim, dealt[sim.name], leaving, found.expires_at))
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
    for found in Sims(database).list():
        settings = house.sending.settings_of(found.iccid, found.imsi)
        if settings.pool != campaign.pool or not settings.carries(purpose.message_class):
            continue
        left = load_history(found.id, settings, house.sending, outbox, clock).remaining(now, clock.monotonic())
        states.append(_state(settings, left))
        since = widest_start(settings.limits, now, house.sending.tz) or now
        people = outbox.met(found.id, NOT_NOW)
        met[settings.name] = {number for last_at, number in people if last_at >= since}
        known.update({number: settings.name for _, number in people if number not in known})
    listed = {state.name for state in states}
    for sim in house.sending.sims:  # and those that were never found
        if sim.name not in listed and sim.pool == campaign.pool and sim.carries(purpose.message_class):
            history = History(sim.limits, house.sending.tz, now=now, monotonic=clock.monotonic())
            states.append(_state(sim, history.remaining(now, clock.monotonic())))
    return states, known, met


def _state(sim: SimSettings, left: Sequence[Remaining]) -> SimState:
    renews_at = {one.limit: one.renews_at for one in left if one.renews_at is not None}
    return SimState(sim.name, sim.limits, {one.limit: one.left for one in left}, renews_at, sim.price_per_sms)
