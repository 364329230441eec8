"""Writers that wait together share a commit, and nothing else: not their errors, not their fate."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.errors import StorageUnavailable, StoreError
from gatewayd.store import schema, writer
from gatewayd.store.engine import Database
from tests.store.conftest import NOW

WAIT = 10.0
SQLITE_LOOKS_EVERY = 0.1


def note(recipient: str) -> Callable[[Connection], int]:
    """A function that writes one row."""
    values = {"recipient": recipient, "origin": "t", "recorded_by": "t", "recorded_at": NOW}

    def write(connection: Connection) -> int:
        return connection.execute(sa.insert(schema.optouts), values).rowcount

    return write


def noted(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.recipient for row in connection.execute(sa.select(schema.optouts).order_by(schema.optouts.c.id))]


@pytest.mark.parametrize("polite", [True, False])
def test_who_writes_on_end_lets_another_process_in(
    database: Database, key: bytes | None, monkeypatch: pytest.MonkeyPatch, polite: bool
) -> None:
    """SQLite's waiters only look now and then: between two transactions of a tight loop they find no gap."""
    monkeypatch.setattr(writer, "ON_END", 0.0)
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    other = Database.open(database.path, key=key, patience=WAIT if polite else None)
    for n in range(3):
        other.write(note(f"+3363998000{n}"))
    other.close()
    assert len(slept) >= 2 if polite else not slept
    assert not slept or min(slept) > SQLITE_LOOKS_EVERY


def test_a_waiting_process_gets_in_beside_one_that_writes_on_end(
    database: Database, key: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ON_END", 0.1)
    ended = threading.Event()
    other = Database.open(database.path, key=key, patience=WAIT)

    def on_end() -> None:
        while not ended.is_set():
            other.write(lambda _: ended.wait(0.02))

    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(on_end)
        try:
            for n in range(10):
                database.write(note(f"+3363998000{n}"))
        finally:
            ended.set()
        importing.result(WAIT)
    other.close()
    assert len(noted(database)) == 10


class Busy:
    """Holds the writer in another thread until told to go on, while others queue."""

    def __init__(self, database: Database, pool: ThreadPoolExecutor) -> None:
        self.database, self.pool = database, pool
        self._inside, self._go_on = threading.Event(), threading.Event()
        self.first: Future[str] = pool.submit(database.write, self._hold)
        assert self._inside.wait(WAIT)

    def _hold(self, _connection: Connection) -> str:
        self._inside.set()
        assert self._go_on.wait(WAIT)
        return "first"

    def behind(self, *functions: Callable[[Connection], object]) -> list[Future[object]]:
        """Queue these, in this order, and let the writer go."""
        futures = []
        for number, function in enumerate(functions, 1):
            futures.append(self.pool.submit(self.database.write, function))
            self._wait_for_queue(number)
        self._go_on.set()
        return futures

    def _wait_for_queue(self, length: int) -> None:
        writer, tick = self.database._writer, queue.Queue[None]()
        for _ in range(1000):
            if len(writer._queue) >= length:
                return
            with pytest.raises(queue.Empty):
                tick.get(timeout=0.01)
        raise AssertionError("nobody came")


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=20)


def commits(database: Database) -> list[str]:
    """Filled with what begins and ends transactions, as they happen."""
    seen: list[str] = []
    driver = database.write(lambda connection: connection.connection.driver_connection)
    assert driver is not None
    driver.set_trace_callback(lambda text: seen.append(text) if text in ("BEGIN IMMEDIATE", "COMMIT") else None)
    return seen


def test_those_who_wait_share_one_commit(database: Database, pool: ThreadPoolExecutor) -> None:
    seen = commits(database)
    busy = Busy(database, pool)
    waiting = busy.behind(*(note(f"+336399800{i:02d}") for i in range(16)))
    assert [future.result(WAIT) for future in waiting] == [1] * 16
    assert seen.count("COMMIT") == 2
    assert len(noted(database)) == 16


def test_an_error_reaches_its_own_caller_only(database: Database, pool: ThreadPoolExecutor) -> None:
    def fails(connection: Connection) -> None:
        note("+33639980099")(connection)
        raise ValueError("mine")

    busy = Busy(database, pool)
    one, two, three, four = busy.behind(note("+33639980001"), fails, note("+33639980001"), note("+33639980002"))
    assert one.result(WAIT) == four.result(WAIT) == 1
    with pytest.raises(ValueError, match="mine"):
        two.result(WAIT)
    with pytest.raises(StoreError, match="UNIQUE"):
        three.result(WAIT)
    assert busy.first.result(WAIT) == "first"
    assert noted(database) == ["+33639980001", "+33639980002"]


def test_an_error_alone_undoes_what_it_did(database: Database) -> None:
    def fails(connection: Connection) -> None:
        note("+33639980099")(connection)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        database.write(fails)
    assert noted(database) == []
    assert database.write(note("+33639980001")) == 1


def fills_the_disk(connection: Connection) -> None:
    size = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {size}").scalar_one()
    values = {"recipient": "+33639980003", "origin": "x" * 20_000, "recorded_by": "t", "recorded_at": NOW}
    try:
        connection.execute(sa.insert(schema.optouts), values)
    finally:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one()


def test_a_full_disk_is_everybody_s(database: Database, pool: ThreadPoolExecutor) -> None:
    busy = Busy(database, pool)
    waiting = busy.behind(note("+33639980001"), fills_the_disk, note("+33639980002"))
    errors = [future.exception(WAIT) for future in waiting]
    assert [type(error) for error in errors] == [StorageUnavailable] * 3
    assert len({id(error) for error in errors}) == 3, "each caller raises an error of his own"
    assert noted(database) == []
    assert database.write(note("+33639980001")) == 1


def test_a_commit_that_fails_is_everybody_s(database: Database, pool: ThreadPoolExecutor) -> None:
    def dangling(connection: Connection) -> None:
        """A foreign key that is checked at COMMIT."""
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        values = {"sim_id": 4711, "recipient": "+33639980001", "first_at": NOW, "last_at": NOW}
        connection.execute(sa.insert(schema.sim_recipients), values)

    busy = Busy(database, pool)
    waiting = busy.behind(note("+33639980001"), dangling)
    assert all(isinstance(future.exception(WAIT), StoreError) for future in waiting)
    assert noted(database) == []
    assert database.write(note("+33639980001")) == 1


def test_a_function_may_not_write_within_itself(database: Database) -> None:
    with pytest.raises(RuntimeError, match="in its transaction already"):
        database.write(lambda _: database.write(note("+33639980001")))
    assert database.write(note("+33639980001")) == 1


def test_many_threads_lose_nothing(database: Database, pool: ThreadPoolExecutor) -> None:
    numbers = [f"+336399800{i:02d}" for i in range(100)]
    assert list(pool.map(lambda number: database.write(note(number)), numbers)) == [1] * 100
    assert sorted(noted(database)) == numbers


def test_ctrl_c_in_a_function_undoes_it_and_frees_the_writer(database: Database, pool: ThreadPoolExecutor) -> None:
    def interrupted(connection: Connection) -> None:
        note("+33639980099")(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(interrupted)
    assert pool.submit(database.write, note("+33639980001")).result(WAIT) == 1
    assert noted(database) == ["+33639980001"]


def test_closed_and_written_again(database: Database) -> None:
    database.close()
    assert database.write(note("+33639980001")) == 1
