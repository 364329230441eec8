"""SQLAlchemy expressions compiled once and run through the driver, for the few statements each message passes through.

`Connection.execute` takes 20 to 30 microseconds a statement, most of a message's CPU; the same text through the driver
takes 3. The expressions stay SQLAlchemy's, with their types; a dialect other than SQLite's runs them the long way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler


class _Compiled:
    """The text, and what the driver gets for each `?`: a constant of the expression, or a value of the caller."""

    def __init__(self, expression: sa.Executable, dialect: Dialect) -> None:
        assert isinstance(expression, sa.sql.ClauseElement)  # noqa: S101  (for the type checker)
        compiled = expression.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101  (for the type checker)
        self.text = str(compiled)
        self.slots = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            constant = None if bind.required else convert(bind.value) if convert else bind.value
            self.slots.append((bind.key if bind.required else None, convert, constant))

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [
            constant if key is None else values[key] if convert is None else convert(values[key])
            for key, convert, constant in self.slots
        ]


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

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        compiled = self._compiled or self._compile(connection.dialect)
        driver: Any = connection.connection.driver_connection
        return driver.execute(compiled.text, compiled.arguments(values))

    def _compile(self, dialect: Dialect) -> _Compiled:
        found = ((i, t.dialect_impl(dialect).result_processor(dialect, None)) for i, t in enumerate(self._results))
        self._converters = [(index, convert) for index, convert in found if convert is not None]
        self._compiled = _Compiled(self._expression, dialect)
        return self._compiled
