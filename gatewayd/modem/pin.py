"""The guard of the PIN: three wrong ones block a SIM, so each PIN is tried once, and a refused one never again.

Before a PIN is written, the guard remembers it as refused, and forgets that only when the SIM is open: a crash, a
power cut or a lost answer in between counts as a refusal, and a restart does not try again. The operator gives another
PIN (another digest), or calls `forget`. With fewer than `TRIES_KEPT` tries left, nothing is tried: what remains is his.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Protocol

from gatewayd.errors import SimLocked

TRIES_KEPT = 2


class RefusedPins(Protocol):
    """Where refusals outlive the process. `add` returns when the refusal is on stable storage."""

    def contains(self, sim: str, digest: str) -> bool:
        """Whether this PIN was refused by (or its trial never ended on) this SIM."""
        ...

    def add(self, sim: str, digest: str) -> None:
        """Remember it."""
        ...

    def remove(self, sim: str, digest: str | None) -> None:
        """Forget it; None: all of this SIM."""
        ...


class RefusedPinsInMemory:
    """For one process: tools that ask once, and tests."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str]] = set()

    def contains(self, sim: str, digest: str) -> bool:
        return (sim, digest) in self._refused

    def add(self, sim: str, digest: str) -> None:
        self._refused.add((sim, digest))

    def remove(self, sim: str, digest: str | None) -> None:
        self._refused = {entry for entry in self._refused if entry[0] != sim or digest not in (None, entry[1])}


class RefusedPinsFile:
    """A small file of mode 0600 in the state directory; replaced as a whole, synchronised before `add` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def contains(self, sim: str, digest: str) -> bool:
        return digest in self._load().get(sim, [])

    def add(self, sim: str, digest: str) -> None:
        with self._lock:
            refused = self._load()
            refused[sim] = sorted({*refused.get(sim, []), digest})
            self._store(refused)

    def remove(self, sim: str, digest: str | None) -> None:
        with self._lock:
            refused = self._load()
            kept = [entry for entry in refused.pop(sim, []) if digest not in (None, entry)]
            self._store(refused | ({sim: kept} if kept else {}))

    def _load(self) -> dict[str, list[str]]:
        try:
            content: dict[str, list[str]] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SimLocked(
                f"the memory of refused PINs cannot be read, so none is tried: {self._path}: {error}"
            ) from error
        return content

    def _store(self, refused: dict[str, list[str]]) -> None:
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(refused, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


class PinGuard:
    """Decides whether a PIN may be tried. `sim` is the ICCID where it can be read behind the lock, else the port."""

    def __init__(self, refused: RefusedPins | None = None) -> None:
        self._refused: RefusedPins = refused or RefusedPinsInMemory()

    def begin(self, sim: str, pin: str, tries_left: int | None) -> None:
        """Call before the PIN is written. SimLocked, with what to do, if it must not be."""
        if tries_left is not None and tries_left < TRIES_KEPT:
            raise SimLocked(
                f"the SIM has {tries_left} PIN tries left: enter the PIN in a phone, which gives it three again"
            )
        digest = _digest(sim, pin)
        if self._refused.contains(sim, digest):
            raise SimLocked(
                "this PIN was tried before and did not open the SIM: it is not tried again; give another one, "
                "or enter it in a phone"
            )
        self._refused.add(sim, digest)

    def opened(self, sim: str, pin: str) -> None:
        """Call when the SIM is open: the PIN was right, and may be given again after the next loss of power."""
        self._refused.remove(sim, _digest(sim, pin))

    def forget(self, sim: str) -> None:
        """The operator's word: whatever was refused by this SIM may be tried again, once."""
        self._refused.remove(sim, None)


def _digest(sim: str, pin: str) -> str:
    """Slow on purpose: there are only ten thousand PINs, and the file may be read by a backup."""
    return hashlib.scrypt(pin.encode(), salt=sim.encode(), n=2**14, r=8, p=1, dklen=16).hex()
