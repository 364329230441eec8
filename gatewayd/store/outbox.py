"""The queue: what was accepted, who works on it, and how each part ended.

Two commits a part. `turn` records the outcome of one part and begins the next (the mark `begun`); `mark_on_wire` asks
the gate again and marks the part as going out, between the modem's prompt and the PDU. What a crash leaves is read from
the marks: begun and not on the wire goes back to the queue; on the wire without an outcome is `unknown`, and is never
sent again by itself.

A claim is fenced by its lease: a line whose lease another one took over changes nothing (LeaseLost).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.consent import GateFacts
from gatewayd.domain.message import WAITING_STATES, MessageState, Outcome, told
from gatewayd.domain.purpose import Purpose
from gatewayd.errors import RefusedByRule, TransitionError, UsageError
from gatewayd.store import audit, claims, gate, marks, unknowns
from gatewayd.store.engine import Database
from gatewayd.store.people import gate_facts, heard_at
from gatewayd.store.schema import (
    LATER,
    READY,
    REMARKABLE,
    REMARKABLE_STATES,
    WAITING,
    attempts,
    message_counts,
    messages,
    sim_recipients,
    sims,
)
from gatewayd.store.unknowns import PARTS_SENT, RESENT
from gatewayd.store.work import (
    AttemptRecord,
    Finished,
    MessageRecord,
    NewMessage,
    Recovery,
    Resolution,
    WaitingRecord,
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
    "WaitingRecord",
    "Wanted",
    "Work",
]

CHORE = 2_000
EXPIRED_AT_ONCE = 500
"""In a transaction: each has an entry of the audit trail, and a STOP must not wait for all of them."""
"""Messages that a chore changes in one transaction: nobody waits long for the writer."""
AHEAD_COUNTED = 10_000
"""Messages before one's own that are counted: beyond that, it is "many"."""

FAR_AHEAD = timedelta(days=45)
"""Dated further in the future than any window reaches: the clock was wrong by months."""

_m, _a = messages.c, attempts.c
_STICKY = (
    sa.select(sim_recipients.c.sim_id)
    .join(sims, sims.c.id == sim_recipients.c.sim_id)
    .where(sim_recipients.c.recipient == sa.bindparam("to"), sims.c.pool == sa.bindparam("in_pool"))
    .order_by(sim_recipients.c.first_at)
    .limit(1)
)
_ACCEPT = sa.insert(messages).values(sim_id=_STICKY.scalar_subquery())
_LAST_ID = sa.text("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0)")


