"""What the daemon tells of itself: `status.json` in the state directory, for `gatewayd status` and `modems list`.

It is written when something changed, and replaced as a whole; a few changes at once are written as they come, then one
every ten seconds: an SD card is not worn out by a wavering modem. It is a courtesy, not a record: whether a daemon runs
is said by its lock, and what became of messages by the database.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gatewayd.daemon import lock
from gatewayd.errors import StorageUnavailable

STATUS_NAME = "status.json"
INTERVAL = 10.0
"""Seconds between two writings, in the long run."""
BURST = 5
"""Writings that may come at once: a start, a modem plugged in."""


@dataclass(frozen=True, slots=True)
class LineStatus:
    """A port: the SIM found there ("" while none is), why nothing is being sent ("" while all is well), and whether its
    memory for what comes in is nearly full."""

    port: str
    sim: str
    why: str
    filling: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """The daemon as it saw itself at `at` (RFC 3339)."""

    pid: int
    version: str
    started_at: str
    at: str
    lines: Sequence[LineStatus]
    crashes: int


class StatusFile:
    """Writes the status of this process."""

    def __init__(self, state_directory: Path) -> None:
        self._path = state_directory / STATUS_NAME
        self._written: tuple[object, ...] = ()
        self._credit, self._credited_at = float(BURST), 0.0

    def offer(self, status: Status, monotonic: float) -> bool:
        """Write it if it differs from the last one and not too many were written lately; whether it was written."""
        essence = (status.pid, tuple(status.lines), status.crashes)
        self._credit = min(BURST, self._credit + (monotonic - self._credited_at) / INTERVAL)
        self._credited_at = monotonic
        if essence == self._written or self._credit < 1:
            return False
        draft = self._path.with_name(STATUS_NAME + ".new")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(asdict(status), stream)
            draft.replace(self._path)
        except OSError as error:
            raise StorageUnavailable(f"{self._path} cannot be written: {error.strerror}") from error
        self._written, self._credit = essence, self._credit - 1
        return True


def read(state_directory: Path) -> Status | None:
    """What the running daemon last said of itself; None when none runs, or it has said nothing yet."""
    if lock.holder(state_directory) is None:
        return None
    try:
        found = json.loads((state_directory / STATUS_NAME).read_text(encoding="utf-8"))
        lines = [LineStatus(**line) for line in found.pop("lines")]
        return Status(lines=lines, **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # of another version, or just being started
