"""Which message a line takes next, and the first mark of its attempt.

One probe of the partial index `messages_ready` for each purpose that is open and each owner (no SIM yet, this SIM, a
SIM of the pool that cannot send), each the head of its order; the best by (priority, id) wins. So a claim costs the
same at a thousand waiting messages and at a million. When the distinct recipients of the SIM are spent, the search
starts from those it already wrote to, who are few.

What the gate forbids, or what is too old, ends here, and the search goes on, for a bounded number of messages.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain import consent
from gatewayd.domain.message import MessageState
from gatewayd.store import people
from gatewayd.store.schema import attempts, is_ready, is_waiting, messages, sim_recipients
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime, to_microseconds
from gatewayd.store.work import Wanted, Work

SEARCHED = 50
"""Messages that one claim may end as blocked or expired; the line asks again at once."""

_m = messages.c
_COLUMNS = (
    _m.id,
    _m.priority,
    _m.recipient,
    _m.purpose,
    _m.text,
    _m.alphabet,
    _m.parts,
    _m.concat_reference,
    _m.sim_id,
    _m.tries,
    sa.type_coerce(_m.expires_at, sa.BigInteger).label("expires_at"),
)


class _Head(NamedTuple):
    """A ready message, as `_COLUMNS` has it; `expires_at` in microseconds."""

    id: int
    priority: int
    recipient: str
    purpose: str
    text: str
    alphabet: str
    parts: int
    concat_reference: int | None
    sim_id: int | None
    tries: int
    expires_at: int | None


def _head(owner: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The first ready message of one pool, purpose and owner."""
    return (
        sa.select(*_COLUMNS)
        .where(
            is_ready,
            _m.pool == sa.bindparam("pool"),
            _m.purpose == sa.bindparam("purpose"),
            owner,
            _m.parts <= sa.bindparam("max_parts"),
            sa.or_(
                _m.avoid_sim_id.is_(None),
                _m.avoid_sim_id != sa.bindparam("me"),
                sa.bindparam("last_resort", type_=sa.Boolean),
            ),
        )
        .order_by(_m.priority, _m.id)
        .limit(1)
    )


def _heads(*owners: sa.ColumnElement[bool]) -> Statement:
    """The heads of several owners, each by its own probe of the index."""
    return Statement(sa.union_all(*(sa.select(_head(owner).subquery()) for owner in owners)))


_HEADS_OF_ONE = _heads(_m.sim_id.is_(None), _m.sim_id == sa.bindparam("me"))
_HEAD_OF_OTHER = Statement(_head(_m.sim_id == sa.bindparam("owner")))
_HEAD_KNOWN = (
    sa.select(*_COLUMNS)
    .select_from(sim_recipients.join(messages, sim_recipients.c.recipient == _m.recipient))
    .where(
        sim_recipients.c.sim_id == sa.bindparam("me"),
        sim_recipients.c.last_at >= sa.bindparam("known_since", type_=UtcTime),
        is_ready,
        _m.pool == sa.bindparam("pool"),
        _m.purpose.in_(sa.bindparam("purposes", expanding=True)),
        sa.or_(_m.sim_id.is_(None), _m.sim_id.in_(sa.bindparam("owners", expanding=True))),
        _m.parts <= sa.bindparam("max_parts"),
        sa.or_(
            _m.avoid_sim_id.is_(None),
            _m.avoid_sim_id != sa.bindparam("me"),
            sa.bindparam("last_resort", type_=sa.Boolean),
        ),
    )
    .order_by(_m.priority, _m.id)
    .limit(1)
)
_END = Statement(
    sa.update(messages)
    .where(_m.id == sa.bindparam("message_id"))
    .values(state=sa.bindparam("ended"), reason=sa.bindparam("why"))
)
_TAKE = Statement(
    sa.update(messages)
    .where(_m.id == sa.bindparam("message_id"))
    .values(
        state="sending",
        reason="",
        sim_id=sa.bindparam("me"),
        avoid_sim_id=None,
        lease=sa.bindparam("token"),
        lease_until=sa.bindparam("until", type_=UtcTime),
    )
)
_BIND_OTHERS = Statement(
    sa.update(messages)
    .where(
        _m.recipient == sa.bindparam("to"),
        _m.pool == sa.bindparam("in_pool"),
        is_waiting,
        _m.sim_id.is_(None),
    )
    .values(sim_id=sa.bindparam("me"))
)


