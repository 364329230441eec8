"""Chores tick, fail, and tick again."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from gatewayd.clock import SystemClock
from gatewayd.errors import StorageUnavailable
from gatewayd.services.schedules import Chore, Schedules


def test_a_chore_ticks_at_the_start_and_then_again() -> None:
    third = threading.Semaphore(0)
    schedules = Schedules(SystemClock())
    schedules.add("count", 0.05, third.release)
    schedules.start()
    for _ in range(3):
        assert third.acquire(timeout=10)
    assert schedules.alive()
    schedules.stop()
    schedules.stop()


def test_a_chore_that_fails_has_its_next_turn() -> None:
    troubles = [StorageUnavailable(), ValueError("a defect"), None]

    def trouble() -> None:
        if error := troubles.pop(0):
            raise error

    chore = Chore("trouble", 1, trouble, SystemClock())
    chore.tick()
    assert chore.failures == 1
    chore.tick()
    assert chore.failures == 2
    chore.tick()
    assert chore.failures == 0


def test_a_chore_that_hangs_is_seen() -> None:
    class Later(SystemClock):
        ahead = 0.0

        def monotonic(self) -> float:
            return self.ahead

    clock = Later()
    schedules = Schedules(clock)
    chore = schedules.add("hangs", 1, lambda: None)
    assert schedules.alive()
    clock.ahead = 1000
    assert not schedules.alive()
    chore.tick()
    assert schedules.alive()


def test_stop_without_start() -> None:
    Schedules(SystemClock()).stop()


def test_a_wall_clock_put_back_does_not_stop_the_chores() -> None:
    class PutBack(SystemClock):
        by = timedelta()

        def utc_now(self) -> datetime:
            return super().utc_now() - self.by

    ticks, clock = threading.Semaphore(0), PutBack()
    schedules = Schedules(clock)
    schedules.add("count", 3000, ticks.release)
    schedules.start()
    assert ticks.acquire(timeout=10)
    # What APScheduler, which reads the machine's clock itself, holds after a step: the next turn is far away.
    schedules._scheduler.modify_job("count", next_run_time=datetime.now(UTC) + timedelta(hours=3))
    assert schedules.alive()
    assert not ticks.acquire(timeout=0.2)
    clock.by = timedelta(hours=2)
    assert schedules.alive()
    assert ticks.acquire(timeout=10)
    schedules.stop()
