"""What a line holds in its hand: the part it claimed, and the outcome it has not recorded yet.

    claimed --mark--> on the wire --answer--> outcome --recorded--> empty, or the next part in the same transaction
        `-- nothing was written: put back        `-- no answer: unknown

An outcome stays in the hand until the store has it; until then nothing else can be claimed, and so the modem rests. One
that the store refuses for good (another process took the message over) is logged with its reference, and let go.

A commit that raises may be durable all the same: before anything else is recorded or claimed, the hand takes stock of
what the store holds under its lease. What is recorded is not recorded again; what it claimed unknowingly goes back.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.message import Outcome
from gatewayd.domain.purpose import Purpose
from gatewayd.errors import (
    Cause,
    CauseClass,
    LeaseLost,
    ModemAbsent,
    ModemBusy,
    NotSubmitted,
    PduError,
    RefusedByRule,
    StorageUnavailable,
    StoreError,
    SubmissionError,
    TextError,
)
from gatewayd.modem.pdu import EncodedPdu
from gatewayd.services.retries import Retry, after
from gatewayd.store.outbox import Finished, Outbox, Wanted, Work

log = structlog.get_logger(__name__)

AFTER_A_CRASH = timedelta(minutes=15)
"""How long a message rests in whose hands a line failed."""
_UNENCODABLE = Cause(
    "gatewayd:encoding",
    CauseClass.MESSAGE,
    "this text cannot be made into a PDU",
    "Tell the maintainer: accepted texts must be encodable.",
)


class Submitter(Protocol):
    """The one thing of a session that is wanted here."""

    def submit(self, pdu: EncodedPdu, on_prompt: Callable[[], None]) -> int: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a submission ended: sent, refused, unknown, blocked, put back, lost; and why.

    `refused_at`: a part that was on the wire since then was not taken. `reference`: the network's, of what was sent.
    """

    event: str
    cause: Cause | None = None
    refused_at: datetime | None = None
    reference: int | None = None


@dataclass(frozen=True, slots=True)
class _PutBack:
    """A claimed message of which nothing was written."""

    work: Work
    reason: str
    retry_at: datetime | None = None


