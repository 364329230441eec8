"""Files and their rows: staged and accepted in short transactions, reported when they have settled, and again when more
is known of their messages.

A batch is one file of one feed. Its rows are staged a chunk at a time and mean nothing yet; `accept` turns the good
ones into messages, `SOME` in a transaction, for a STOP must not wait for 50,000. The first of these decides: from it on
the batch is accepted, whatever crashes, and how far it came is the last row that has a message. A small file needs none
of this: `take` brings it in wholly, several in a transaction. The same content is accepted once per feed, which the
database itself ensures. After a crash `begin` gives the same batch to the same claim: staged rows are dropped and read
again; of a batch that is accepted, `accept` goes on from there.

    report   due --writing--> writing --reported--> written
              `<--- a message changes after it has left ---'

The database itself makes it `due` again, in the transaction of the change. A crash while it is written leaves
`writing`, which is owed as `due` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from gatewayd.store.statement import Statement
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
class NewFile:
    """A small file, all of whose rows are judged; `ahead`: before others of their class."""

    name: str
    feed: str
    fingerprint: str
    claim: str
    kind: str
    rows: Sequence[StagedRow]
    purpose: Purpose
    state: MessageState
    reason: str = ""
    ahead: int = 0


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

        return self._database.write(lambda connection: _begin(connection, name, feed, fingerprint, claim, now, kind))

    def found(self, feed: str, claims: Iterable[str], fingerprints: Iterable[str]) -> Sequence[Batch]:
        """Accepted batches of these claims, and those by which these contents were accepted before."""
        accepted = batches.c.accepted_at.is_not(None)
        same = sa.and_(batches.c.feed == feed, batches.c.fingerprint.in_(list(fingerprints)), accepted)
        query = sa.select(batches).where(sa.or_(batches.c.claim.in_(list(claims)) & accepted, same))
        with self._database.read() as connection:
            return [Batch(**row._mapping) for row in connection.execute(query)]

    def take(
        self, files: Sequence[NewFile], now: datetime, *, seconds: float, monotonic: Callable[[], float]
    ) -> Sequence[Batch]:
        """Accept the first of these files in one transaction of so many seconds, each wholly; at least one.

        A file that was accepted before, or whose content was, is not accepted again: its batch is the one of then.
        """

        def some(connection: Connection) -> Sequence[Batch]:
            until, taken = monotonic() + seconds, []
            for file in files:
                taken.append(_take(connection, file, now))
                if monotonic() >= until:
                    break
            return taken

        return self._database.write(some)

    def stage(self, batch_id: int, rows: Sequence[StagedRow]) -> None:
        """Add rows in a short transaction of their own; nothing is accepted by that."""
        if rows:
            self._database.write(lambda connection: _stage(connection, batch_id, rows))

    def accept(
        self, batch_id: int, purpose: Purpose, now: datetime, *, state: MessageState, reason: str = "", ahead: int = 0
    ) -> int:
        """Turn all good rows into messages, some in a transaction: a STOP waits for none of them long; how many.

        With the first of them the batch is accepted, and after a crash the same call brings in the others, each row
        once. `ahead`: before others of their class. 0 if the same content of the same feed was accepted meanwhile, by
        another claim: `begin` then gives that one.
        """

        def first(connection: Connection) -> bool:
            if _was_accepted_elsewhere(connection, batch):
                return False
            change = sa.update(batches).where(batches.c.id == batch_id, batches.c.accepted_at.is_(None))
            if connection.execute(change.values(accepted_at=now)).rowcount == 0:
                return True
            _tell(connection, batch, now, purpose, state, int(connection.execute(_good(batch_id)).scalar_one()))
            return some(connection)

        def some(connection: Connection) -> bool:
            return _accept_some(connection, batch, purpose, now, state, reason, ahead)

        with self._database.read() as reading:
            row = reading.execute(sa.select(batches).where(batches.c.id == batch_id)).one()
        batch = Batch(**row._mapping)
        more = self._database.write(first)
        while more:
            more = self._database.write(some)
        with self._database.read() as reading:
            return int(reading.execute(_accepted(batch_id)).scalar_one())

    def discard(self, batch_id: int) -> None:
        """Forget a batch that was not accepted, with its rows: nobody's number stays for nothing."""
        unaccepted = sa.and_(batches.c.id == batch_id, batches.c.accepted_at.is_(None))
        self._database.write(lambda connection: _forget(connection, unaccepted))

    def filed(self, names: Mapping[str, str], now: datetime, calls: Sequence[NewCall] = ()) -> None:
        """The file of each claim is in its answer folder, under this name; and calls that are owed for it."""
        rows = [{"claimed": claim, "filed_as": name} for claim, name in names.items()]

        def all_(connection: Connection) -> None:
            _FILED.many(connection, rows)
            owe(connection, calls, now)

        if rows or calls:
            self._database.write(all_)

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


