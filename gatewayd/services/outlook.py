"""Why a message waits, and when it may leave: as the configuration, the database and the daemon's own word say it.

Asked by another process than the daemon (`gatewayd send`, `messages show`), so it is a forecast: another message may
take what is left of a limit, and a purpose's hours are asked again when it leaves. What a crash or a jump of the clock
left in the daemon's memory is not in it. Nothing is changed.

A message may leave when nothing that concerns it keeps it back, and one SIM at least of its pool is free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatewayd.clock import Clock
from gatewayd.domain import consent, hours
from gatewayd.domain.campaign import window
from gatewayd.domain.message import MessageState
from gatewayd.domain.pacing import counts_days
from gatewayd.domain.purpose import Purpose, SimSettings
from gatewayd.services.allowance import Rules, load_history
from gatewayd.store import gate
from gatewayd.store.outbox import Outbox, WaitingRecord
from gatewayd.store.sims import Sim, Sims

# What a line says of itself and is found out here, with the time when it ends.
_FOUND_OUT = frozenset({"", "hours", "line", "clock", "limits", "gap", "suspended", "recipients"})


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing that keeps a message back: `why` is a stable word, `what` the purpose, pool, SIM or detail it is about;
    `until` None: nobody knows."""

    why: str
    what: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """Why a message waits; `leaves_at`: when it may leave at the earliest, None while nobody knows.

    ahead    messages that go before it
    ends_at  when it expires
    """

    hindrances: Sequence[Hindrance]
    leaves_at: datetime | None
    ahead: int
    ends_at: datetime | None

    @property
    def opens_at(self) -> datetime | None:
        """When its purpose opens; None if it is open, or never opens."""
        return next((one.until for one in self.hindrances if one.why == "hours"), None)

    @property
    def in_vain(self) -> bool:
        """Whether it will expire before it may leave."""
        first = self.leaves_at or self.opens_at
        return first is not None and self.ends_at is not None and first >= self.ends_at


class Forecaster:
    """`lines`: what the daemon says of each SIM it has found ("" while all is well); None: no daemon runs."""

    def __init__(self, outbox: Outbox, sims: Sims, rules: Rules, clock: Clock, lines: Mapping[str, str] | None) -> None:
        self._outbox, self._sims, self._rules, self._clock, self._lines = outbox, sims, rules, clock, lines

    def of(self, message_id: int) -> Outlook | None:
        """The outlook of a message; None if it does not wait. StorageUnavailable."""
        message = self._outbox.waiting(message_id, self._clock.utc_now())
        if message is None:
            return None
        own = [*self._of_message(message), *self._of_campaign(message)]
        try:
            purpose = self._rules.purpose(message.purpose)
        except KeyError:
            own.append(Hindrance("purpose", message.purpose))
            return Outlook(own, None, message.ahead, message.expires_at)
        own += self._of_purpose(purpose, message)
        by_sim = self._of_sims(purpose, message)
        leaves_at = self._leaves_at(purpose, own, by_sim)
        of_sims = [] if any(not each for each in by_sim) else [one for each in by_sim for one in each]
        return Outlook([*own, *of_sims], leaves_at, message.ahead, message.expires_at)

    def _of_message(self, message: WaitingRecord) -> Sequence[Hindrance]:
        if message.state is MessageState.HELD and message.reason not in gate.HOLDS:
            return [Hindrance("held", message.reason)]
        if message.not_before is not None and message.not_before > self._clock.utc_now():
            why = "scheduled" if message.state is MessageState.SCHEDULED else "tried"
            return [Hindrance(why, message.reason, message.not_before)]
        return []

    def _of_campaign(self, message: WaitingRecord) -> Sequence[Hindrance]:
        """Its campaign is paused, outside its window, or has ended; a message that does not show it yet soon will."""
        if message.stop is None:
            return []
        until = None
        if message.stop.reason == gate.WINDOW:
            now = self._clock.utc_now()
            until = hours.next_opening(window(message.stop.window), now, self._rules.tz, self._rules.holiday)
            if until == now:
                return []
        return [Hindrance(message.stop.reason, message.stop.campaign, until)]

    def _of_purpose(self, purpose: Purpose, message: WaitingRecord) -> Sequence[Hindrance]:
        found, now = [], self._clock.utc_now()
        if refusal := consent.decide(purpose, message.facts, now):
            found.append(Hindrance(refusal))
        if purpose.asks_the_date and not self._clock.trusted():
            found.append(Hindrance("clock"))
        elif not (present := hours.spell(purpose.hours, now, self._rules.tz, self._rules.holiday)).open:
            found.append(Hindrance("hours", purpose.key, present.until))
        if self._lines is None:
            found.append(Hindrance("daemon"))
        return found

    def _of_sims(self, purpose: Purpose, message: WaitingRecord) -> Sequence[Sequence[Hindrance]]:
        """For each SIM that may send it, what keeps that one from it: nothing, if it is free."""
        pool = [
            (sim, settings)
            for sim in self._sims.list()
            if (settings := self._rules.settings_of(sim.iccid, sim.imsi)).pool == message.pool
            and (not message.begun or sim.id == message.sim_id)
        ]
        if not pool:
            return [[Hindrance("no_sim", message.pool)]]
        carrying = [(sim, settings) for sim, settings in pool if purpose.key in self._rules.carried_by(settings)]
        if not carrying:
            return [[Hindrance("line", str(purpose.message_class))]]
        return [list(self._of_sim(sim, settings, message)) for sim, settings in carrying]

    def _of_sim(self, sim: Sim, settings: SimSettings, message: WaitingRecord) -> Sequence[Hindrance]:
        now, name = self._clock.utc_now(), settings.name
        said = "" if self._lines is None else self._lines.get(name, "absent")
        if said not in _FOUND_OUT and "per_" not in said:
            return [Hindrance(said, name)]
        if sim.suspended_until is not None and sim.suspended_until > now:
            return [Hindrance("suspended", name, sim.suspended_until)]
        if counts_days(settings.limits) and not self._clock.trusted():
            return [Hindrance("clock", name)]
        return self._of_limits(sim, settings, message)

    def _of_limits(self, sim: Sim, settings: SimSettings, message: WaitingRecord) -> Sequence[Hindrance]:
        now, monotonic = self._clock.utc_now(), self._clock.monotonic()
        history = load_history(sim.id, settings, self._rules, self._outbox, self._clock)
        reached = [
            Hindrance(one.limit, settings.name, one.renews_at)
            for one in history.remaining(now, monotonic)
            if one.limit.startswith("recipients_") and not one.left
        ]
        budget = history.budget(now, monotonic, parts=message.parts)
        known_since = budget.known_since
        if known_since is None or any(who == message.recipient for _, who in self._outbox.met(sim.id, known_since)):
            reached = []
        if budget.why.startswith("per_"):
            reached.append(Hindrance(budget.why, settings.name, now + timedelta(seconds=budget.wait)))
        return reached

    def _leaves_at(
        self, purpose: Purpose, own: Sequence[Hindrance], by_sim: Sequence[Sequence[Hindrance]]
    ) -> datetime | None:
        """The first moment at which nothing known is in the way; None if something is that nobody knows the end of."""
        times = [_latest(self._clock.utc_now(), each) for each in by_sim]
        first = min((time for time in times if time is not None), default=None)
        mine = _latest(self._clock.utc_now(), own)
        if first is None or mine is None:
            return None
        return hours.next_opening(purpose.hours, max(first, mine), self._rules.tz, self._rules.holiday)


def _latest(now: datetime, hindrances: Sequence[Hindrance]) -> datetime | None:
    """When all of them have ended; None if nobody knows."""
    latest = now
    for one in hindrances:
        if one.until is None:
            return None
        latest = max(latest, one.until)
    return latest
