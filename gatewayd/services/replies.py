"""Replies: what people write is read, and obeyed at once.

`run_once` takes the PDUs that are kept and not yet understood, joins parts, reads the text, and writes in ONE
transaction: the incoming message with the rule that decided, the opt-out, the cancellation of all that waits for that
number on any SIM, and the answer that is owed. After its commit nothing starts towards that number, for the gate asks
again in the transaction that marks each attempt.

A message whose parts do not all come is read and shown without them after `DEADLINE`. What makes the program fail is
put aside, logged, and keeps nothing else waiting. Answers go to numbers this organisation may write to, never to short
codes or names: a confirmation for an opt-out that is new, CONTACT and AIDE once a day.

What no person wrote (an MMS notification, voice mail, octets) is kept and shown as a `notice`, asks for nothing, and is
never answered; should its text say STOP, that is obeyed. A message of type 0 is thrown away, as the standard asks.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

import structlog
from sqlalchemy.engine import Connection

from gatewayd.clock import Clock
from gatewayd.domain.audit import Details
from gatewayd.domain.sender import e164
from gatewayd.errors import NumberError, PduError, StorageUnavailable
from gatewayd.modem.pdu import TYPE_0, Deliver, decode, indicated, join
from gatewayd.services.answers import ANSWER, Answers, Kind
from gatewayd.services.asking import Heard, hear
from gatewayd.services.intake import NumberRules
from gatewayd.store import people
from gatewayd.store.engine import Database
from gatewayd.store.inbox import BY_SMS, MESSAGE, WAITING, Answer, Arrival, Inbox, NewIncoming

log = structlog.get_logger(__name__)

DEADLINE = timedelta(minutes=15)
"""How long a part waits for the others: a network that tries again needs minutes, and a STOP should not wait longer."""
DAY = timedelta(days=1)
BATCH = 100
OPT_OUT, OPT_IN, CONTACT, HELP, NOTICE = "opt_out", "opt_in", "contact", "help", "notice"
ANSWERED_WITHIN = {OPT_OUT: 7 * DAY, OPT_IN: 7 * DAY, CONTACT: DAY, HELP: DAY}
"""From the service centre's time: what is older is not answered."""
_ANSWERS = {"yes": ("agreed", "answer"), "no": ("declined", "answer")}
"""How an answer to our question is kept, and by which rule."""
OVERTAKEN = "overtaken"
"""The rule of a START that is older than a STOP."""
_THROWN_AWAY = "type_0"
SKEW = timedelta(hours=2)
"""How far that clock, or ours, may be off."""


class Reading(Protocol):
    """How a text was read: how certain (tier), by which rule of which words (decision), and whether a person should
    look at it."""

    @property
    def kind(self) -> str: ...
    @property
    def tier(self) -> str | None: ...
    @property
    def decision(self) -> str: ...
    @property
    def review(self) -> bool: ...


Reader: TypeAlias = Callable[[str], Reading]


@dataclass(frozen=True, slots=True)
class _Notice:
    """How what no person wrote is read."""

    decision: str
    kind: str = NOTICE
    tier: str | None = None
    review: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    """What came of a message, for the log: its number (0: it was thrown away), its reading, what was canceled, whether
    it is answered."""

    id: int
    sender: str
    kind: str
    rule: str
    canceled: int = 0
    answered: bool = False


@dataclass(frozen=True, slots=True)
class _Written:
    """What somebody wants: whose number it is, on which SIM he wrote, and when by his service centre's clock. `heard`
    is for the audit trail: which message said so, and how it was read. `silent`: a program wrote, and is not
    answered."""

    kind: str
    sim_id: int
    number: str
    sent_at: datetime | None
    heard: Details
    silent: bool


@dataclass(frozen=True, slots=True)
class _Obeyed:
    """What a message led to; `overtaken`: to nothing, for the same person said the opposite later."""

    optout_id: int | None = None
    canceled: int = 0
    answer_id: int | None = None
    overtaken: bool = False


