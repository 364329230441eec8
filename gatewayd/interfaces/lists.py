"""Lists of people in a spreadsheet, CSV or XLSX, as an operator hands them over: columns found by their headings.

`open_list` reads the file into memory (10 MiB at most), so that its SHA-256 is that of what was read; `rows()` yields
at most 50,000. Columns that nobody asked for are named in `left_out`, and are not read. What cannot be used is a
UsageError that says what to do; nothing was changed then.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from gatewayd.errors import UsageError
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.spreadsheet.columns import SEARCHED, Columns, find_heading
from gatewayd.interfaces.spreadsheet.reader import open_table
from gatewayd.interfaces.spreadsheet.table import Bounds, Refused, Row, Table
from gatewayd.services.contacts import ListRow

MAX_OCTETS = 10 * 1024 * 1024
MAX_ROWS = 50_000
_BOUNDS = Bounds(octets=MAX_OCTETS, unpacked=96 * 1024 * 1024, rows=MAX_ROWS + SEARCHED)

Wanted = Mapping[str, Collection[str]]
"""What is asked for: its name, and the folded headings that it may have, the best first."""


@dataclass(frozen=True, slots=True)
class PeopleList:
    """An opened list; `columns` are those asked for that were found, `left_out` the headings of the others.

    `lines`: how many there are about, where that is known.
    """

    sha256: str
    columns: Mapping[str, int]
    left_out: tuple[str, ...]
    lines: int | None
    _numbers: tuple[int, ...]
    _width: int
    _table: Table
    _rows: Iterator[Row]

    def rows(self) -> Iterator[ListRow]:
        """Each row below the headings; may be called once. UsageError."""
        try:
            for count, row in enumerate(self._rows, 1):
                if count > MAX_ROWS:
                    raise _refused(Refused("", "too_many_rows", limit=MAX_ROWS))
                yield self._row(row)
        except Refused as error:
            raise _refused(error) from None

    def _row(self, row: Row) -> ListRow:
        if self._table.text_may_split and len(row.cells) > self._width:
            return ListRow(row.line, [], {}, "too_many_cells")
        cells = row.cells + [""] * (self._width - len(row.cells))
        numbers = [cells[index] for index in self._numbers]
        return ListRow(row.line, numbers, {name: cells[index] for name, index in self.columns.items()})


def open_list(file: Path, wanted: Wanted, *, decimal: str = ",") -> PeopleList:
    """A list in a file (`-`: standard input). UsageError: it cannot be read, or has no column of numbers."""
    octets = read_file(file)
    try:
        table = open_table(io.BytesIO(octets), _BOUNDS, decimal=decimal)
        rows = table.rows()
        first = list(islice(rows, SEARCHED))
    except Refused as error:
        raise _refused(error) from None
    heading, columns = _heading(first)
    below = [row for row in first if row.line > heading.line]
    chosen = _chosen(columns, wanted)
    used = {*columns.numbers, *chosen.values()}
    left_out = tuple(seen for index, seen in enumerate(columns.seen) if seen and index not in used)
    digest = hashlib.sha256(octets).hexdigest()
    lines = octets.count(b"\n") if table.text_may_split else None
    return PeopleList(digest, chosen, left_out, lines, columns.numbers, columns.width, table, chain(below, rows))


def _heading(first: Sequence[Row]) -> tuple[Row, Columns]:
    if not first:
        raise _refused(Refused("", "empty"))
    found = find_heading(first)
    if found is None:
        seen = ", ".join(max(first, key=lambda row: len(row.cells)).cells)
        raise _refused(Refused("", "no_number_column", seen=seen))
    return found


def _chosen(columns: Columns, wanted: Wanted) -> dict[str, int]:
    """The first column of each thing that has one."""
    at = columns.fields
    found = {name: [at[heading] for heading in headings if heading in at] for name, headings in wanted.items()}
    return {name: indexes[0] for name, indexes in found.items() if indexes}


def read_file(file: Path) -> bytes:
    """All of a file, or of standard input (`-`). UsageError: it cannot be read, or is too large."""
    try:
        if str(file) == "-":
            octets = sys.stdin.buffer.read(MAX_OCTETS + 1)
        else:
            with file.open("rb") as stream:
                octets = stream.read(MAX_OCTETS + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    if len(octets) > MAX_OCTETS:
        raise UsageError(f"{file} is larger than {MAX_OCTETS // 1024 // 1024} MiB: split it")
    return octets


def _refused(error: Refused) -> UsageError:
    return UsageError(sentences.of_file(error.reason, error.facts, "en"))
