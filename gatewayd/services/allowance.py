"""What one SIM may send at this moment: its limits, its line's contract, the hours of each purpose, its pool.

The answer is what the outbox is asked for (`Wanted`), or why nothing may start, and when to look again. Opening hours
are looked up again only when the last answer no longer covers the present time; nothing here touches the database.

By a clock that is not trusted nothing is opened, and no consent is judged: too old, it would count still, and one that
counts would be too old. What rests on neither goes. A clock put back makes the line rest until the campaigns' windows
were looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from gatewayd.clock import Clock
from gatewayd.domain.hours import Holiday, no_holidays, spell
from gatewayd.domain.pacing import Budget, History, Remaining, counts_days, widest_start
from gatewayd.domain.purpose import STRICTEST, Limits, Purpose, SimSettings
from gatewayd.services.answers import ANSWER
from gatewayd.services.roster import Roster, View
from gatewayd.store.outbox import Outbox, Wanted

LEASE_SECONDS = 900.0
"""How long a claimed message is ours: longer than the gap, the prompt and the longest answer together, so that the mark
on the wire need not renew it."""

_FOR_EVER = datetime.max.replace(tzinfo=UTC)
CLOCK_STEP = 60.0
"""Seconds that the wall clock may gain at once before what was sent today is counted anew."""
_AFTER_PUT_BACK = 10.0
"""Seconds of rest after the wall clock lost as much: longer than the chores take to notice (daemon/process.py)."""
# A wait longer than a slip of the clock: the SIM counts as unable, and the others of its pool serve its recipients.
_LONG = 90.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says, as values: the same for all lines."""

    purposes: Mapping[str, Purpose]
    tz: tzinfo
    sims: Sequence[SimSettings] = ()
    default_limits: Limits = STRICTEST
    holiday: Holiday = field(default=no_holidays)

    def purpose(self, key: str) -> Purpose:
        """One that the configuration has, or that of our answers."""
        return ANSWER if key == ANSWER.key else self.purposes[key]

    def settings_of(self, iccid: str, imsi: str) -> SimSettings:
        """The settings of a SIM, by ICCID or IMSI; one not listed has the default limits, and its tail as name."""
        for sim in self.sims:
            if (sim.iccid and _same_card(sim.iccid, iccid)) or (sim.imsi and sim.imsi == imsi):
                return replace(sim, iccid=iccid, imsi=imsi)
        return SimSettings(name=f"sim-{iccid[-6:]}", iccid=iccid, imsi=imsi, limits=self.default_limits)

    def carried_by(self, sim: SimSettings) -> dict[str, Purpose]:
        """The purposes of this SIM's pool that its line's contract allows; and answers, which every line carries."""
        carried = {
            key: purpose
            for key, purpose in self.purposes.items()
            if purpose.pool == sim.pool and sim.carries(purpose.message_class)
        }
        return {**carried, ANSWER.key: ANSWER}


def _same_card(one: str, other: str) -> bool:
    """An ICCID is written with or without its check digit (ITU-T E.118)."""
    one, other = one.replace(" ", ""), other.replace(" ", "")
    return one == other or (min(len(one), len(other)) >= 18 and (one[:-1] == other or other[:-1] == one))


