"""Files and their rows: staged and accepted in short transactions, reported when they have settled, and again when more
is known of their messages.

A batch is one file of one feed. Its rows are staged a chunk at a time and mean nothing yet; `accept` turns the good
ones into messages, `SOME` in a transaction, for a STOP must not wait for 50,000. The first of these decides: from it on
the batch is accepted, whatever crashes, and how far it came is the last row that has a message. The same content is
accepted once per feed, which the database itself ensures. After a crash `begin` gives the same batch to the same claim:
staged rows are dropped and read again; of a batch that is accepted, `accept` goes on from there.

    report   due --writing--> writing --reported--> written
              `<--- a message changes after it has left ---'

The database itself makes it `due` again, in the transaction of the change. A crash while it is written leaves
`writing`, which is owed as `due` is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.message import MessageState, told
from gatewayd.domain.purpose import Purpose
from gatewayd.store import audit
from gatewayd.store.engine import Database, inserted_id
from gatewayd.store.handler_calls import NewCall, owe
from gatewayd.store.schema import FILED, OPEN, OWING, attempts, batch_rows, batches, messages, sim_recipients, sims
from gatewayd.store.unknowns import PARTS_SENT, RESENT

SOME = 500
"""Rows that become messages in one transaction."""
_READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """A file; `claim` names the private copy it was read from, `filed_as` its name in the answer folder."""

    id: int
    feed: str
    name: str
    fingerprint: str
    claim: str
    filed_as: str
    created_at: datetime
    accepted_at: datetime | None
    reported_at: datetime | None
    report: str
    kind: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A row's fate: `reason` empty for a good one, which has a recipient in E.164 and a text."""

    line: int
    recipient: str
    reason: str = ""
    text: str = ""
    alphabet: str = ""
    parts: int = 0


@dataclass(frozen=True, slots=True)
class ReportedRow:
    """A row with what became of it; `state` absent: it was not accepted, for `reason`."""

    line: int
    recipient: str
    state: MessageState | None
    reason: str
    sent_at: datetime | None
    parts: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a file's only message, and by which SIM: absent what is not known."""

    message_id: int
    recipient: str
    state: MessageState
    reason: str
    sent_at: datetime | None
    delivered_at: datetime | None
    sim: str = ""
    imsi: str = ""
    imei: str = ""
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    reference: int | None = None
    tp_status: int | None = None


