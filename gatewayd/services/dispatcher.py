"""The dispatcher: a thread per port, each turning a Line, and one that looks after them.

    start    what the last life left half done is put right (begun: queued again; on the wire: unknown), then the lines
    turn     run_once, then wait for the bell or for the time that the turn asked for
    crash    an exception nobody foresaw is logged and counted; the line begins anew, with back-off over those in a row:
             one that comes after a while of health is the first again
    stop     each line ends its submission (two minutes at most), records its outcome, and lets its modem go

`alive` says whether every line has turned when it had to; a submission may take its two minutes. `poll` is the slow
look at the queue for a wake-up that was lost, and makes ready what has waited long enough.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gatewayd.errors import StorageUnavailable
from gatewayd.services.line import Common, Line, Opener
from gatewayd.services.retries import backoff
from gatewayd.store.outbox import Recovery

log = structlog.get_logger(__name__)

# The longest turn: a modem opened with its PIN, or the longest answer with its resynchronisation and two commits.
LONGEST_TURN = 240.0
_LATE = 30.0
_CLOSING_TRIES = 8
_LONGEST_PENANCE = 300.0
HEALTHY = 1800.0
"""Seconds after a crash, more than its longest back-off, after which it is forgiven."""


@dataclass(frozen=True, slots=True)
class LineStatus:
    """A line as `status` shows it: `why` is "" while nothing keeps it from sending, `filling` says that its memory for
    what comes in is nearly full."""

    port: str
    sim: str
    why: str
    crashes: int
    filling: bool = False


class Dispatcher:
    """All lines of a gateway. `start` and `stop` once each, in this order; the rest from any thread."""

    def __init__(self, openers: Mapping[str, Opener], common: Common) -> None:
        self._common = common
        self._stopping = threading.Event()
        self._workers = [
            _Worker(Line(port, opener, common), common, self._stopping) for port, opener in openers.items()
        ]

    def start(self) -> Recovery:
        """Put right what the last life left, and start the lines. StorageUnavailable if the database is not there."""
        recovery = self.recover()
        for worker in self._workers:
            worker.thread.start()
        return recovery

    def recover(self) -> Recovery:
        """What was begun and not on the wire is queued again; what was on the wire without outcome is unknown."""
        recovery = self._common.outbox.recover(self._common.clock.utc_now(), self._common.lease)
        if recovery.requeued or recovery.unknown:
            log.warning("queue.recovered", requeued=recovery.requeued, unknown=recovery.unknown)
        for sim in self._common.sims.list():
            self._common.roster.remember(sim.id, sim.pool)
        return recovery

    def stop(self, timeout: float = LONGEST_TURN) -> bool:
        """Ask all lines to end, and wait for them; False if one did not within `timeout` seconds."""
        self._stopping.set()
        deadline = self._common.clock.monotonic() + timeout
        for worker in self._workers:
            worker.line.bell.set()
        for worker in self._workers:
            if worker.thread.ident is not None:
                worker.thread.join(max(0.0, deadline - self._common.clock.monotonic()))
        return not any(worker.thread.is_alive() for worker in self._workers)

    def wake(self) -> None:
        """A message was accepted, or may go at last."""
        for worker in self._workers:
            worker.line.wake()

    def poll(self) -> int:
        """Make ready what has waited long enough, and wake the lines if there is anything to send; how many were made
        ready. StorageUnavailable."""
        outbox, now = self._common.outbox, self._common.clock.utc_now()
        due = outbox.earliest_not_before(now)
        ready = outbox.promote(now) if due is not None and due <= now else 0
        if ready or outbox.anything_ready():
            self.wake()
        return ready

    def alive(self) -> bool:
        """Whether each line has turned as it should: for the watchdog."""
        now = self._common.clock.monotonic()
        return all(worker.thread.is_alive() and now < worker.expected_by for worker in self._workers)

    def status(self) -> list[LineStatus]:
        """Each line, in the order of the configuration."""
        return [
            LineStatus(worker.line.port, *worker.line.status, crashes=worker.crashes, filling=worker.line.filling)
            for worker in self._workers
        ]


class _Worker:
    """A line's thread."""

    def __init__(self, line: Line, common: Common, stopping: threading.Event) -> None:
        self.line, self._common, self._stopping = line, common, stopping
        self.crashes = self._in_a_row = 0
        self._crashed_at = 0.0
        self.expected_by = common.clock.monotonic() + LONGEST_TURN
        self.thread = threading.Thread(target=self._run, name=f"line {line.port}", daemon=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            again = self._turn()
            if again > 0:
                self._expect(again + _LATE)
                if self.line.bell.wait(again):
                    self.line.bell.clear()
            self._expect(LONGEST_TURN)
        self._close()

    def _turn(self) -> float:
        try:
            return self.line.run_once().again
        except Exception as error:  # the one place where a line's defect ends: seen, counted, begun anew
            self.crashes += 1
            log.exception("line.crashed", port=self.line.port, times=self.crashes)
            self.line.crashed(error)
            return self._penance()

    def _penance(self) -> float:
        """Seconds until the next turn. Not one good turn ends a row: a line that fails at each message has many."""
        now = self._common.clock.monotonic()
        self._in_a_row = self._in_a_row + 1 if now - self._crashed_at < HEALTHY else 1
        self._crashed_at = now
        return backoff(self._in_a_row, self._common.rng, first=1.0, longest=_LONGEST_PENANCE)

    def _close(self) -> None:
        for attempt in range(1, _CLOSING_TRIES + 1):
            try:
                self.line.close()
            except StorageUnavailable as error:
                log.warning("storage.unavailable", port=self.line.port, error=str(error), times=attempt)
                self.line.bell.clear()
                self.line.bell.wait(backoff(attempt, self._common.rng, first=0.1, longest=5.0))
            else:
                return
        log.error("outcome.unrecorded", port=self.line.port)

    def _expect(self, seconds: float) -> None:
        self.expected_by = self._common.clock.monotonic() + seconds
