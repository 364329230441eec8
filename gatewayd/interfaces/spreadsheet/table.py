"""A table of text, whatever file it came from: rows with their line in the file, bounds, and why a file was refused.

A reader yields `Row`s one at a time and raises `Refused` as soon as the file cannot be used; nothing of a refused
file is accepted. `Refused` carries the answer folder (`corrupt/` for what cannot be read, `rejected/` for what a rule
refuses), a reason which `sentences.py` puts into words, and the facts that the sentence needs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gatewayd.errors import GatewaydError

REJECTED = "rejected"
CORRUPT = "corrupt"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one file may be: octets in the folder, octets unpacked (XLSX), rows, columns, characters of a cell."""

    octets: int = 50 * 1024 * 1024
    unpacked: int = 128 * 1024 * 1024
    rows: int = 200_000
    columns: int = 64
    cell: int = 8_192


class Row(NamedTuple):
    """`line` counts from 1 as an editor or a spreadsheet shows it; cells have no outer white space."""

    line: int
    cells: list[str]


class Refused(GatewaydError):
    """This file cannot be accepted."""

    def __init__(self, folder: str, reason: str, **facts: object) -> None:
        self.folder, self.reason, self.facts = folder, reason, facts
        super().__init__(f"{folder}: {reason}")


class Table(Protocol):
    """An opened file; `rows()` may be called once and begins with the first line, titles and all.

    `text_may_split`: a delimiter inside a text that was not quoted makes one cell too many.
    """

    text_may_split: bool

    def rows(self) -> Generator[Row, None, None]:
        """Close it before the stream is closed. Raises Refused."""
        ...


def bounded(rows: Iterator[Row], bounds: Bounds) -> Iterator[Row]:
    """The rows that hold anything, stripped of empty cells at their end; raises Refused beyond the bounds."""
    count = 0
    for line, cells in rows:
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        count += 1
        if count > bounds.rows:
            raise Refused(REJECTED, "too_many_rows", limit=bounds.rows)
        if len(cells) > bounds.columns:
            raise Refused(REJECTED, "too_many_columns", limit=bounds.columns, line=line)
        if max(map(len, cells)) > bounds.cell:
            raise Refused(REJECTED, "cell_too_long", limit=bounds.cell, line=line)
        yield Row(line, cells)