_SENT_PARTS = Statement(
    sa.select(sa.func.count()).where(
        attempts.c.message_id == sa.bindparam("message"), attempts.c.outcome == sa.literal_column("'sent'")
    )
)
_BEGIN = Statement(
    sa.insert(attempts)
    .values(
        message_id=sa.bindparam("message"),
        part=sa.bindparam("number"),
        sim_id=sa.bindparam("me"),
        begun_at=sa.bindparam("now", type_=UtcTime),
        cause="",
    )
    .returning(attempts.c.id)
)


def sent_parts(connection: Connection, message_id: int) -> int:
    """How many parts of a message are sent: the first ones, since parts go out in order."""
    return int(_SENT_PARTS.rows(connection, message=message_id)[0][0])


def claim(connection: Connection, wanted: Wanted, now: datetime) -> Work | None:
    """Take the next message this line may send, and begin its first part without outcome; None if there is none."""
    for _ in range(SEARCHED):
        row = _find(connection, wanted)
        if row is None:
            return None
        refusal = _refusal(connection, wanted, row, now)
        if refusal is None:
            return _take(connection, wanted, row, now)
        state, reason = refusal
        _END.change(connection, message_id=row.id, ended=str(state), why=reason)
    return None


def begin(connection: Connection, work: Work, part: int, now: datetime) -> Work:
    """Write `attempt.begun` for the next part of a message already claimed."""
    attempt_id = _begun(connection, work.message_id, part, work.sim_id, now)
    return Work(
        work.message_id, attempt_id, work.recipient, work.purpose, work.text, work.alphabet, part, work.parts,
        work.concat_reference, work.lease, work.sim_id, work.tries,
    )  # fmt: skip


def _find(connection: Connection, wanted: Wanted) -> _Head | None:
    common = {
        "pool": wanted.pool,
        "me": wanted.sim_id,
        "max_parts": wanted.max_parts,
        "last_resort": wanted.last_resort,
    }
    if wanted.known_since is not None:
        owners = [wanted.sim_id, *wanted.others_unable]
        known = {"known_since": wanted.known_since, "purposes": list(wanted.purposes), "owners": owners}
        row = connection.execute(_HEAD_KNOWN, common | known).first()
        return None if row is None else _Head(*row)
    found: list[_Head] = []
    for purpose in wanted.purposes:
        lane = common | {"purpose": purpose}
        found.extend(_Head(*row) for row in _HEADS_OF_ONE.rows(connection, **lane))
        for owner in wanted.others_unable:
            found.extend(_Head(*row) for row in _HEAD_OF_OTHER.rows(connection, owner=owner, **lane))
    return min(found, key=lambda row: (row.priority, row.id), default=None)


def _refusal(connection: Connection, wanted: Wanted, row: _Head, now: datetime) -> tuple[MessageState, str] | None:
    if row.expires_at is not None and row.expires_at <= to_microseconds(now):
        return MessageState.EXPIRED, "time_to_live"
    reason = consent.decide(wanted.purposes[row.purpose], people.facts(connection, row.recipient, row.purpose))
    return None if reason is None else (MessageState.BLOCKED, reason)


def _take(connection: Connection, wanted: Wanted, row: _Head, now: datetime) -> Work:
    until = now + timedelta(seconds=wanted.lease_seconds)
    token = f"{wanted.lease}/{row.id}"
    _TAKE.change(connection, message_id=row.id, me=wanted.sim_id, token=token, until=until)
    if row.sim_id is None:
        _BIND_OTHERS.change(connection, to=row.recipient, in_pool=wanted.pool, me=wanted.sim_id)
    part = 1
    if row.parts > 1:
        part += sent_parts(connection, row.id)
    attempt_id = _begun(connection, row.id, part, wanted.sim_id, now)
    return Work(
        row.id, attempt_id, row.recipient, row.purpose, row.text, row.alphabet, part, row.parts,
        row.concat_reference, token, wanted.sim_id, row.tries,
    )  # fmt: skip


def _begun(connection: Connection, message_id: int, part: int, sim_id: int, now: datetime) -> int:
    return int(_BEGIN.rows(connection, message=message_id, number=part, me=sim_id, now=now)[0][0])
