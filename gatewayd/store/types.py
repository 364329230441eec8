"""Column types shared by the tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // _TICK


def from_microseconds(value: int) -> datetime:
    """The aware datetime, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC, stored as microseconds since 1970: sorts, compares, and knows no time zone."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else from_microseconds(value)
