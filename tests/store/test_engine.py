"""Opening a database, what it refuses to open, and what its errors become."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatewayd.errors import StorageUnavailable, StoreError
from gatewayd.store import engine, migrations, schema
from gatewayd.store.engine import Database
from tests.store.conftest import KEY, NOW


def pragma(database: Database, name: str) -> object:
    with database.read() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 5000),
        ("foreign_keys", 1),
        ("recursive_triggers", 1),
        ("secure_delete", 1),
        ("trusted_schema", 0),
        ("journal_size_limit", 4194304),
        ("temp_store", 2),
    ],
)
def test_every_connection_has_its_pragmas(database: Database, name: str, value: object) -> None:
    assert pragma(database, name) == value
    assert database.write(lambda c: c.exec_driver_sql(f"PRAGMA {name}").scalar_one()) == value


def test_the_file_and_its_journal_are_its_owner_s_only(database: Database) -> None:
    database.write(lambda connection: connection.exec_driver_sql("PRAGMA user_version"))
    for file in database.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageUnavailable), database.read() as connection:
        connection.execute(sa.delete(schema.sims))


def test_a_reader_sees_one_moment(database: Database) -> None:
    def count(connection: sa.Connection) -> int:
        return int(connection.exec_driver_sql("SELECT count(*) FROM optouts").scalar_one())

    add = sa.insert(schema.optouts).values(recipient="+33639980001", origin="t", recorded_by="t", recorded_at=NOW)
    with database.read() as connection:
        assert count(connection) == 0
        database.write(lambda c: c.execute(add))
        assert count(connection) == 0
    with database.read() as connection:
        assert count(connection) == 1


def test_a_database_opens_again_with_its_key(database: Database, key: bytes | None) -> None:
    database.close()
    again = Database.open(database.path, key=key)
    assert again.damage() == []
    again.close()
    again.close()


def test_nothing_of_an_encrypted_file_can_be_read(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.db", key=KEY)
    database.close()
    assert b"messages" not in database.path.read_bytes()
    assert database.encrypted


@pytest.mark.parametrize("other", [bytes(32), None])
def test_another_key_opens_nothing(tmp_path: Path, other: bytes | None) -> None:
    Database.open(tmp_path / "x.db", key=KEY).close()
    with pytest.raises(StoreError, match="the key does not fit"):
        Database.open(tmp_path / "x.db", key=other)


def test_a_plain_file_is_not_opened_with_a_key(tmp_path: Path) -> None:
    Database.open(tmp_path / "x.db").close()
    with pytest.raises(StoreError, match="is not encrypted"):
        Database.open(tmp_path / "x.db", key=KEY)


def test_a_key_has_32_octets(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="32 octets, this one 5"):
        Database.open(tmp_path / "x.db", key=b"short")


def test_a_newer_schema_is_refused_and_left_as_it_is(database: Database, key: bytes | None) -> None:
    newer = migrations.VERSION + 1
    database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA user_version = {newer}"))
    database.close()
    with pytest.raises(StoreError, match=f"has schema {newer}"):
        Database.open(database.path, key=key)


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as other:
        other.execute("CREATE TABLE notes (text)")
    other.close()
    with pytest.raises(StoreError, match="not one of gatewayd"):
        Database.open(tmp_path / "x.db")


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="No such file or directory"):
        Database.open(tmp_path / "nowhere" / "x.db")


def test_the_bug_of_older_sqlite_is_known(database: Database) -> None:
    assert database.wal_reset_bug == (database.sqlite_version < (3, 51, 3))


def test_damage_is_found(database: Database, key: bytes | None) -> None:
    database.write(lambda c: c.execute(sa.insert(schema.consents), [consent(i) for i in range(1000)]))
    assert database.damage() == []
    database.close()
    with database.path.open("r+b") as file:
        file.seek(-100 * engine.PAGE, os.SEEK_END)
        file.write(b"\xff" * 64)
    again = Database.open(database.path, key=key)
    assert again.damage()
    again.close()


def locked(path: Path, key: bytes | None) -> sqlite3.Connection:
    """What another process does that never ends its transaction."""
    other: sqlite3.Connection = engine.driver(key).connect(str(path), isolation_level=None)
    if key is not None:
        other.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        other.execute(f"PRAGMA cipher_page_size = {engine.PAGE}")
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_lock_that_stays_is_said_and_harms_nothing(
    database: Database, key: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PRAGMAS", ("busy_timeout=50", *engine._PRAGMAS[1:]))
    database.close()
    again = Database.open(database.path, key=key)
    other = locked(database.path, key)
    with pytest.raises(StorageUnavailable, match="another process keeps it locked"):
        again.write(lambda _: None)
    with again.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM messages").scalar_one() == 0
    other.execute("ROLLBACK")
    other.close()
    assert again.write(lambda _: 7) == 7
    again.close()


def test_a_lock_that_goes_is_waited_for(database: Database, key: bytes | None) -> None:
    other = locked(database.path, key)
    begun = threading.Event()
    found: list[int] = []

    def write() -> None:
        begun.set()
        found.append(database.write(lambda _: 7))

    waiting = threading.Thread(target=write)
    waiting.start()
    assert begun.wait(5)
    other.execute("ROLLBACK")
    waiting.join(5)
    other.close()
    assert found == [7]


def test_a_full_disk_changes_nothing_and_is_survived(database: Database) -> None:
    pages = database.write(lambda c: int(c.exec_driver_sql("PRAGMA page_count").scalar_one()))
    database.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 8}").scalar_one())
    with pytest.raises(StorageUnavailable, match="the disk is full"):
        database.write(lambda c: c.execute(sa.insert(schema.consents), [consent(i) for i in range(1000)]))
    database.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one())
    database.write(lambda c: c.execute(sa.insert(schema.consents), [consent(1)]))
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM consents").scalar_one() == 1
    assert database.damage() == []


def consent(number: int) -> dict[str, object]:
    return {
        "recipient": f"+336399800{number % 100:02d}", "purpose": "p", "given": True, "method": "m", "recorded_by": "t",
        "recorded_at": NOW, "evidence": "w" * 200,
    }  # fmt: skip


def test_the_file_may_be_copied_while_nobody_writes(database: Database, key: bytes | None, tmp_path: Path) -> None:
    database.write(lambda c: c.execute(sa.insert(schema.consents), [consent(1)]))
    database.close()
    shutil.copy(database.path, tmp_path / "copy.db")
    copy = Database.open(tmp_path / "copy.db", key=key)
    with copy.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM consents").scalar_one() == 1
    copy.close()
