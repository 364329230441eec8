"""The bell between processes: a message accepted by the CLI is seen by the daemon at once.

A Unix datagram socket in the state directory. `ring` never waits and never fails: with no daemon there is nobody to
wake, with a full socket somebody is being woken already. The bell carries no data and no promise: a slow poll finds
what a lost ring announced.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

SOCKET_NAME = "wakeup.sock"


def ring(path: Path) -> None:
    """Wake whoever listens at `path`; silent when nobody does."""
    try:
        with _reachable(path) as address, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.setblocking(False)
            bell.sendto(b"\x01", address)
    except OSError as error:
        log.debug("wakeup.unheard", error=str(error))


class Listener:
    """Calls `callback` in a thread of its own each time somebody rings; several rings may come as one call."""

    def __init__(self, path: Path, callback: Callable[[], None]) -> None:
        self._path, self._callback = path, callback
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="wakeup", daemon=True)

    def start(self) -> None:
        """Listen; a socket left behind by a killed daemon is replaced. OSError if the directory cannot hold one."""
        self._path.unlink(missing_ok=True)
        with _reachable(self._path) as address:
            self._socket.bind(address)
        self._path.chmod(0o600)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; may be called twice."""
        self._stopping = True
        if self._thread.is_alive():
            ring(self._path)
            self._thread.join(timeout=5)
        self._path.unlink(missing_ok=True)
        self._socket.close()

    def _run(self) -> None:
        while not self._stopping:
            self._socket.recv(16)
            if not self._stopping:
                self._callback()


def listen(path: Path, callback: Callable[[], None]) -> Listener:
    """A listener that is already listening."""
    listener = Listener(path, callback)
    listener.start()
    return listener


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A socket's address holds 107 octets at most: reach it through its open directory, however deep that is."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
