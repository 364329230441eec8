"""The marks of an attempt: on the wire, its outcome; and what a crash between them means.

    begun --- on the wire --- sent | refused | unknown
      |            `--- crash: unknown, never sent again by itself
      `--- crash: nothing was written, back to the queue

A mark changes nothing unless attempt and message are still ours (LeaseLost). An answer that comes after the lease was
taken over is not thrown away: if whoever took it recorded `unknown`, the answer resolves that.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.consent import GateFacts
from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.purpose import Purpose
from gatewayd.domain.reference import INTERRUPTED
from gatewayd.errors import CauseClass, LeaseLost
from gatewayd.store import audit, claims, gate, people
from gatewayd.store.schema import attempts, messages, sim_recipients
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime
from gatewayd.store.work import Finished, Recovery, Work

MACHINE_RESTARTED = "gatewayd:machine-restarted"
"""As INTERRUPTED, and the machine started again: the modem may have lost its power with it."""
STORAGE = "gatewayd:storage"
OVERTAKEN = "gatewayd:overtaken"
"""It was to be sent again, and the first one turned out to have gone out."""
GATE = "gatewayd:gate"

_m, _a = messages.c, attempts.c
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
_LATE_ANSWER = Statement(
    sa.update(attempts)
    .where(_a.id == sa.bindparam("attempt_id"), _a.outcome == sa.literal_column("'unknown'"))
    .values(
        outcome=sa.bindparam("result"),
        ended_at=sa.bindparam("at", type_=UtcTime),
        cause=sa.bindparam("code"),
        reference=sa.bindparam("tp_mr"),
    )
)
_RESOLVE = Statement(
    sa.update(messages)
    .where(_m.id == sa.bindparam("message_id"), _m.state == sa.literal_column("'unknown'"))
    .values(
        state=sa.bindparam("following"),
        reason=sa.bindparam("why"),
        ready=sa.bindparam("is_ready", type_=sa.Boolean),
        sent_at=sa.bindparam("sent_at", type_=UtcTime),
    )
)
_LEASED = Statement(
    sa.select(_m.lease_until, *people.gate_facts(_m.recipient, _m.purpose), gate.MAY_SEND_UNTIL).where(
        _m.id == sa.bindparam("message_id"), _m.lease == sa.bindparam("token")
    )
)
_RENEW = Statement(
    sa.update(messages)
    .where(_m.id == sa.bindparam("message_id"))
    .values(lease_until=sa.bindparam("until", type_=UtcTime))
)
_ON_WIRE = Statement(
    sa.update(attempts)
    .where(_a.id == sa.bindparam("attempt_id"), _a.outcome.is_(None), _a.on_wire_at.is_(None))
    .values(on_wire_at=sa.bindparam("at", type_=UtcTime))
)
_meeting = upsert(sim_recipients).values(
    sim_id=sa.bindparam("me"),
    recipient=sa.bindparam("to"),
    first_at=sa.bindparam("at", type_=UtcTime),
    last_at=sa.bindparam("at", type_=UtcTime),
)
_MET = Statement(
    _meeting.on_conflict_do_update(index_elements=["sim_id", "recipient"], set_={"last_at": _meeting.excluded.last_at})
)
_SENT_PARTS = Statement(
    sa.select(sa.func.coalesce(sa.func.max(_a.part), 0)).where(
        _a.message_id == sa.bindparam("message_id"), _a.outcome == sa.literal_column("'sent'")
    )
)


def on_wire(connection: Connection, work: Work, purpose: Purpose, now: datetime) -> str | None:
    """Mark the part as going out: None; or block the message because the gate closed: why. LeaseLost.

    A message started with its first part; whether the others follow after the gate has closed is the purpose's rule.
    """
    leased = _LEASED.first(connection, message_id=work.message_id, token=work.lease)
    if leased is None:
        raise LeaseLost
    until, opted_out, agreed_at, may_send_until = leased
    reason = people.refusal(connection, purpose, work.recipient, GateFacts(bool(opted_out), agreed_at), now)
    if reason is not None and not (purpose.completes and work.part > 1):
        _end_attempt(connection, work, Outcome.REFUSED, now, GATE, None)
        claims.leave(connection, work.message_id, work.lease, MessageState.BLOCKED, reason=reason)
        audit.append(connection, Event.BLOCKED, now, number=work.recipient, message=work.message_id, reason=reason)
        return reason
    if may_send_until is not None and may_send_until <= now and work.part == 1:
        state, reason = gate.stopped(connection, work.message_id)
        _end_attempt(connection, work, Outcome.REFUSED, now, GATE, None)
        claims.leave(connection, work.message_id, work.lease, state, reason=reason)
        if state is MessageState.EXPIRED:
            audit.expired(connection, [(work.message_id, work.recipient)], reason, now)
        return reason
    if _ON_WIRE.run(connection, attempt_id=work.attempt_id, at=now) != 1:
        raise LeaseLost
    if until < now + claims.LONGEST_ANSWER:
        _RENEW.run(connection, message_id=work.message_id, until=now + claims.LONGEST_ANSWER)
    _MET.run(connection, me=work.sim_id, to=work.recipient, at=now)
    return None


def finish(connection: Connection, finished: Finished, now: datetime) -> Work | None:
    """Record how a part ended; the next part of the message, begun, if there is one. LeaseLost."""
    work, cause = finished.work, finished.cause
    code = cause.code if cause is not None else ""
    try:
        _end_attempt(connection, work, finished.outcome, finished.at, code, finished.reference)
    except LeaseLost:
        if _late_answer(connection, finished, code):
            return None
        raise
    if finished.outcome is Outcome.SENT:
        if work.part < work.parts:
            _RENEW.run(connection, message_id=work.message_id, until=now + 2 * claims.LONGEST_ANSWER)
            return claims.begin(connection, work, work.part + 1, now)
        claims.leave(connection, work.message_id, work.lease, MessageState.SENT, sent_at=finished.at)
        sim = audit.iccid(connection, work.sim_id)
        audit.sent(connection, finished.at, work.recipient, work.message_id, work.parts, work.purpose, sim)
    elif _went_out_before(connection, work):
        put_back(connection, work.message_id, work.lease)
        resolve_sent(connection, work.message_id, work.parts, reason="", sent_at=finished.at)
    elif finished.outcome is Outcome.UNKNOWN:
        claims.leave(connection, work.message_id, work.lease, MessageState.UNKNOWN, reason=code)
        audit.ended(connection, Event.UNKNOWN, work, finished.at, code)
    elif cause is not None and cause.kind is CauseClass.MESSAGE:
        # Sent again and refused for good, while the first one may have gone out: that is still what is known of it.
        doubtful = _perhaps_sent(connection, work)
        known, event = (MessageState.UNKNOWN, Event.UNKNOWN) if doubtful else (MessageState.FAILED, Event.FAILED)
        claims.leave(connection, work.message_id, work.lease, known, reason=code)
        audit.ended(connection, event, work, finished.at, code)
    else:
        avoided = work.sim_id if finished.avoid else None
        claims.go_back(
            connection, work.message_id, work.lease, reason=code, retry_at=finished.retry_at, avoided=avoided, tried=1
        )
    return None


def release(connection: Connection, work: Work, now: datetime, reason: str, retry_at: datetime | None) -> None:
    """Nothing of the part was written: its attempt is closed, the message queued again. LeaseLost."""
    _end_attempt(connection, work, Outcome.REFUSED, now, reason[:200], None)
    claims.go_back(connection, work.message_id, work.lease, retry_at=retry_at)


def resolve_sent(
    connection: Connection, message_id: int, parts: int, *, reason: str, sent_at: datetime
) -> MessageState:
    """After the part that was unknown turned out to be sent: the message is, or its other parts go on."""
    row = _SENT_PARTS.first(connection, message_id=message_id)
    done = row is not None and row[0] >= parts
    following = MessageState.SENT if done else MessageState.QUEUED
    resolved = _RESOLVE.run(
        connection, message_id=message_id, following=str(following), why=reason, is_ready=not done,
        sent_at=sent_at if done else None,
    )  # fmt: skip
    if done and not resolved:
        _overtake(connection, message_id, sent_at)
    return following


def put_back(
    connection: Connection,
    message_id: int,
    lease: str,
    *,
    attempt_id: int | None = None,
    at: datetime | None = None,
    code: str = "",
) -> None:
    """Queue again what is leased, and close its attempt, of which nothing was written. LeaseLost."""
    if attempt_id is not None:
        _END_ATTEMPT.run(
            connection, attempt_id=attempt_id, result=str(Outcome.REFUSED), at=at, code=code, tp_mr=None
        )  # fmt: skip
    claims.go_back(connection, message_id, lease)


def recover(connection: Connection, gateway: str, mine: str, now: datetime) -> Recovery:
    """Put right what lies begun under leases of this gateway's earlier lives, and under those that have run out.

    A lease is GATEWAY/BOOT/LIFE: after another boot of the machine, nobody knows how its modem has fared.
    """
    running = (
        sa.select(_a.id, _a.on_wire_at, _a.sim_id, _m.id.label("message_id"), _m.recipient, _m.lease)
        .join(messages, _m.id == _a.message_id)
        .where(
            _a.outcome.is_(None),
            sa.or_(_m.lease.startswith(gateway, autoescape=True), _m.lease_until < now),
            sa.not_(_m.lease.startswith(mine, autoescape=True)) if mine else sa.true(),
        )
    )
    unknown, machine = 0, "/".join([*mine.split("/")[:2], ""])
    lost = connection.execute(running).all()
    for row in lost:
        if row.on_wire_at is None:
            put_back(connection, row.message_id, row.lease, attempt_id=row.id, at=now, code=INTERRUPTED)
        else:
            unknown += 1
            code = INTERRUPTED if mine and row.lease.startswith(machine) else MACHINE_RESTARTED
            unknown_part = {"attempt_id": row.id, "result": str(Outcome.UNKNOWN), "at": now, "code": code}
            _END_ATTEMPT.run(connection, **unknown_part, tp_mr=None)
            claims.leave(connection, row.message_id, row.lease, MessageState.UNKNOWN, reason=code)
            audit.ended(connection, Event.UNKNOWN, row, now, code)
    return Recovery(requeued=len(lost) - unknown, unknown=unknown)


def take_stock(connection: Connection, lease: str, due: tuple[int, Outcome] | None, now: datetime) -> bool:
    """After a commit that raised, and may have been durable: put back what is claimed under leases that begin so, and
    that nobody has in hand; whether `due`, an attempt with its outcome, is recorded.

    Nothing of it was written: a mark on the wire is made only of what is in hand.
    """
    strays = (
        sa.select(_a.id, _m.id.label("message_id"), _m.lease)
        .join(messages, _m.id == _a.message_id)
        .where(_a.outcome.is_(None), _a.on_wire_at.is_(None), _m.lease.startswith(lease, autoescape=True))
    )
    if due is not None:
        strays = strays.where(_a.id != due[0])
    for row in connection.execute(strays).all():
        put_back(connection, row.message_id, row.lease, attempt_id=row.id, at=now, code=STORAGE)
    if due is None:
        return False
    recorded = connection.execute(sa.select(_a.outcome).where(_a.id == due[0])).scalar()
    return recorded == str(due[1])


def _went_out_before(connection: Connection, work: Work) -> bool:
    """Whether this was sent again for nothing: an earlier attempt at this part turned out to be sent meanwhile."""
    row = _SENT_PARTS.first(connection, message_id=work.message_id)
    return row is not None and row[0] >= work.part


def _perhaps_sent(connection: Connection, work: Work) -> bool:
    unknown = (_a.message_id == work.message_id) & (_a.part == work.part) & (_a.outcome == str(Outcome.UNKNOWN))
    return connection.execute(sa.select(_a.id).where(unknown).limit(1)).first() is not None


def _overtake(connection: Connection, message_id: int, sent_at: datetime) -> None:
    """It waits to be sent again, and need not: through the states that the table allows."""
    message, lease = _m.id == message_id, OVERTAKEN
    connection.execute(sa.update(messages).where(message, _m.state == "held").values(state="queued"))
    sending = {"state": "sending", "lease": lease, "ready": False, "reason": ""}
    taken = sa.update(messages).where(message, _m.state == "queued").values(**sending)
    if connection.execute(taken).rowcount:
        claims.leave(connection, message_id, lease, MessageState.SENT, sent_at=sent_at)


def _late_answer(connection: Connection, finished: Finished, code: str) -> bool:
    """Let a known outcome resolve one recorded as unknown; False if there is none to resolve."""
    work = finished.work
    if finished.outcome is Outcome.UNKNOWN:
        return False
    resolved = _LATE_ANSWER.run(
        connection, attempt_id=work.attempt_id, result=str(finished.outcome), at=finished.at, code=code,
        tp_mr=finished.reference,
    )  # fmt: skip
    if resolved != 1:
        return False
    if finished.outcome is Outcome.SENT:
        following = resolve_sent(connection, work.message_id, work.parts, reason="", sent_at=finished.at)
    else:
        failed = finished.cause is not None and finished.cause.kind is CauseClass.MESSAGE
        following = MessageState.FAILED if failed else MessageState.QUEUED
        _RESOLVE.run(
            connection, message_id=work.message_id, following=str(following), why=code, is_ready=not failed,
            sent_at=None,
        )  # fmt: skip
    audit.resolved(
        connection, work.message_id, work.recipient, following, finished.at, how="late_answer", sent_at=finished.at
    )
    return True


def _end_attempt(
    connection: Connection, work: Work, outcome: Outcome, at: datetime, code: str, reference: int | None
) -> None:
    ended = _END_ATTEMPT.run(
        connection, attempt_id=work.attempt_id, result=str(outcome), at=at, code=code, tp_mr=reference
    )
    if ended != 1:
        raise LeaseLost
