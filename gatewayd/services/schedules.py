"""The ticks: APScheduler calls `run_once()` of small chores; the schedule itself is in the database.

A chore whose turn comes while it still runs, or that missed turns while the machine slept, runs once. A chore that
fails is logged and counted, and has its next turn all the same; `alive` says whether each had one in time.

APScheduler counts by the wall clock, which may be put right by hours: after such a step all chores have their turn at
once, and count from there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from gatewayd.clock import Clock
from gatewayd.errors import StorageUnavailable

log = structlog.get_logger(__name__)

_LATE = 120.0
_STEP = 2.0
"""Seconds between the two clocks that are no drift any more: the wall clock was put right."""


class Chore:
    """Something done again and again: `run_once` returns what it did, as a number or a word for the log."""

    def __init__(self, name: str, seconds: float, run_once: Callable[[], object], clock: Clock) -> None:
        self.name, self.seconds, self._run_once, self._clock = name, seconds, run_once, clock
        self.failures = 0
        self.expected_by = clock.monotonic() + seconds + _LATE

    def tick(self) -> None:
        """One supervised turn."""
        try:
            self._run_once()
        except StorageUnavailable as error:
            self.failures += 1
            log.warning("storage.unavailable", chore=self.name, error=str(error), times=self.failures)
        except Exception:  # a chore's defect must not end its ticks: seen, counted, tried again
            self.failures += 1
            log.exception("chore.failed", chore=self.name, times=self.failures)
        else:
            self.failures = 0
        self.expected_by = self._clock.monotonic() + self.seconds + _LATE


class Schedules:
    """The chores of a gateway. `add` before `start`; `stop` may be called twice, and without `start`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chores: list[Chore] = []
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(2)})
        self._lock = threading.Lock()
        self._ahead = self._wall_ahead()

    def add(self, name: str, seconds: float, run_once: Callable[[], object]) -> Chore:
        """Call `run_once` every `seconds`, and once at the start."""
        chore = Chore(name, seconds, run_once, self._clock)
        self._chores.append(chore)
        self._scheduler.add_job(
            chore.tick, "interval", seconds=seconds, id=name, max_instances=1, coalesce=True, misfire_grace_time=None
        )
        return chore

    def start(self) -> None:
        """Tick."""
        for chore in self._chores:
            chore.tick()
        self._scheduler.start()

    def stop(self) -> None:
        """Let running chores end."""
        with self._lock:
            if self._scheduler.running:
                self._scheduler.shutdown(wait=True)

    def alive(self) -> bool:
        """Whether each chore had its turn in time: for the watchdog, whose questions show a step of the clock too."""
        self._follow_the_clock()
        now = self._clock.monotonic()
        return all(now < chore.expected_by for chore in self._chores)

    def _wall_ahead(self) -> float:
        return self._clock.utc_now().timestamp() - self._clock.monotonic()

    def _follow_the_clock(self) -> None:
        step, self._ahead = self._wall_ahead() - self._ahead, self._wall_ahead()
        if abs(step) < _STEP:
            return
        log.warning("clock.stepped", seconds=round(step))
        with self._lock:
            for chore in self._chores if self._scheduler.running else ():
                self._scheduler.modify_job(chore.name, next_run_time=datetime.now(UTC))
