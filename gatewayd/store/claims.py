"""Which message a line takes next, and the first mark of its attempt.

One probe of the partial index `messages_ready` for each purpose that is open and each owner (no SIM yet, this SIM, a
SIM of the pool that cannot send), each at the head of its order; the best by (priority, id) wins. So a claim costs the
same at a thousand waiting messages and at a million. When the distinct recipients of the SIM are spent, the search
starts from those it already wrote to, who are few.

A message too large for what is left of a limit lets smaller ones pass, if they are among the first LOOK_AHEAD of its
lane: beyond that it is its turn that is waited for. What the gate forbids, or what is too old, ends here, and the
search goes on, for a bounded number of messages.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain import consent
from gatewayd.domain.consent import GateFacts
from gatewayd.domain.message import MessageState
from gatewayd.errors import LeaseLost
from gatewayd.store import people
from gatewayd.store.schema import READY, WAITING, attempts, messages, sim_recipients
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime
from gatewayd.store.work import Wanted, Work

SEARCHED = 50
"""Messages that one claim may end as blocked or expired; the line asks again at once."""
LOOK_AHEAD = 50
"""Messages of one lane that are looked at for one that is small enough."""
LONGEST_ANSWER = timedelta(minutes=7)
"""The longest answer to a PDU is 300 s (ModemManager's figure), and then the outcome must be written."""

_m = messages.c


class _Found(NamedTuple):
    """A message that may be taken, with what the gate asks about it."""

    id: int
    recipient: str
    purpose: str
    text: str
    alphabet: str
    parts: int
    concat_reference: int | None
    sim_id: int | None
    tries: int
    expires_at: datetime | None
    sent: int
    opted_out: bool
    consent: bool | None


def _param(name: str, type_: Any = None) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_, required=True)


_SENT = (
    sa.select(sa.func.count())
    .where(attempts.c.message_id == _m.id, attempts.c.outcome == sa.literal_column("'sent'"))
    .correlate(messages)
    .scalar_subquery()
)
"""Parts that are sent: the first ones, since parts go out in order."""
_FOUND = (
    _m.id, _m.recipient, _m.purpose, _m.text, _m.alphabet, _m.parts, _m.concat_reference, _m.sim_id, _m.tries,
    _m.expires_at, _SENT, *people.gate_facts(_m.recipient, _m.purpose),
)  # fmt: skip


def _acceptable(last_resort: bool) -> sa.ColumnElement[bool]:
    """Another SIM was wanted for what avoids this one, unless there is none."""
    return sa.true() if last_resort else sa.or_(_m.avoid_sim_id.is_(None), _m.avoid_sim_id != _param("me"))


def _lane(owner: sa.ColumnElement[bool], purpose: str, last_resort: bool) -> sa.Select[Any]:
    """The first message, of those not too large, of one pool, purpose and owner."""
    head = (
        sa.select(_m.id, _m.priority, _m.parts)
        .where(READY, _m.pool == _param("pool"), _m.purpose == _param(purpose), owner, _acceptable(last_resort))
        .order_by(_m.priority, _m.id)
        .limit(sa.literal_column(str(LOOK_AHEAD)))
        .subquery()
    )
    first = sa.select(head.c.id, head.c.priority).where(head.c.parts <= _param("max_parts"))
    return sa.select(first.limit(sa.literal_column("1")).subquery())


@lru_cache(maxsize=64)
def _find(purposes: int, owners: int, last_resort: bool) -> Statement:
    """The best of the lanes of so many purposes and owners; the parameters are purpose0..., owner0..."""
    mine = [_m.sim_id.is_(None), *(_m.sim_id == _param(f"owner{index}") for index in range(owners))]
    lanes = [_lane(owner, f"purpose{index}", last_resort) for index in range(purposes) for owner in mine]
    heads = sa.union_all(*lanes).subquery()
    best = sa.select(heads.c.id).order_by(heads.c.priority, heads.c.id).limit(sa.literal_column("1"))
    return Statement(sa.select(*_FOUND).where(_m.id == best.scalar_subquery()))


@lru_cache(maxsize=64)
def _find_known(purposes: int, owners: int, last_resort: bool) -> Statement:
    """The best of those for recipients this SIM wrote to since `known_since`."""
    mine = [_m.sim_id.is_(None), *(_m.sim_id == _param(f"owner{index}") for index in range(owners))]
    best = (
        # READY in parameters, not in constants: SQLite must not start from `messages_ready`, which is long, but from
        # the recipients, who are few, and find their messages by `messages_waiting_for`.
        sa.select(_m.id)
        .select_from(sim_recipients.join(messages, sim_recipients.c.recipient == _m.recipient))
        .where(
            sim_recipients.c.sim_id == _param("me"),
            sim_recipients.c.last_at >= _param("known_since", UtcTime),
            WAITING,
            _m.state == str(MessageState.QUEUED),
            _m.ready == _param("is_ready", sa.Boolean),
            _m.pool == _param("pool"),
            sa.or_(*(_m.purpose == _param(f"purpose{index}") for index in range(purposes))),
            sa.or_(*mine),
            _m.parts <= _param("max_parts"),
            _acceptable(last_resort),
        )
        .order_by(_m.priority, _m.id)
        .limit(sa.literal_column("1"))
    )
    return Statement(sa.select(*_FOUND).where(_m.id == best.scalar_subquery()))


_END = Statement(
    sa.update(messages)
    .where(_m.id == _param("message_id"))
    .values(state=_param("following"), reason=_param("why"), ready=sa.literal_column("0"))
)
_TAKE = Statement(
    sa.update(messages)
    .where(_m.id == _param("message_id"))
    .values(
        state=sa.literal_column("'sending'"),
        reason=sa.literal_column("''"),
        sim_id=_param("me"),
        avoid_sim_id=sa.null(),
        lease=_param("token"),
        lease_until=_param("until", UtcTime),
    )
)
_BIND_OTHERS = Statement(
    sa.update(messages)
    .where(WAITING, _m.recipient == _param("to"), _m.pool == _param("in_pool"), _m.sim_id.is_(None))
    .values(sim_id=_param("me"))
)
_LEAVE_SENT = Statement(
    sa.update(messages)
    .where(_m.id == _param("message_id"), _m.lease == _param("token"))
    .values(state=sa.literal_column("'sent'"), sent_at=_param("sent_at", UtcTime), lease=sa.null())
)
_LEAVE = Statement(
    sa.update(messages)
    .where(_m.id == _param("message_id"), _m.lease == _param("token"))
    .values(state=_param("following"), reason=_param("why"), lease=sa.null(), ready=sa.literal_column("0"))
)
_GO_BACK = Statement(
    sa.update(messages)
    .where(_m.id == _param("message_id"), _m.lease == _param("token"))
    .values(
        state=sa.literal_column("'queued'"),
        reason=_param("why"),
        lease=sa.null(),
        ready=_param("is_ready", sa.Boolean),
        not_before=_param("retry_at", UtcTime),
        avoid_sim_id=_param("avoided"),
        # Nobody's again, so that another SIM finds it.
        sim_id=sa.case((_param("avoided").is_not(None), sa.null()), else_=_m.sim_id),
        tries=_m.tries + _param("tried"),
    )
)
_BEGIN = Statement(
    sa.insert(attempts).values(
        message_id=_param("message_id"),
        part=_param("part"),
        sim_id=_param("me"),
        begun_at=_param("at", UtcTime),
        cause=sa.literal_column("''"),
    )
)


def claim(connection: Connection, wanted: Wanted, now: datetime) -> Work | None:
    """Take the next message this line may send, and begin its first part not yet sent; None if there is none."""
    if not wanted.purposes:
        return None
    for _ in range(SEARCHED):
        found = _search(connection, wanted)
        if found is None:
            return None
        ending = _ending(wanted, found, now)
        if ending is None:
            work = _take(connection, wanted, found, now)
            if work is not None:
                return work
            continue
        state, reason = ending
        _END.run(connection, message_id=found.id, following=str(state), why=reason)
    return None


