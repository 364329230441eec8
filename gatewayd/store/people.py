"""What people said: consents and opt-outs, as records that are added and never changed in place.

Of the records about a person and a purpose, the one that was said last decides, whenever it was recorded: a list of
last year's consents undoes no withdrawal of this year. One opt-out at most is active for a number; recording it
cancels, in the same transaction, all that waits for that number on any SIM: once it is committed, nothing starts
towards it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain import consent
from gatewayd.domain.audit import Event, Value, timestamp
from gatewayd.domain.consent import OPT_OUT, GateFacts
from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import Purpose
from gatewayd.store import audit
from gatewayd.store.engine import Database, chunks, inserted_id
from gatewayd.store.schema import TO_REVIEW, WAITING, consents, incoming, messages, optouts, wordings
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime

LIFTED = "opt_out_lifted"
"""Why a confirmation that still waited is canceled."""
ENDED = "ended"
"""The verdict on an uncertain opt-out that ended before anybody looked at it."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What people read or heard, word for word; `version` is empty for words that somebody typed."""

    text: str
    version: str = ""
    language: str = ""

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class NewConsent:
    """An agreement to record, or (`given` False) its withdrawal; `agreed_at`: when it was said."""

    recipient: str
    purpose: str
    method: str
    agreed_at: datetime
    recorded_by: str
    given: bool = True
    wording: Wording | None = None
    evidence: str = ""
    evidence_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """A recorded agreement (`given`), or its withdrawal."""

    id: int
    recipient: str
    purpose: str
    given: bool
    method: str
    wording: str
    wording_version: str
    wording_language: str
    wording_sha256: str
    evidence: str
    evidence_sha256: str
    agreed_at: datetime
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class OptOut:
    """A recipient's "no more"; `lifted_at` absent while it holds."""

    id: int
    recipient: str
    origin: str
    recorded_by: str
    recorded_at: datetime
    lifted_at: datetime | None
    lifted_by: str


def gate_facts(
    recipient: sa.ColumnElement[str],
    purpose: sa.ColumnElement[str],
    confirms: sa.ColumnElement[Any] = messages.c.confirms,
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[datetime | None]]:
    """What the gate asks (an active opt-out; when a consent was given that is not withdrawn), as columns of a query.

    An opt-out does not stop the one message that confirms it; a later opt-out of the same person does. A message that
    asks for a consent needs none: it is as if one had been given when the question was asked.
    """
    opted_out = (
        sa.select(sa.literal_column("1"))
        .where(
            optouts.c.recipient == recipient,
            optouts.c.lifted_at.is_(None),
            optouts.c.id.is_distinct_from(confirms),
        )
        .correlate_except(optouts)
        .exists()
    )
    agreed_at = (
        sa.select(sa.case((consents.c.given, consents.c.agreed_at)))
        .where(consents.c.recipient == recipient, consents.c.purpose == purpose)
        .order_by(consents.c.agreed_at.desc(), consents.c.id.desc())
        .limit(sa.literal_column("1"))
        .correlate_except(consents)
        .scalar_subquery()
    )
    if confirms is not messages.c.confirms:  # asked about a person, not about a message of his
        return opted_out.label("opted_out"), agreed_at.label("agreed_at")
    asked_at = sa.case((messages.c.asks.is_not(None), messages.c.created_at))
    return opted_out.label("opted_out"), sa.func.coalesce(asked_at, agreed_at).label("agreed_at")


_FACTS = Statement(
    sa.select(*gate_facts(sa.bindparam("recipient", required=True), sa.bindparam("purpose", required=True), sa.null()))
)
_CANCEL_WAITING = (
    sa.update(messages)
    .where(WAITING, messages.c.recipient == sa.bindparam("to"), messages.c.confirms.is_(None))
    .values(state=str(MessageState.CANCELED), reason=OPT_OUT)
)
_CANCEL_CONFIRMATION = (
    sa.update(messages)
    .where(WAITING, messages.c.recipient == sa.bindparam("to"), messages.c.confirms.is_not(None))
    .values(state=str(MessageState.CANCELED), reason=LIFTED)
)
_LIFTED_BEFORE = sa.select(optouts.c.id).where(
    optouts.c.recipient == sa.bindparam("to"), optouts.c.lifted_at.is_not(None)
)
_SETTLE_DOUBTS = (
    sa.update(incoming)
    .where(TO_REVIEW, incoming.c.optout_id.in_(_LIFTED_BEFORE))
    .values(reviewed_at=sa.bindparam("now"), reviewed_by=sa.bindparam("who"), verdict=ENDED)
)


