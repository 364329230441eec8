"""Tells an endpoint what happened: a courier for each, so that one that is down delays no other.

    turn     what is new, one at a time, in the order in which it happened, then what was refused and is due again
    told     2xx, and nothing else: recorded when the answer is there, so a crash in between tells it again, same key
    away     nobody answers, or asks for patience: the endpoint rests, longer each time, and everything keeps its place
    refused  this one comes again later, others pass it, but for those about the same message
    410      the endpoint ends, until an operator or another URL in the configuration brings it back

Nothing is told while the clock cannot be trusted: receivers refuse a signature of another time. What is told is read
from the thing itself when it is told, so that nothing of a person is kept for it; what has been erased is told no more.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

import structlog

from gatewayd.clock import Clock
from gatewayd.domain import webhooks as rules
from gatewayd.domain.events import TROUBLE_AFTER, TROUBLES, Happening
from gatewayd.domain.message import MessageState
from gatewayd.domain.webhooks import LIFE, Answer, Verdict, judge
from gatewayd.services import hearsay
from gatewayd.services.dispatcher import LineStatus
from gatewayd.store import reports
from gatewayd.store.campaigns import Campaign, Campaigns
from gatewayd.store.engine import Database
from gatewayd.store.happenings import GivesReports, Happenings, Interest, Occurrence
from gatewayd.store.inbox import Inbox, Incoming
from gatewayd.store.outbox import MessageRecord, Outbox
from gatewayd.store.people import OptOut, People
from gatewayd.store.sims import Sim, Sims
from gatewayd.store.webhooks import Condition, Pending, Webhooks

log = structlog.get_logger(__name__)

IDLE = 1.0
"""Seconds between two looks."""
_ASLEEP = 5.0
"""While it rests: an operator may want it to be tried now."""
_AT_ONCE = 50

Thing: TypeAlias = MessageRecord | Incoming | OptOut | Campaign | Sim
"""What something happened to."""
Send: TypeAlias = Callable[[Occurrence, Thing], Answer]
"""Tells an endpoint, and gives what it answered."""

_WENT = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED})
_BY_A_SIM = _WENT | {MessageState.FAILED, MessageState.UNKNOWN}


class Things:
    """What something happened to, as it was when it happened, as far as that can change."""

    def __init__(self, database: Database) -> None:
        self._outbox, self._inbox, self._people = Outbox(database), Inbox(database), People(database)
        self._campaigns, self._sims = Campaigns(database), Sims(database)

    def of(self, what: Occurrence) -> Thing | None:
        """None: it is not there any more. StorageUnavailable."""
        match what.event.about:
            case "message":
                found = self._outbox.get(what.subject)
                return None if found is None else _as_it_was(found, what)
            case "incoming":
                return self._inbox.get(what.subject)
            case "optout":
                return self._people.optout(what.subject)
            case "campaign":
                return self._campaigns.find(what.subject)
            case _:
                return next((sim for sim in self._sims.list() if sim.id == what.subject), None)


def _as_it_was(message: MessageRecord, what: Occurrence) -> MessageRecord:
    """A message is told in the state whose beginning this is, though it has gone on since."""
    state = MessageState(what.event.removeprefix("message."))
    return replace(
        message,
        state=state,
        reason=message.reason if message.state is state else what.reason,
        sim=message.sim if state in _BY_A_SIM else "",
        sent_at=message.sent_at if state in _WENT else None,
        delivered_at=message.delivered_at if state is MessageState.DELIVERED else None,
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom a courier tells what."""

    name: str
    interest: Interest
    send: Send


