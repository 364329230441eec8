"""Workers: a thread that gives a loop its turns, survives a defect in one of them, and can be seen to be alive.

A turn says in how many seconds it wants the next one; a bell brings it forward. A turn that raises is logged and
counted, `crashed` puts its owner right, and the next turn comes after a pause that doubles from one second to a minute.
A worker is alive while it rests not much longer than it asked for, and works not longer than its patience: the longest
that its slowest turn may take (a submission waits minutes for a modem).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from gatewayd.clock import Clock

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 60.0
_OVERSLEPT = 30.0
"""Seconds a rest may last longer than asked before the worker counts as stuck: a busy Pi is not a dead one."""


def _nothing(_error: BaseException) -> None:
    """A worker without anything to put right."""


@dataclass(frozen=True)
class Task:
    """What a worker does; `patience`: seconds that one turn may take."""

    name: str
    turn: Callable[[], float]
    patience: float
    bell: threading.Event
    crashed: Callable[[BaseException], None] = _nothing
    close: Callable[[], None] = lambda: None


class Worker:
    """A thread of its own for one task."""

    def __init__(self, task: Task, clock: Clock) -> None:
        self.task, self._clock = task, clock
        self.crashes = 0
        self._in_a_row = 0
        self._stopping = False
        self._due = clock.monotonic() + task.patience  # by when the next sign of life must come
        self._thread = threading.Thread(target=self._run, name=task.name, daemon=True)

    def start(self) -> None:
        """Give the first turn."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """No further turn; the present one ends by itself."""
        self._stopping = True
        self.task.bell.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether its last sign of life is as recent as it should be."""
        return self._thread.is_alive() and self._clock.monotonic() <= self._due

    def _run(self) -> None:
        while True:
            self.task.bell.clear()  # before the turn: what rings during it brings the next one
            if self._stopping:
                break
            self._due = self._clock.monotonic() + self.task.patience
            rest = self._turn()
            self._due = self._clock.monotonic() + rest + _OVERSLEPT
            if rest > 0:
                self.task.bell.wait(rest)
        self._due = self._clock.monotonic() + self.task.patience
        self._guarded(self.task.close)

    def _turn(self) -> float:
        try:
            rest = self.task.turn()
        except Exception as error:  # a supervised worker: whatever it is, the others go on
            self.crashes += 1
            self._in_a_row += 1
            log.exception("worker.crashed", worker=self.task.name, times=self.crashes)
            self._guarded(partial(self.task.crashed, error))
            return min(_LONGEST_PAUSE, 2.0 ** min(self._in_a_row - 1, 6))
        self._in_a_row = 0
        return rest

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:  # putting right may fail for the same reason as the turn did
            log.exception("worker.not_put_right", worker=self.task.name)
