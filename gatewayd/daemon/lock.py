"""One daemon a state directory: a lock of the kernel's, gone with the process however it ends; and this boot's name.

The file holds the process's number for the operator's eyes only; the lock, not the file, is the truth.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType

from gatewayd.errors import StorageUnavailable

LOCK_NAME = "gatewayd.lock"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class InstanceLock:
    """Held from `__enter__` to `__exit__`. StorageUnavailable when another process holds it: it may end."""

    def __init__(self, state_directory: Path) -> None:
        self._path = state_directory / LOCK_NAME
        self._handle = -1

    def __enter__(self) -> InstanceLock:
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageUnavailable(f"{self._path} cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._handle, 20, 0).decode("ascii", "replace").strip()
            self._close()
            who = f" (process {holder})" if holder.isdigit() else ""
            raise StorageUnavailable(
                f"another gatewayd{who} already runs on {self._path.parent}; stop it first, or give this one a "
                "state_directory of its own"
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        os.close(self._handle)
        self._handle = -1


def holder(state_directory: Path) -> int | None:
    """The process of the daemon that runs on this directory, or None; 0 when it runs and its number cannot be read.

    PermissionError: this user may not know.
    """
    try:
        handle = os.open(state_directory / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        raise
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        words = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        return int(words) if words.isdigit() else 0
    else:
        return None
    finally:
        os.close(handle)


def this_boot() -> str:
    """Names this start of the machine; where it has no name, this start of the program: then nobody knows.

    systemd tells it (%b in the unit): the unit's own view of /proc does not show it.
    """
    if told := os.environ.get("GATEWAYD_BOOT", "").strip():
        return told
    try:
        return _BOOT.read_text(encoding="utf-8").strip().replace("-", "")
    except (OSError, ValueError):
        return secrets.token_hex(16)
