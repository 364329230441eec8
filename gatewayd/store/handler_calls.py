"""Calls of the event handler: owed in the transaction of what they tell, forgotten when they have been made.

A call stays until the handler has ended well, or until its tries are used up; a crash makes it again. That a message
was delivered is not told before it was told that it was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.store.engine import Database
from gatewayd.store.schema import handler_calls

LONGEST = timedelta(hours=6)
"""Between two tries."""
_c = handler_calls.c


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be made: `key` says what it is about, `file` is below the spool."""

    key: str
    event: str
    file: str
    message_reference: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is owed; `tries`: how often it failed."""

    id: int
    key: str
    event: str
    file: str
    message_reference: str
    due_at: datetime
    tries: int


def owe(connection: Connection, calls: Sequence[NewCall], now: datetime) -> None:
    """These calls are owed from the commit on; one that is owed already stays as it is."""
    rows = [
        {
            "key": call.key, "event": call.event, "file": call.file, "due_at": now,
            "message_reference": call.message_reference,
        }
        for call in calls
    ]  # fmt: skip
    if rows:
        connection.execute(upsert(handler_calls).on_conflict_do_nothing(), rows)


def _is_due(due_at: sa.ColumnElement[datetime], now: datetime) -> sa.ColumnElement[bool]:
    """No pause is longer than LONGEST: a later hour is one of a clock that was put back since."""
    return sa.or_(due_at <= now, due_at > now + LONGEST)


class HandlerCalls:
    """Those of one database. All methods raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def owe(self, calls: Sequence[NewCall], now: datetime) -> None:
        """In a transaction of its own."""
        if calls:
            self._database.write(lambda connection: owe(connection, calls, now))

    def due(self, now: datetime, limit: int) -> Sequence[Call]:
        """What may be called now, in the order of what happened."""
        first = handler_calls.alias()
        sent = sa.and_(first.c.key == sa.func.replace(_c.key, ":REPORT", ":SENT"), first.c.id < _c.id)
        waits = sa.exists().where(sent, sa.not_(_is_due(first.c.due_at, now))).correlate(handler_calls)
        query = sa.select(handler_calls).where(_is_due(_c.due_at, now), sa.not_(waits)).order_by(_c.id).limit(limit)
        with self._database.read() as connection:
            return [Call(**row._mapping) for row in connection.execute(query)]

    def made(self, call: Call) -> None:
        """Nothing is owed of it any more."""
        self._database.write(lambda connection: connection.execute(sa.delete(handler_calls).where(_c.id == call.id)))

    def postpone(self, call: Call, until: datetime) -> None:
        """It failed, and is made again then."""
        change = sa.update(handler_calls).where(_c.id == call.id).values(due_at=until, tries=call.tries + 1)
        self._database.write(lambda connection: connection.execute(change))
