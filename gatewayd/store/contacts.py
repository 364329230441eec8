"""Contacts: whom we hold data about. One row a number, changed as a whole.

An import writes all its contacts in one transaction, or none: `write` refuses (StoreError) what another one has added
or changed since it was planned, so that nobody's change is lost unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.domain.field import Value
from gatewayd.errors import StoreError
from gatewayd.store.engine import Database, chunks
from gatewayd.store.schema import contacts
from gatewayd.store.statement import Statement
from gatewayd.store.types import UtcTime

_TICK = timedelta(microseconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    """What is kept of somebody: number, names, language, and the declared fields that have a value."""

    number: str
    given_name: str = ""
    family_name: str = ""
    language: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact(Person):
    """A person as the database has him; `source`: where the data come from."""

    id: int = 0
    source: str = ""
    created_at: datetime = _NEVER
    updated_at: datetime = _NEVER


_c = contacts.c
_CONTACT = sa.select(
    _c.number, _c.given_name, _c.family_name, _c.language, _c.fields, _c.id, _c.source, _c.created_at, _c.updated_at
)
_OWN: Mapping[str, Any] = {"given_name": None, "family_name": None, "language": None, "fields": sa.JSON()}


def _given() -> dict[str, sa.BindParameter[Any]]:
    return {name: sa.bindparam(f"new_{name}", type_=kind, required=True) for name, kind in _OWN.items()}


_ADD = Statement(
    upsert(contacts)
    .values(
        number=sa.bindparam("number", required=True),
        source=sa.bindparam("source", required=True),
        created_at=sa.bindparam("now", type_=UtcTime, required=True),
        updated_at=sa.bindparam("now", type_=UtcTime, required=True),
        **_given(),
    )
    .on_conflict_do_nothing(index_elements=["number"])
)
_CHANGE = Statement(
    sa.update(contacts)
    .where(
        _c.id == sa.bindparam("contact_id", required=True),
        _c.updated_at == sa.bindparam("seen_at", type_=UtcTime, required=True),
    )
    .values(updated_at=sa.bindparam("now", type_=UtcTime, required=True), **_given())
)


def write(
    connection: Connection, new: Sequence[Person], changed: Sequence[tuple[Contact, Person]], source: str, at: datetime
) -> None:
    """In the caller's transaction: add contacts and change others. StoreError: they are not as they were planned."""
    written = _ADD.many(
        connection, [{**_values(person), "number": person.number, "source": source, "now": at} for person in new]
    )
    written += _CHANGE.many(
        connection,
        # Later than before, whatever the clock says: it is by this that a second writer sees the first one.
        [
            {**_values(person), "now": max(at, old.updated_at + _TICK), "contact_id": old.id, "seen_at": old.updated_at}
            for old, person in changed
        ],
    )
    if written != len(new) + len(changed):
        raise StoreError("somebody has changed contacts meanwhile: nothing was written, run it again")


def _values(person: Person) -> dict[str, Any]:
    return {f"new_{name}": getattr(person, name) for name in _OWN}


class Contacts:
    """The contacts of one database. All methods raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, number: str) -> Contact | None:
        """What is kept of a number."""
        return self.known([number]).get(number)

    def known(self, numbers: Sequence[str]) -> dict[str, Contact]:
        """Of these numbers, those that are contacts."""
        with self._database.read() as connection:
            rows = (connection.execute(_CONTACT.where(_c.number.in_(some))) for some in chunks(numbers))
            return {row.number: Contact(*row) for found in rows for row in found}

    def list(self, limit: int, before: int | None = None) -> Sequence[Contact]:
        """The newest contacts first; with `before`, those older than this one."""
        query = _CONTACT.order_by(_c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_c.id < before)
        with self._database.read() as connection:
            return [Contact(*row) for row in connection.execute(query)]
