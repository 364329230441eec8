"""Which files of the drop folder are still, and may be taken.

A file is still when its size and time of writing have not changed for `settle` seconds by the monotonic clock, or
when it was last written longer ago than that, as a file that is renamed into place usually was. The second rule needs
a wall clock that can be trusted. One that was seen to be renamed into place is whole by that, and is still at once.
Names by which programs say that they are still writing are left alone, and so are folders; a folder that is no feed is
told of once.

Nothing is opened. While there are files to be taken the folders are looked at once in ten seconds at most, and a look
that takes long (100,000 files on a card) is followed by twenty times as long without one. The oldest of each feed that
it found are taken in turns, so that no feed waits for another's, and each is looked at again before it is taken. What a
look does not keep is found by a later one: what is remembered is bounded, whatever lies there.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

import structlog

from gatewayd.clock import Clock
from gatewayd.interfaces.dropfolder.names import is_ignored, safe_name
from gatewayd.interfaces.dropfolder.spool import Spool

log = structlog.get_logger(__name__)

CONSIDERED = 10_000
"""Files of a feed that one look at its folder finds: of 100,000, ten looks find all."""
LOOK_AGAIN = 10.0
"""Seconds after which the folders are looked at again, though what was found is not all taken."""
_SHARE = 20
"""... and at least so many times as long as the look took."""
SMALL = 16 * 1024
"""Octets of a file that is taken together with others of its feed."""
_TOGETHER = 512 * 1024
"""Octets of all that are taken together, for they are read at once."""

Renamed = Callable[[], Iterable[tuple[str, str]]]
"""Feed and name of what was renamed into place since it was asked last."""


class Arrival(NamedTuple):
    """A file that may be claimed; they sort by the time of their last writing."""

    written: int  # nanoseconds since 1970
    feed: str
    name: str
    size: int = 0


def grouped(arrivals: Iterable[Arrival]) -> Iterator[tuple[str, list[str]]]:
    """What is claimed together, feed by feed: small files, each name once; a larger one alone, before them."""
    groups: dict[str, dict[str, int]] = {}
    for arrival in arrivals:
        group = groups.setdefault(arrival.feed, {})
        if arrival.size > SMALL:
            yield arrival.feed, [arrival.name]
        elif arrival.name not in group:  # one that came again under this name waits for the next turn
            if sum(group.values()) + arrival.size > _TOGETHER:
                yield arrival.feed, list(group)
                group.clear()
            group[arrival.name] = arrival.size
    for feed, names in groups.items():
        if names:
            yield feed, list(names)


class _Look(NamedTuple):
    size: int
    written: int
    since: float  # monotonic seconds


class Arrivals:
    """Remembers how the files that are not yet still looked at the last turn, and what waits to be taken."""

    def __init__(self, spool: Spool, clock: Clock, settle: float, renamed: Renamed = tuple) -> None:
        self._spool, self._clock, self._settle, self._renamed = spool, clock, settle, renamed
        self._looks: dict[tuple[str, str], _Look] = {}
        self._told: set[str] = set()
        self._waiting: deque[Arrival] = deque()
        self._news: deque[tuple[str, str]] = deque(maxlen=CONSIDERED)  # one that falls out is found by a look
        self._look_at = float("-inf")

    def take(self, most: int) -> tuple[list[Arrival], bool]:
        """So many files that are still: those just renamed into place, then the oldest; and whether there are more."""
        if not self._waiting or self._clock.monotonic() >= self._look_at:
            begun = self._clock.monotonic()
            self._waiting = deque(self._look_around())
            looked = self._clock.monotonic()
            self._look_at = looked + max(LOOK_AGAIN, _SHARE * (looked - begun))
        taken = self._announced(most // 2 if self._waiting else most)
        seen = set(taken)
        while self._waiting and len(taken) < most:
            arrival = self._waiting.popleft()
            if arrival not in seen and self._present(arrival.feed, arrival.name) == arrival:
                taken.append(arrival)
        return taken, bool(self._waiting or self._news)

    def _announced(self, most: int) -> list[Arrival]:
        """What was renamed into place: half of a turn at most, where others wait."""
        self._news.extend(one for one in self._renamed() if not is_ignored(one[1]))
        some = [self._news.popleft() for _ in range(min(most, len(self._news)))]
        return [found for feed, name in some if (found := self._present(feed, name)) is not None]

    def _look_around(self) -> Iterator[Arrival]:
        looks: dict[tuple[str, str], _Look] = {}
        found = [heapq.nsmallest(CONSIDERED, self._of(feed, looks)) for feed in self._spool.feeds]
        self._looks = looks
        for turn in zip_longest(*found):
            yield from sorted(arrival for arrival in turn if arrival is not None)

    def _present(self, feed: str, name: str) -> Arrival | None:
        """The file as it is now, whether still or not."""
        try:
            status = (self._spool.root / "drop" / feed / name).lstat()
        except OSError:
            return None
        return None if stat.S_ISDIR(status.st_mode) else Arrival(status.st_mtime_ns, feed, name, status.st_size)

    def _of(self, feed: str, looks: dict[tuple[str, str], _Look]) -> Iterator[Arrival]:
        """The files of a feed that are still; those that are not yet, or as many of them, are put into `looks`."""
        most = len(looks) + CONSIDERED
        for entry in self._entries(feed):
            if is_ignored(entry.name) or self._is_folder(entry, feed):
                continue
            look = self._look(entry, feed)
            if look is not None and self._is_still(look):
                yield Arrival(look.written, feed, entry.name, look.size)
            elif look is not None and len(looks) < most:
                looks[feed, entry.name] = look

    def _entries(self, feed: str) -> Iterator[os.DirEntry[str]]:
        try:
            yield from self._spool.arrivals(feed)
        except NotADirectoryError:
            if feed not in self._told:
                log.error("drop.feed_not_a_folder", feed=feed)  # noqa: TRY400  (the feed says all)
            self._told.add(feed)

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