class Hand:
    """Belongs to one line, and outlives its sessions."""

    def __init__(self, outbox: Outbox, clock: Clock, rng: random.Random) -> None:
        self._outbox, self._clock, self._rng = outbox, clock, rng
        self.work: Work | None = None
        self._due: Finished | _PutBack | None = None
        self._marked_at: datetime | None = None
        self._lease = ""
        self._uncertain = False
        self.unfinished = False
        """The last `take` found nothing among those it ended: to be asked again at once."""

    @property
    def has_due(self) -> bool:
        """Whether an outcome waits to be recorded, or nobody knows whether it was."""
        return self._due is not None or self._uncertain

    def settle(self) -> None:
        """Record what is due and claim nothing new; the next part of the same message may come to hand."""
        if self.has_due:
            self._record(None)

    def take(self, wanted: Wanted) -> bool:
        """Record what is due and claim the next part, in one transaction. True: it goes on with the same message."""
        due, self.unfinished = self._due, False
        if isinstance(due, _PutBack):
            self._record(None)
        self._record(wanted)
        return due is not None and self.work is not None and due.work.message_id == self.work.message_id

    def _record(self, wanted: Wanted | None) -> None:
        if wanted is not None:
            self._lease = wanted.lease
        if self._uncertain:
            self._take_stock()
        due, now = self._due, self._clock.utc_now()
        if due is None and wanted is None:
            return
        try:
            if isinstance(due, _PutBack):
                self._outbox.release(due.work, now, due.reason, due.retry_at)
            else:
                self.work = self._outbox.turn(due, wanted, now, self._go_on)
        except StorageUnavailable:
            self._uncertain = True
            raise
        except StoreError as error:
            if due is None:
                raise
            if wanted is not None:
                # It may be the claim that failed: the outcome alone, then.
                self._record(None)
                if self.work is None:
                    self._record(wanted)
                return
            _give_up(due, error)
        self._due = self._marked_at = None

    def _go_on(self) -> None:
        self.unfinished = True

    def _take_stock(self) -> None:
        """See the module. StorageUnavailable: still uncertain."""
        due = self._due
        outcome = due.outcome if isinstance(due, Finished) else Outcome.REFUSED
        known = (due.work.attempt_id, outcome) if due is not None else None
        if self._outbox.take_stock(self._lease, known, self._clock.utc_now()):
            self._due = self._marked_at = None
        self._uncertain = False

    def put_back(self, reason: str, retry_at: datetime | None = None) -> None:
        """Give up the claimed part, of which nothing was written; recorded with the next `settle`."""
        if self.work is not None:
            self._due, self.work = _PutBack(self.work, reason, retry_at), None

    def submit(
        self,
        work: Work,
        modem: Submitter,
        encode: Callable[[Work], EncodedPdu],
        purpose: Purpose,
        *,
        on_wire: Callable[[str, datetime], None],
        others_can: Callable[[], bool],
    ) -> Ending:
        """Submit the part in hand; afterwards the hand holds its outcome, not the part. StorageUnavailable passes."""
        self._marked_at = None

        def mark() -> None:
            now = self._clock.utc_now()
            self._outbox.mark_on_wire(work, purpose, now)
            self._marked_at = now
            on_wire(work.recipient, now)

        try:
            ending = self._exchange(modem, encode, work, mark, others_can=others_can)
        except StorageUnavailable:
            self.put_back("gatewayd:storage")
            self._uncertain = True
            raise
        self.work = None
        return ending

    def crashed(self, error: BaseException) -> None:
        """After an exception nobody foresaw: what was on the wire is unknown, the rest goes back."""
        if self.work is None or self._due is not None:
            return
        if self._marked_at is None:
            # Not at once: if it is this message that makes us fail, the others pass meanwhile.
            self.put_back("gatewayd:crash", self._clock.utc_now() + AFTER_A_CRASH)
            return
        cause = Cause("gatewayd:crash", CauseClass.UNKNOWN, f"gatewayd failed: {type(error).__name__}")
        self._finish(self.work, Outcome.UNKNOWN, cause)
        self.work = None

    def _exchange(
        self,
        modem: Submitter,
        encode: Callable[[Work], EncodedPdu],
        work: Work,
        mark: Callable[[], None],
        *,
        others_can: Callable[[], bool],
    ) -> Ending:
        try:
            reference = modem.submit(encode(work), mark)
        except SubmissionError as error:
            return self._not_sent(work, error, others_can=others_can)
        except (PduError, TextError) as error:
            log.warning("message.unencodable", message=work.message_id, error=str(error))
            self._finish(work, Outcome.REFUSED, _UNENCODABLE)
            return Ending("refused", _UNENCODABLE)
        except RefusedByRule as error:
            log.info("message.blocked", message=work.message_id, recipient=work.recipient, reason=error.reason)
            return Ending("blocked")
        except LeaseLost:
            log.warning("attempt.lease_lost", message=work.message_id, recipient=work.recipient)
            return Ending("lost")
        except (ModemAbsent, ModemBusy) as error:
            self._due = _PutBack(work, str(error))
            return Ending("put back")
        self._finish(work, Outcome.SENT, reference=reference)
        log.info("attempt.sent", message=work.message_id, part=work.part, recipient=work.recipient, reference=reference)
        return Ending("sent", reference=reference)

    def _not_sent(self, work: Work, error: SubmissionError, *, others_can: Callable[[], bool]) -> Ending:
        cause, unknown = error.cause, error.cause.kind is CauseClass.UNKNOWN
        retry = Retry(None)
        outcome = Outcome.UNKNOWN if self._marked_at is not None and unknown else Outcome.REFUSED
        if isinstance(error, NotSubmitted) and cause.kind in (CauseClass.UNKNOWN, CauseClass.MODEM):
            # Not one octet of the message was written: no attempt, whatever the modem suffers from.
            self._due = _PutBack(work, cause.code)
            return Ending("put back", cause)
        if outcome is Outcome.REFUSED:
            # A message that has begun stays with its SIM: the parts that two numbers send are not put together.
            begun = work.part > 1
            can = not begun and others_can()
            retry = after(cause, work.tries + 1, others_can=can, now=self._clock.utc_now(), rng=self._rng)
            retry = replace(retry, avoid=retry.avoid and not begun)
        self._finish(work, outcome, cause, retry=retry)
        log.warning(
            f"attempt.{outcome}",
            message=work.message_id,
            part=work.part,
            recipient=work.recipient,
            cause=cause.code,
            meaning=cause.text,
            advice=cause.advice,
        )
        return Ending(str(outcome), cause, self._marked_at if outcome is Outcome.REFUSED else None)

    def _finish(
        self,
        work: Work,
        outcome: Outcome,
        cause: Cause | None = None,
        *,
        reference: int | None = None,
        retry: Retry = Retry(None),  # noqa: B008  (a frozen value)
    ) -> None:
        now = self._clock.utc_now()
        self._due = Finished(work, outcome, now, reference, cause, retry.at, retry.avoid)


def _give_up(due: Finished | _PutBack, error: StoreError) -> None:
    """The database will not have this outcome: another process holds the message, and calls it unknown if it was on the
    wire. What we know is told, once, for the operator to resolve it by; the line goes on."""
    finished = due if isinstance(due, Finished) else None
    log.error(
        "attempt.lease_lost" if isinstance(error, LeaseLost) else "outcome.unrecorded",
        message=due.work.message_id,
        part=due.work.part,
        recipient=due.work.recipient,
        outcome=str(finished.outcome) if finished else "put back",
        reference=finished.reference if finished else None,
        error=str(error),
    )