class Outbox:
    """The queue of one database; shared by all lines."""

    def __init__(self, database: Database, *, rng: random.Random | None = None) -> None:
        self._database, self._rng = database, rng or random.SystemRandom()

    # -- accepting

    def accept(self, connection: Connection | None, new: Sequence[NewMessage], *, by: str = audit.GATEWAY) -> list[int]:
        """Add messages, all or none; their ids. With a connection: in the caller's transaction."""
        if connection is None:
            return self._database.write(lambda own: self.accept(own, new, by=by))
        rows = [self._row(message) for message in new]
        first = last_id(connection) + 1
        for offset, row in enumerate(rows):
            row["id"] = first + offset
        if rows:
            connection.execute(_ACCEPT, rows)
            _told(connection, new, first, by)
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
            "row_number": new.row_number, "campaign_id": new.campaign_id, "asks": new.asks,
        }  # fmt: skip

    # -- the marks

    def turn(
        self,
        finished: Finished | None,
        wanted: Wanted | None,
        now: datetime,
        unfinished: Callable[[], None] = lambda: None,
    ) -> Work | None:
        """Record how a part ended and begin the next one, in one transaction; None if there is nothing to send.

        The next part of the same message comes first, whatever is wanted. LeaseLost: the outcome is no longer ours to
        record (nothing was claimed either). An outcome known too late resolves the `unknown` that took its place.
        `unfinished` is called where nothing was found among as many as one transaction may end, and more are behind.
        """

        def both(connection: Connection) -> Work | None:
            following = marks.finish(connection, finished, now) if finished is not None else None
            if following is not None or wanted is None:
                return following
            return claims.claim(connection, wanted, now, unfinished)

        return self._database.write(both)

    def mark_on_wire(self, work: Work, purpose: Purpose, now: datetime) -> None:
        """The part goes out when this returns. RefusedByRule: the gate closed, the message is blocked. LeaseLost."""
        reason = self._database.write(lambda connection: marks.on_wire(connection, work, purpose, now))
        if reason is not None:
            raise RefusedByRule(reason)

    def release(self, work: Work, now: datetime, reason: str, retry_at: datetime | None = None) -> None:
        """Nothing of the part was written: back to the queue, and no try is counted. LeaseLost."""
        self._database.write(lambda connection: marks.release(connection, work, now, reason, retry_at))

    def take_stock(self, lease: str, due: tuple[int, Outcome] | None, now: datetime) -> bool:
        """After a StorageUnavailable, which may have been durable nevertheless: whether `due` is recorded; what this
        line claimed without knowing it is queued again. StorageUnavailable."""
        return self._database.write(lambda connection: marks.take_stock(connection, f"{lease}/", due, now))

    # -- chores

    def promote(self, now: datetime) -> int:
        """Make ready what has waited long enough; how many."""
        return self._chore(LATER & (_m.not_before <= now), state="queued", ready=True, not_before=None)

    def expire(self, now: datetime) -> int:
        """End what waited longer than its time to live; how many."""
        total, ended = 0, EXPIRED_AT_ONCE
        while ended == EXPIRED_AT_ONCE:
            ended = self._database.write(lambda connection: _expire(connection, now))
            total += ended
        return total

    def _chore(self, which: sa.ColumnElement[bool], **changes: Any) -> int:
        """Change messages, CHORE of them a transaction, until there are no more."""
        some = sa.select(_m.id).where(which).limit(CHORE)
        change = sa.update(messages).where(_m.id.in_(some)).values(**changes)
        total, changed = 0, CHORE
        while changed == CHORE:
            changed = self._database.write(lambda connection: connection.execute(change).rowcount)
            total += changed
        return total

    def recover(self, now: datetime, mine: str = "") -> Recovery:
        """At start: put right what earlier lives left.

        `mine` is the beginning of this life's leases, of which none exists yet. A lease that has not run out is left
        alone unless it is of the same gateway, which the beginning up to the first `/` names; up to the second one it
        names this start of the machine.
        """
        gateway = mine.split("/", 1)[0] + "/"
        return self._database.write(lambda connection: marks.recover(connection, gateway, mine, now))

    # -- looking

    def history(self, sim_id: int, since: datetime, now: datetime | None = None) -> Sequence[tuple[datetime, str]]:
        """When and to whom this SIM sent parts since then; what was refused does not count.

        With `now`: nor does what a clock far ahead dated, once something that was sent after it is older than `since`.
        """
        query = (
            sa.select(_a.id, _a.on_wire_at, _m.recipient)
            .join(messages, _m.id == _a.message_id)
            .where(_a.sim_id == sim_id, _a.on_wire_at >= since, sa.or_(_a.outcome.is_(None), _a.outcome != "refused"))
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            proven = 0
            if now is not None and any(row.on_wire_at > now + FAR_AHEAD for row in rows):
                older = sa.select(sa.func.max(_a.id)).where(_a.sim_id == sim_id, _a.on_wire_at < since)
                proven = connection.execute(older).scalar() or 0
        return [
            (row.on_wire_at, row.recipient)
            for row in rows
            if now is None or row.id > proven or row.on_wire_at <= now + FAR_AHEAD
        ]

    def met(self, sim_id: int, since: datetime) -> Sequence[tuple[datetime, str]]:
        """Whom this SIM wrote to since then, refused or not, and when last: whom `Wanted.known_since` lets pass."""
        query = sa.select(sim_recipients.c.last_at, sim_recipients.c.recipient).where(
            sim_recipients.c.sim_id == sim_id, sim_recipients.c.last_at >= since
        )
        with self._database.read() as connection:
            return [(row.last_at, row.recipient) for row in connection.execute(query)]

    def earliest_not_before(self, now: datetime) -> datetime | None:  # noqa: ARG002  (the store's clocks are arguments)
        """When the next waiting message becomes due."""
        query = sa.select(sa.func.min(_m.not_before)).where(LATER)
        with self._database.read() as connection:
            found: datetime | None = connection.execute(query).scalar_one()
            return found

    def anything_ready(self) -> bool:
        """Whether a line could find a message."""
        with self._database.read() as connection:
            return connection.execute(sa.select(_m.id).where(READY).limit(1)).first() is not None

    def counts(self) -> dict[str, int]:
        """Messages in each state that occurs."""
        query = sa.select(message_counts.c.state, message_counts.c.total).where(message_counts.c.total > 0)
        with self._database.read() as connection:
            return {state: count for state, count in connection.execute(query)}

    def get(self, message_id: int) -> MessageRecord | None:
        """One message; None if there is no such id."""
        with self._database.read() as connection:
            row = connection.execute(_RECORD.where(_m.id == message_id)).first()
        return None if row is None else _record(row)

    def waiting(self, message_id: int, now: datetime) -> WaitingRecord | None:
        """One message that waits, and its place in the queue; None if it does not wait."""
        sent = sa.exists().where(_a.message_id == _m.id, _a.outcome == str(Outcome.SENT)).correlate(messages)
        columns = (
            _m.state, _m.reason, _m.recipient, _m.purpose, _m.pool, _m.parts, _m.ready, _m.not_before, _m.expires_at,
            _m.sim_id, _m.priority, sent.label("begun"), *gate_facts(_m.recipient, _m.purpose),
        )  # fmt: skip
        with self._database.read() as connection:
            row = connection.execute(sa.select(*columns).where(_m.id == message_id, WAITING)).first()
            if row is None:
                return None
            before = sa.or_(_m.priority < row.priority, sa.and_(_m.priority == row.priority, _m.id < message_id))
            some = sa.select(_m.id).where(READY, _m.pool == row.pool, before).limit(AHEAD_COUNTED).subquery()
            ahead = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
            heard = heard_at(connection, row.recipient)
            stop = None if row.begun else gate.stop_of(connection, message_id, now)
        found = {name: value for name, value in row._mapping.items() if name != "priority"}
        facts = GateFacts(bool(found.pop("opted_out")), found.pop("agreed_at"), heard)
        return WaitingRecord(**{**found, "state": MessageState(row.state)}, ahead=ahead, facts=facts, stop=stop)

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
                _a.resolved_by,
                _a.resent_by,
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
        before: int | None = None,
    ) -> Sequence[MessageRecord]:
        """The newest messages first; with `before`, those older than this one."""
        query = _RECORD.order_by(_m.id.desc()).limit(limit)
        if states:
            query = query.where(_m.state.in_([str(state) for state in states]))
            if REMARKABLE_STATES.issuperset(states):
                query = query.where(REMARKABLE)
        if recipient:
            query = query.where(_m.recipient == recipient)
        if purpose:
            query = query.where(_m.purpose == purpose)
        if before is not None:
            query = query.where(_m.id < before)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    # -- the operator

    def hold(self, message_id: int, now: datetime, *, by: str = "operator") -> None:
        """Keep a waiting message until `unhold`. UsageError, TransitionError."""
        allowed = WAITING_STATES - {MessageState.HELD}
        self._change(message_id, allowed, MessageState.HELD, Event.HELD, by, now)

    def unhold(self, message_id: int, now: datetime, *, by: str = "operator") -> str:
        """Let a held message go on; the campaign that it waits for then, or "". UsageError, TransitionError: it is that
        campaign which holds it."""

        def go_on(connection: Connection) -> str:
            row = self._found(connection, message_id, {MessageState.HELD})
            stop = gate.stop_of(connection, message_id, now)
            if stop is not None and (row.reason in gate.HOLDS or stop.state is not MessageState.HELD):
                held = f"message {message_id} is held by its campaign {stop.campaign}"
                raise TransitionError(f"{held}: {_SAID[stop.reason]}")
            values = {"state": str(MessageState.HELD), "reason": stop.reason, "ready": False} if stop else _queued(row)
            connection.execute(sa.update(messages).where(_m.id == message_id).values(**values))
            audit.append(connection, Event.RELEASED, now, by=by, number=row.recipient, message=message_id)
            return stop.campaign if stop is not None else ""

        return self._database.write(go_on)

    def cancel(self, message_id: int, now: datetime, *, by: str = "operator") -> None:
        """End a waiting or unknown message. UsageError, TransitionError."""
        allowed = WAITING_STATES | {MessageState.UNKNOWN}
        self._change(message_id, allowed, MessageState.CANCELED, Event.CANCELED, by, now)

    def resolve(self, message_id: int, resolution: Resolution, now: datetime, *, by: str = "operator") -> MessageState:
        """What `by` knows of an unknown message: it went out, or it must be sent (again).

        As sent: the part that was unknown counts as sent, and the remaining parts go on. UsageError, TransitionError.
        """

        def decide(connection: Connection) -> MessageState:
            row = self._found(connection, message_id, {MessageState.UNKNOWN})
            if resolution is Resolution.RESEND:
                unknowns.send_again(connection, message_id, by=by, now=now)
                return MessageState.QUEUED
            unknown = (_a.message_id == message_id) & (_a.outcome == str(Outcome.UNKNOWN))
            found = connection.execute(sa.select(sa.func.max(_a.id)).where(unknown)).scalar_one()
            decision = {"outcome": str(Outcome.SENT), "resolved_by": by, "resolved_at": now}
            connection.execute(sa.update(attempts).where(_a.id == found).values(**decision))
            at = connection.execute(sa.select(_a.on_wire_at).where(_a.id == found)).scalar_one()
            state = marks.resolve_sent(connection, message_id, row.parts, reason=unknowns.OPERATOR, sent_at=at)
            audit.resolved(connection, message_id, row.recipient, state, now, how=str(resolution), by=by, sent_at=at)
            return state

        return self._database.write(decide)

    def _change(
        self,
        message_id: int,
        allowed: AbstractSet[MessageState],
        following: MessageState,
        event: Event,
        by: str,
        now: datetime,
    ) -> None:
        def change(connection: Connection) -> None:
            row = self._found(connection, message_id, allowed)
            values = {"state": str(following), "reason": "operator", "ready": False}
            connection.execute(sa.update(messages).where(_m.id == message_id).values(**values))
            audit.append(connection, event, now, by=by, number=row.recipient, message=message_id)

        self._database.write(change)

    def _found(
        self, connection: Connection, message_id: int, allowed: AbstractSet[MessageState]
    ) -> sa.Row[*tuple[Any, ...]]:
        row = connection.execute(
            sa.select(_m.state, _m.reason, _m.parts, _m.not_before, _m.recipient).where(_m.id == message_id)
        ).first()
        if row is None:
            raise UsageError(f"there is no message {message_id}")
        if MessageState(row.state) not in allowed:
            raise TransitionError(f"message {message_id} is {row.state}: this needs {' or '.join(sorted(allowed))}")
        return row


