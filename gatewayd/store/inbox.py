"""What arrives: PDUs as the modem gave them, each once, and the messages that were made of them.

    PDU --keep--> new --add--> done            a whole message, with what came of it, in one transaction
                   |--wait--> waiting --add--> done     with the other parts, or without them after a deadline
                   `--quarantine--> quarantined         no PDU, or one that made the program fail

`keep` returns after the commit: only then may the modem forget. The same PDU of the same SIM is kept once, however
often it is read: its fingerprint stands for sender, service centre time (the day, where it tells none) and text. A
crash between two steps leaves the PDU where it was, and it is taken up again.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.errors import UsageError
from gatewayd.store import audit
from gatewayd.store.engine import Database, inserted_id
from gatewayd.store.schema import QUARANTINED, TO_REVIEW, arrivals, incoming, messages, optouts, sims
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime

MESSAGE, REPORT, UNREADABLE = "message", "report", "unreadable"
BY_SMS = "sms"
"""The origin of an opt-out that a message made."""
NOT_MEANT = "lift"
"""The verdict on an opt-out that was not meant."""
_NEW, WAITING, _DONE, _QUARANTINED = "new", "waiting", "done", "quarantined"


@dataclass(frozen=True, slots=True)
class NewArrival:
    """A PDU to keep. `part`: reference, number of parts, place from 1; None for a message in one part. `reason`: why it
    could not be read."""

    sim_id: int
    fingerprint: bytes
    pdu: str
    kind: str
    received_at: datetime
    sender: str = ""
    part: tuple[int, int, int] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A PDU that is kept."""

    id: int
    sim_id: int
    pdu: str
    received_at: datetime
    sender: str
    reference: int | None
    total: int | None
    place: int | None


@dataclass(frozen=True, slots=True)
class NewIncoming:
    """A message made of arrivals; `kind`, `tier` and `rule` say how it was read, `review` that a person should look."""

    sim_id: int
    sender: str
    text: str
    parts: int
    complete: bool
    service_centre: str
    sent_at: datetime | None
    received_at: datetime
    kind: str
    tier: str
    rule: str
    review: bool
    optout_id: int | None = None
    canceled: int = 0
    answer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that came in, as lists, shows and files give it; `sim`, `imsi`, `imei` as of today."""

    id: int
    sim: str
    imsi: str
    imei: str
    sender: str
    text: str
    parts: int
    complete: bool
    service_centre: str
    sent_at: datetime | None
    received_at: datetime
    kind: str
    tier: str
    rule: str
    review: bool
    reviewed_at: datetime | None
    reviewed_by: str
    verdict: str
    canceled: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """An opt-out to be reviewed, if it is not `certain`: whether it `holds`, was made by a message (`made_it`), and
    which `others` ask for it; `reviewed_by` absent while nobody has reviewed it, `verdict` what was said then."""

    kind: str
    sender: str
    certain: bool
    reviewed_by: str | None
    verdict: str
    holds: bool
    made_it: bool
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A message of our own to somebody who wrote; `confirms` is the opt-out that it confirms."""

    recipient: str
    sim_id: int
    purpose: str
    priority: int
    text: str
    alphabet: str
    parts: int
    concat_reference: int | None
    created_at: datetime
    expires_at: datetime
    confirms: int | None = None


_a, _i = arrivals.c, incoming.c
_KEEP = Statement(
    upsert(arrivals)
    .values(
        sim_id=sa.bindparam("sim_id"),
        fingerprint=sa.bindparam("fingerprint"),
        pdu=sa.bindparam("pdu"),
        received_at=sa.bindparam("received_at", type_=UtcTime),
        kind=sa.bindparam("kind"),
        state=sa.bindparam("state"),
        reason=sa.bindparam("reason"),
        sender=sa.bindparam("sender"),
        reference=sa.bindparam("reference"),
        total=sa.bindparam("total"),
        place=sa.bindparam("place"),
    )
    .on_conflict_do_nothing(index_elements=["sim_id", "fingerprint"])
)
_ARRIVAL = sa.select(_a.id, _a.sim_id, _a.pdu, _a.received_at, _a.sender, _a.reference, _a.total, _a.place)
_IS_NEW = _a.state == sa.literal_column("'new'")
_IS_WAITING = _a.state == sa.literal_column("'waiting'")
_INCOMING = sa.select(
    _i.id, sims.c.name.label("sim"), sims.c.imsi, sims.c.imei, _i.sender, _i.text, _i.parts, _i.complete,
    _i.service_centre, _i.sent_at, _i.received_at, _i.kind, _i.tier, _i.rule, _i.review, _i.reviewed_at,
    _i.reviewed_by, _i.verdict, _i.canceled,
).join_from(incoming, sims, sims.c.id == _i.sim_id)  # fmt: skip
_NEXT_ID = sa.text("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'incoming'), 0) + 1")


