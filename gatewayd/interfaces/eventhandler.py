"""The event handler: a program of the administrator's that is called as smstools3 calls its own.

    COMMAND... SENT|FAILED|RECEIVED|REPORT FILE [MESSAGE_ID]

It is called when the file is in its final folder and the database knows it, one call at a time, in the order of what
happened, at least once: what a crash or a stop interrupted is called again. It is run by itself and never through a
shell, with nothing of ours in its environment, and is ended after `timeout` seconds with all it has started. A call
that fails is made again after growing pauses, six times in all. It has a thread of its own, and delays nobody else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog

from gatewayd.clock import Clock
from gatewayd.store.handler_calls import LONGEST, Call, HandlerCalls

log = structlog.get_logger(__name__)

SENT, FAILED, RECEIVED, REPORT = "SENT", "FAILED", "RECEIVED", "REPORT"
IDLE = 1.0
"""Seconds between two looks."""
_PAUSES = (30, 120, 600, 3600, LONGEST.seconds)
_AT_ONCE = 20
_LOOK = 0.1
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


class EventHandler:
    """`run_once` belongs to one thread; `stop` may be called from any."""

    def __init__(
        self, calls: HandlerCalls, spool: Path, command: Sequence[str], clock: Clock, *, timeout: float
    ) -> None:
        self._calls, self._spool, self._command, self._clock = calls, spool, tuple(command), clock
        self._timeout, self._stopping = timeout, threading.Event()

    def stop(self) -> None:
        """End the call that runs; it is made again in the next life."""
        self._stopping.set()

    def run_once(self) -> float:
        """Make the calls that are due; seconds until the next look. StorageUnavailable."""
        due = self._calls.due(self._clock.utc_now(), _AT_ONCE)
        for call in due:
            if self._stopping.is_set():
                return IDLE
            if not self._make(call):
                return 0.0  # what must not overtake it is due no more
        return 0.0 if len(due) == _AT_ONCE else IDLE

    def _make(self, call: Call) -> bool:
        """Whether it ended well."""
        trouble = self._run(call)
        if self._stopping.is_set() and trouble:
            return False
        if not trouble:
            self._calls.made(call)
        elif call.tries < len(_PAUSES):
            log.warning("handler.failed", event_name=call.event, trouble=trouble, tries=call.tries + 1)
            pause = timedelta(seconds=_PAUSES[call.tries])
            self._calls.postpone(call, self._clock.utc_now() + pause)
        else:
            log.error("handler.given_up", event_name=call.event, file=call.file, trouble=trouble)
            self._calls.made(call)
        return not trouble

    def _run(self, call: Call) -> str:
        """Empty if it ended well, else what went wrong."""
        words = [*self._command, call.event, str(self._spool / call.file)]
        words += [call.message_reference] * bool(call.message_reference)
        try:
            process = subprocess.Popen(  # noqa: S603  (the administrator's own program, and no shell)
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            return error.strerror or "it cannot be started"
        try:
            return self._await(process)
        finally:
            _end(process)

    def _await(self, process: subprocess.Popen[bytes]) -> str:
        until = self._clock.monotonic() + self._timeout
        while self._clock.monotonic() < until:
            try:
                status = process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                if self._stopping.is_set():
                    return "gatewayd stops"
                continue
            return f"status {status}" if status else ""
        return f"it took more than {self._timeout:g} s"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it stays behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