class Courier:
    """One endpoint's. `run_once` belongs to one thread; `stop` may be called from any."""

    def __init__(
        self, endpoint: Endpoint, database: Database, clock: Clock, *, rng: random.Random | None = None
    ) -> None:
        self._name, self._interest, self._send = endpoint.name, endpoint.interest, endpoint.send
        self._happenings, self._webhooks, self._things = Happenings(database), Webhooks(database), Things(database)
        self._clock, self._rng = clock, rng or random.SystemRandom()
        self._stopping, self._rests_until, self._was_well = threading.Event(), 0.0, True
        self._seen = -1  # up to there nothing is new

    def stop(self) -> None:
        """No further delivery; the present one ends by itself."""
        self._stopping.set()

    def run_once(self) -> float:
        """Tell what there is to tell; seconds until the next look. StorageUnavailable."""
        now, resting = self._clock.utc_now(), self._rests_until - self._clock.monotonic()
        condition = self._webhooks.condition(self._name)
        if condition is None or condition.gone_at is not None or not self._clock.trusted():
            return IDLE
        if resting > 0 and condition.failures:
            return min(resting, _ASLEEP)
        if condition.newest == self._seen and not condition.is_due(now):
            return IDLE
        self._was_well = self._was_well and condition.failing_since is None
        self._happenings.note(now, gives_reports(now))
        due = self._webhooks.due(self._name, now, _AT_ONCE)
        again = [Pending(one.what, one.since, one.tries) for one in due]
        # Who asks for little would otherwise go through a day of what is not for him at each look.
        new = self._happenings.following(max(condition.reached, self._seen), self._interest, _AT_ONCE)
        if not new:
            self._seen = condition.newest
        if self._tell_new(new) and all(map(self._tell, again)) and _AT_ONCE in (len(due), len(new)):
            return 0.0
        return max(IDLE, min(self._rests_until - self._clock.monotonic(), _ASLEEP))

    def _tell_new(self, new: Sequence[Occurrence]) -> bool:
        """Whether all of them have found their place."""
        mine = self._mine(new)
        for what in new:
            if what in mine and not self._in_order(what):
                return False
        if new and new[-1] not in mine:
            self._webhooks.passed(self._name, new[-1].id)
        return True

    def _in_order(self, what: Occurrence) -> bool:
        """Tell it, or let it wait behind what was refused about the same."""
        before = self._webhooks.refused_before(self._name, [what]).get(what.about)
        if before is None:
            return self._tell(Pending(what, what.noted_at))
        self._webhooks.behind(self._name, what, before)
        return True

    def _mine(self, new: Sequence[Occurrence]) -> Collection[Occurrence]:
        """Those for this endpoint: replies and opt-outs of people whom its feeds and purposes wrote to."""
        if not self._interest.choosy:
            return set(new)
        people = {what: person for what in new if (person := self._person(what))}
        known = self._happenings.written_to(set(people.values()), self._interest) if people else set()
        return {what for what in new if what not in people or people[what] in known}

    def _person(self, what: Occurrence) -> str:
        """Who wrote or opted out; "": this is about something else."""
        if what.event.about not in ("incoming", "optout"):
            return ""
        thing = self._things.of(what)
        return thing.sender if isinstance(thing, Incoming) else thing.recipient if isinstance(thing, OptOut) else "?"

    def _tell(self, one: Pending) -> bool:
        """Whether to go on with the next."""
        if self._stopping.is_set():
            return False
        thing = self._things.of(one.what)
        if thing is None:
            self._webhooks.dropped(self._name, one.what)
            return True
        answer = self._send(one.what, thing)
        verdict, now = judge(answer), self._clock.utc_now()
        if verdict is Verdict.TOLD:
            self._webhooks.told(self._name, one.what, now)
            self._well()
            return True
        if verdict is Verdict.GONE:
            self._webhooks.gone(self._name, now)
            log.error("webhook.gone", webhook=self._name)
            return False
        trouble = answer.trouble or f"status {answer.status}"
        if verdict is Verdict.AWAY:
            self._away(trouble, answer.retry_after, now)
            return False
        return self._refused(one, trouble, answer, now)

    def _well(self) -> None:
        if not self._was_well:
            log.info("webhook.well", webhook=self._name)
        self._was_well, self._rests_until = True, 0.0

    def _away(self, trouble: str, retry_after: float | None, now: datetime) -> None:
        self._webhooks.away(self._name, trouble, now)
        self._rest(trouble, retry_after, now)

    def _refused(self, one: Pending, trouble: str, answer: Answer, now: datetime) -> bool:
        tried = replace(one, tries=one.tries + 1)
        again_at = now + rules.pause(tried.tries, self._rng)
        if not self._webhooks.refused(self._name, tried, trouble, now, again_at):
            log.error("webhook.given_up", webhook=self._name, count=1, trouble=trouble)
        self._rest(trouble, answer.retry_after, now)
        return False

    def _rest(self, trouble: str, retry_after: float | None, now: datetime) -> None:
        """Leave it alone for a while; what waits for one that has taken nothing for three days is given up."""
        condition = self._condition()
        seconds = rules.rest(condition.failures, retry_after, self._rng)
        self._rests_until = self._clock.monotonic() + seconds
        if self._was_well:
            log.warning("webhook.failing", webhook=self._name, trouble=trouble, seconds=round(seconds))
        self._was_well = False
        if condition.failing_since is not None and condition.failing_since <= now - LIFE:
            self._give_up(trouble, now)

    def _give_up(self, trouble: str, now: datetime) -> None:
        """What nobody took in three days: the endpoint was away, or refused whatever came, one a rest."""
        buried, more = 0, True
        while more:
            batch = self._happenings.following(self._condition().reached, self._interest, _AT_ONCE)
            old = [what for what in batch if what.noted_at <= now - LIFE]
            mine = self._mine(old)
            buried += self._webhooks.bury(self._name, [what for what in old if what in mine], trouble, now)
            if old and old[-1] not in mine:
                self._webhooks.passed(self._name, old[-1].id)
            more = len(old) == _AT_ONCE
        if buried:
            log.error("webhook.given_up", webhook=self._name, count=buried, trouble=trouble)

    def _condition(self) -> Condition:
        found = self._webhooks.condition(self._name)
        assert found is not None  # noqa: S101  (the daemon met it before this courier began)
        return found


