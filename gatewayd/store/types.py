"""Column types shared by the tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def to_column(value: datetime | None) -> int | None:
    """As UtcTime stores it: microseconds since 1970."""
    return None if value is None else (value - _EPOCH) // _TICK


def from_column(value: int | None) -> datetime | None:
    """As UtcTime gives it back."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC, stored as microseconds since 1970: sorts, compares, and knows no time zone."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return to_column(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return from_column(value)
