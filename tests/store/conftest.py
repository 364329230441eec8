"""A real database file, on each embedded engine: every promise of the store holds on both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People
from gatewayd.store.sims import Sims

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
KEY = bytes(range(32))


@pytest.fixture(params=["sqlcipher", "sqlite"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    """The key that chooses the engine."""
    return KEY if request.param == "sqlcipher" else None


@pytest.fixture
def database(tmp_path: Path, key: bytes | None) -> Iterator[Database]:
    database = Database.open(tmp_path / "gatewayd.db", key=key)
    yield database
    database.close()


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


@pytest.fixture
def sim_id(database: Database) -> int:
    return Sims(database).remember(
        iccid="89330000000000000010", imsi="208010000000001", name="one", pool="default", imei="1", port="p1", now=NOW
    )
