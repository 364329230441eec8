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

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.util import ClauseAdapter

from gatewayd.domain.audit import Event
from gatewayd.domain.consent import GateFacts
from gatewayd.domain.message import MessageState
from gatewayd.errors import LeaseLost
from gatewayd.store import audit, gate, people
from gatewayd.store.schema import READY, WAITING, attempts, messages, sim_recipients
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime
from gatewayd.store.work import Wanted, Work

SEARCHED = 50
"""Messages that one claim may end as blocked or expired; the line asks again at once."""
LOOK_AHEAD = 50
"""Messages of one lane that are looked at for one that is small enough."""
LANES = 256
"""Lanes that one query joins, those of other SIMs counted once: they may be doubled, and SQLite joins 500."""
_NOBODY = -1
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
    priority: int
    opted_out: bool
    agreed_at: datetime | None
    may_send_until: datetime | None
    others_wait: bool


def _param(name: str, type_: Any = None) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_, required=True)


_SENT = (
    sa.select(sa.func.coalesce(sa.func.max(attempts.c.part), 0))
    .where(attempts.c.message_id == _m.id, attempts.c.outcome == sa.literal_column("'sent'"))
    .correlate(messages)
    .scalar_subquery()
)
"""The last part that is sent: parts go out in order. Not a count: one that was sent again may be sent twice."""
_OTHER = messages.alias()
_OTHERS_WAIT = (
    sa.exists()
    .where(
        ClauseAdapter(_OTHER).traverse(WAITING),
        _OTHER.c.recipient == _m.recipient,
        _OTHER.c.pool == _m.pool,
        _OTHER.c.sim_id.is_(None),
        _OTHER.c.id != _m.id,
    )
    .correlate(messages)
)
"""More messages of nobody's wait for the recipient: they are to be bound to the SIM too."""
_FOUND = (
    _m.id, _m.recipient, _m.purpose, _m.text, _m.alphabet, _m.parts, _m.concat_reference, _m.sim_id, _m.tries,
    _m.expires_at, _SENT, _m.priority, *people.gate_facts(_m.recipient, _m.purpose),
    gate.MAY_SEND_UNTIL, _OTHERS_WAIT,
)  # fmt: skip


_BEGUN = sa.exists().where(attempts.c.message_id == _m.id, attempts.c.outcome == sa.literal_column("'sent'"))
"""A part of it is sent: it stays with its SIM, for a phone puts together only what comes from one number."""


def _fit(purpose: str, avoided: str) -> sa.ColumnElement[bool]:
    """Messages of a purpose that may be taken by the SIM who asks: another one was wanted for what avoids it."""
    avoids = sa.and_(_m.avoid_sim_id.is_not(None), _m.avoid_sim_id == _param(avoided))
    return sa.and_(_m.purpose == _param(purpose), sa.not_(avoids))


def _whose(purposes: int, others: int) -> list[sa.ColumnElement[bool]]:
    """A condition for each lane: of each purpose what is nobody's and what is mine, and what is another SIM's."""
    fit = [_fit(f"purpose{index}", f"avoided{index}") for index in range(purposes)]
    owner = (_m.sim_id.is_(None), _m.sim_id == _param("me"))
    fresh = sa.or_(_m.parts == sa.literal_column("1"), sa.not_(_BEGUN.correlate(messages)))
    return [sa.and_(one, mine) for one in fit for mine in owner] + [
        sa.and_(_fit(f"of{index}", f"avoidedof{index}"), _m.sim_id == _param(f"other{index}"), fresh)
        for index in range(others)
    ]