def _begin(
    connection: Connection, name: str, feed: str, fingerprint: str, claim: str, now: datetime, kind: str
) -> Batch:
    """The batch of this claim or content that was accepted before, or a new one."""
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
    return Batch(inserted_id(result), feed, name, fingerprint, claim, "", now, None, None, "due", kind)


def _was_accepted_elsewhere(connection: Connection, batch: Batch) -> bool:
    b = batches.c
    twin = sa.and_(b.feed == batch.feed, b.fingerprint == batch.fingerprint, b.accepted_at.is_not(None))
    return connection.execute(sa.select(b.id).where(twin, b.id != batch.id)).first() is not None


def _good(batch_id: int) -> sa.Select[int]:
    good = sa.and_(batch_rows.c.batch_id == batch_id, batch_rows.c.reason == "")
    return sa.select(sa.func.count()).select_from(batch_rows).where(good)


def _forget(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    found = sa.select(batches.c.id).where(which)
    connection.execute(sa.delete(batch_rows).where(batch_rows.c.batch_id.in_(found)))
    connection.execute(sa.delete(batches).where(which))


def _take(connection: Connection, file: NewFile, now: datetime) -> Batch:
    """The batch of a file that is accepted by this, or was before."""
    before = _KNOWN.first(connection, claim=file.claim, feed=file.feed, fingerprint=file.fingerprint)
    if before is not None:
        found = Batch(*before)
        if found.accepted_at is not None:
            return found
        _forget(connection, batches.c.id == found.id)  # what an earlier reading staged
    batch_id = _NEW.insert(
        connection, name=file.name, feed=file.feed, fingerprint=file.fingerprint, claim=file.claim, created_at=now,
        accepted_at=now, kind=file.kind,
    )  # fmt: skip
    batch = Batch(batch_id, file.feed, file.name, file.fingerprint, file.claim, "", now, now, None, "due", file.kind)
    _stage(connection, batch_id, file.rows)
    _tell(connection, batch, now, file.purpose, file.state, sum(not row.reason for row in file.rows))
    while _accept_some(connection, batch, file.purpose, now, file.state, file.reason, file.ahead):
        pass
    return batch


def _stage(connection: Connection, batch_id: int, rows: Sequence[StagedRow]) -> None:
    values = [
        {
            "batch_id": batch_id, "row_number": row.line, "recipient": row.recipient, "reason": row.reason,
            "text": row.text, "alphabet": row.alphabet, "parts": row.parts,
        }
        for row in rows
    ]  # fmt: skip
    _STAGE.many(connection, values)


def _tell(
    connection: Connection, batch: Batch, now: datetime, purpose: Purpose, state: MessageState, count: int
) -> None:
    audit.append(
        connection, Event.BATCH_ACCEPTED, now, batch=batch.id, feed=batch.feed, purpose=purpose.key, count=count,
        state=str(state), digest=batch.fingerprint,
    )  # fmt: skip


def _accept_some(
    connection: Connection, batch: Batch, purpose: Purpose, now: datetime, state: MessageState, reason: str, ahead: int
) -> bool:
    """The next rows become messages; whether there may be more."""
    (after,) = _LAST.first(connection, batch_id=batch.id) or (0,)
    taken = _ACCEPT.run(
        connection, batch_id=batch.id, feed=batch.feed, purpose=purpose.key, pool=purpose.pool,
        priority=max(0, purpose.priority - ahead), state=str(state), reason=reason,
        ready=state is MessageState.QUEUED, expires_at=now + purpose.time_to_live, created_at=now, after=after,
        some=SOME,
    )  # fmt: skip
    # The texts are in the messages now; keeping them twice would double the personal data.
    (until,) = _LAST.first(connection, batch_id=batch.id) or (0,)
    _UNTEXT.run(connection, batch_id=batch.id, after=after, until=until)
    return taken == SOME


def _bind(name: str, column: sa.Column[Any] | None = None) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=sa.Integer() if column is None else column.type, required=True)