class Replies:
    """Reads what came in. From any thread, one at a time; `queued` is called when an answer waits to be sent."""

    def __init__(
        self,
        database: Database,
        *,
        read: Reader,
        numbers: NumberRules,
        answers: Answers,
        clock: Clock,
        queued: Callable[[], None] = lambda: None,
        rng: random.Random | None = None,
    ) -> None:
        self._database, self._inbox = database, Inbox(database)
        self._read, self._numbers, self._answers = read, numbers, answers
        self._clock, self._queued, self._rng = clock, queued, rng or random.SystemRandom()
        self._lock = threading.Lock()

    def run_once(self) -> int:
        """Understand all that is new, and what has waited long enough; how many PDUs. StorageUnavailable."""
        done = 0
        with self._lock:
            while batch := self._inbox.new(MESSAGE, BATCH):
                for arrival in batch:
                    self._guarded(arrival, self._take)
                done += len(batch)
            while batch := self._overdue():
                self._guarded(batch[0], self._give_up)
                done += 1
        return done

    def _overdue(self) -> list[Arrival]:
        """A part that came when the clock was ahead does not wait until the hour is that again; what an untrusted clock
        takes for the future may be yesterday."""
        now = self._clock.utc_now()
        return self._inbox.overdue(now - DEADLINE, now + DEADLINE if self._clock.trusted() else None, 1)

    def _guarded(self, arrival: Arrival, step: Callable[[Connection, Arrival], list[_Taken]]) -> None:
        try:
            taken = self._database.write(lambda connection: step(connection, arrival))
        except StorageUnavailable:
            raise
        except PduError as error:
            log.warning("incoming.quarantined", arrival=arrival.id, sim_id=arrival.sim_id, why=str(error))
            self._inbox.quarantine(arrival.id, str(error))
        except Exception as error:  # one message's defect must not keep the STOP behind it: seen, put aside
            log.exception("incoming.failed", arrival=arrival.id, sim_id=arrival.sim_id)
            self._inbox.quarantine(arrival.id, f"failed: {type(error).__name__}")
        else:
            for one in taken:
                self._tell(one)

    def _tell(self, taken: _Taken) -> None:
        if not taken.id:
            log.info("incoming.discarded", sender=taken.sender, why=taken.rule)
            return
        log.info(
            "incoming.received",
            incoming=taken.id,
            sender=taken.sender,
            kind=taken.kind,
            rule=taken.rule,
            canceled=taken.canceled,
            answered=taken.answered,
        )
        if taken.answered:
            self._queued()

    # -- parts

    def _take(self, connection: Connection, arrival: Arrival) -> list[_Taken]:
        """A message in one part is whole; a part waits for the others."""
        if _message(arrival).pid == TYPE_0:
            self._inbox.settle(connection, [arrival.id], reason=_THROWN_AWAY)
            return [_Taken(0, arrival.sender, NOTICE, _THROWN_AWAY)]
        if arrival.total is None:
            return [self._deliver(connection, [arrival], complete=True)]
        others = self._inbox.others(connection, arrival)
        twin = next((other for other in others if other.place == arrival.place), None)
        if twin is not None and _message(twin).body == _message(arrival).body:
            self._inbox.settle(connection, [arrival.id], reason="came twice")
            return []
        done = []
        if twin is not None:
            # The sender's references went round: what waits belongs to an older message, which stays incomplete.
            done.append(self._deliver(connection, others, complete=False))
            others = []
        if len(others) + 1 < arrival.total:
            self._inbox.settle(connection, [arrival.id], WAITING)
            return done
        return [*done, self._deliver(connection, [*others, arrival], complete=True)]

    def _give_up(self, connection: Connection, part: Arrival) -> list[_Taken]:
        return [self._deliver(connection, [part, *self._inbox.others(connection, part)], complete=False)]

    # -- the message

    def _deliver(self, connection: Connection, arrivals: Sequence[Arrival], *, complete: bool) -> _Taken:
        ordered = sorted(arrivals, key=lambda arrival: arrival.place or 0)
        parts = [_message(arrival) for arrival in ordered]
        now, sim_id, sender = self._clock.utc_now(), ordered[0].sim_id, ordered[0].sender
        reading, text, noticed = self._understand(parts)
        number = e164(sender, self._numbers.country)
        incoming_id = self._inbox.next_id(connection)
        heard = {"incoming": incoming_id, "tier": reading.tier, "rule": reading.decision}
        # Who has no number can neither opt out nor be answered.
        written = (
            _Written(reading.kind, sim_id, number, parts[0].timestamp, heard, noticed) if number is not None else None
        )
        # What is missing might have changed the sense: half a message says STOP, and never START.
        heeded = complete or reading.kind != OPT_IN
        obeyed = self._obey(connection, written, now) if written is not None and heeded else _Obeyed()
        answer = ""
        if number is not None and complete and not noticed:
            said = Heard(incoming_id, number, text, parts[0].timestamp, reading.kind == OPT_OUT)
            answer = hear(connection, said, now)
        kind, rule = _ANSWERS.get(answer, (reading.kind, OVERTAKEN if obeyed.overtaken else reading.decision))
        new = NewIncoming(
            sim_id=sim_id,
            sender=sender,
            text=text,
            parts=ordered[0].total or 1,
            complete=complete,
            service_centre=parts[0].smsc or "",
            sent_at=parts[0].timestamp,
            received_at=min(arrival.received_at for arrival in ordered),
            kind=kind,
            tier=str(reading.tier or ""),
            rule=rule,
            review=reading.review or (not complete and obeyed.optout_id is not None),
            optout_id=obeyed.optout_id,
            canceled=obeyed.canceled,
            answer_id=obeyed.answer_id,
        )
        self._inbox.add(connection, new, [arrival.id for arrival in ordered])
        return _Taken(incoming_id, sender, kind, rule, obeyed.canceled, obeyed.answer_id is not None)

    def _understand(self, parts: Sequence[Deliver]) -> tuple[Reading, str, bool]:
        """How it is read; what is shown of its text; whether no person wrote it."""
        text = join(parts)
        reading, found = self._read(text), indicated(parts, text)
        if found is None or reading.kind == OPT_OUT:
            return reading, text, found is not None
        return _Notice(str(found.what)), text if found.readable else "", True

    def _obey(self, connection: Connection, written: _Written, now: datetime) -> _Obeyed:
        """Do what the message asks for."""
        if written.kind == OPT_OUT:
            return self._opt_out(connection, written, now)
        if written.kind == OPT_IN:
            return self._opt_in(connection, written, now)
        if written.kind in (CONTACT, HELP):
            silent = people.facts(connection, written.number, ANSWER.key).opted_out
            if not silent and not self._answered(connection, written, (CONTACT, HELP), now):
                words = Kind.CONTACT if written.kind == CONTACT else Kind.HELP
                return _Obeyed(answer_id=self._answer(connection, words, written, now))
        return _Obeyed()

    def _opt_out(self, connection: Connection, written: _Written, now: datetime) -> _Obeyed:
        done = people.opt_out(connection, written.number, BY_SMS, "recipient", now, **written.heard)
        answer_id = None
        if done.new and not self._answered(connection, written, (OPT_OUT,), now):
            answer_id = self._answer(connection, Kind.STOP, written, now, confirms=done.id)
        return _Obeyed(done.id, done.canceled, answer_id)

    def _opt_in(self, connection: Connection, written: _Written, now: datetime) -> _Obeyed:
        """A STOP that was written later, by the service centre's time, or in the same second, holds: a SIM gives what
        it stores in no order, and a network may keep a message back."""
        if self._overtaken(connection, written, now):
            return _Obeyed(overtaken=True)
        lifted = people.lift(connection, written.number, "sms", now, **written.heard)
        if not lifted or self._answered(connection, written, (OPT_IN,), now):
            return _Obeyed()
        return _Obeyed(answer_id=self._answer(connection, Kind.START, written, now))

    def _overtaken(self, connection: Connection, written: _Written, now: datetime) -> bool:
        stopped_at = self._inbox.said_at(connection, written.number, OPT_OUT)
        if stopped_at is None or written.sent_at is None or written.sent_at > stopped_at:
            return False
        # A STOP of next year had a wrong date, and must not hold until then against whoever comes back.
        return stopped_at <= now + SKEW or not self._clock.trusted()

    def _answered(self, connection: Connection, written: _Written, kinds: Sequence[str], now: datetime) -> bool:
        return self._inbox.answered(connection, written.number, kinds, now - DAY)

    def _answer(
        self,
        connection: Connection,
        kind: Kind,
        written: _Written,
        now: datetime,
        *,
        confirms: int | None = None,
    ) -> int | None:
        """Queue an answer; None where none is due: so it is configured, or it is too late, or its text cannot be sent,
        or this organisation does not write to such a number."""
        until = self._worth_until(written, now)
        if written.silent or kind in self._answers.unsaid or until <= now or not self._writes_to(written.number):
            return None
        if self._answers.fault(kind):  # `check` has said so: a STOP is not lost over its answer
            return None
        planned = self._answers.text(kind)
        parts = len(planned.parts)
        answer = Answer(
            recipient=written.number,
            sim_id=written.sim_id,
            purpose=ANSWER.key,
            priority=0,
            text=planned.text,
            alphabet=str(planned.alphabet),
            parts=parts,
            concat_reference=self._rng.randrange(65536) if parts > 1 else None,
            created_at=now,
            expires_at=until,
            confirms=confirms,
        )
        return self._inbox.answer(connection, answer)

    def _worth_until(self, written: _Written, now: datetime) -> datetime:
        """Until when an answer makes sense. While our clock cannot be trusted, the service centre's tells the time, and
        the queue's own clock ends the answer once it can."""
        longest = ANSWERED_WITHIN[written.kind]
        if written.sent_at is None:
            return now + ANSWER.time_to_live
        if not self._clock.trusted():
            return max(now, written.sent_at) + longest
        return now + ANSWER.time_to_live if now - written.sent_at <= longest + SKEW else now

    def _writes_to(self, number: str) -> bool:
        """Whether this organisation writes to such numbers at all."""
        try:
            return self._numbers.parse(number) == number
        except NumberError:
            return False


def _message(arrival: Arrival) -> Deliver:
    found = decode(arrival.pdu, outgoing=False)
    if not isinstance(found, Deliver):
        raise PduError("this is a status report")
    return found