def begin(connection: Connection, work: Work, part: int, now: datetime) -> Work:
    """Write `attempt.begun` for the next part of a message already claimed."""
    attempt_id = _BEGIN.insert(connection, message_id=work.message_id, part=part, me=work.sim_id, at=now)
    return Work(
        work.message_id, attempt_id, work.recipient, work.purpose, work.text, work.alphabet, part, work.parts,
        work.concat_reference, work.lease, work.sim_id, work.tries,
    )  # fmt: skip


def leave(
    connection: Connection,
    message_id: int,
    lease: str,
    following: MessageState,
    *,
    reason: str = "",
    sent_at: datetime | None = None,
) -> None:
    """End the lease with the message: it was sent, or came to another end. LeaseLost."""
    if following is MessageState.SENT:
        changed = _LEAVE_SENT.run(connection, message_id=message_id, token=lease, sent_at=sent_at)
    else:
        changed = _LEAVE.run(connection, message_id=message_id, token=lease, following=str(following), why=reason)
    if changed != 1:
        raise LeaseLost


def go_back(
    connection: Connection,
    message_id: int,
    lease: str,
    *,
    reason: str = "",
    retry_at: datetime | None = None,
    avoided: int | None = None,
    tried: int = 0,
) -> None:
    """End the lease and queue the message again, from `retry_at` on, for another SIM than `avoided`. LeaseLost."""
    changed = _GO_BACK.run(
        connection, message_id=message_id, token=lease, why=reason, is_ready=retry_at is None, retry_at=retry_at,
        avoided=avoided, tried=tried,
    )  # fmt: skip
    if changed != 1:
        raise LeaseLost


def _search(connection: Connection, wanted: Wanted) -> _Found | None:
    values: dict[str, Any] = {"pool": wanted.pool, "me": wanted.sim_id, "max_parts": wanted.max_parts}
    owners = [wanted.sim_id, *sorted(wanted.others_unable)]
    values.update((f"owner{index}", owner) for index, owner in enumerate(owners))
    values.update((f"purpose{index}", purpose) for index, purpose in enumerate(wanted.purposes))
    search = _find if wanted.known_since is None else _find_known
    statement = search(len(wanted.purposes), len(owners), wanted.last_resort)
    row = statement.first(connection, known_since=wanted.known_since, is_ready=True, **values)
    return None if row is None else _Found._make(row)


def _ending(wanted: Wanted, found: _Found, now: datetime) -> tuple[MessageState, str] | None:
    """Why this message ends here instead of being taken; None: it is taken."""
    if found.expires_at is not None and found.expires_at <= now:
        return MessageState.EXPIRED, "time_to_live"
    facts = GateFacts(opted_out=bool(found.opted_out), consent=bool(found.consent))
    reason = consent.decide(wanted.purposes[found.purpose], facts)
    return None if reason is None else (MessageState.BLOCKED, reason)


def _take(connection: Connection, wanted: Wanted, found: _Found, now: datetime) -> Work | None:
    """Lease the message and begin its part; None if a late answer said meanwhile that all of it was sent."""
    until = now + timedelta(seconds=wanted.lease_seconds)
    token = f"{wanted.lease}/{found.id}"
    _TAKE.run(connection, message_id=found.id, me=wanted.sim_id, token=token, until=until)
    if found.sim_id is None:
        _BIND_OTHERS.run(connection, to=found.recipient, in_pool=wanted.pool, me=wanted.sim_id)
    part = found.sent + 1
    if part > found.parts:
        leave(connection, found.id, token, MessageState.SENT, sent_at=now)
        return None
    attempt_id = _BEGIN.insert(connection, message_id=found.id, part=part, me=wanted.sim_id, at=now)
    return Work(
        found.id, attempt_id, found.recipient, found.purpose, found.text, found.alphabet, part, found.parts,
        found.concat_reference, token, wanted.sim_id, found.tries,
    )  # fmt: skip