class Inbox:
    """The incoming side of one database. All methods raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- PDUs

    def keep(self, new: Sequence[NewArrival]) -> int:
        """Put PDUs on stable storage; how many were not known yet."""

        def insert(connection: Connection) -> int:
            return sum(_KEEP.run(connection, **_row(one)) for one in new)

        return self._database.write(insert)

    def new(self, kind: str, limit: int, after: int = 0) -> list[Arrival]:
        """Those of one kind that nobody has understood yet, oldest first."""
        query = _ARRIVAL.where(_IS_NEW, _a.kind == kind, _a.id > after).order_by(_a.id).limit(limit)
        with self._database.read() as connection:
            return [Arrival(*row) for row in connection.execute(query)]

    def overdue(self, before: datetime, after: datetime | None, limit: int) -> list[Arrival]:
        """Parts that have waited for the others since then; or that seem to have come after `after`, as they do when
        the clock was put back."""
        late = _a.received_at <= before
        if after is not None:
            late = sa.or_(late, _a.received_at > after)
        query = _ARRIVAL.where(_IS_WAITING, late).order_by(_a.id).limit(limit)
        with self._database.read() as connection:
            return [Arrival(*row) for row in connection.execute(query)]

    def quarantined(self) -> int:
        """How many PDUs nobody could read."""
        return self._count(arrivals, QUARANTINED)

    def to_review(self) -> int:
        """How many messages a person should look at."""
        return self._count(incoming, TO_REVIEW)

    def _count(self, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(which)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def quarantine(self, arrival_id: int, reason: str) -> None:
        """Put a PDU aside, for a person to look at."""
        self._database.write(lambda connection: self.settle(connection, [arrival_id], _QUARANTINED, reason=reason))

    # -- in the caller's transaction

    def others(self, connection: Connection, part: Arrival) -> list[Arrival]:
        """The waiting parts of the same message, in their order, and in order of arrival where a place comes twice."""
        query = (
            _ARRIVAL.where(_IS_WAITING, _a.sim_id == part.sim_id, _a.sender == part.sender, _a.id != part.id)
            .where(_a.reference == part.reference, _a.total == part.total)
            .order_by(_a.place, _a.id)
        )
        return [Arrival(*row) for row in connection.execute(query)]

    def settle(
        self,
        connection: Connection,
        ids: Sequence[int],
        state: str = _DONE,
        *,
        reason: str = "",
        incoming_id: int | None = None,
        attempt_id: int | None = None,
    ) -> None:
        """What became of PDUs."""
        values = {"state": state, "reason": reason[:200], "incoming_id": incoming_id, "attempt_id": attempt_id}
        connection.execute(sa.update(arrivals).where(_a.id.in_(ids)).values(**values))

    def next_id(self, connection: Connection) -> int:
        """The id that `add` gives in this transaction."""
        return int(connection.execute(_NEXT_ID).scalar_one())

    def add(self, connection: Connection, new: NewIncoming, arrival_ids: Sequence[int]) -> int:
        """A message made of these PDUs; its id."""
        values = {name: getattr(new, name) for name in NewIncoming.__dataclass_fields__}
        incoming_id = inserted_id(connection.execute(sa.insert(incoming), values))
        self.settle(connection, arrival_ids, incoming_id=incoming_id)
        return incoming_id

    def answered(self, connection: Connection, sender: str, kinds: Sequence[str], since: datetime) -> bool:
        """Whether a message of one of these kinds from `sender` was answered since then."""
        query = sa.select(_i.id).where(
            _i.sender == sender, _i.received_at >= since, _i.kind.in_(kinds), _i.answer_id.is_not(None)
        )
        return connection.execute(query.limit(1)).first() is not None

    def said_at(self, connection: Connection, sender: str, kind: str) -> datetime | None:
        """When `sender` last wrote a message of this kind, by the service centre's time."""
        query = sa.select(sa.func.max(_i.sent_at, type_=UtcTime)).where(_i.sender == sender, _i.kind == kind)
        said: datetime | None = connection.execute(query).scalar_one()
        return said

    def answer(self, connection: Connection, new: Answer) -> int:
        """Queue an answer, for the SIM that was written to and its pool; its id."""
        values = {name: getattr(new, name) for name in Answer.__dataclass_fields__}
        pool = sa.select(sims.c.pool).where(sims.c.id == new.sim_id).scalar_subquery()
        row = sa.insert(messages).values(**values, pool=pool, feed="replies", state="queued", reason="", ready=True)
        return inserted_id(connection.execute(row))

    # -- messages

    def get(self, incoming_id: int) -> Incoming | None:
        """One message; None if there is no such id."""
        with self._database.read() as connection:
            row = connection.execute(_INCOMING.where(_i.id == incoming_id)).first()
        return None if row is None else Incoming(**row._mapping)

    def list(
        self,
        *,
        kind: str = "",
        sender: str = "",
        to_review: bool = False,
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[Incoming]:
        """The newest messages first; with `before`, those older than this one."""
        query = _INCOMING.order_by(_i.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_i.id < before)
        if kind:
            query = query.where(_i.kind == kind)
        if sender:
            query = query.where(_i.sender == sender)
        if to_review:
            query = query.where(TO_REVIEW)
        with self._database.read() as connection:
            return [Incoming(**row._mapping) for row in connection.execute(query)]

    def doubt(self, connection: Connection, incoming_id: int) -> Doubt | None:
        """What a review must know, in the caller's transaction; None if there is no such message."""
        query = sa.select(
            _i.kind, _i.sender, _i.review, _i.optout_id, _i.reviewed_at, _i.reviewed_by, _i.verdict,
            optouts.c.lifted_at, optouts.c.origin,
        ).join_from(incoming, optouts, optouts.c.id == _i.optout_id, isouter=True)  # fmt: skip
        row = connection.execute(query.where(_i.id == incoming_id)).first()
        if row is None:
            return None
        same = sa.select(_i.id).where(
            _i.sender == row.sender, _i.optout_id == row.optout_id, _i.id != incoming_id, _i.verdict != NOT_MEANT
        )
        return Doubt(
            kind=row.kind,
            sender=row.sender,
            certain=not row.review,
            reviewed_by=row.reviewed_by if row.reviewed_at is not None else None,
            verdict=row.verdict,
            holds=row.optout_id is not None and row.lifted_at is None,
            made_it=row.origin == BY_SMS,
            others=tuple(connection.execute(same.order_by(_i.id)).scalars()),
        )

    def note_review(self, connection: Connection, incoming_id: int, *, by: str, at: datetime, verdict: str) -> None:
        """In the caller's transaction: a person has looked at it. UsageError if it does not wait for that."""
        change = sa.update(incoming).where(_i.id == incoming_id, _i.reviewed_at.is_(None))
        if connection.execute(change.values(reviewed_at=at, reviewed_by=by, verdict=verdict)).rowcount != 1:
            raise UsageError(f"there is no incoming message {incoming_id} that waits for a review")
        sender = connection.execute(sa.select(_i.sender).where(_i.id == incoming_id)).scalar_one()
        audit.append(connection, Event.REVIEWED, at, by=by, number=sender, incoming=incoming_id, verdict=verdict)

    def octets(self, incoming_id: int) -> builtins.list[str]:
        """The PDUs that this message was made of, as the modem gave them."""
        query = sa.select(_a.pdu).where(_a.incoming_id == incoming_id).order_by(_a.place, _a.id)
        with self._database.read() as connection:
            return builtins.list(connection.execute(query).scalars())

    def unfiled(self, limit: int) -> builtins.list[Incoming]:
        """Those without a file yet, oldest first."""
        query = _INCOMING.where(_i.filed_at.is_(None)).order_by(_i.id).limit(limit)
        with self._database.read() as connection:
            return [Incoming(**row._mapping) for row in connection.execute(query)]

    def filed(self, ids: Sequence[int], at: datetime) -> None:
        """Their files are there."""
        change = sa.update(incoming).where(_i.id.in_(ids)).values(filed_at=at)
        self._database.write(lambda connection: connection.execute(change))


def _row(new: NewArrival) -> dict[str, Any]:
    reference, total, place = new.part or (None, None, None)
    return {
        "sim_id": new.sim_id, "fingerprint": new.fingerprint, "pdu": new.pdu, "received_at": new.received_at,
        "kind": new.kind, "state": _QUARANTINED if new.kind == UNREADABLE else _NEW, "sender": new.sender,
        "reason": new.reason[:200], "reference": reference, "total": total, "place": place,
    }  # fmt: skip
