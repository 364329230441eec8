"""What SQLite says, as this program's errors: a sentence for the operator, and a decision for the caller.

Errors come through SQLAlchemy or straight from the driver (`statement.py`); both are understood. What is no error of
the database passes unchanged.

Recovery: StorageUnavailable means that nothing was changed, and the same may be asked again. One error ends all trust:
when the disk did not take a sync, asking again proves nothing, since the kernel may have dropped what it could not
write and would answer yes (`ends_trust`). What that last transaction wrote may be there after a new start.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from gatewayd.errors import StorageUnavailable, StoreError, TransitionError

NO_TRANSITION = "this state may not follow the present one"
NO_BEGINNING = "a message does not begin in this state"
"""What the triggers of schema.py say."""

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked, try again",
    sqlite3.SQLITE_LOCKED: "another connection keeps it locked",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_READONLY: "it is read-only (a failing disk is remounted so)",
    sqlite3.SQLITE_INTERRUPT: "the work was interrupted",
    sqlite3.SQLITE_IOERR: "the disk reported an error",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened (a missing directory, permissions, a read-only disk)",
    sqlite3.SQLITE_PROTOCOL: "another process keeps its index locked",
}
_UNSYNCED = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC})


def code_of(error: BaseException) -> int | None:
    """SQLite's extended result code; None if the error is not the database's."""
    code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", None)
    return code if isinstance(code, int) else None


def ends_trust(error: BaseException, path: Path) -> bool:
    """Whether the disk failed to sync: what it says from now on proves nothing.

    SQLCipher's driver does not say which call failed. Where the directory takes no write, it was a write, which changed
    nothing; where it takes one, the sync is to blame.
    """
    code = code_of(error)
    return code in _UNSYNCED or (code == sqlite3.SQLITE_IOERR and _takes_writes(path.parent))


def _takes_writes(directory: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as probe:
            probe.write(b"gatewayd")
    except OSError:
        return False
    return True


def translated(error: BaseException, path: Path) -> BaseException:
    """The same as an error of ours; itself if it is none of the database's."""
    code = code_of(error)
    if code is None:
        return error
    said = str(getattr(error, "orig", None) or error)
    sentence = _UNAVAILABLE.get(code & 0xFF)
    if sentence is not None:
        return StorageUnavailable(f"{path}: {sentence}: nothing was changed ({said})")
    if said in (NO_TRANSITION, NO_BEGINNING):
        return TransitionError(said)
    if code & 0xFF == sqlite3.SQLITE_CORRUPT:
        return StoreError(f"{path}: the file is damaged: stop gatewayd and restore a backup ({said})")
    if code & 0xFF == sqlite3.SQLITE_CONSTRAINT:
        return StoreError(f"{path}: a rule of the database refused this ({said})")
    return StoreError(f"{path}: {said}")
