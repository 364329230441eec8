"""What the tables are made with: constants that partial indexes see, and triggers that refuse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


def one_of(column: str, words: Iterable[str]) -> str:
    """The condition that a column holds one of these words.

    Not `IN`, for which SQLite makes a table of more than two words each time it is asked: each change of a message asks
    a dozen times.
    """
    return "(" + " OR ".join(f"{column} = '{word}'" for word in sorted(str(word) for word in words)) + ")"


def known(word: str) -> sa.ColumnElement[Any]:
    """A constant, not a parameter: a partial index is used only for a condition that is known beforehand."""
    return sa.literal_column(word)


def partial(name: str, *columns: sa.ColumnElement[Any], where: sa.ColumnElement[bool], unique: bool = False) -> None:
    """An index over the rows that meet a condition, which queries must repeat in the same words."""
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def refuse(name: str, event: str, condition: str, sentence: str) -> str:
    """A trigger of SQLite that refuses a change, with a sentence."""
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"


def kept(table: str) -> str:
    """A trigger that lets no row of a table be deleted."""
    return f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{table} are kept'); END"
