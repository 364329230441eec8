"""The database: one file, one writer, and readers that see a snapshot.

Promises: `write()` returns after COMMIT, with WAL and `synchronous=FULL`: what it did is on stable storage (writer.py
tells how callers share a commit). `read()` never waits for the writer. The file is encrypted with SQLCipher where a key
is given and sqlcipher3 is installed. Other processes (the CLI) use the same file and wait their turn.

Recovery is SQLite's own: an unfinished transaction is rolled back at the next opening.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from gatewayd.domain.field import fold
from gatewayd.errors import StorageUnavailable, StoreError
from gatewayd.store import faults, migrations
from gatewayd.store.audit import PSEUDONYM, Pseudonym, unlinkable
from gatewayd.store.statement import DRIVER
from gatewayd.store.writer import Writer

T = TypeVar("T")

FIXED_SQLITE = (3, 51, 3)
"""From here on, two connections that write and checkpoint at the same instant cannot damage a WAL database."""

KEY_OCTETS = 32
BUSY_SECONDS = 5.0
CHUNK = 500
PAGE = 2048
"""Octets of a page. A message touches some thirteen pages, each enciphered and authenticated as a whole: small pages
halve that, and a row fits in them. To open the file by hand: PRAGMA key, then PRAGMA cipher_page_size = 2048."""

_PRAGMAS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # Without it INSERT OR REPLACE passes by the triggers.
    "recursive_triggers=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
    "journal_size_limit=4194304",
    "temp_store=MEMORY",
    # In KiB, and only if needed: what is read again from an encrypted file is deciphered and verified again.
    "cache_size=-8192",
)
_PLAIN_HEADER = b"SQLite format 3\0"


def driver(key: bytes | None) -> ModuleType:
    """sqlcipher3 where a key is given and it is installed (x86_64, aarch64); Python's own sqlite3 elsewhere."""
    if key is not None:
        with contextlib.suppress(ImportError):
            import sqlcipher3  # noqa: PLC0415  (no wheel on 32-bit ARM)

            return sqlcipher3  # type: ignore[no-any-return]  # sqlcipher3 publishes no types
    return sqlite3