def gives_reports(now: datetime) -> GivesReports:
    """Whether a SIM's modem may be expected to give status reports, by what it sent so far."""
    return lambda connection, sim_id: not hearsay.gives_none(reports.heard(connection, sim_id, now - hearsay.LONG_AGO))


class SimWatch:
    """Notes when a SIM cannot send any more, and when it can again; a SIM in two ports is well if it is in one."""

    def __init__(self, database: Database, lines: Callable[[], Sequence[LineStatus]], clock: Clock) -> None:
        self._happenings, self._sims, self._lines, self._clock = Happenings(database), Sims(database), lines, clock
        self._told: dict[int, Happening] = {}
        self._since: dict[int, float] = {}
        self._remembers = False

    def run_once(self) -> int:
        """How many troubles, or their ends, were noted. StorageUnavailable."""
        if not self._remembers:
            self._told = dict(self._happenings.last_of((Happening.SIM_TROUBLE, Happening.SIM_WELL)))
            self._remembers = True
        return sum(self._look_at(sim_id, why) for sim_id, why in self._whys().items())

    def _look_at(self, sim_id: int, why: str) -> bool:
        event = Happening.SIM_TROUBLE if why in TROUBLES else Happening.SIM_WELL
        if event is self._told.get(sim_id, Happening.SIM_WELL):
            self._since.pop(sim_id, None)
            return False
        now = self._clock.monotonic()
        if now - self._since.setdefault(sim_id, now) < TROUBLE_AFTER.total_seconds():
            return False
        self._happenings.add(event, sim_id, why if event is Happening.SIM_TROUBLE else "", self._clock.utc_now())
        self._told[sim_id] = event
        del self._since[sim_id]
        return True

    def _whys(self) -> Mapping[int, str]:
        """Why each SIM that was ever found does not send; one that is being opened says nothing yet."""
        known = self._sims.list()
        named, plugged = {sim.name: sim.id for sim in known}, {sim.port: sim.id for sim in known}
        found: dict[int, str] = {}
        for line in self._lines():
            sim_id = named.get(line.sim) if line.sim else plugged.get(line.port)
            if sim_id is not None and line.why != "connecting" and found.get(sim_id, line.why) in TROUBLES | {line.why}:
                found[sim_id] = line.why
        return found


class Tidying:
    """Tells once more what went out and was never reported on, and deletes what was told, or given up, long ago."""

    def __init__(self, database: Database, interests: Mapping[str, Interest], clock: Clock) -> None:
        self._happenings, self._webhooks = Happenings(database), Webhooks(database)
        self._interests, self._clock = interests, clock

    def run_once(self) -> int:
        """How much there was to do. StorageUnavailable."""
        if not self._clock.trusted():
            return 0
        now = self._clock.utc_now()
        self._happenings.note(now, gives_reports(now))
        again = self._happenings.tell_again(now)
        if excess := self._webhooks.forget_most():
            log.error("webhook.dead_forgotten", count=excess)
        return again + self._webhooks.forget(now) + self._happenings.forget(now, self._interests)