class Batches:
    """The files of all feeds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, *, name: str, feed: str, fingerprint: str, claim: str, now: datetime, kind: str = "") -> Batch:
        """The accepted batch of this claim, or the one by which the same content was accepted before, or a new one.

        What an earlier reading of the claim staged is dropped: the file may have changed since.
        """

        def find(connection: Connection) -> Batch:
            of_feed = sa.and_(batches.c.feed == feed, batches.c.fingerprint == fingerprint)
            _forget(connection, sa.and_(batches.c.claim == claim, batches.c.accepted_at.is_(None)))
            for which in (batches.c.claim == claim, sa.and_(of_feed, batches.c.accepted_at.is_not(None))):
                row = connection.execute(sa.select(batches).where(which)).first()
                if row is not None:
                    return Batch(**row._mapping)
            values = {
                "name": name,
                "feed": feed,
                "fingerprint": fingerprint,
                "claim": claim,
                "created_at": now,
                "kind": kind,
            }
            result = connection.execute(sa.insert(batches).values(filed_as="", **values))
            batch_id = inserted_id(result)
            return Batch(batch_id, feed, name, fingerprint, claim, "", now, None, None, "due", kind)

        return self._database.write(find)

    def stage(self, batch_id: int, rows: Sequence[StagedRow]) -> None:
        """Add rows in a short transaction of their own; nothing is accepted by that."""
        values = [
            {
                "batch_id": batch_id, "row_number": row.line, "recipient": row.recipient, "reason": row.reason,
                "text": row.text, "alphabet": row.alphabet, "parts": row.parts,
            }
            for row in rows
        ]  # fmt: skip
        if values:
            self._database.write(lambda connection: connection.execute(sa.insert(batch_rows), values))

    def accept(
        self, batch_id: int, purpose: Purpose, now: datetime, *, state: MessageState, reason: str = "", ahead: int = 0
    ) -> int:
        """Turn all good rows into messages, some in a transaction: a STOP waits for none of them long; how many.

        With the first of them the batch is accepted, and after a crash the same call brings in the others, each row
        once. `ahead`: before others of their class. 0 if the same content of the same feed was accepted meanwhile, by
        another claim: `begin` then gives that one.
        """

        def some(connection: Connection) -> bool:
            """Whether there may be more."""
            after = connection.execute(_last_accepted(batch_id)).scalar_one()
            taken = connection.execute(_insert(batch_id, feed, purpose, now, state, reason, ahead, after)).rowcount
            # The texts are in the messages now; keeping them twice would double the personal data.
            until = connection.execute(_last_accepted(batch_id)).scalar_one()
            told = sa.and_(batch_rows.c.batch_id == batch_id, batch_rows.c.row_number.between(after + 1, until))
            connection.execute(sa.update(batch_rows).where(told).values(text=""))
            return taken == SOME

        def first(connection: Connection) -> bool:
            if _was_accepted_elsewhere(connection, batch):
                return False
            change = sa.update(batches).where(batches.c.id == batch_id, batches.c.accepted_at.is_(None))
            if connection.execute(change.values(accepted_at=now)).rowcount == 0:
                return True
            audit.append(
                connection, Event.BATCH_ACCEPTED, now, batch=batch_id, feed=feed, purpose=purpose.key,
                count=int(connection.execute(_good(batch_id)).scalar_one()), state=str(state),
                digest=batch.fingerprint,
            )  # fmt: skip
            return some(connection)

        with self._database.read() as reading:
            batch = reading.execute(sa.select(batches).where(batches.c.id == batch_id)).one()
        feed = batch.feed
        more = self._database.write(first)
        while more:
            more = self._database.write(some)
        with self._database.read() as reading:
            return int(reading.execute(_accepted(batch_id)).scalar_one())

    def discard(self, batch_id: int) -> None:
        """Forget a batch that was not accepted, with its rows: nobody's number stays for nothing."""
        unaccepted = sa.and_(batches.c.id == batch_id, batches.c.accepted_at.is_(None))
        self._database.write(lambda connection: _forget(connection, unaccepted))

    def filed(self, claim: str, name: str) -> None:
        """The file of this claim is in its answer folder, under this name."""
        change = sa.update(batches).where(batches.c.claim == claim).values(filed_as=name)
        self._database.write(lambda connection: connection.execute(change))

    def rows(self, batch_id: int) -> Iterator[ReportedRow]:
        """What became of each row, in the order of the file, read as it is consumed."""
        query = (
            sa.select(
                batch_rows.c.row_number, batch_rows.c.recipient, batch_rows.c.reason.label("refusal"),
                messages.c.state, messages.c.reason, messages.c.sent_at, messages.c.parts, PARTS_SENT, RESENT,
            )
            .select_from(
                batch_rows.outerjoin(
                    messages,
                    (messages.c.batch_id == batch_rows.c.batch_id)
                    & (messages.c.row_number == batch_rows.c.row_number),
                )
            )
            .where(batch_rows.c.batch_id == batch_id)
            .order_by(batch_rows.c.row_number)
            .execution_options(yield_per=_READ_AT_ONCE)
        )  # fmt: skip
        with self._database.read() as connection:
            for row in connection.execute(query):
                state = MessageState(row.state) if row.state is not None else None
                reason = row.refusal if state is None else _told(state, row)
                yield ReportedRow(row.row_number, row.recipient, state, reason, row.sent_at, row.parts or 0)

    def fate(self, batch_id: int) -> Fate | None:
        """What became of the only message of a file."""
        m, a = messages.c, attempts.c
        query = (
            sa.select(
                m.id.label("message_id"), m.recipient, m.state, m.reason, m.sent_at, m.delivered_at, sims.c.name,
                sims.c.imsi, sims.c.imei, a.ended_at, a.reference, a.tp_status,
                sa.func.min(a.begun_at).over(order_by=a.id).label("begun_at"),
            )
            .select_from(messages)
            .outerjoin(attempts, a.message_id == m.id)
            .outerjoin(sims, sims.c.id == a.sim_id)
            .where(m.batch_id == batch_id)
            .order_by(a.id.desc())
            .limit(1)
        )  # fmt: skip
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        found = {**row._mapping, "state": MessageState(row.state), "sim": row.name or ""}
        del found["name"]
        return Fate(**{**found, "imsi": row.imsi or "", "imei": row.imei or ""})

    def owing(self) -> Sequence[Batch]:
        """Filed batches whose messages have all left or ended, and whose report does not tell it yet, oldest first."""
        still_open = sa.select(sa.literal(1)).where(messages.c.batch_id == batches.c.id, OPEN).exists()
        query = sa.select(batches).where(OWING, batches.c.filed_as != "", ~still_open).order_by(batches.c.id)
        with self._database.read() as connection:
            return [Batch(**row._mapping) for row in connection.execute(query)]

    def has_its_name(self, batch: Batch) -> bool:
        """Whether no later file was filed under its name, once somebody had taken its own away."""
        later = sa.select(batches.c.id).where(FILED, batches.c.filed_as == batch.filed_as, batches.c.id > batch.id)
        with self._database.read() as connection:
            return connection.execute(later.limit(1)).first() is None

    def writing(self, batch_id: int) -> None:
        """The report is being written: what changes from now on makes it due again."""
        change = sa.update(batches).where(batches.c.id == batch_id).values(report="writing")
        self._database.write(lambda connection: connection.execute(change))

    def reported(self, batch_id: int, now: datetime, *, told: str = "", calls: Sequence[NewCall] = ()) -> None:
        """The report is written, with all that was known when the writing began; `told` is the event that is owed."""
        nothing_new = sa.case((batches.c.report == "writing", "written"), else_=batches.c.report)
        change = sa.update(batches).where(batches.c.id == batch_id).values(reported_at=now, report=nothing_new)
        change = change.values(told=told) if told else change

        def both(connection: Connection) -> None:
            connection.execute(change)
            owe(connection, calls, now)

        self._database.write(both)