def facts(connection: Connection, recipient: str, purpose: str) -> GateFacts:
    """What the gate asks, in one query, in the caller's transaction."""
    row = _FACTS.first(connection, recipient=recipient, purpose=purpose)
    assert row is not None  # noqa: S101  (a SELECT without FROM has one row)
    return GateFacts(opted_out=bool(row[0]), agreed_at=row[1])


def refusal(connection: Connection, purpose: Purpose, recipient: str, facts: GateFacts, now: datetime) -> str | None:
    """What the gate says. Only where a consent seems too old is it asked when the person last wrote to us."""
    reason = consent.decide(purpose, facts, now)
    if reason != consent.EXPIRED:
        return reason
    return consent.decide(purpose, replace(facts, heard_at=heard_at(connection, recipient)), now)


def heard_at(connection: Connection, recipient: str) -> datetime | None:
    """When this number last wrote to us."""
    query = sa.select(sa.func.max(incoming.c.received_at, type_=UtcTime)).where(incoming.c.sender == recipient)
    found: datetime | None = connection.execute(query).scalar_one()
    return found


_c, _w = consents.c, wordings.c
_CONSENTS = (
    sa.select(
        _c.id, _c.recipient, _c.purpose, _c.given, _c.method, sa.func.coalesce(_w.text, "").label("wording"),
        sa.func.coalesce(_w.version, "").label("wording_version"),
        sa.func.coalesce(_w.language, "").label("wording_language"),
        sa.func.coalesce(_w.sha256, "").label("wording_sha256"),
        _c.evidence, _c.evidence_sha256, _c.agreed_at, _c.recorded_by, _c.recorded_at,
    )
    .select_from(consents.outerjoin(wordings, _w.id == _c.wording_id))
    .order_by(_c.agreed_at, _c.id)
)  # fmt: skip


def add_consents(connection: Connection, new: Sequence[NewConsent], at: datetime) -> None:
    """In the caller's transaction: record what was said.

    A withdrawal of today holds whatever the clock said when the consent was recorded: it is never said before it.
    """
    known: dict[tuple[str, Wording], int] = {}
    rows = []
    for one in new:
        agreed_at = one.agreed_at if one.given else max(one.agreed_at, _last_said(connection, one))
        row = {name: getattr(one, name) for name in _AS_GIVEN}
        rows.append({**row, "agreed_at": agreed_at, "wording_id": None, "recorded_at": at})
        if one.wording is not None:
            key = (one.purpose, one.wording)
            known[key] = rows[-1]["wording_id"] = known.get(key) or wording_id(connection, *key, at)
        _told(connection, one, agreed_at, at)
    if rows:
        connection.execute(sa.insert(consents), rows)


def _told(connection: Connection, new: NewConsent, agreed_at: datetime, at: datetime) -> None:
    """An entry of the audit trail for a record of a consent, which seals its proof."""
    said = timestamp(agreed_at)
    proof = (new.wording.sha256 if new.wording is not None else "", new.evidence, new.evidence_sha256)
    audit.append(
        connection, Event.CONSENT if new.given else Event.WITHDRAWAL, at, by=new.recorded_by, number=new.recipient,
        purpose=new.purpose, method=new.method, agreed_at=said, digest=audit.digest(connection, *proof),
    )  # fmt: skip


_AS_GIVEN = ("recipient", "purpose", "given", "method", "evidence", "evidence_sha256", "recorded_by")


def _last_said(connection: Connection, new: NewConsent) -> datetime:
    query = sa.select(sa.func.max(_c.agreed_at, type_=UtcTime))
    last = connection.execute(query.where(_c.recipient == new.recipient, _c.purpose == new.purpose)).scalar_one()
    return last or new.agreed_at