def _insert() -> sa.Insert:
    """The next good rows of a batch, as messages."""
    sticky = (
        sa.select(sim_recipients.c.sim_id)
        .join(sims, sims.c.id == sim_recipients.c.sim_id)
        .where(sim_recipients.c.recipient == batch_rows.c.recipient, sims.c.pool == _bind("pool", sims.c.pool))
        .order_by(sim_recipients.c.first_at)
        .limit(sa.literal_column("1"))
        .scalar_subquery()
    )
    # Any 16-bit number serves as a concatenation reference; row_number spreads them, so that two long messages to one
    # person in a short time differ.
    concat = sa.case((batch_rows.c.parts > 1, sa.func.abs(sa.func.random()) % 65536))
    m = messages.c
    given = (
        m.purpose, m.feed, m.pool, m.priority, m.state, m.reason, m.ready, m.expires_at, m.created_at,
    )  # fmt: skip
    columns: dict[sa.Column[Any], sa.ColumnElement[Any]] = {
        m.recipient: batch_rows.c.recipient,
        m.text: batch_rows.c.text,
        m.alphabet: batch_rows.c.alphabet,
        m.parts: batch_rows.c.parts,
        m.concat_reference: concat,
        m.sim_id: sticky,
        m.batch_id: batch_rows.c.batch_id,
        m.row_number: batch_rows.c.row_number,
        **{column: _bind(column.name, column) for column in given},
    }
    good = (
        sa.select(*columns.values())
        .where(
            batch_rows.c.batch_id == _bind("batch_id"), batch_rows.c.reason == "",
            batch_rows.c.row_number > _bind("after"),
        )
        .order_by(batch_rows.c.row_number)
        .limit(_bind("some"))
    )  # fmt: skip
    return sa.insert(messages).from_select([column.name for column in columns], good)


_b, _r = batches.c, batch_rows.c
_KNOWN = Statement(
    sa.select(batches)
    .where(
        (_b.claim == _bind("claim", _b.claim))
        | (
            (_b.feed == _bind("feed", _b.feed))
            & (_b.fingerprint == _bind("fingerprint", _b.fingerprint))
            & _b.accepted_at.is_not(None)
        )
    )
    .order_by(_b.claim != _bind("claim", _b.claim))
    .limit(sa.literal_column("1"))
)
_NEW = Statement(
    sa.insert(batches).values(
        filed_as=sa.literal_column("''"),
        **{
            name: _bind(name, _b[name])
            for name in ("name", "feed", "fingerprint", "claim", "created_at", "accepted_at", "kind")
        },
    )
)
_STAGE = Statement(sa.insert(batch_rows).values({column.name: _bind(column.name, column) for column in _r}))
_LAST = Statement(
    sa.select(sa.func.coalesce(sa.func.max(messages.c.row_number), 0)).where(messages.c.batch_id == _bind("batch_id"))
)
"""The last row that became a message; 0: none has."""
_ACCEPT = Statement(_insert())
_UNTEXT = Statement(
    sa.update(batch_rows)
    .where(_r.batch_id == _bind("batch_id"), _r.row_number.between(_bind("after") + 1, _bind("until")))
    .values(text=sa.literal_column("''"))
)
_FILED = Statement(
    sa.update(batches).where(_b.claim == _bind("claimed", _b.claim)).values(filed_as=_bind("filed_as", _b.filed_as))
)