_SAID = {
    gate.PAUSED: "it goes on when that is resumed",
    gate.WINDOW: "it goes on when the hours of that begin",
    gate.CANCELED: "that is canceled, and sends nothing more",
    "time_to_live": "that has ended, and sends nothing more",
}


def _queued(row: sa.Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {"state": str(MessageState.QUEUED), "reason": "", "ready": row.not_before is None}


def _told(connection: Connection, new: Sequence[NewMessage], first: int, by: str) -> None:
    """One entry of the audit trail for what is accepted in one step."""
    one, told = new[0], {"feed": new[0].feed, "purpose": new[0].purpose}
    if len(new) == 1:
        audit.append(
            connection, Event.ACCEPTED, one.created_at, by=by, number=one.recipient, message=first, parts=one.parts,
            state=str(one.state), **told,
        )  # fmt: skip
    else:
        audit.append(connection, Event.LIST_ACCEPTED, one.created_at, by=by, first=first, count=len(new), **told)


def last_id(connection: Connection) -> int:
    """The highest id that a message ever had."""
    return int(connection.execute(_LAST_ID).scalar_one())


_RECORD = sa.select(
    _m.id, _m.recipient, _m.purpose, _m.feed, _m.state, _m.reason, sa.func.coalesce(sims.c.name, "").label("sim"),
    _m.parts, _m.text, _m.created_at, _m.sent_at, _m.delivered_at, PARTS_SENT, RESENT,
).select_from(messages.outerjoin(sims, sims.c.id == _m.sim_id))  # fmt: skip


def _expire(connection: Connection, now: datetime) -> int:
    late = sa.select(_m.id, _m.recipient).where(WAITING, _m.expires_at.is_not(None), _m.expires_at <= now)
    found = [(row.id, row.recipient) for row in connection.execute(late.limit(EXPIRED_AT_ONCE))]
    if found:
        change = sa.update(messages).where(_m.id.in_([message_id for message_id, _ in found]))
        connection.execute(change.values(state=str(MessageState.EXPIRED), reason="time_to_live"))
        audit.expired(connection, found, "time_to_live", now)
    return len(found)


def _record(row: sa.Row[*tuple[Any, ...]]) -> MessageRecord:
    state = MessageState(row.state)
    fields = dict(row._mapping)
    sent, resent = fields.pop("parts_sent"), fields.pop("resent")
    reason = told(state, row.reason, sent=sent, parts=row.parts, resent=bool(resent))
    return MessageRecord(**{**fields, "state": state, "reason": reason})
