"""The database: one file, one writer, commits shared by those who wait for it.

Promises: `write()` returns after COMMIT, with `synchronous=FULL`: what it did is on stable storage. Writers of many
threads queue; the one that gets the lock runs all that wait in ONE transaction (a savepoint each, so that an error
reaches its own caller only), commits once and wakes the others: an SD card does 50 to 200 syncs a second. A lone
writer pays no hand-over. Every writing transaction is BEGIN IMMEDIATE, since a deferred one that reads before it writes
fails at once, whatever the busy timeout. Other processes (the CLI) write through the same file, and wait their turn.

Recovery is SQLite's own: an unfinished transaction is rolled back at the next opening.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from gatewayd.errors import StorageUnavailable, StoreError
from gatewayd.store import schema

T = TypeVar("T")

FIXED_SQLITE = (3, 51, 3)
"""From here on, two connections that write and checkpoint at the same instant cannot damage a WAL database."""

_PRAGMAS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
    "journal_size_limit=4194304",
    "temp_store=MEMORY",
    # In KiB, and only if needed: what is read again from an encrypted file is deciphered and verified again.
    "cache_size=-8192",
)


def _operational() -> tuple[type[Exception], ...]:
    """What the drivers raise when a file is locked, full or gone; SQLAlchemy wraps it, a `Statement` does not."""
    with contextlib.suppress(ImportError):
        import sqlcipher3  # noqa: PLC0415  (no wheel on 32-bit ARM)

        return OperationalError, sqlite3.OperationalError, sqlcipher3.OperationalError
    return OperationalError, sqlite3.OperationalError


OPERATIONAL = _operational()


def driver(key: bytes | None) -> ModuleType:
    """sqlcipher3 where a key is given and it is installed (x86_64, aarch64); Python's own sqlite3 elsewhere."""
    if key is not None:
        with contextlib.suppress(ImportError):
            import sqlcipher3  # noqa: PLC0415  (no wheel on 32-bit ARM)

            return sqlcipher3  # type: ignore[no-any-return]  # sqlcipher3 publishes no types
    return sqlite3


class _Job(Generic[T]):
    """A function that waits for the writer, then its result or its error."""

    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[Connection], T]) -> None:
        self.function = function
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None


class Database:
    """Made by `Database.open`; shared by all threads."""

    def __init__(self, engine: Engine, module: ModuleType, path: Path) -> None:
        self._engine, self._module, self.path = engine, module, path
        self._writer: Connection | None = None
        self._writing = threading.Lock()
        self._queue: deque[_Job[Any]] = deque()

    @classmethod
    def open(cls, path: Path, *, key: bytes | None = None) -> Database:
        """Open, or create with mode 0600.

        StoreError: the key does not fit, or the schema is newer than this program. StorageUnavailable: the file cannot
        be opened or written.
        """
        module = driver(key)
        if not path.exists():
            with _as_store_errors(path):
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))

        def connect() -> Any:
            connection = module.connect(str(path), timeout=5.0, check_same_thread=False, isolation_level=None)
            cursor = connection.cursor()
            if module is not sqlite3 and key is not None:
                cursor.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            for pragma in _PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
            return connection

        engine = sa.create_engine(
            "sqlite://", module=module, creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=64
        )
        event.listen(engine, "begin", _begin)
        database = cls(engine, module, path)
        with _as_store_errors(path):
            database.write(schema.create)
        return database

    @property
    def sqlite_version(self) -> tuple[int, ...]:
        """The SQLite in use."""
        return tuple(int(number) for number in self._module.sqlite_version.split("."))

    @property
    def encrypted(self) -> bool:
        """Whether the file is encrypted at rest."""
        return self._module is not sqlite3

    @property
    def wal_reset_bug(self) -> bool:
        """Whether this SQLite can damage a database that two processes write at once (sqlite.org, release 3.51.3)."""
        return self.sqlite_version < FIXED_SQLITE

    def write(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a writing transaction; returns after COMMIT. It may run twice if the commit is retried."""
        job = _Job(function)
        self._queue.append(job)
        with self._writing:
            if not job.done:
                self._run_queued()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]  # done without error: it is the function's result

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot on a connection of its own."""
        with _as_store_errors(self.path), self._engine.connect() as connection:
            reading = connection.execution_options(gatewayd_read=True)
            with reading.begin():
                yield reading

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._engine.dispose()

    def _run_queued(self) -> None:
        jobs: list[_Job[Any]] = []
        while self._queue:
            jobs.append(self._queue.popleft())
        try:
            with _as_store_errors(self.path):
                self._run(jobs)
        except BaseException as error:
            for job in jobs:
                job.error, job.result = job.error or error, None
            if not isinstance(error, Exception):
                raise
        finally:
            for job in jobs:
                job.done = True

    def _run(self, jobs: list[_Job[Any]]) -> None:
        if self._writer is None:
            self._writer = self._engine.connect()
        writer = self._writer
        try:
            with _transaction(writer) as driver:
                if len(jobs) == 1:
                    jobs[0].result = jobs[0].function(writer)
                else:
                    for job in jobs:
                        _run_one(writer, driver, job)
        except OPERATIONAL:
            # A connection whose transaction failed is not trusted any more.
            self._writer = None
            writer.invalidate()
            writer.close()
            raise


def inserted_id(result: CursorResult[Any]) -> int:
    """The key of the row just inserted."""
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101  (asked only after an INSERT of one row)
    return int(key[0])


@contextlib.contextmanager
def _transaction(writer: Connection) -> Iterator[Any]:
    """A writing transaction on the driver's own connection, which it gives.

    BEGIN and COMMIT go straight to the driver: SQLAlchemy's own cost more than what the hot path does between them. If
    a function uses SQLAlchemy, that one's transaction begins inside this one (`_begin`) and ends with it.
    """
    driver: Any = writer.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE")
    try:
        yield driver
    except BaseException:
        writer.rollback()
        driver.rollback()
        raise
    writer.commit()
    driver.commit()


def _run_one(writer: Connection, driver: Any, job: _Job[Any]) -> None:
    driver.execute("SAVEPOINT job")
    try:
        job.result = job.function(writer)
    except OPERATIONAL:
        raise
    except Exception as error:  # noqa: BLE001  (each caller gets his own error; the others' work goes on)
        driver.execute("ROLLBACK TO job")
        job.error = error
    driver.execute("RELEASE job")


def _begin(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if driver.in_transaction:
        return  # inside `_transaction`
    reading = connection.get_execution_options().get("gatewayd_read")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextlib.contextmanager
def _as_store_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OPERATIONAL as error:
        reason = error.orig if isinstance(error, OperationalError) else error
        raise StorageUnavailable(f"{path}: {reason}: nothing was changed") from error
    except DatabaseError as error:
        if "not a database" in str(error):
            raise StoreError(f"{path}: the key does not fit, or this is no database of gatewayd") from error
        raise
    except OSError as error:
        raise StorageUnavailable(f"{path}: {error.strerror}") from error
