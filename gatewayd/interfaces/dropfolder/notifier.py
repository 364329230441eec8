"""Rings when a file is renamed into a feed's folder, and remembers which: an alert leaves at once.

Linux tells (inotify, by watchdog); a rename on the same file system brings a whole file, so it need not be waited for.
Nothing depends on it: what was not told, or too much at once, is found by the look every other second. Where no watch
can be had, that is said once, and the look does it all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import structlog
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

from gatewayd.interfaces.dropfolder.spool import Spool

log = structlog.get_logger(__name__)

_MOST = 1_000
"""Names that are remembered between two turns."""


class Notifier(FileSystemEventHandler):
    """`bell` is set when something came. `start` and `stop` once."""

    def __init__(self, spool: Spool, bell: threading.Event) -> None:
        self._spool, self._bell, self._lock = spool, bell, threading.Lock()
        self._renamed: dict[tuple[str, str], None] = {}
        self._observer = InotifyObserver(generate_full_events=True)  # full: else what comes from elsewhere is "created"
        self._feeds = {str(spool.root / "drop" / feed): feed for feed in spool.feeds}

    def start(self) -> None:
        """Watch the folders, which exist."""
        try:
            for folder in self._feeds:
                self._observer.schedule(self, folder, recursive=False)
            self._observer.start()
        except OSError as error:
            log.warning("drop.not_watched", error=error.strerror)

    def stop(self) -> None:
        """Watch no more."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def renamed(self) -> Iterable[tuple[str, str]]:
        """Feed and name of what came since this was asked last, in its order."""
        with self._lock:
            found, self._renamed = self._renamed, {}
        return found

    def on_moved(self, event: FileSystemEvent) -> None:
        """A rename, from within or from elsewhere; an empty destination is one that went away."""
        path = Path(os.fsdecode(event.dest_path))
        feed = self._feeds.get(str(path.parent))
        if feed is None or event.is_directory or not event.dest_path:
            return
        with self._lock:
            if len(self._renamed) < _MOST:
                self._renamed[feed, path.name] = None
        self._bell.set()
