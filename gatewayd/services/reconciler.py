"""The reconciler: what the network says later, against what is recorded. Unknown outcomes end here, as far as they can.

A status report belongs to the newest part of its SIM with its reference and its number, within the validity. If there
is none, it may be about a submission whose answer never came: one sole part without reference, to that number, at that
time, is it; between two, nobody can tell. A report that comes before its submission is recorded waits in the store for
`PATIENCE`. A late +CMGS, or a late refusal, belongs to what the SIM put on the wire last, if that is unknown; so does
what the card says of the reference used last.

Numbers are compared by their tails, for networks write them in national form or with other prefixes; where one hides
them, reference and time must do. The service centre's number is not asked. Its clock may be an hour off.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from gatewayd.clock import Clock
from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.reference import SETTLED, Verdict, Written, judge, lesson
from gatewayd.errors import CauseClass, PduError, StorageUnavailable
from gatewayd.modem import causes
from gatewayd.modem.pdu import Delivery, StatusReport, classify_status, decode
from gatewayd.services.encoding import VALIDITY
from gatewayd.services.retries import after
from gatewayd.store import reports, unknowns
from gatewayd.store.engine import Database
from gatewayd.store.inbox import REPORT, Arrival, Inbox
from gatewayd.store.reports import Submitted
from gatewayd.store.unknowns import EF_SMSS, LATE_ANSWER, PURPOSE, STATUS_REPORT, Refusal, Unknowns, Unresolved

log = structlog.get_logger(__name__)

PATIENCE = timedelta(minutes=15)
"""How long a report waits for its submission to be recorded: longer than the longest answer."""
WINDOW = VALIDITY + timedelta(hours=2)
"""Back from a report to the submission that it may be about."""
SKEW = timedelta(minutes=65)
"""How far the service centre's clock may be off."""
LATE = timedelta(hours=1)
"""After this, a +CMGS is no late answer to anything."""
IN_TIME = timedelta(minutes=5)
"""After the mark: the two minutes of an answer, the minute of the card, and two more for a report."""
BATCH = 200
_TAIL = 8


@dataclass(frozen=True, slots=True)
class Told:
    """What came of asking the card: to be asked again in `again` seconds (None: not), since when a part that did not go
    out had counted as sent, and what a refusal shows of when the modem writes."""

    again: float | None = None
    not_sent: datetime | None = None
    lesson: Written = Written.UNSEEN


