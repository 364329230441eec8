"""Which files of the drop folder are still, and may be taken.

A file is still when its size and time of writing have not changed for `settle` seconds by the monotonic clock, or
when it was last written longer ago than that, as a file that is renamed into place usually was. The second rule needs
a wall clock that can be trusted. Names by which programs say that they are still writing are left alone, and so are
folders; a folder that is no feed is told of once.

Nothing is opened. A folder of 100,000 files costs a listing, and a look at the files that are not ignored until
`CONSIDERED` of them are found to be still; the rest wait for the next turn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import structlog

from gatewayd.clock import Clock
from gatewayd.interfaces.dropfolder.names import is_ignored, safe_name
from gatewayd.interfaces.dropfolder.spool import Spool

log = structlog.get_logger(__name__)

CONSIDERED = 1_000


class Arrival(NamedTuple):
    """A file that may be claimed; they sort by the time of their last writing."""

    written: int  # nanoseconds since 1970
    feed: str
    name: str


class _Look(NamedTuple):
    size: int
    written: int
    since: float  # monotonic seconds


class Arrivals:
    """Remembers how the files that are not yet still looked at the last turn."""

    def __init__(self, spool: Spool, clock: Clock, settle: float) -> None:
        self._spool, self._clock, self._settle = spool, clock, settle
        self._looks: dict[tuple[str, str], _Look] = {}
        self._told: set[str] = set()

    def ready(self) -> list[Arrival]:
        """The files that are still, the oldest first."""
        looks: dict[tuple[str, str], _Look] = {}
        found = [arrival for feed in self._spool.feeds for arrival in islice(self._of(feed, looks), CONSIDERED)]
        self._looks = looks
        return sorted(found)

    def _of(self, feed: str, looks: dict[tuple[str, str], _Look]) -> Iterator[Arrival]:
        """The files of a feed that are still; those that are not yet are put into `looks`."""
        for entry in self._spool.arrivals(feed):
            if is_ignored(entry.name) or self._is_folder(entry, feed):
                continue
            look = self._look(entry, feed)
            if look is not None and self._is_still(look):
                yield Arrival(look.written, feed, entry.name)
            elif look is not None:
                looks[feed, entry.name] = look

    def _look(self, entry: os.DirEntry[str], feed: str) -> _Look | None:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # taken away since it was listed
            return None
        look = _Look(status.st_size, status.st_mtime_ns, self._clock.monotonic())
        before = self._looks.get((feed, entry.name))
        return before if before is not None and before[:2] == look[:2] else look

    def _is_still(self, look: _Look) -> bool:
        if self._clock.monotonic() - look.since >= self._settle:
            return True
        return self._clock.trusted() and self._clock.utc_now().timestamp() - look.written / 1e9 >= self._settle

    def _is_folder(self, entry: os.DirEntry[str], feed: str) -> bool:
        if not entry.is_dir(follow_symlinks=False):
            return False
        path = entry.name if feed == "." else f"{feed}/{entry.name}"
        if path not in self._spool.feeds and path not in self._told:
            self._told.add(path)
            log.warning("drop.folder_without_feed", folder=safe_name(path))
        return True
