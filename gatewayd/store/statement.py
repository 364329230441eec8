"""A Core expression compiled once: the hot path pays SQLite's time, not SQLAlchemy's.

A part costs ten statements; built and bound by SQLAlchemy each would cost more than SQLite's own work. A `Statement` is
an ordinary Core expression with named bindparams; its text is compiled at the first use for a dialect, and run through
the driver, whose errors it raises. Values go in as Python has them (aware datetimes, enums); rows come out as tuples,
times as microseconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.store.types import to_microseconds


class Statement:
    """An expression ready to run. Not for `IN` with a list, whose text depends on its length."""

    __slots__ = ("_compiled", "_expression")

    def __init__(self, expression: sa.Select[Any] | sa.Insert | sa.Update | sa.CompoundSelect[Any]) -> None:
        self._expression = expression
        self._compiled: dict[str, tuple[str, tuple[tuple[str, Any], ...]]] = {}

    def rows(self, connection: Connection, **values: object) -> list[tuple[Any, ...]]:
        """Run it; each bindparam without a value of its own is named in `values`. The rows, if it gives any."""
        rows: list[tuple[Any, ...]] = self._run(connection, values).fetchall()
        return rows

    def change(self, connection: Connection, **values: object) -> int:
        """Run it, and tell how many rows it changed."""
        return int(self._run(connection, values).rowcount)

    def _run(self, connection: Connection, values: dict[str, object]) -> Any:
        text, names = self._compiled.get(connection.dialect.name) or self._compile(connection)
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101  (a connection in a transaction has one)
        return driver.execute(text, tuple([_plain(values.get(name, own)) for name, own in names]))

    def _compile(self, connection: Connection) -> tuple[str, tuple[tuple[str, Any], ...]]:
        compiled = self._expression.compile(dialect=connection.dialect)
        own = compiled.params
        ready = str(compiled), tuple((name, own[name]) for name in compiled.positiontup or ())
        self._compiled[connection.dialect.name] = ready
        return ready


def _plain(value: object) -> object:
    return to_microseconds(value) if isinstance(value, datetime) else value
