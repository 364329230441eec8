"""The queue: what was accepted, who works on it, and how each part ended.

Two commits a part. `turn` records the outcome of one part and begins the next (the mark `begun`); `mark_on_wire` asks
the gate again and marks the part as going out, between the modem's prompt and the PDU. What a crash leaves is read from
the marks: begun and not on the wire goes back to the queue; on the wire without an outcome is `unknown`, and is never
sent again by itself.

A claim is fenced by its lease: a line whose lease another one took over changes nothing (LeaseLost).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.domain import consent
from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.purpose import Purpose
from gatewayd.errors import CauseClass, LeaseLost, RefusedByRule, TransitionError, UsageError
from gatewayd.store import claims, people
from gatewayd.store.engine import Database
from gatewayd.store.schema import attempts, is_ready, is_waiting, messages, sim_recipients, sims, waits_for_time
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime, to_microseconds
from gatewayd.store.work import (
    AttemptRecord,
    Finished,
    MessageRecord,
    NewMessage,
    Recovery,
    Resolution,
    Wanted,
    Work,
)

__all__ = [
    "AttemptRecord",
    "Finished",
    "MessageRecord",
    "NewMessage",
    "Outbox",
    "Recovery",
    "Resolution",
    "Wanted",
    "Work",
]

INTERRUPTED = "gatewayd:interrupted"
GATE = "gatewayd:gate"

_m, _a = messages.c, attempts.c
_STICKY = (
    sa.select(sim_recipients.c.sim_id)
    .join(sims, sims.c.id == sim_recipients.c.sim_id)
    .where(sim_recipients.c.recipient == sa.bindparam("to"), sims.c.pool == sa.bindparam("in_pool"))
    .order_by(sim_recipients.c.first_at)
    .limit(1)
)
_ACCEPT = sa.insert(messages).values(sim_id=_STICKY.scalar_subquery())
_END_ATTEMPT = Statement(
    sa.update(attempts)
    .where(_a.id == sa.bindparam("attempt_id"), _a.outcome.is_(None))
    .values(
        outcome=sa.bindparam("result"),
        ended_at=sa.bindparam("at", type_=UtcTime),
        cause=sa.bindparam("code"),
        reference=sa.bindparam("tp_mr"),
    )
)
_LEAVE = Statement(
    sa.update(messages)
    .where(_m.id == sa.bindparam("message_id"), _m.lease == sa.bindparam("token"))
    .values(
        state=sa.bindparam("following"),
        reason=sa.bindparam("why"),
        sent_at=sa.bindparam("sent", type_=UtcTime),
        ready=sa.bindparam("now_ready", type_=sa.Boolean),
        not_before=sa.bindparam("later", type_=UtcTime),
        avoid_sim_id=sa.bindparam("avoided"),
        # What avoids its SIM belongs to none: any other may take it.
        sim_id=sa.case((sa.bindparam("avoided").is_not(None), None), else_=_m.sim_id),
        tries=_m.tries + sa.bindparam("tried"),
        lease=None,
        lease_until=None,
    )
)
_HELD_UNTIL = Statement(
    sa.select(_m.lease_until).where(_m.id == sa.bindparam("message_id"), _m.lease == sa.bindparam("token"))
)
_RENEW = Statement(
    sa.update(messages)
    .where(_m.id == sa.bindparam("message_id"), _m.lease == sa.bindparam("token"))
    .values(lease_until=sa.bindparam("until", type_=UtcTime))
)
_ON_WIRE = Statement(
    sa.update(attempts)
    .where(_a.id == sa.bindparam("attempt_id"), _a.outcome.is_(None))
    .values(on_wire_at=sa.bindparam("at", type_=UtcTime))
)
_MEET = upsert(sim_recipients).values(
    recipient=sa.bindparam("to"),
    sim_id=sa.bindparam("me"),
    first_at=sa.bindparam("now", type_=UtcTime),
    last_at=sa.bindparam("now", type_=UtcTime),
)
_MET = Statement(
    _MEET.on_conflict_do_update(index_elements=["recipient", "sim_id"], set_={"last_at": _MEET.excluded.last_at})
)
LEASE_AFTER_MARK = timedelta(minutes=7)
"""The longest answer to a PDU is 300 s (ModemManager's figure), and then the outcome must be written."""


class Outbox:
    """The queue of one database; shared by all lines."""

    def __init__(self, database: Database, *, rng: random.Random | None = None) -> None:
        self._database, self._rng = database, rng or random.SystemRandom()

    # -- accepting

    def accept(self, connection: Connection | None, new: Sequence[NewMessage]) -> list[int]:
        """Add messages, all or none; their ids. With a connection: in the caller's transaction."""
        if connection is None:
            return self._database.write(lambda own: self.accept(own, new))
        rows = [self._row(message) for message in new]
        first = connection.execute(sa.select(sa.func.coalesce(sa.func.max(_m.id), 0))).scalar_one() + 1
        for offset, row in enumerate(rows):
            row["id"] = first + offset
        if rows:
            connection.execute(_ACCEPT, rows)
        return list(range(first, first + len(rows)))

    def _row(self, new: NewMessage) -> dict[str, Any]:
        return {
            "to": new.recipient, "in_pool": new.pool,
            "recipient": new.recipient, "purpose": new.purpose, "feed": new.feed, "pool": new.pool,
            "priority": new.priority, "state": str(new.state), "reason": new.reason, "text": new.text,
            "alphabet": str(new.alphabet), "parts": new.parts,
            "concat_reference": self._rng.randrange(65536) if new.parts > 1 else None,
            "ready": new.state is MessageState.QUEUED and new.not_before is None, "not_before": new.not_before,
            "expires_at": new.expires_at, "created_at": new.created_at, "batch_id": new.batch_id,
            "row_number": new.row_number,
        }  # fmt: skip

    # -- the marks

    def turn(self, finished: Finished | None, wanted: Wanted | None, now: datetime) -> Work | None:
        """Record how a part ended and begin the next one, in one transaction; None if there is nothing to send.

        The next part of the same message comes first, whatever is wanted. LeaseLost if the outcome is no longer ours to
        record; it is then kept as `unknown` by whoever took the lease.
        """

        def both(connection: Connection) -> Work | None:
            following = self._finish(connection, finished, now) if finished is not None else None
            if following is not None or wanted is None:
                return following
            return claims.claim(connection, wanted, now)

        return self._database.write(both)

    def mark_on_wire(self, work: Work, purpose: Purpose, now: datetime) -> None:
        """The part goes out when this returns. RefusedByRule: the gate closed, the message is blocked. LeaseLost."""

        def mark(connection: Connection) -> str | None:
            self._renew(connection, work, now)
            reason = consent.decide(purpose, people.facts(connection, work.recipient, work.purpose))
            if reason is not None:
                self._end_attempt(connection, work, Outcome.REFUSED, now, GATE, None)
                self._leave(connection, work, MessageState.BLOCKED, reason=reason)
                return reason
            _ON_WIRE.change(connection, attempt_id=work.attempt_id, at=now)
            _MET.change(connection, to=work.recipient, me=work.sim_id, now=now)
            return None

        reason = self._database.write(mark)
        if reason is not None:
            raise RefusedByRule(reason)

    def release(self, work: Work, now: datetime, reason: str, retry_at: datetime | None = None) -> None:
        """Nothing of the part was written: back to the queue, and no try is counted."""

        def back(connection: Connection) -> None:
            self._end_attempt(connection, work, Outcome.REFUSED, now, reason[:200], None)
            self._leave(connection, work, MessageState.QUEUED, retry_at=retry_at)

        self._database.write(back)

    def _finish(self, connection: Connection, finished: Finished, now: datetime) -> Work | None:
        work, cause = finished.work, finished.cause
        code = cause.code if cause is not None else ""
        self._end_attempt(connection, work, finished.outcome, finished.at, code, finished.reference)
        if finished.outcome is Outcome.SENT and work.part < work.parts:
            self._renew(connection, work, now)
            return claims.begin(connection, work, work.part + 1, now)
        if finished.outcome is Outcome.SENT:
            self._leave(connection, work, MessageState.SENT, sent_at=finished.at)
        elif finished.outcome is Outcome.UNKNOWN:
            self._leave(connection, work, MessageState.UNKNOWN, reason=code)
        elif cause is not None and cause.kind is CauseClass.MESSAGE:
            self._leave(connection, work, MessageState.FAILED, reason=code)
        else:
            avoided = work.sim_id if finished.avoid else None
            self._leave(
                connection, work, MessageState.QUEUED, reason=code, retry_at=finished.retry_at, avoided=avoided, tried=1
            )
        return None

    def _end_attempt(
        self, connection: Connection, work: Work, outcome: Outcome, at: datetime, code: str, reference: int | None
    ) -> None:
        values = {"attempt_id": work.attempt_id, "result": str(outcome), "at": at, "code": code, "tp_mr": reference}
        if _END_ATTEMPT.change(connection, **values) != 1:
            raise LeaseLost

    def _leave(
        self,
        connection: Connection,
        work: Work,
        following: MessageState,
        *,
        reason: str = "",
        sent_at: datetime | None = None,
        retry_at: datetime | None = None,
        avoided: int | None = None,
        tried: int = 0,
    ) -> None:
        values = {
            "message_id": work.message_id, "token": work.lease, "following": str(following), "why": reason,
            "sent": sent_at, "now_ready": following is MessageState.QUEUED and retry_at is None, "later": retry_at,
            "avoided": avoided, "tried": tried,
        }  # fmt: skip
        if _LEAVE.change(connection, **values) != 1:
            raise LeaseLost

    def _renew(self, connection: Connection, work: Work, now: datetime) -> None:
        held = _HELD_UNTIL.rows(connection, message_id=work.message_id, token=work.lease)
        if not held:
            raise LeaseLost
        until = now + LEASE_AFTER_MARK
        if held[0][0] < to_microseconds(until):
            _RENEW.change(connection, message_id=work.message_id, token=work.lease, until=until)

    # -- chores

    def promote(self, now: datetime) -> int:
        """Make ready what has waited long enough; how many."""
        due = (
            sa.update(messages)
            .where(waits_for_time, _m.not_before <= now)
            .values(state="queued", ready=True, not_before=None)
        )
        return self._database.write(lambda connection: connection.execute(due)).rowcount

    def expire(self, now: datetime) -> int:
        """End what waited longer than its time to live; how many."""
        late = (
            sa.update(messages)
            .where(is_waiting, _m.expires_at.is_not(None), _m.expires_at <= now)
            .values(state=str(MessageState.EXPIRED), reason="time_to_live")
        )
        return self._database.write(lambda connection: connection.execute(late)).rowcount

    def recover(self, now: datetime, mine: str = "") -> Recovery:
        """At start: put right what earlier lives left.

        `mine` is the beginning of this life's leases, of which none exists yet. A lease that has not run out is left
        alone unless it is of the same gateway, which the beginning up to the first `/` names.
        """
        gateway = mine.split("/", 1)[0] + "/"

        def put_right(connection: Connection) -> Recovery:
            lost = sa.select(_m.id).where(
                # A message that is being sent has an attempt without outcome: few, and indexed.
                _m.id.in_(sa.select(_a.message_id).where(_a.outcome.is_(None))),
                _m.state == "sending",
                sa.or_(_m.lease.startswith(gateway, autoescape=True), _m.lease_until < now),
                sa.not_(_m.lease.startswith(mine, autoescape=True)) if mine else sa.true(),
            )
            ids = [row.id for row in connection.execute(lost)]
            counts = [self._recover_one(connection, message_id, now) for message_id in ids]
            return Recovery(requeued=counts.count(MessageState.QUEUED), unknown=counts.count(MessageState.UNKNOWN))

        return self._database.write(put_right)

    def _recover_one(self, connection: Connection, message_id: int, now: datetime) -> MessageState:
        running = connection.execute(
            sa.select(_a.id, _a.on_wire_at).where(_a.message_id == message_id, _a.outcome.is_(None))
        ).first()
        on_wire = running is not None and running.on_wire_at is not None
        outcome = Outcome.UNKNOWN if on_wire else Outcome.REFUSED
        if running is not None:
            values = {"attempt_id": running.id, "result": str(outcome), "at": now, "code": INTERRUPTED, "tp_mr": None}
            _END_ATTEMPT.change(connection, **values)
        following = MessageState.UNKNOWN if on_wire else MessageState.QUEUED
        connection.execute(
            sa.update(messages)
            .where(_m.id == message_id)
            .values(
                state=str(following),
                reason=INTERRUPTED if on_wire else "",
                lease=None,
                lease_until=None,
                ready=not on_wire,
            )
        )
        return following

    # -- looking

    def history(self, sim_id: int, since: datetime) -> Sequence[tuple[datetime, str]]:
        """When and to whom this SIM sent parts since then; what was refused does not count."""
        query = (
            sa.select(_a.on_wire_at, _m.recipient)
            .join(messages, _m.id == _a.message_id)
            .where(_a.sim_id == sim_id, _a.on_wire_at >= since, sa.or_(_a.outcome.is_(None), _a.outcome != "refused"))
        )
        with self._database.read() as connection:
            return [(row.on_wire_at, row.recipient) for row in connection.execute(query)]

    def met(self, sim_id: int, since: datetime) -> Sequence[tuple[datetime, str]]:
        """Whom this SIM wrote to since then, refused or not, and when last: whom `Wanted.known_since` lets pass."""
        query = sa.select(sim_recipients.c.last_at, sim_recipients.c.recipient).where(
            sim_recipients.c.sim_id == sim_id, sim_recipients.c.last_at >= since
        )
        with self._database.read() as connection:
            return [(row.last_at, row.recipient) for row in connection.execute(query)]

    def earliest_not_before(self, now: datetime) -> datetime | None:  # noqa: ARG002  (the store's clocks are arguments)
        """When the next waiting message becomes due."""
        query = sa.select(sa.func.min(_m.not_before)).where(waits_for_time)
        with self._database.read() as connection:
            found: datetime | None = connection.execute(query).scalar_one()
            return found

    def anything_ready(self) -> bool:
        """Whether a line could find a message."""
        query = sa.select(_m.id).where(is_ready)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def counts(self) -> dict[str, int]:
        """Messages in each state that occurs."""
        query = sa.select(_m.state, sa.func.count()).group_by(_m.state)
        with self._database.read() as connection:
            return {state: count for state, count in connection.execute(query)}

    def get(self, message_id: int) -> MessageRecord | None:
        """One message; None if there is no such id."""
        with self._database.read() as connection:
            row = connection.execute(_RECORD.where(_m.id == message_id)).first()
        return None if row is None else _record(row)

    def attempts(self, message_id: int) -> Sequence[AttemptRecord]:
        """The submissions of a message, oldest first."""
        query = (
            sa.select(
                _a.part,
                sims.c.name.label("sim"),
                _a.begun_at,
                _a.on_wire_at,
                _a.ended_at,
                _a.outcome,
                _a.cause,
                _a.reference,
            )
            .join(sims, sims.c.id == _a.sim_id)
            .where(_a.message_id == message_id)
            .order_by(_a.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            AttemptRecord(**{**row._mapping, "outcome": Outcome(row.outcome) if row.outcome else None}) for row in rows
        ]

    def list(
        self,
        *,
        states: Sequence[MessageState] = (),
        recipient: str = "",
        purpose: str = "",
        limit: int = 100,
    ) -> Sequence[MessageRecord]:
        """The newest messages first."""
        query = _RECORD.order_by(_m.id.desc()).limit(limit)
        if states:
            query = query.where(_m.state.in_([str(state) for state in states]))
        if recipient:
            query = query.where(_m.recipient == recipient)
        if purpose:
            query = query.where(_m.purpose == purpose)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    # -- the operator

    def hold(self, message_id: int) -> None:
        """Keep a waiting message until `unhold`. UsageError, TransitionError."""
        self._change(message_id, {MessageState.SCHEDULED, MessageState.QUEUED}, MessageState.HELD, reason="operator")

    def unhold(self, message_id: int) -> None:
        """Let a held message go on. UsageError, TransitionError."""
        self._change(message_id, {MessageState.HELD}, MessageState.QUEUED)

    def cancel(self, message_id: int) -> None:
        """End a waiting or unknown message. UsageError, TransitionError."""
        waiting = {MessageState.SCHEDULED, MessageState.QUEUED, MessageState.HELD, MessageState.UNKNOWN}
        self._change(message_id, waiting, MessageState.CANCELED, reason="operator")

    def resolve(self, message_id: int, resolution: Resolution, now: datetime) -> MessageState:
        """What the operator knows of an unknown message: it went out, or it must be sent (again).

        As sent: the part that was unknown counts as sent, and the remaining parts go on. UsageError, TransitionError.
        """

        def decide(connection: Connection) -> MessageState:
            row = self._found(connection, message_id, {MessageState.UNKNOWN})
            following = MessageState.QUEUED
            if resolution is Resolution.AS_SENT:
                connection.execute(
                    sa.update(attempts)
                    .where(_a.message_id == message_id, _a.outcome == str(Outcome.UNKNOWN))
                    .values(outcome=str(Outcome.SENT), cause="gatewayd:operator")
                )
                sent = claims.sent_parts(connection, message_id)
                following = MessageState.SENT if sent >= row.parts else MessageState.QUEUED
            done = following is MessageState.SENT
            values = {
                "state": str(following),
                "reason": "operator",
                "ready": not done,
                "sent_at": now if done else None,
            }
            connection.execute(sa.update(messages).where(_m.id == message_id).values(**values))
            return following

        return self._database.write(decide)

    def _change(
        self, message_id: int, allowed: set[MessageState], following: MessageState, *, reason: str = ""
    ) -> None:
        def change(connection: Connection) -> None:
            row = self._found(connection, message_id, allowed)
            ready = following is MessageState.QUEUED and row.not_before is None
            values = {"state": str(following), "reason": reason, "ready": ready}
            connection.execute(sa.update(messages).where(_m.id == message_id).values(**values))

        self._database.write(change)

    def _found(self, connection: Connection, message_id: int, allowed: set[MessageState]) -> sa.Row[*tuple[Any, ...]]:
        row = connection.execute(sa.select(_m.state, _m.parts, _m.not_before).where(_m.id == message_id)).first()
        if row is None:
            raise UsageError(f"there is no message {message_id}")
        if MessageState(row.state) not in allowed:
            raise TransitionError(f"message {message_id} is {row.state}: this needs {' or '.join(sorted(allowed))}")
        return row


_RECORD = sa.select(
    _m.id, _m.recipient, _m.purpose, _m.feed, _m.state, _m.reason, sa.func.coalesce(sims.c.name, "").label("sim"),
    _m.parts, _m.text, _m.created_at, _m.sent_at, _m.delivered_at,
).select_from(messages.outerjoin(sims, sims.c.id == _m.sim_id))  # fmt: skip


def _record(row: sa.Row[*tuple[Any, ...]]) -> MessageRecord:
    return MessageRecord(**{**row._mapping, "state": MessageState(row.state)})
