"""The ledger: each PDU that the simulated network accepted, in order. It is the oracle of every test.

An entry is written at the moment of acceptance and before the module answers +CMGS, so that a client killed at any
point leaves it right. With a file, one entry is one JSON line and one `write` on an O_APPEND descriptor: several
processes may share the file, and a line is never torn by a kill. Numbers and texts stand in it in clear: it holds
simulated traffic only.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import overload


@dataclass(frozen=True, slots=True)
class Accepted:
    """One PDU which the network took charge of.

    `at` is RFC 3339 UTC; `reference` is the TP-MR that the module gave it; `pdu` is what the client wrote; `text` is
    None for octets which are no text; `concat` is (reference, total, part).
    """

    sequence: int
    at: str
    iccid: str
    sim: str
    destination: str
    reference: int
    pdu: str
    text: str | None
    concat: tuple[int, int, int] | None
    status_report: bool


class Ledger(Sequence[Accepted]):
    """Accepted PDUs, in memory (unless `keep` is False) and, with a `path`, in a file of JSON lines."""

    def __init__(self, path: str | os.PathLike[str] | None = None, *, keep: bool = True) -> None:
        self._entries: list[Accepted] = []
        self._keep, self._count = keep, 0
        self._lock = threading.Lock()
        self._file = -1
        if path is not None:
            self.write_to(path)

    def write_to(self, path: str | os.PathLike[str]) -> None:
        """From now on, append each entry to this file too."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def append(
        self,
        at: datetime,
        *,
        iccid: str,
        sim: str,
        destination: str,
        reference: int,
        pdu: str,
        text: str | None,
        concat: tuple[int, int, int] | None,
        status_report: bool,
    ) -> Accepted:
        """Record one acceptance; returns once the line is written."""
        with self._lock:
            self._count += 1
            entry = Accepted(
                self._count, at.isoformat(), iccid, sim, destination, reference, pdu, text, concat, status_report
            )
            if self._file >= 0:
                line = json.dumps(asdict(entry)).encode() + b"\n"
                if os.write(self._file, line) != len(line):
                    raise OSError(errno.ENOSPC, "the ledger cannot be written: it is no oracle any more")
            if self._keep:
                self._entries.append(entry)
        return entry

    def to(self, destination: str) -> list[Accepted]:
        """The PDUs to one number."""
        return [entry for entry in self.entries() if entry.destination == destination]

    def entries(self) -> list[Accepted]:
        """A copy, in order."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget what memory holds; the file stays as it is."""
        with self._lock:
            self._entries.clear()

    def close(self) -> None:
        """Close the file, if there is one."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    @property
    def total(self) -> int:
        """How many were ever accepted, kept in memory or not."""
        return self._count

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Accepted: ...
    @overload
    def __getitem__(self, index: slice) -> list[Accepted]: ...
    def __getitem__(self, index: int | slice) -> Accepted | list[Accepted]:
        return self._entries[index]


def read_ledger(path: str | os.PathLike[str]) -> list[Accepted]:
    """The entries of a ledger file, oldest first; an absent file is an empty ledger."""
    try:
        lines = Path(path).read_text().splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        fields = json.loads(line)
        fields["concat"] = tuple(fields["concat"]) if fields["concat"] else None
        entries.append(Accepted(**fields))
    return entries


def whole_messages(entries: Iterable[Accepted]) -> list[tuple[str, str]]:
    """(destination, text) of each message whose parts all arrived, in the order of completion.

    Parts are joined per SIM, destination and concatenation reference; a part that came twice begins a message anew, so
    that a message sent twice shows twice.
    """
    open_sets: dict[tuple[str, str, int, int], list[dict[int, str]]] = {}
    messages: list[tuple[str, str]] = []
    for entry in entries:
        if entry.concat is None:
            messages.append((entry.destination, entry.text or ""))
            continue
        reference, total, part = entry.concat
        sets = open_sets.setdefault((entry.sim, entry.destination, reference, total), [])
        parts = next((parts for parts in sets if part not in parts), None)
        if parts is None:
            sets.append(parts := {})
        parts[part] = entry.text or ""
        if len(parts) == total:
            sets.remove(parts)
            messages.append((entry.destination, "".join(text for _, text in sorted(parts.items()))))
    return messages