def wording_id(connection: Connection, purpose: str, wording: Wording, at: datetime) -> int:
    """The id of a wording, kept if it is new."""
    named = {
        "purpose": purpose, "version": wording.version, "language": wording.language, "sha256": wording.sha256,
    }  # fmt: skip
    found = connection.execute(sa.select(_w.id).filter_by(**named)).scalar()
    if found is not None:
        return int(found)
    return inserted_id(connection.execute(sa.insert(wordings), {**named, "text": wording.text, "recorded_at": at}))


@dataclass(frozen=True, slots=True)
class OptedOut:
    """What an opt-out did: the record that holds, whether it is a new one, how many waiting messages were canceled."""

    id: int
    new: bool
    canceled: int


def opt_out(connection: Connection, recipient: str, origin: str, by: str, at: datetime, **heard: Value) -> OptedOut:
    """In the caller's transaction: record a "no more", if none holds yet, and cancel what waits for the number. `heard`
    goes into the audit trail: which message said so, by which rule."""
    active = sa.select(optouts.c.id).where(optouts.c.recipient == recipient, optouts.c.lifted_at.is_(None))
    found = connection.execute(active).scalar()
    if found is None:
        values = {"recipient": recipient, "origin": origin, "recorded_by": by, "recorded_at": at}
        optout_id = inserted_id(connection.execute(sa.insert(optouts), values))
    else:
        optout_id = int(found)
    canceled = connection.execute(_CANCEL_WAITING, {"to": recipient}).rowcount
    event = Event.OPT_OUT if found is None else Event.OPT_OUT_AGAIN
    told: dict[str, Value] = {"optout": optout_id, "origin": origin, "canceled": canceled, **heard}
    audit.append(connection, event, at, by=by, number=recipient, **told)
    return OptedOut(optout_id, found is None, canceled)


def lift(connection: Connection, recipient: str, by: str, at: datetime, **heard: Value) -> bool:
    """In the caller's transaction: end the opt-out that holds, and its confirmation if that still waits. Nobody has to
    look any more whether it was meant."""
    ended = connection.execute(
        sa.update(optouts)
        .where(optouts.c.recipient == recipient, optouts.c.lifted_at.is_(None))
        .values(lifted_at=at, lifted_by=by)
    )
    connection.execute(_CANCEL_CONFIRMATION, {"to": recipient})
    if ended.rowcount:
        actor = audit.RECIPIENT if heard else by
        connection.execute(_SETTLE_DOUBTS, {"to": recipient, "now": at, "who": actor})
        audit.append(connection, Event.OPT_OUT_LIFTED, at, by=actor, number=recipient, **heard)
    return ended.rowcount > 0


def _add_optouts(connection: Connection, *, origins: Mapping[str, str], by: str, at: datetime) -> tuple[int, int]:
    active = sa.select(optouts.c.recipient).where(optouts.c.recipient.in_(origins), optouts.c.lifted_at.is_(None))
    known = set(connection.execute(active).scalars())
    done = [opt_out(connection, one, origin, by, at) for one, origin in origins.items() if one not in known]
    again = [connection.execute(_CANCEL_WAITING, {"to": one}).rowcount for one in known]
    return sum(one.new for one in done), sum(one.canceled for one in done) + sum(again)