class Database:
    """Made by `Database.open`; shared by all threads."""

    def __init__(
        self,
        module: ModuleType,
        path: Path,
        key: bytes | None,
        pseudonym: Pseudonym,
        patience: float | None = None,
    ) -> None:
        self._module, self.path, self.pseudonym = module, path, pseudonym

        def connect(*, reading: bool) -> Any:
            return _connect(module, path, key, reading=reading, patience=patience)

        self._writing = _engine(module, lambda: connect(reading=False), reading=False)
        self._reading = _engine(module, lambda: connect(reading=True), reading=True)

        def connect_writer() -> Connection:
            connection = self._writing.connect()
            connection.info[PSEUDONYM] = pseudonym
            return connection.execution_options(**{DRIVER: connection.connection.driver_connection})

        self._writer = Writer(connect_writer, path, module.Error, polite=patience is not None)
        self._here = _Here()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        key: bytes | None = None,
        patience: float | None = None,
        pseudonym: Pseudonym | None = None,
    ) -> Database:
        """Open, or create with mode 0600. `key`: 32 random octets, used as they are. `patience`: seconds to wait for
        another process that writes; who has patience lets the other write as well (writer.py). None: BUSY_SECONDS, as
        the daemon, which tries again. `pseudonym`: the word that stands for a number in the audit
        trail; without it, words that only this life of the program understands.

        StoreError: the key does not fit, or the schema is newer than this program. StorageUnavailable: the file cannot
        be opened or written.
        """
        if key is not None and len(key) != KEY_OCTETS:
            raise StoreError(f"a database key has {KEY_OCTETS} octets, this one {len(key)}")
        module = driver(key)
        _prepare_file(path, encrypted=module is not sqlite3)
        database = cls(module, path, key, pseudonym or unlinkable(), patience)
        try:
            database.write(migrations.create)
        except BaseException:
            database.close()
            raise
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

    @property
    def distrusted(self) -> str:
        """Why nothing is written any more until the program is started again; "" while all is well."""
        return self._writer.distrusted

    def write(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a writing transaction; returns after COMMIT.

        StorageUnavailable: nothing was changed. TransitionError, StoreError: the database refused. Errors of the
        function itself pass, and undo what it did.
        """
        also = self._here.also
        if also is None:
            return self._writer.run(function)

        def both(connection: Connection) -> T:
            done = function(connection)
            self._here.within = connection
            try:
                also(connection, done)
            finally:
                self._here.within = None
            return done

        return self._writer.run(both)

    @contextlib.contextmanager
    def alongside(self, also: Callable[[Connection, Any], None]) -> Iterator[None]:
        """Within, `also` ends each transaction that this thread writes: it is given what was done there, and reads what
        the commit will leave."""
        self._here.also = also
        try:
            yield
        finally:
            self._here.also = None

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot on a connection of its own, which cannot write."""
        if self._here.within is not None:
            yield self._here.within
            return
        try:
            with self._reading.connect() as connection, connection.begin():
                yield connection
        except (DBAPIError, self._module.Error) as error:
            raise faults.translated(error, self.path) from error

    def damage(self) -> list[str]:
        """What SQLite's quick check, and the seals of the pages where encrypted, find wrong; empty: nothing."""
        checks = (["cipher_integrity_check"] if self.encrypted else []) + ["quick_check"]
        found: list[str] = []
        try:
            with self.read() as connection:
                for check in checks:
                    found += [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA {check}")]
        except StorageUnavailable:
            raise
        except StoreError as error:
            # So damaged that the check itself cannot go on.
            found.append(str(error))
        return [finding for finding in found if finding != "ok"]

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._writer.close()
        self._writing.dispose()
        self._reading.dispose()


class _Here(threading.local):
    """Of one thread: what ends each of its transactions, and the one that is being ended."""

    also: Callable[[Connection, Any], None] | None = None
    within: Connection | None = None


def inserted_id(result: CursorResult[Any]) -> int:
    """The key of the row just inserted."""
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101  (asked only after an INSERT of one row)
    return int(key[0])


def chunks(things: Iterable[T]) -> Iterator[list[T]]:
    """As many as one query asks for, and one transaction changes."""
    waiting = iter(things)
    while some := list(islice(waiting, CHUNK)):
        yield some


def _prepare_file(path: Path, *, encrypted: bool) -> None:
    """Create the file for its owner only; say plainly when the key and the file do not belong together."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            header = os.read(handle, len(_PLAIN_HEADER))
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageUnavailable(f"{path}: {error.strerror}") from error
    if encrypted and header == _PLAIN_HEADER:
        raise StoreError(f"{path} is not encrypted, and a key was given: take the key away, or move the file")


def _connect(module: ModuleType, path: Path, key: bytes | None, *, reading: bool, patience: float | None = None) -> Any:
    connection = module.connect(
        str(path), timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None, cached_statements=256
    )
    try:
        if module is not sqlite3 and key is not None:
            # A raw key: 32 random octets need no derivation.
            connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            connection.execute(f"PRAGMA cipher_page_size = {PAGE}")
        else:
            connection.execute(f"PRAGMA page_size = {PAGE}")
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if patience is not None:
            connection.execute(f"PRAGMA busy_timeout={round(patience * 1000)}")
        if reading:
            connection.execute("PRAGMA query_only=ON")
            connection.create_function("fold", 1, _folded, deterministic=True)
    except module.Error as error:
        connection.close()
        if faults.code_of(error) == sqlite3.SQLITE_NOTADB:
            raise StoreError(f"{path}: the key does not fit, or this is no database of gatewayd") from error
        raise
    return connection


def _folded(words: object) -> object:
    """Words as segments compare them."""
    return fold(words) if isinstance(words, str) else words


def _engine(module: ModuleType, connect: Callable[[], Any], *, reading: bool) -> Engine:
    """Of the readers: a pool, and a transaction each. Of the writer: one connection, whose transactions are its own."""
    if not reading:
        return sa.create_engine("sqlite://", module=module, creator=connect, poolclass=NullPool)
    engine = sa.create_engine(
        "sqlite://", module=module, creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=64
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine
