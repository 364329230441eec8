"""Room on the disk: refuse new work before the end, so that what was begun can be recorded.

    low        less than `least` is free: nothing new is accepted, what waits is still sent
    exhausted  less than RESERVE is free: no submission begins, for its outcome might find no place

Opt-outs and what people write are taken in as long as the disk takes anything. All goes on by itself once there is
room. The file system is asked at most once a second; where it does not answer there is room: who writes will hear it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatewayd.clock import Clock
from gatewayd.errors import DiskNearlyFull

MIB = 1 << 20
RESERVE = 16 * MIB
"""Kept for outcomes, opt-outs and replies: some ten thousand of them."""
_LEAST = 64 * MIB
_MOST = 1024 * MIB  # on a disk of a terabyte, 5 % would be refused for no reason
_LEAST_FILES = 100
_LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Room:
    """What is free at `path` for us, and below what nothing new is accepted, in octets; `files`: that may be made."""

    path: Path
    free: int
    least: int
    files: int

    @property
    def low(self) -> bool:
        """Nothing new is accepted."""
        return self.free < self.least or self.files < _LEAST_FILES

    @property
    def exhausted(self) -> bool:
        """No submission begins."""
        return self.free < RESERVE

    @property
    def level(self) -> str:
        """`ok`, `low` or `exhausted`."""
        return "exhausted" if self.exhausted else "low" if self.low else "ok"

    def sentence(self) -> str:
        """What is wrong, and what to type."""
        left = f"{self.free // MIB} MiB are free" if self.free < self.least else f"{self.files} files may be made"
        kept = f"{self.least // MIB} MiB are kept back (df -h {self.path})"
        return f"the disk is nearly full: {left} in {self.path}, {kept}"


class Space:
    """Looks at the file systems of these directories; the first one has the database. Used from any thread.

    `least`: octets that are kept back; None: 5 % of the file system, at least 64 MiB and at most 1 GiB.
    """

    def __init__(self, directories: Sequence[Path], clock: Clock, *, least: int | None = None) -> None:
        self._directories, self._clock, self._least = directories, clock, least
        self._looked_at = float("-inf")
        self._rooms: Sequence[Room] = ()

    def tightest(self) -> Room | None:
        """The room that is scarcest; None where no file system answers."""
        return min(self._look(), key=lambda room: room.free - room.least, default=None)

    def exhausted(self) -> bool:
        """Whether the database's file system is down to the reserve."""
        return any(room.exhausted for room in self._look() if room.path == self._directories[0])

    def require(self) -> None:
        """There is room for new work. DiskNearlyFull: there is not."""
        for room in self._look():
            if room.low:
                raise DiskNearlyFull(f"{room.sentence()}: nothing new is accepted until there is room")

    def low(self) -> bool:
        """Whether nothing new is accepted."""
        return any(room.low for room in self._look())

    def _look(self) -> Sequence[Room]:
        now = self._clock.monotonic()
        if now - self._looked_at >= _LOOK_EVERY:
            self._rooms = [room for room in map(self._room, self._directories) if room is not None]
            self._looked_at = now
        return self._rooms

    def _room(self, path: Path) -> Room | None:
        try:
            found = os.statvfs(path)
        except OSError:
            return None
        share = min(max(found.f_blocks * found.f_frsize // 20, _LEAST), _MOST)
        files = found.f_favail if found.f_files else _LEAST_FILES  # some file systems do not count them
        return Room(path, found.f_bavail * found.f_frsize, share if self._least is None else self._least, files)
