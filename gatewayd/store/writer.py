"""The one writer, and commits shared by those who wait for it.

Promises: `run` returns after COMMIT, so what the function did is on stable storage. Callers from many threads queue;
the first of them leads: it runs all that wait in ONE transaction, commits once, hands the lead to the first of those
who came meanwhile, and wakes the others. A disk that does 50 to 200 syncs a second so serves many SIMs. A lone caller
meets no other thread. With several functions in a transaction each has a savepoint: an error of one undoes that one,
and reaches its own caller only. When the database itself fails, at COMMIT or before, nothing was changed and each
caller gets an error of its own.

SQLite keeps no queue between processes: who waits looks again every tenth of a second, and finds the file locked if
another one writes on end. So a command, which is `polite`, pauses for that long after each second of writing; otherwise
a long import would keep the daemon, and a STOP with it, from writing for as long as it lasts.

Every transaction is BEGIN IMMEDIATE: a deferred one that reads before it writes fails at once when somebody else wrote,
whatever the busy timeout.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from gatewayd.errors import StorageUnavailable
from gatewayd.store import faults

log = structlog.get_logger(__name__)

T = TypeVar("T")

ON_END = 1.0
"""Seconds of writing on end after which a polite writer pauses."""
PAUSE = 0.11
"""Longer than SQLite sleeps between two looks at a lock (100 ms)."""


class _Job(Generic[T]):
    """A function that waits for the writer, then its result or its error. `turn`: what a follower sleeps on."""

    __slots__ = ("done", "error", "function", "leads", "result", "turn")

    def __init__(self, function: Callable[[Connection], T]) -> None:
        self.function = function
        self.turn: threading.Lock | None = None
        self.done = self.leads = False
        self.result: T | None = None
        self.error: BaseException | None = None


class Writer:
    """Made with what opens its connection, which is in autocommit: transactions are begun and ended here."""

    def __init__(
        self, connect: Callable[[], Connection], path: Path, driver_error: type[Exception], *, polite: bool = False
    ) -> None:
        self._connect, self._path, self._driver_error = connect, path, driver_error
        self._polite, self._since, self._until = polite, 0.0, 0.0
        self._connection: Connection | None = None
        self._mutex = threading.Lock()
        self._queue: list[_Job[Any]] = []
        self._led = False
        self._leader: int | None = None
        self.distrusted = ""

    def run(self, function: Callable[[Connection], T]) -> T:
        """Run the function in a transaction; its result, after COMMIT. It is run once."""
        if self._leader == threading.get_ident():
            raise RuntimeError("a writing function is in its transaction already: it may not ask for another")
        job = _Job(function)
        with self._mutex:
            self._queue.append(job)
            if self._led:
                job.turn = threading.Lock()
                job.turn.acquire()
            self._led = True
        if job.turn is not None:
            self._sleep(job, job.turn)
        if not job.done:
            self._lead()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]  # done without error: it is the function's result

    def close(self) -> None:
        """End the connection; the next `run` opens another."""
        with self._mutex:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _sleep(self, job: _Job[Any], turn: threading.Lock) -> None:
        """Until a leader has done the job, or hands the lead over. Interrupted (Ctrl-C): the job is withdrawn."""
        try:
            turn.acquire()
        except BaseException:
            with self._mutex:
                if job in self._queue:
                    self._queue.remove(job)
                if job.leads:
                    self._hand_over()
            raise

    def _lead(self) -> None:
        with self._mutex:
            jobs, self._queue = self._queue, []
        self._leader = threading.get_ident()
        try:
            self._transact(jobs)
        finally:
            self._leader = None
            for job in jobs:
                job.done = True
            with self._mutex:
                self._hand_over()
            for job in jobs:
                if job.turn is not None and not job.leads:
                    job.turn.release()

    def _hand_over(self) -> None:
        """Let the first who waits lead the next transaction; the mutex is held."""
        if not self._queue:
            self._led = False
            return
        following = self._queue[0]
        following.leads = True
        if following.turn is not None:
            following.turn.release()

    def _transact(self, jobs: Sequence[_Job[Any]]) -> None:
        if self._polite:
            self._let_others()
        try:
            self._run_all(self._trusted_connection(), jobs)
        except BaseException as error:
            for job in jobs:
                job.result, job.error = None, job.error or self._of_each(error)
            if faults.ends_trust(error, self._path):
                self.distrusted = (
                    f"{self._path}: the disk did not keep what was written; check it, then restart gatewayd"
                )
                log.exception("store.distrusted", path=str(self._path))
            if not isinstance(error, Exception):
                raise
        self._until = time.monotonic()

    def _let_others(self) -> None:
        """Pause, if this process has written on end for long: another one looks meanwhile, and gets in."""
        now = time.monotonic()
        if now - self._until >= PAUSE:
            self._since = now
        elif now - self._since >= ON_END:
            time.sleep(PAUSE)
            self._since = time.monotonic()

    def _trusted_connection(self) -> Connection:
        if self.distrusted:
            raise StorageUnavailable(self.distrusted)
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _run_all(self, connection: Connection, jobs: Sequence[_Job[Any]]) -> None:
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute("BEGIN IMMEDIATE")
            if len(jobs) == 1:
                jobs[0].result = jobs[0].function(connection)
            else:
                for job in jobs:
                    self._run_one(connection, driver, job)
            driver.execute("COMMIT")
        except BaseException:
            self._undo(driver)
            raise
        finally:
            # SQLAlchemy believes in a transaction of its own if it was used; at the driver there is none left.
            if connection.in_transaction():
                connection.rollback()

    def _run_one(self, connection: Connection, driver: Any, job: _Job[Any]) -> None:
        driver.execute("SAVEPOINT one")
        try:
            job.result = job.function(connection)
        except Exception as error:  # each caller gets his own error; the others' work goes on
            own = self._own(error)
            if isinstance(own, StorageUnavailable) or not driver.in_transaction:
                raise
            job.error = own
            driver.execute("ROLLBACK TO one")
        driver.execute("RELEASE one")

    def _of_each(self, error: BaseException) -> BaseException:
        """The failure of the transaction, for one of its callers: Ctrl-C is the leader's alone."""
        if isinstance(error, Exception):
            return self._own(error)
        return StorageUnavailable(f"{self._path}: the writer was interrupted: nothing was changed")

    def _own(self, error: BaseException) -> BaseException:
        own = faults.translated(error, self._path)
        if own is not error:
            own.__cause__ = error
        return own

    def _undo(self, driver: Any) -> None:
        """Roll back; a connection that cannot do even that is given up."""
        try:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
        except self._driver_error:
            connection, self._connection = self._connection, None
            if connection is not None:
                with contextlib.suppress(self._driver_error, SQLAlchemyError):
                    connection.close()
