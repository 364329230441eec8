"""Workers: turns, bells, crashes, and what counts as alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from gatewayd.clock import Clock, SystemClock
from gatewayd.daemon.supervision import Task, Worker

LONG = 3600.0


class HandClock:
    """Monotonic time moves by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def utc_now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.now

    def trusted(self) -> bool:
        return True


@contextmanager
def working(
    turn: Callable[[], float],
    *,
    clock: Clock | None = None,
    crashed: Callable[[BaseException], None] = lambda _error: None,
    close: Callable[[], None] = lambda: None,
) -> Iterator[Worker]:
    task = Task("test", turn, patience=100.0, bell=threading.Event(), crashed=crashed, close=close)
    worker = Worker(task, clock or SystemClock())
    worker.start()
    try:
        yield worker
    finally:
        worker.ask_to_stop()
        assert worker.join(10)


def test_a_bell_brings_the_next_turn_forward() -> None:
    turns = threading.Semaphore(0)

    def turn() -> float:
        turns.release()
        return LONG

    with working(turn) as worker:
        assert turns.acquire(timeout=10)
        worker.task.bell.set()
        assert turns.acquire(timeout=10)


def test_a_bell_during_a_turn_is_not_lost() -> None:
    begun, go_on, again = threading.Event(), threading.Event(), threading.Event()

    def turn() -> float:
        if begun.is_set():
            again.set()
        else:
            begun.set()
            go_on.wait(10)
        return LONG

    with working(turn) as worker:
        assert begun.wait(10)
        worker.task.bell.set()
        go_on.set()
        assert again.wait(10)


def test_a_crash_is_counted_put_right_and_followed_by_a_turn() -> None:
    seen: list[BaseException] = []
    recovered = threading.Event()

    def turn() -> float:
        if not seen:
            raise KeyError("a defect")
        recovered.set()
        return LONG

    with working(turn, crashed=seen.append) as worker:
        assert recovered.wait(10)
        assert worker.crashes == 1
        assert isinstance(seen[0], KeyError)
        assert worker.alive


def test_what_puts_right_may_crash_too() -> None:
    turns = threading.Semaphore(0)

    def turn() -> float:
        turns.release()
        raise KeyError("a defect")

    def crashed(_error: BaseException) -> None:
        raise OSError("and another")

    with working(turn, crashed=crashed) as worker:
        assert turns.acquire(timeout=10)
        assert turns.acquire(timeout=10)
        assert worker.crashes >= 1


def test_the_end_closes_what_was_used() -> None:
    closed = threading.Event()
    with working(lambda: LONG, close=closed.set):
        pass
    assert closed.is_set()


@pytest.mark.parametrize(("passed", "alive"), [(99.0, True), (101.0, False)])
def test_a_turn_may_last_as_long_as_its_patience(passed: float, alive: bool) -> None:
    clock, begun, go_on = HandClock(), threading.Event(), threading.Event()

    def turn() -> float:
        begun.set()
        go_on.wait(10)
        return LONG

    with working(turn, clock=clock) as worker:
        assert begun.wait(10)
        clock.now += passed
        assert worker.alive is alive
        go_on.set()


def test_a_worker_that_oversleeps_is_not_alive() -> None:
    clock, rested = HandClock(), threading.Event()

    class Bell(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rested.set()
            return super().wait(timeout)

    task = Task("test", lambda: LONG, patience=100.0, bell=Bell())
    worker = Worker(task, clock)
    worker.start()
    assert rested.wait(10)
    clock.now += LONG + 29
    assert worker.alive
    clock.now += 2
    assert not worker.alive
    worker.ask_to_stop()
    assert worker.join(10)