def load_history(
    sim_id: int, sim: SimSettings, rules: Rules, outbox: Outbox, clock: Clock, after: History | None = None
) -> History:
    """What a SIM sent, from the database, as far as its limits need to know; `after`: its history until now, which
    knows whether the clock has jumped. StorageUnavailable."""
    now, monotonic = clock.utc_now(), clock.monotonic()
    since = widest_start(sim.limits, now, rules.tz)
    if since is None:
        return History(sim.limits, rules.tz, now=now, monotonic=monotonic)
    sent, met = outbox.history(sim_id, since, now), outbox.met(sim_id, since)
    return History.load(sim.limits, rules.tz, sent, met=met, now=now, monotonic=monotonic, after=after)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What to ask the outbox for; `wanted` None: nothing, for the reason `why`, for at least `wait` seconds.

    With both, only answers to people who wrote may go out: for them there is no hour, and no line's contract.

    room    parts that fit at this moment: a message with more of them waits until they do
    """

    wanted: Wanted | None
    wait: float
    why: str
    room: int


class Allowance:
    """The rules of one SIM over its history. Used by its line only."""

    def __init__(
        self, sim_id: int, sim: SimSettings, rules: Rules, history: History, roster: Roster, clock: Clock, lease: str
    ) -> None:
        self.sim_id, self.sim, self._rules = sim_id, sim, rules
        self._history, self._roster, self._clock, self._lease = history, roster, clock, lease
        self._carried = rules.carried_by(sim)
        self._timeless = {key: purpose for key, purpose in self._carried.items() if not purpose.asks_the_date}
        self._open: dict[str, Purpose] = {}
        self._open_since = self._open_until = datetime.min.replace(tzinfo=UTC)
        self._lease_seconds = LEASE_SECONDS + sim.limits.gap + sim.limits.jitter
        self._ahead, self._trusted = self._wall_ahead(), clock.trusted()

    def ask(self, parts: int = 1) -> Allowed:
        """What may start now, when the next message is known to have `parts` parts."""
        now = self._clock.utc_now()
        if not self._clock.trusted() and counts_days(self.sim.limits):
            return Allowed(None, _LONG, "clock", 0)  # and no window is opened by such a clock
        budget = self._history.budget(now, self._clock.monotonic(), parts=parts)
        if budget.wait > 0:
            return Allowed(None, budget.wait, budget.why, budget.room)
        purposes = self._purposes(now)
        wanted = self._wanted(purposes, budget, self._roster.view(self.sim_id))
        if len(purposes) == 1:  # that of the answers
            shut = "hours" if self._clock.trusted() else "clock"
            why = shut if len(self._carried) > 1 else "line"
            return Allowed(wanted, self._until_opening(now), why, budget.room)
        return Allowed(wanted, 0.0, "", budget.room)

    @property
    def history(self) -> History | None:
        """What was counted by a clock that is trusted; None: the clock is not, and its windows mean nothing."""
        return self._history if self._trusted else None

    def follow_the_clock(self, outbox: Outbox) -> None:
        """A clock put forward opens another day, in which this SIM may have sent before it was put back, or lost: what
        it sent is read anew. So it is once the clock is trusted at last. StorageUnavailable."""
        ahead = self._wall_ahead()
        if self._ahead - ahead > CLOCK_STEP:
            self.pause(_AFTER_PUT_BACK)
        if not self._clock.trusted():
            self._ahead = min(self._ahead, ahead)
            return
        if not self._trusted or ahead - self._ahead > CLOCK_STEP:
            self._history = load_history(self.sim_id, self.sim, self._rules, outbox, self._clock, self.history)
        self._ahead, self._trusted = ahead, True

    def _wall_ahead(self) -> float:
        return self._clock.utc_now().timestamp() - self._clock.monotonic()

    def on_wire(self, recipient: str, now: datetime) -> None:
        """A part goes out, as of this moment."""
        self._history.record(recipient, now, self._clock.monotonic())

    def refused(self, at: datetime) -> None:
        """The part that went out at `at` was not taken."""
        self._history.refused(at)

    def pause(self, seconds: float) -> None:
        """The gap after a submission."""
        if seconds > 0:
            self._history.pause(seconds, self._clock.monotonic())

    def gap_left(self) -> float:
        """Seconds until the next submission may begin, limits apart."""
        return self._history.gap_left(self._clock.monotonic())

    def remaining(self) -> list[Remaining]:
        """Each limit with what is left of it."""
        return self._history.remaining(self._clock.utc_now(), self._clock.monotonic())

    def helpless(self, allowed: Allowed) -> str:
        """Why the pool's other SIMs should serve this one's recipients for now; "" while it can do so itself."""
        if allowed.wanted is not None and not allowed.why:
            return "recipients" if allowed.wanted.known_since is not None else ""
        return allowed.why if allowed.why.startswith("per_") and allowed.wait > _LONG else ""

    def _wanted(self, purposes: Mapping[str, Purpose], budget: Budget, view: View) -> Wanted:
        return Wanted(
            sim_id=self.sim_id,
            pool=self.sim.pool,
            purposes=purposes,
            others_unable=view.others_unable,
            known_since=budget.known_since,
            max_parts=budget.max_parts,
            last_resort=view.last_resort,
            lease=self._lease,
            lease_seconds=self._lease_seconds,
            not_carrying=view.not_carrying,
            alone=view.alone,
        )

    def _purposes(self, now: datetime) -> dict[str, Purpose]:
        """The purposes that are open now and that this line carries."""
        if not self._clock.trusted():
            return self._timeless
        if not self._open_since <= now < self._open_until:
            self._look_up_hours(now)
        return self._open

    def _look_up_hours(self, now: datetime) -> None:
        self._open, self._open_since, self._open_until = {}, datetime.min.replace(tzinfo=UTC), _FOR_EVER
        for key, purpose in self._carried.items():
            if purpose.hours is None:
                self._open[key] = purpose
                continue
            found = spell(purpose.hours, now, self._rules.tz, self._rules.holiday)
            self._open_since = max(self._open_since, found.since)
            self._open_until = min(self._open_until, found.until or _FOR_EVER)
            if found.open:
                self._open[key] = purpose

    def _until_opening(self, now: datetime) -> float:
        if len(self._carried) == 1 or not self._clock.trusted():
            return _LONG
        return max(0.0, (self._open_until - now).total_seconds())
