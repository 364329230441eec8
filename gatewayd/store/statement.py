"""SQLAlchemy expressions compiled once and run through the driver, for the few statements each message passes through.

`Connection.execute` takes 20 to 30 microseconds a statement, most of a message's CPU; the same text through the driver
takes 3. The expressions stay SQLAlchemy's, with their types; a dialect other than SQLite's runs them the long way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from gatewayd.store.types import UtcTime, from_column, to_column

DRIVER = "gatewayd_driver"
"""The execution option of a connection that holds the driver's own, which is asked for with each statement."""


class _Compiled:
    """The text, and how what the driver gets for each `?` is made of what the caller gives and of the expression's
    constants. In order, not by name: the driver lets go of the interpreter for each name that it looks up."""

    def __init__(self, expression: sa.Executable, dialect: Dialect) -> None:
        assert isinstance(expression, sa.sql.ClauseElement)  # noqa: S101  (for the type checker)
        compiled = expression.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101  (for the type checker)
        self.text = str(compiled)
        self._constants: dict[str, Any] = {}
        self._converters: list[tuple[str, Any]] = []
        for name in set(compiled.bind_names.values()):
            bind = compiled.binds[name]
            convert = _into(bind.type, dialect)
            if not bind.required:
                self._constants[name] = convert(bind.value) if convert else bind.value
            elif convert is not None:
                self._converters.append((name, convert))
        self._in_order = _in_order(compiled.positiontup or ())

    def arguments(self, values: dict[str, Any]) -> tuple[Any, ...]:
        for name, convert in self._converters:
            values[name] = convert(values[name])
        return self._in_order(values | self._constants if self._constants else values)


def _in_order(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """What picks these values, in this order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


def _into(type_: sa.types.TypeEngine[Any], dialect: Dialect) -> Any:
    """What makes the database's value of Python's; None: nothing. Times the short way: each statement has some."""
    return to_column if isinstance(type_, UtcTime) else type_.dialect_impl(dialect).bind_processor(dialect)


def _out_of(type_: sa.types.TypeEngine[Any], dialect: Dialect) -> Any:
    return from_column if isinstance(type_, UtcTime) else type_.dialect_impl(dialect).result_processor(dialect, None)


class Statement:
    """One INSERT, UPDATE or SELECT; every bindparam of it is given at each run. Rows are plain tuples."""

    def __init__(self, expression: sa.Select[*tuple[Any, ...]] | sa.UpdateBase) -> None:
        self._expression = expression
        self._compiled: _Compiled | None = None
        returned = list(expression.selected_columns) if isinstance(expression, sa.Select) else []
        self._results = [column.type for column in returned]
        self._converters: list[tuple[int, Any]] = []

    def run(self, connection: Connection, **values: Any) -> int:
        """How many rows were changed."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._expression, values).rowcount
        return int(self._execute(connection, values).rowcount)

    def many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
        """How many rows were changed, by all of these."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._expression, rows).rowcount
        compiled = self._compiled or self._compile(connection.dialect)
        driver: Any = connection.connection.driver_connection
        return int(driver.executemany(compiled.text, map(compiled.arguments, rows)).rowcount)

    def insert(self, connection: Connection, **values: Any) -> int:
        """The key of the row inserted."""
        if connection.dialect.name != "sqlite":
            key = connection.execute(self._expression, values).inserted_primary_key
            assert key is not None  # noqa: S101  (it is an INSERT of one row)
            return int(key[0])
        return int(self._execute(connection, values).lastrowid)

    def first(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        if connection.dialect.name != "sqlite":
            row = connection.execute(self._expression, values).first()
            return None if row is None else tuple(row)
        cursor = self._execute(connection, values)
        found: tuple[Any, ...] | None = cursor.fetchone()
        cursor.close()
        if found is None or not self._converters:
            return found
        fields = list(found)
        for index, convert in self._converters:
            fields[index] = convert(fields[index])
        return tuple(fields)

    def each(self, connection: Connection, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows, read as they are consumed; of columns that need no conversion."""
        if connection.dialect.name != "sqlite":
            return (tuple(row) for row in connection.execute(self._expression, values))
        return iter(self._execute(connection, values))

    def _execute(self, connection: Connection, values: dict[str, Any]) -> Any:
        compiled = self._compiled or self._compile(connection.dialect)
        driver: Any = connection.get_execution_options().get(DRIVER) or connection.connection.driver_connection
        return driver.execute(compiled.text, compiled.arguments(values))

    def _compile(self, dialect: Dialect) -> _Compiled:
        found = ((index, _out_of(type_, dialect)) for index, type_ in enumerate(self._results))
        self._converters = [(index, convert) for index, convert in found if convert is not None]
        self._compiled = _Compiled(self._expression, dialect)
        return self._compiled