def _lane(whose: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The first message, of those not too large, of one pool, purpose and owner."""
    head = (
        sa.select(_m.id, _m.priority, _m.parts)
        .where(READY, _m.pool == _param("pool"), whose)
        .order_by(_m.priority, _m.id)
        .limit(sa.literal_column(str(LOOK_AHEAD)))
        .subquery()
    )
    first = sa.select(head.c.id, head.c.priority).where(head.c.parts <= _param("max_parts"))
    return sa.select(first.limit(sa.literal_column("1")).subquery())


@lru_cache(maxsize=128)
def _find(purposes: int, others: int) -> Statement:
    """The best of so many lanes."""
    heads = sa.union_all(*(_lane(whose) for whose in _whose(purposes, others))).subquery()
    best = sa.select(heads.c.id).order_by(heads.c.priority, heads.c.id).limit(sa.literal_column("1"))
    return Statement(sa.select(*_FOUND).where(_m.id == best.scalar_subquery()))


@lru_cache(maxsize=128)
def _find_known(purposes: int, others: int) -> Statement:
    """The best of those for recipients this SIM wrote to since `known_since`."""
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
            sa.or_(*_whose(purposes, others)),
            _m.parts <= _param("max_parts"),
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


_TOLD = {MessageState.BLOCKED: Event.BLOCKED, MessageState.EXPIRED: Event.EXPIRED}
"""Of one canceled with its campaign, the campaign's entry tells."""


def claim(
    connection: Connection, wanted: Wanted, now: datetime, unfinished: Callable[[], None] = lambda: None
) -> Work | None:
    """Take the next message this line may send, and begin its first part not yet sent; None if there is none, or,
    as `unfinished` is told, if there may be one behind those that ended here."""
    if not wanted.purposes:
        return None
    for _ in range(SEARCHED):
        found = _search(connection, wanted)
        if found is None:
            return None
        ending = _ending(connection, wanted, found, now)
        if ending is None:
            work = _take(connection, wanted, found, now)
            if work is not None:
                return work
            continue
        state, reason = ending
        _END.run(connection, message_id=found.id, following=str(state), why=reason)
        if state in _TOLD:
            audit.append(connection, _TOLD[state], now, number=found.recipient, message=found.id, reason=reason)
    unfinished()
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
    """The best message, looked for in as many queries as the lanes need: SQLite joins 500 of them at most."""
    others = _others(wanted)
    best: _Found | None = None
    size = max(1, LANES - 2 * len(wanted.purposes))
    for start in range(0, max(1, len(others)), size):
        found = _search_some(connection, wanted, others[start : start + size], own=start == 0)
        if found is not None and (best is None or (found.priority, found.id) < (best.priority, best.id)):
            best = found
    return best


def _others(wanted: Wanted) -> list[tuple[str, int]]:
    """Which purposes of which other SIMs this line serves too."""
    return [
        (purpose, sim_id)
        for purpose in wanted.purposes
        for sim_id in sorted(wanted.others_unable | wanted.not_carrying.get(purpose, frozenset()))
    ]


def _search_some(connection: Connection, wanted: Wanted, others: list[tuple[str, int]], *, own: bool) -> _Found | None:
    def avoided(purpose: str) -> int:
        return _NOBODY if wanted.last_resort or purpose in wanted.alone else wanted.sim_id

    # The same lane again and again, up to a power of two: so there are few different statements.
    others = others + others[-1:] * ((1 << (len(others) - 1).bit_length()) - len(others) if others else 0)
    purposes = list(wanted.purposes) if own else []
    values: dict[str, Any] = {"pool": wanted.pool, "me": wanted.sim_id, "max_parts": wanted.max_parts}
    for index, purpose in enumerate(purposes):
        values |= {f"purpose{index}": purpose, f"avoided{index}": avoided(purpose)}
    for index, (purpose, sim_id) in enumerate(others):
        values |= {f"of{index}": purpose, f"avoidedof{index}": avoided(purpose), f"other{index}": sim_id}
    search = _find if wanted.known_since is None else _find_known
    statement = search(len(purposes), len(others))
    row = statement.first(connection, known_since=wanted.known_since, is_ready=True, **values)
    return None if row is None else _Found._make(row)


def _ending(connection: Connection, wanted: Wanted, found: _Found, now: datetime) -> tuple[MessageState, str] | None:
    """Why this message ends here instead of being taken; None: it is taken."""
    if found.expires_at is not None and found.expires_at <= now:
        return MessageState.EXPIRED, "time_to_live"
    if found.may_send_until is not None and found.may_send_until <= now and not found.sent:
        return gate.stopped(connection, found.id)
    facts = GateFacts(bool(found.opted_out), found.agreed_at)
    reason = people.refusal(connection, wanted.purposes[found.purpose], found.recipient, facts, now)
    return None if reason is None else (MessageState.BLOCKED, reason)


def _take(connection: Connection, wanted: Wanted, found: _Found, now: datetime) -> Work | None:
    """Lease the message and begin its part; None if a late answer said meanwhile that all of it was sent."""
    until = now + timedelta(seconds=wanted.lease_seconds)
    token = f"{wanted.lease}/{found.id}"
    _TAKE.run(connection, message_id=found.id, me=wanted.sim_id, token=token, until=until)
    if found.sim_id is None and found.others_wait:
        _BIND_OTHERS.run(connection, to=found.recipient, in_pool=wanted.pool, me=wanted.sim_id)
    part = found.sent + 1
    if part > found.parts:
        leave(connection, found.id, token, MessageState.SENT, sent_at=now)
        sim = audit.iccid(connection, wanted.sim_id)
        audit.sent(connection, now, found.recipient, found.id, found.parts, found.purpose, sim)
        return None
    attempt_id = _BEGIN.insert(connection, message_id=found.id, part=part, me=wanted.sim_id, at=now)
    return Work(
        found.id, attempt_id, found.recipient, found.purpose, found.text, found.alphabet, part, found.parts,
        found.concat_reference, token, wanted.sim_id, found.tries,
    )  # fmt: skip