class People:
    """Consents and opt-outs of all recipients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def facts(self, connection: Connection, recipient: str, purpose: str) -> GateFacts:
        """See `facts`."""
        return facts(connection, recipient, purpose)

    def refusal(self, connection: Connection, purpose: Purpose, recipient: str, now: datetime) -> str | None:
        """Why this purpose may not write to this person now; None: it may."""
        return refusal(connection, purpose, recipient, facts(connection, recipient, purpose.key), now)

    def record_consents(self, new: Sequence[NewConsent], at: datetime) -> None:
        """Add consents and withdrawals, all or none."""
        self._database.write(lambda connection: add_consents(connection, new, at))

    def record_list(self, new: Sequence[NewConsent], at: datetime) -> None:
        """As `record_consents`, some hundreds in a transaction so that nobody waits for a list. Interrupted, the same
        list records the rest."""
        for some in chunks(new):
            self.record_consents(some, at)

    def record_consent(
        self,
        recipient: str,
        purpose: str,
        *,
        method: str,
        recorded_by: str,
        at: datetime,
        given: bool = True,
        wording: str = "",
        evidence: str = "",
    ) -> None:
        """Add a consent, or (`given` False) its withdrawal, that was said at the moment of its recording."""
        words = Wording(wording) if wording else None
        new = NewConsent(recipient, purpose, method, at, recorded_by, given, words, evidence)
        self.record_consents([new], at)

    def wordings(self, purpose: str) -> Sequence[Wording]:
        """The words to which somebody ever agreed for a purpose, the newest first."""
        query = sa.select(_w.text, _w.version, _w.language).where(_w.purpose == purpose).order_by(_w.id.desc())
        with self._database.read() as connection:
            return [Wording(*row) for row in connection.execute(query)]

    def consents(self, recipient: str) -> Sequence[Consent]:
        """All records about a number, in the order in which things were said."""
        with self._database.read() as connection:
            rows = connection.execute(_CONSENTS.where(_c.recipient == recipient))
            return [Consent(**row._mapping) for row in rows]

    def proven(self, purpose: str, evidence_sha256: str, recipients: Sequence[str]) -> set[str]:
        """Of these people, those whose agreement with this very file as its proof is recorded."""
        query = sa.select(_c.recipient).where(_c.purpose == purpose, _c.evidence_sha256 == evidence_sha256, _c.given)
        with self._database.read() as connection:
            return {
                row.recipient
                for some in chunks(recipients)
                for row in connection.execute(query.where(_c.recipient.in_(some)))
            }

    def opted_out(self, recipients: Sequence[str]) -> set[str]:
        """Of these people, those who said "no more"."""
        query = sa.select(optouts.c.recipient).where(optouts.c.lifted_at.is_(None))
        with self._database.read() as connection:
            return {
                row.recipient
                for some in chunks(recipients)
                for row in connection.execute(query.where(optouts.c.recipient.in_(some)))
            }

    def add_optout(self, recipient: str, *, origin: str, by: str, at: datetime) -> int:
        """Record a "no more", if none holds yet, and cancel what waits for the number; returns how many messages."""
        return self._database.write(lambda connection: opt_out(connection, recipient, origin, by, at).canceled)

    def add_optouts(self, listed: Iterable[tuple[str, str]], *, origin: str, by: str, at: datetime) -> tuple[int, int]:
        """A whole list of recipients, each with how it was said; `origin` is the list's own. A few hundred in a
        transaction, so that nobody waits for it: how many are new, and how many waiting messages were canceled.
        Interrupted, it may be given again."""
        count = new = canceled = 0
        for some in chunks(listed):
            more, ended = self._database.write(partial(_add_optouts, origins=dict(some), by=by, at=at))
            count, new, canceled = count + len(some), new + more, canceled + ended
        self._database.write(
            lambda connection: audit.append(
                connection, Event.OPT_OUTS_IMPORTED, at, by=by, origin=origin, count=count, new=new, canceled=canceled
            )
        )
        return new, canceled

    def remove_optout(self, recipient: str, *, by: str, at: datetime) -> bool:
        """Lift the opt-out that holds; the record stays. False if there was none."""
        return self._database.write(lambda connection: lift(connection, recipient, by, at))

    def optout(self, optout_id: int) -> OptOut | None:
        """One opt-out, whether it holds or not; None if there is no such id."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(optouts).where(optouts.c.id == optout_id)).first()
        return None if row is None else OptOut(**row._mapping)

    def optouts(
        self, *, active: bool = True, recipient: str = "", limit: int | None = None, before: int | None = None
    ) -> Sequence[OptOut]:
        """All opt-outs, or those that hold, or those of one number, oldest first; with a limit, the newest first; with
        `before`, those older than this one."""
        query = sa.select(optouts).order_by(optouts.c.id if limit is None else optouts.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(optouts.c.id < before)
        if recipient:
            query = query.where(optouts.c.recipient == recipient)
        if active:
            query = query.where(optouts.c.lifted_at.is_(None))
        with self._database.read() as connection:
            return [OptOut(**row._mapping) for row in connection.execute(query)]