class Reconciler:
    """Matches reports and late answers. `run_once` belongs to one thread, the late answers may come from any.

    `queued` is called when the other parts of a message may go on.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        queued: Callable[[], None] = lambda: None,
        rng: random.Random | None = None,
    ) -> None:
        self._database, self._inbox, self._clock, self._queued = database, Inbox(database), clock, queued
        self._rng, self._unknowns = rng or random.SystemRandom(), Unknowns(database)
        self._resolved = False

    def run_once(self) -> int:
        """Match all reports that wait; how many found their place, or were given up. StorageUnavailable."""
        after, settled = 0, 0
        while batch := self._inbox.new(REPORT, BATCH, after):
            settled += self._match_all(batch)
            after = batch[-1].id
        if self._resolved:
            self._resolved = False
            self._queued()
        return settled

    def late_reference(self, sim_id: int, reference: int) -> bool:
        """The modem answers a submission long given up: what went out last on this SIM was sent. StorageUnavailable."""
        now = self._clock.utc_now()

        def resolve(connection: Connection) -> Submitted | bool | None:
            part = _last_unknown(connection, sim_id, now)
            if part is None:
                last = reports.last(connection, sim_id)
                return last is not None and last.reference == reference
            return part if unknowns.sent(connection, part, reference, by=LATE_ANSWER, now=now) else None

        found = self._database.write(resolve)
        if found is True:
            return True  # known already, by a report or by the card
        return self._late(found or None, sim_id, Outcome.SENT, reference=reference)

    def late_refusal(self, sim_id: int, kind: str, words: str) -> datetime | None:
        """The modem refuses a submission long given up: what went out last on this SIM did not; since when it was on
        the wire, None if it is not known to be that. StorageUnavailable."""
        cause, now = causes.late(kind, words), self._clock.utc_now()

        def resolve(connection: Connection) -> Submitted | None:
            part = _last_unknown(connection, sim_id, now)
            if part is None or cause.kind is CauseClass.UNKNOWN:
                return None
            retry = after(cause, part.tries + 1, others_can=False, now=now, rng=self._rng)
            refusal = Refusal(cause.code, cause.kind is CauseClass.MESSAGE, retry.at, retry.avoid)
            return part if unknowns.refused(connection, part, refusal, by=LATE_ANSWER, now=now) else None

        part = self._database.write(resolve)
        self._late(part, sim_id, Outcome.REFUSED, cause=cause.code)
        return part.on_wire_at if part is not None else None

    def _late(self, part: Submitted | None, sim_id: int, outcome: Outcome, **said: object) -> bool:
        if part is None:
            log.warning("outcome.late_unmatched", sim_id=sim_id, **said)
            return False
        log.info("outcome.resolved", message=part.message_id, outcome=str(outcome), by=LATE_ANSWER)
        self._queued()
        return True

    # -- what the card says

    def card_kept_by(self, sim_id: int) -> str:
        """The IMEI of the modem that keeps this SIM's memory of the last reference; "": none is known to."""
        return self._unknowns.kept_by(sim_id)

    def card_written(self, sim_id: int) -> Written:
        """When that modem writes it."""
        return self._unknowns.written(sim_id)

    def card_kept(self, sim_id: int, imei: str, written: Written = Written.UNSEEN) -> None:
        """See `card_kept_by` and `card_written`. StorageUnavailable."""
        self._unknowns.learn(sim_id, imei, written)

    def card_says(self, sim_id: int, said: int, *, written: Written, waited: timedelta) -> Told:
        """`said` is the reference used last, after what this SIM put on the wire last, at least `waited` ago.

        A report that waits to be matched says more than the card: what it may be about is left to it.
        StorageUnavailable.
        """
        now = self._clock.utc_now()
        reported = [_report(one).number for one in self._inbox.new(REPORT, BATCH) if one.sim_id == sim_id]

        def settle(connection: Connection) -> tuple[Told, Submitted | None, Verdict]:
            last, verdict = unknowns.last_failed(connection, sim_id), Verdict.UNKNOWN
            if last is not None and last.doubted:
                age = now - last.part.on_wire_at if self._clock.trusted() else None
                verdict = judge(last.before, said, cause=last.cause, written=written, waited=waited, age=age)
            if verdict is Verdict.NOT_YET:
                return Told(again=(SETTLED - waited).total_seconds()), None, verdict
            unknowns.note_card(connection, sim_id, said)
            if last is None or any(same_number(last.part.recipient, who) for who in reported):
                return Told(), None, verdict
            if last.part.outcome is Outcome.REFUSED:
                return Told(lesson=lesson(last.before, said, refused=last.cause)), None, verdict
            if verdict is Verdict.SENT and unknowns.sent(connection, last.part, said, by=EF_SMSS, now=now):
                return Told(), last.part, verdict
            if verdict is Verdict.NOT_SENT and self._did_not_go(connection, last.part, now):
                return Told(not_sent=last.part.on_wire_at), last.part, verdict
            return Told(), None, verdict

        told, part, verdict = self._database.write(settle)
        if part is not None:
            outcome = Outcome.SENT if verdict is Verdict.SENT else Outcome.REFUSED
            log.info("outcome.resolved", message=part.message_id, outcome=str(outcome), by=EF_SMSS)
            self._queued()
        return told

    def _did_not_go(self, connection: Connection, part: Submitted, now: datetime) -> bool:
        cause = causes.own("not-originated")
        retry = after(cause, part.tries + 1, others_can=False, now=now, rng=self._rng)
        return unknowns.refused(connection, part, Refusal(cause.code, False, retry.at), by=EF_SMSS, now=now)

    # -- at the word of a purpose

    def resend(self, purposes: Collection[str]) -> int:
        """Send again, once, what is unknown of these purposes and nothing has told of in time; how many.
        StorageUnavailable."""
        if not purposes or not self._clock.trusted():
            return 0
        now = self._clock.utc_now()

        def decide(connection: Connection) -> Sequence[Unresolved]:
            found = unknowns.overdue(connection, sorted(purposes), now - IN_TIME)
            for message in found:
                unknowns.send_again(connection, message.id, by=PURPOSE, now=now)
            return found

        resent = self._database.write(decide)
        for message in resent:
            log.warning("outcome.resent", message=message.id, recipient=message.recipient, purpose=message.purpose)
        if resent:
            self._queued()
        return len(resent)

    # -- reports

    def _match_all(self, batch: Sequence[Arrival]) -> int:
        """In one transaction; one by one where that fails, to find the one that is to blame."""
        now = self._clock.utc_now()
        try:
            return self._database.write(lambda connection: sum(self._match(connection, one, now) for one in batch))
        except StorageUnavailable:
            raise
        except Exception as error:  # one report's defect must not keep the others: seen, put aside
            if len(batch) == 1:
                log.exception("report.failed", arrival=batch[0].id)
                self._inbox.quarantine(batch[0].id, f"failed: {type(error).__name__}")
                return 1
        return sum(self._match_all([one]) for one in batch)

    def _match(self, connection: Connection, arrival: Arrival, now: datetime) -> bool:
        """Whether the report is done with."""
        report = _report(arrival)
        part, known = _under_reference(connection, arrival, report)
        if part is None and (known is None or not _in_time(known, report)):  # else it is about that one once more
            part, wait = self._of_doubt(connection, arrival, report, now)
            if wait:
                return False
        if part is not None:
            self._apply(connection, part, report, arrival, now)
        elif known is not None:
            self._inbox.settle(connection, [arrival.id], reason="came twice", attempt_id=known.attempt_id)
        elif now - arrival.received_at > PATIENCE or arrival.received_at > now:
            log.info("report.unmatched", sim_id=arrival.sim_id, reference=report.reference)
            self._inbox.settle(connection, [arrival.id], reason="unmatched")
        else:
            return False
        return True

    def _of_doubt(
        self, connection: Connection, arrival: Arrival, report: StatusReport, now: datetime
    ) -> tuple[Submitted | None, bool]:
        """The one part without an answer that this may be about; whether to wait, for one is still being answered.

        Of one part that was sent twice, both without an answer, it is the first.
        """
        candidates = [
            part
            for part in reports.doubtful(connection, arrival.sim_id, arrival.received_at - WINDOW)
            if same_number(part.recipient, report.number) and _in_time(part, report)
        ]
        if any(part.outcome is None for part in candidates) and now - arrival.received_at <= PATIENCE:
            return None, True
        if len({(part.message_id, part.part) for part in candidates}) != 1:
            return None, False
        part = candidates[-1]
        if unknowns.sent(connection, part, report.reference, by=STATUS_REPORT, now=now):
            log.info("outcome.resolved", message=part.message_id, outcome=str(Outcome.SENT), by=STATUS_REPORT)
            self._resolved = True
            return part, False
        return None, False

    def _apply(
        self, connection: Connection, part: Submitted, report: StatusReport, arrival: Arrival, now: datetime
    ) -> None:
        statuses = [_best(told) for told in reports.note_status(connection, part, report.status)]
        self._inbox.settle(connection, [arrival.id], attempt_id=part.attempt_id)
        if not all(_is_final(status) for status in statuses):
            return
        whose = (part.message_id, part.recipient)
        failed = next((s for s in statuses if s is not None and classify_status(s) is Delivery.FAILED), None)
        if failed is not None:
            reports.settle(connection, *whose, MessageState.UNDELIVERED, f"report:{failed:02x}", None, now)
        else:
            at = _delivered_at(part, report, arrival, now)
            reports.settle(connection, *whose, MessageState.DELIVERED, "", at, now)


