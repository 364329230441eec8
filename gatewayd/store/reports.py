"""What the network says of parts that went out: which attempt a status report is about, and what it changes.

    message  sent --all parts have their last report--> delivered | undelivered

A part may have been sent twice at somebody's word: it is delivered if one of them is. All functions run in the
caller's transaction. A final status is never taken back, and the status of a part that is still tried says nothing yet
about the message.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.message import MessageState, Outcome
from gatewayd.store import audit
from gatewayd.store.schema import attempts, messages
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime

_m, _a = messages.c, attempts.c


@dataclass(frozen=True, slots=True)
class Submitted:
    """A part that was on the wire: `outcome` absent while its submission runs."""

    attempt_id: int
    message_id: int
    part: int
    parts: int
    recipient: str
    on_wire_at: datetime
    outcome: Outcome | None
    reference: int | None
    tp_status: int | None
    resolved_by: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Of the last parts that a SIM sent, some time ago: how many, and how many were reported on."""

    sent: int
    reported: int


LOOKED_AT = 20
"""Parts of a SIM that say whether reports come."""
_SUBMITTED = (
    sa.select(
        _a.id.label("attempt_id"),
        _a.message_id,
        _a.part,
        _m.parts,
        _m.recipient,
        _a.on_wire_at,
        _a.outcome,
        _a.reference,
        _a.tp_status,
        _a.resolved_by,
        _m.tries,
    )
    .join_from(attempts, messages, _m.id == _a.message_id)
    .where(_a.sim_id == sa.bindparam("sim"), _a.on_wire_at.is_not(None))
    .order_by(_a.on_wire_at.desc(), _a.id.desc())
)
_SINCE = _SUBMITTED.where(_a.on_wire_at >= sa.bindparam("since", type_=UtcTime))
_BY_REFERENCE = _SINCE.where(_a.reference == sa.bindparam("tp_mr"), _a.outcome == sa.literal_column("'sent'"))
# Also what the operator says was sent: a report about it must not be taken for another's.
_DOUBTFUL = _SINCE.where(
    _a.reference.is_(None),
    sa.or_(_a.outcome.is_(None), _a.outcome.in_([sa.literal_column("'unknown'"), sa.literal_column("'sent'")])),
)
_STATUS = Statement(
    sa.update(attempts).where(_a.id == sa.bindparam("attempt_id")).values(tp_status=sa.bindparam("status"))
)
_STATUSES = sa.select(_a.part, _a.tp_status).where(
    _a.message_id == sa.bindparam("message_id"), _a.outcome == sa.literal_column("'sent'")
)
_SETTLE = Statement(
    sa.update(messages)
    .where(_m.id == sa.bindparam("message_id"), _m.state == sa.literal_column("'sent'"))
    .values(
        state=sa.bindparam("following"),
        reason=sa.bindparam("why"),
        delivered_at=sa.bindparam("at", type_=UtcTime),
    )
)


def by_reference(
    connection: Connection, sim_id: int, reference: int, since: datetime
) -> Generator[Submitted, None, None]:
    """The parts that this SIM sent under a reference since then, the newest first, read as they are consumed: a SIM may
    have sent thousands since then, and it is among the last that one is found. To be closed."""
    rows = connection.execute(_BY_REFERENCE, {"sim": sim_id, "tp_mr": reference, "since": since})
    try:
        yield from map(_submitted, rows)
    finally:
        rows.close()


def doubtful(connection: Connection, sim_id: int, since: datetime) -> list[Submitted]:
    """The parts of which no answer is known yet, the newest first; also those whose answer is not recorded yet."""
    return _found(connection.execute(_DOUBTFUL, {"sim": sim_id, "since": since}))


def last(connection: Connection, sim_id: int) -> Submitted | None:
    """What this SIM put on the wire last, though the clock was put back since: then the last by the hour is not it."""
    found = newest(connection, sim_id)
    if not found:
        return None
    # Not by the index over this SIM's, which is long: few attempts are later than the last by the hour.
    here = (_a.sim_id + 0 == sim_id, _a.on_wire_at.is_not(None))
    later = connection.execute(sa.select(sa.func.max(_a.id)).where(_a.id > found[0].attempt_id, *here)).scalar()
    if later is None:
        return found[0]
    return _found(connection.execute(_SUBMITTED.where(_a.id == later), {"sim": sim_id}))[0]


def newest(connection: Connection, sim_id: int, *, limit: int = 1) -> list[Submitted]:
    """What this SIM put on the wire last, the newest first."""
    return _found(connection.execute(_SUBMITTED.limit(limit), {"sim": sim_id}))


def note_status(connection: Connection, part: Submitted, status: int) -> list[list[int | None]]:
    """Note the status of a sent part; the statuses of each part of its message, None where there is none yet."""
    _STATUS.run(connection, attempt_id=part.attempt_id, status=status)
    found: list[list[int | None]] = [[] for _ in range(part.parts)]
    for row in connection.execute(_STATUSES, {"message_id": part.message_id}):
        found[row.part - 1].append(row.tp_status)
    return found


def heard(connection: Connection, sim_id: int, before: datetime) -> Heard:
    """Of the last parts that this SIM sent before then."""
    last = (
        sa.select(_a.tp_status)
        .where(_a.sim_id == sim_id, _a.on_wire_at.is_not(None), _a.on_wire_at < before)
        .where(_a.outcome == str(Outcome.SENT))
        .order_by(_a.on_wire_at.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    row = connection.execute(sa.select(sa.func.count(), sa.func.count(last.c.tp_status)).select_from(last)).one()
    return Heard(int(row[0]), int(row[1]))


def settle(
    connection: Connection,
    message_id: int,
    recipient: str,
    state: MessageState,
    reason: str,
    at: datetime | None,
    now: datetime,
) -> bool:
    """The message has come to its end; False if it is not (or no longer) `sent`."""
    if _SETTLE.run(connection, message_id=message_id, following=str(state), why=reason, at=at) != 1:
        return False
    event = Event.DELIVERED if state is MessageState.DELIVERED else Event.UNDELIVERED
    audit.append(connection, event, now, number=recipient, message=message_id, reason=reason or None)
    return True


def _found(rows: sa.CursorResult[Any]) -> list[Submitted]:
    return [_submitted(row) for row in rows.all()]


def _submitted(row: sa.Row[*tuple[Any, ...]]) -> Submitted:
    return Submitted(**{**row._mapping, "outcome": Outcome(row.outcome) if row.outcome else None})
