"""`gatewayd run`: one process from its first line to its last, as systemd sees it.

    READY=1      after recovery, when all workers run
    STATUS=      the lines and the queue, in one line
    WATCHDOG=1   twice in each interval, only while every worker turns and the database answers
    STOPPING=1   at SIGTERM or SIGINT; EXTEND_TIMEOUT_USEC while a submission is still running: it ends by itself

SIGHUP changes nothing, and says so: a configuration is read at the start. Signals are blocked in all threads and taken
by this loop, so that no handler ever runs inside a transaction.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

import structlog

from gatewayd import __version__, logs
from gatewayd.clock import Clock
from gatewayd.config import Settings
from gatewayd.credentials import Credentials
from gatewayd.daemon.gateway import Gateway
from gatewayd.daemon.lock import InstanceLock
from gatewayd.daemon.status import LineStatus, Status, StatusFile
from gatewayd.daemon.storage import log_key, make_state_directory
from gatewayd.errors import StorageUnavailable, StoreError
from gatewayd.services.dispatcher import LONGEST_TURN
from gatewayd.systemd_notify import Notifier

log = structlog.get_logger(__name__)

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_GLANCE = 1.0  # between two looks at what the lines say of themselves
_EXAMINE = 5.0  # between two examinations, which ask the database; oftener for a short watchdog
_STOP_STEP = 5.0
_TROUBLES = 4  # lines named in the status; `gatewayd modems list` has them all
# Counting the queue may cost at most this share of the time.
_COUNTING_SHARE = 0.005
_LEAST_BETWEEN_COUNTS = 10.0


def run(settings: Settings, secrets: Credentials, clock: Clock, *, level: str = "info") -> int:
    """Serve until SIGTERM or SIGINT; the exit status. StorageUnavailable: another daemon has this directory."""
    notifier = Notifier()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    make_state_directory(settings)
    with InstanceLock(settings.state_directory):
        logs.configure(log_key(secrets), level=level)
        return _Process(settings, secrets, clock, notifier).run()


class _Process:
    def __init__(self, settings: Settings, secrets: Credentials, clock: Clock, notifier: Notifier) -> None:
        self._clock, self._notifier = clock, notifier
        self._started_at = clock.utc_now()
        self._file = StatusFile(settings.state_directory)
        self._gateway = Gateway(settings, secrets, clock)
        self._examine = min(_EXAMINE, (notifier.watchdog_seconds or 2 * _EXAMINE) / 2)
        self._examine_again = 0.0
        self._count_again = 0.0
        self._counts: Mapping[str, int] = {}
        self._well = True
        self._said = ""

    def run(self) -> int:
        recovery = self._gateway.start()
        ports = [line.port for line in self._gateway.lines()]
        log.info(
            "daemon.started",
            version=__version__,
            sqlite=".".join(str(number) for number in self._gateway.database.sqlite_version),
            encrypted=self._gateway.database.encrypted,
            ports=ports,
            requeued=recovery.requeued,
            unknown=recovery.unknown,
        )
        self._look()
        self._notifier.ready()
        while not self._asked_to_stop(min(_GLANCE, self._examine)):
            self._look()
        return self._stop()

    def _asked_to_stop(self, seconds: float) -> bool:
        caught = signal.sigtimedwait(SIGNALS, seconds)
        if caught is None:
            return False
        name = signal.Signals(caught.si_signo).name
        if caught.si_signo == signal.SIGHUP:
            log.warning("daemon.not_reloaded", signal=name, advice="a new configuration wants a restart")
            return False
        log.info("daemon.stopping", signal=name)
        return True

    def _look(self) -> None:
        """Ask the workers how they are, and pass it on."""
        now = self._clock.monotonic()
        if now >= self._examine_again:
            self._examine_again = now + self._examine
            self._vouch(now)
        try:
            self._file.offer(self._status(), now)
        except StorageUnavailable as error:
            log.warning("storage.unavailable", error=str(error))
        words = self._words()
        if words != self._said:
            self._said = words
            self._notifier.status(words)

    def _vouch(self, now: float) -> None:
        """Tell systemd that all is well, if it is."""
        try:
            well = self._gateway.alive()
            self._count(now)
        except StoreError as error:
            well = False
            log.warning("storage.unavailable", error=str(error))
        if well:
            self._notifier.watchdog()
        elif self._well:
            log.error("daemon.not_well", advice="without a sign of life systemd starts it again")
        self._well = well

    def _count(self, now: float) -> None:
        """The queue's counts, seldom enough that a million messages cost nothing."""
        if self._notifier.listening and now >= self._count_again:
            self._counts = self._gateway.outbox.counts()
            cost = self._clock.monotonic() - now
            self._count_again = now + max(_LEAST_BETWEEN_COUNTS, cost / _COUNTING_SHARE)

    def _words(self) -> str:
        if trouble := self._gateway.database.distrusted:
            return f"nothing is sent any more: {trouble}"
        room, lines = self._gateway.space.tightest(), self._gateway.lines()
        working = sum(1 for line in lines if line.sim and not line.why)
        waiting = sum(self._counts.get(state, 0) for state in ("scheduled", "queued", "sending"))
        troubled = [f"{line.sim or line.port}: {line.why}" for line in lines if line.why]
        troubles = ", ".join(troubled[:_TROUBLES]) + (" ..." if len(troubled) > _TROUBLES else "")
        words = f"{working} of {len(lines)} modems ok, {waiting} waiting, {self._counts.get('unknown', 0)} unknown"
        if room is not None and room.low:
            words += f"; disk nearly full ({room.level}), nothing new is accepted"
        return f"{words} ({troubles})" if troubles else words

    def _status(self) -> Status:
        return Status(
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at.isoformat(timespec="seconds"),
            at=self._clock.utc_now().isoformat(timespec="seconds"),
            lines=[LineStatus(line.port, line.sim, line.why, line.filling) for line in self._gateway.lines()],
            crashes=self._gateway.crashes,
        )

    def _stop(self) -> int:
        self._notifier.stopping()
        deadline = self._clock.monotonic() + LONGEST_TURN + 60
        while not self._gateway.stop(_STOP_STEP):
            if self._clock.monotonic() > deadline:
                log.error("daemon.not_stopped", advice="a worker does not end; what it sent is unknown")
                return 1
            self._notifier.extend(4 * _STOP_STEP)
            self._notifier.watchdog()
            self._notifier.status("stopping: a submission is still running")
        log.info("daemon.stopped")
        return 0