def same_number(one: str, other: str) -> bool:
    """Whether two forms of a number are of one person: by the last digits, all of them for a short one."""
    one, other = (digits.lstrip("+").lstrip("0") for digits in (one, other))
    if min(len(one), len(other)) < _TAIL:
        return one == other != ""
    return one[-_TAIL:] == other[-_TAIL:]


def _hidden(number: str) -> bool:
    """Whether the network does not say whom the report is about: a name, a mask of zeros or stars, nothing."""
    digits = number.removeprefix("+")
    return not digits.isdecimal() or not digits.strip("0")


def _report(arrival: Arrival) -> StatusReport:
    found = decode(arrival.pdu, outgoing=False)
    if not isinstance(found, StatusReport):
        raise PduError("this is no status report")
    return found


def _under_reference(
    connection: Connection, arrival: Arrival, report: StatusReport
) -> tuple[Submitted | None, Submitted | None]:
    """The newest part of this reference and number whose last report has not come; the newest before whose has.

    Where the network hides the number, it is the only part that it can be about: of two it may be either.
    """
    known: Submitted | None = None
    unnamed: list[Submitted] = []
    since = arrival.received_at - WINDOW
    with closing(reports.by_reference(connection, arrival.sim_id, report.reference, since)) as parts:
        for part in parts:
            hidden = _hidden(report.number) and _in_time(part, report)
            if not hidden and not same_number(part.recipient, report.number):
                continue
            if _is_final(part.tp_status):
                known = known or part
            elif hidden:
                unnamed.append(part)
            else:
                return part, known
    return (unnamed[0] if len(unnamed) == 1 else None), known


def _last_unknown(connection: Connection, sim_id: int, now: datetime) -> Submitted | None:
    """What this SIM put on the wire last, not too long ago, if its outcome is unknown."""
    last = reports.last(connection, sim_id)
    known = last is None or last.outcome is not Outcome.UNKNOWN or last.reference is not None
    return None if known or last is None or last.on_wire_at < now - LATE else last


def _best(statuses: Sequence[int | None]) -> int | None:
    """Of a part that was sent twice: it is delivered if one of them is, and has failed when both have."""
    delivered = [one for one in statuses if one is not None and classify_status(one) is Delivery.DELIVERED]
    if delivered:
        return delivered[0]
    return next((one for one in statuses if not _is_final(one)), statuses[-1] if statuses else None)


def _is_final(status: int | None) -> bool:
    return status is not None and classify_status(status) is not Delivery.PENDING


def _in_time(part: Submitted, report: StatusReport) -> bool:
    """Whether the service centre may have taken this part at the time that the report tells."""
    taken = report.timestamp
    return taken is None or part.on_wire_at - SKEW <= taken <= part.on_wire_at + SKEW


def _delivered_at(part: Submitted, report: StatusReport, arrival: Arrival, now: datetime) -> datetime:
    """When the phone took it, as the network says, if that can be; else when we heard of it."""
    told = report.discharge
    return told if told is not None and part.on_wire_at <= told <= now else arrival.received_at
