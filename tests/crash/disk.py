"""What SQLite writes and syncs, seen from below it: what a power cut leaves, and a disk that is full.

    with watched(directory) as disk:
        disk.full = True                       every write fails with SQLITE_FULL
        disk.after_power_cut(elsewhere)        the files as they were at their last sync: what was written since is lost

SQLite calls its operating system through a table of functions. The opening of files is intercepted in that table, and
of each file in `directory` the writing, truncating and syncing. It is Python's own sqlite3, where that is linked to the
shared library (Debian's is); SQLCipher's driver has a SQLite of its own inside and is not reached.

It covers the loss of what was not synced, whole or down to some octets of it (`torn`). It does not cover a disk that
keeps later writes and loses earlier ones of the same file, nor one that lies about its syncs.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_INT, _LONG, _FILE = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
# The name as a pointer, which is passed on as it is: SQLite keeps it, and reads on behind the name.
_OPEN = ctypes.CFUNCTYPE(_INT, ctypes.c_void_p, ctypes.c_void_p, _FILE, _INT, ctypes.c_void_p)
_WRITE = ctypes.CFUNCTYPE(_INT, _FILE, ctypes.c_void_p, _INT, _LONG)
_SYNC = ctypes.CFUNCTYPE(_INT, _FILE, _INT)
# Octets from the start of sqlite3_vfs and of sqlite3_io_methods (sqlite3.h, unchanged since 2004), pointers of eight.
_X_OPEN, _X_WRITE, _X_SYNC, _METHODS = 40, 24, 40, 152
_KEPT = (".db", ".db-wal")
"""What outlives a power cut; the index beside the log is made anew."""


class Disk:
    """The files of one directory; `on_sync` is called with a name before each sync, and after it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.full = False
        self.synced: dict[str, bytes] = {}
        self.before_sync: Callable[[str], None] = lambda _: None

    def owns(self, name: str) -> bool:
        """Whether a file is one of ours, and no index."""
        return os.path.dirname(name) == str(self.directory) and name.endswith(_KEPT)

    def note_sync(self, name: str) -> None:
        """All of this file is on the medium."""
        self.synced[os.path.basename(name)] = Path(name).read_bytes()

    def after_power_cut(self, directory: Path) -> None:
        """Put into `directory` what was synced."""
        directory.mkdir()
        for name, octets in self.synced.items():
            (directory / name).write_bytes(octets)

    def after_kill(self, directory: Path) -> None:
        """Put into `directory` what was written: the kernel has it, whoever wrote it."""
        directory.mkdir()
        for file in self.directory.glob("*"):
            if file.name.endswith(_KEPT):
                (directory / file.name).write_bytes(file.read_bytes())


class _Interception:
    """The default VFS of the SQLite that Python uses, with our functions in its table."""

    def __init__(self) -> None:
        self.disks: list[Disk] = []
        self._names: dict[int, tuple[str, Disk]] = {}
        self._tables: dict[int, ctypes.Array[ctypes.c_char]] = {}
        self._keep: list[Any] = []
        library = ctypes.CDLL(_library())
        library.sqlite3_vfs_find.restype = ctypes.c_void_p
        library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
        vfs = library.sqlite3_vfs_find(None)
        self._slot = ctypes.c_void_p.from_address(vfs + _X_OPEN)
        self._original = self._slot.value
        self._open = _OPEN(self._original or 0)
        self._mine = _OPEN(self._opened)

    def install(self) -> None:
        self._slot.value = ctypes.cast(self._mine, ctypes.c_void_p).value

    def remove(self) -> None:
        self._slot.value = self._original

    def _opened(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        status: int = self._open(vfs, name, file, flags, out)
        path = os.fsdecode(ctypes.string_at(name)) if name else ""
        disk = next((disk for disk in self.disks if disk.owns(path)), None)
        if status == sqlite3.SQLITE_OK and disk is not None:
            self._names[file] = (path, disk)
            slot = ctypes.c_void_p.from_address(file)
            slot.value = ctypes.addressof(self._table(slot.value or 0))
        return status

    def _table(self, original: int) -> ctypes.Array[ctypes.c_char]:
        """The same methods, with ours for writing and syncing."""
        if original not in self._tables:
            table = ctypes.create_string_buffer(ctypes.string_at(original, _METHODS), _METHODS)
            write = _WRITE(ctypes.c_void_p.from_address(original + _X_WRITE).value or 0)
            sync = _SYNC(ctypes.c_void_p.from_address(original + _X_SYNC).value or 0)
            mine = _WRITE(lambda *of: self._write(write, *of)), _SYNC(lambda *of: self._sync(sync, *of))
            self._keep += [write, sync, *mine]
            for place, function in zip((_X_WRITE, _X_SYNC), mine, strict=True):
                address = ctypes.cast(function, ctypes.c_void_p).value
                ctypes.c_void_p.from_buffer(table, place).value = address
            self._tables[original] = table
        return self._tables[original]

    def _write(self, real: Any, file: int, data: int, size: int, offset: int) -> int:
        if self._names[file][1].full:
            return sqlite3.SQLITE_FULL
        return int(real(file, data, size, offset))

    def _sync(self, real: Any, file: int, flags: int) -> int:
        name, disk = self._names[file]
        disk.before_sync(name)
        status = int(real(file, flags))
        if status == sqlite3.SQLITE_OK:
            disk.note_sync(name)
        return status


def _library() -> str:
    """The shared library that Python's sqlite3 uses, as the kernel mapped it."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        found = next((line.split()[-1] for line in maps if "libsqlite3" in line), None)
    assert found is not None, "this Python has a SQLite of its own inside: run the tests with Debian's python3"
    return found


_interception: list[_Interception] = []


@contextmanager
def watched(directory: Path) -> Iterator[Disk]:
    """Intercept what Python's SQLite does in this directory; files opened before are not seen."""
    if not _interception:
        _interception.append(_Interception())
    interception, disk = _interception[0], Disk(directory)
    interception.disks.append(disk)
    interception.install()
    try:
        yield disk
    finally:
        interception.disks.remove(disk)
        if not interception.disks:
            interception.remove()
