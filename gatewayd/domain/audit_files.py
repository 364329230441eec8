"""What leaves the audit trail and comes back to check it: exports, and anchors in any text.

An export is a JSON line an entry, between two lines that seal it:

    {"after":"0:0000...","exported_at":"2026-11-24T10:00:00.000000Z","version":1}
    {"actor":"camille", ... ,"seq":41,"subject":"p:3f9a1c2e77b0d1c4","version":1,"hash":"9c1f..."}
    {"head":"41:9c1f..."}

`after` is what stands before its first entry, `head` the last entry of the whole trail at that time. An entry's line is
its canonical form with the hash behind it (and `number`, where numbers were revealed). Files are read a line at a time,
and what is no line of ours is refused with its number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from gatewayd.domain.audit import VERSION, Anchor, Row, canonical, details_of, timestamp
from gatewayd.errors import UsageError

LONGEST_LINE = 100_000
_ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})")
# Alone on its line but for what a journal writes before: what another line quotes, as the name of a file, is none.
# As the journal has it, as the daemon writes it (<6> is its level), and as a terminal shows it.
_IN_LOG = re.compile(
    r"(?:<[0-7]>|[^\"']*\s)?audit\.anchor\s+"
    r"(?:seq=(?P<seq>[0-9]{1,18}) hash=(?P<hash>[0-9a-f]{64})"
    r"|hash=(?P<its_hash>[0-9a-f]{64}) seq=(?P<its_seq>[0-9]{1,18}))\s*"
)
_KINDS = {name: int if name in ("seq", "version") else dict if name == "details" else str for name in Row._fields}


def anchor(words: str) -> Anchor:
    """`SEQ:HASH`. UsageError."""
    found = _ANCHOR.fullmatch(words.strip())
    if found is None:
        raise UsageError(f"{words[:100]!r} is no anchor: expected SEQ:HASH, as 41:9c1f... with 64 hex digits")
    return Anchor(int(found[1]), bytes.fromhex(found[2]))


def anchors(lines: Iterable[str]) -> Iterator[Anchor]:
    """Those in the lines of a journal, and those that stand alone on a line; other lines are passed over."""
    for line in lines:
        words = line[:LONGEST_LINE]
        if logged := _IN_LOG.fullmatch(words):
            yield Anchor(int(logged["seq"] or logged["its_seq"]), bytes.fromhex(logged["hash"] or logged["its_hash"]))
        elif found := _ANCHOR.fullmatch(words.strip()):
            yield Anchor(int(found[1]), bytes.fromhex(found[2]))


def opening(after: Anchor, at: datetime) -> bytes:
    """The first line."""
    return _line({"after": str(after), "exported_at": timestamp(at), "version": VERSION})


def entry(row: Row, number: str = "") -> bytes:
    """The line of an entry."""
    more = f',"number":{json.dumps(number)}' if number else ""
    return canonical(row)[:-1] + f',"hash":"{row.hash.hex()}"{more}}}\n'.encode()


def closing(head: Anchor) -> bytes:
    """The last line."""
    return _line({"head": str(head)})


def _line(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


class Export:
    """An export that is read; `after` is known at once, `head` when `rows` has come to its end. UsageError."""

    def __init__(self, name: str, lines: Iterable[str]) -> None:
        self._name, self._lines = name, enumerate(lines, 1)
        self.head: Anchor | None = None
        _, first = next(self._lines, (0, ""))
        self.after = self._anchor(self._parsed(1, first), "after", 1)

    def rows(self) -> Iterator[Row]:
        """Its entries, as they are consumed."""
        number = 1
        for number, line in self._lines:
            found = self._parsed(number, line)
            if self.head is not None:
                raise UsageError(f"{self._name}: line {number} comes after the last one: is this one export?")
            if "head" in found:
                self.head = self._anchor(found, "head", number)
            else:
                yield self._row(found, number)
        if self.head is None:
            raise UsageError(f"{self._name}: it ends in line {number} without the head: the file was cut off")

    def _parsed(self, number: int, line: str) -> dict[str, Any]:
        try:
            found = json.loads(line) if len(line) <= LONGEST_LINE else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._refused(number)
        return found

    def _anchor(self, found: dict[str, Any], key: str, number: int) -> Anchor:
        if not isinstance(words := found.get(key), str):
            raise self._refused(number)
        return anchor(words)

    def _row(self, found: dict[str, Any], number: int) -> Row:
        if any(type(found.get(name)) is not kind for name, kind in _KINDS.items()):
            raise self._refused(number)
        try:
            details, digest = details_of(found["details"]), bytes.fromhex(found["hash"])
        except ValueError:
            raise self._refused(number) from None
        return Row(**{name: found[name] for name in _KINDS} | {"details": details, "hash": digest})

    def _refused(self, number: int) -> UsageError:
        return UsageError(f"{self._name}: line {number} is no line of an export")
