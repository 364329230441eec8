"""Time as a port: every rule and every loop takes a Clock, so that tests own the time.

Wall time is UTC and is used for records, hours and limits; durations and timeouts are monotonic.
`trusted()` says whether wall time may be believed: a Raspberry Pi has no clock of its own, and starts with the date of
its last shutdown until the network corrects it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_TIMESYNCD = Path("/run/systemd/timesync")
LOOK_AGAIN = 1.0
"""Seconds between two looks at these files: each message asks, twice."""


class Clock(Protocol):
    """What the rest of gatewayd knows about time."""

    def utc_now(self) -> datetime:
        """The wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump; only differences have a meaning."""
        ...

    def trusted(self) -> bool:
        """Whether `utc_now()` may decide what leaves, and when."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self, *, earliest: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._earliest = earliest
        self._synchronised = self._awaited = False
        self._look_at = 0.0

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def trusted(self) -> bool:
        """False before `earliest`, and while systemd-timesyncd runs and has not yet synchronised since the boot."""
        if self.utc_now() < self._earliest:
            return False
        if not self._synchronised and (now := self.monotonic()) >= self._look_at:
            self._look_at = now + LOOK_AGAIN
            self._synchronised, self._awaited = _SYNCHRONISED.exists(), _TIMESYNCD.exists()
        return self._synchronised or not self._awaited


def rfc3339(moment: datetime | None) -> str | None:
    """`2026-11-24T08:00:00.123Z`, as all JSON has it."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