def _told(state: MessageState, row: sa.Row[*tuple[Any, ...]]) -> str:
    return told(state, row.reason, sent=row.parts_sent, parts=row.parts, resent=bool(row.resent))


def _accepted(batch_id: int) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(messages).where(messages.c.batch_id == batch_id)


def _was_accepted_elsewhere(connection: Connection, batch: sa.Row[*tuple[Any, ...]]) -> bool:
    b = batches.c
    twin = sa.and_(b.feed == batch.feed, b.fingerprint == batch.fingerprint, b.accepted_at.is_not(None))
    return connection.execute(sa.select(b.id).where(twin, b.id != batch.id)).first() is not None


def _good(batch_id: int) -> sa.Select[int]:
    good = sa.and_(batch_rows.c.batch_id == batch_id, batch_rows.c.reason == "")
    return sa.select(sa.func.count()).select_from(batch_rows).where(good)


def _last_accepted(batch_id: int) -> sa.Select[int]:
    """The last row that became a message; 0: none has."""
    last = sa.select(sa.func.max(messages.c.row_number)).where(messages.c.batch_id == batch_id)
    return sa.select(sa.func.coalesce(last.scalar_subquery(), 0))


def _forget(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    found = sa.select(batches.c.id).where(which)
    connection.execute(sa.delete(batch_rows).where(batch_rows.c.batch_id.in_(found)))
    connection.execute(sa.delete(batches).where(which))


def _insert(
    batch_id: int, feed: str, purpose: Purpose, now: datetime, state: MessageState, reason: str, ahead: int, after: int
) -> sa.Insert:
    sticky = (
        sa.select(sim_recipients.c.sim_id)
        .join(sims, sims.c.id == sim_recipients.c.sim_id)
        .where(sim_recipients.c.recipient == batch_rows.c.recipient, sims.c.pool == purpose.pool)
        .order_by(sim_recipients.c.first_at)
        .limit(1)
        .scalar_subquery()
    )
    # Any 16-bit number serves as a concatenation reference; row_number spreads them, so that two long messages to one
    # person in a short time differ.
    concat = sa.case((batch_rows.c.parts > 1, sa.func.abs(sa.func.random()) % 65536))
    lives_until = now + purpose.time_to_live
    m = messages.c
    columns: dict[sa.Column[object], sa.ColumnElement[object]] = {
        m.recipient: batch_rows.c.recipient,
        m.purpose: sa.literal(purpose.key),
        m.feed: sa.literal(feed),
        m.pool: sa.literal(purpose.pool),
        m.priority: sa.literal(max(0, purpose.priority - ahead)),
        m.state: sa.literal(str(state)),
        m.reason: sa.literal(reason),
        m.text: batch_rows.c.text,
        m.alphabet: batch_rows.c.alphabet,
        m.parts: batch_rows.c.parts,
        m.concat_reference: concat,
        m.sim_id: sticky,
        m.ready: sa.literal(state is MessageState.QUEUED),
        m.expires_at: sa.literal(lives_until, m.expires_at.type),
        m.created_at: sa.literal(now, m.created_at.type),
        m.batch_id: batch_rows.c.batch_id,
        m.row_number: batch_rows.c.row_number,
    }
    good = (
        sa.select(*columns.values())
        .where(batch_rows.c.batch_id == batch_id, batch_rows.c.reason == "", batch_rows.c.row_number > after)
        .order_by(batch_rows.c.row_number)
        .limit(SOME)
    )
    return sa.insert(messages).from_select([column.name for column in columns], good)
