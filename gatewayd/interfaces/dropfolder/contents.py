"""What a dropped file is, by its name and what is in it, and its rows to be judged: a table, JSON lines, one message.

A list is known by its content: the same list is accepted once. A file of one message is known by itself, for two alerts
of the same words are two alerts. Everything but gammu's names is told by the content.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import chain, islice
from typing import BinaryIO

from gatewayd.domain.purpose import Purpose
from gatewayd.domain.template import Template
from gatewayd.interfaces.messagefiles import gammu, jsonlines, smstools
from gatewayd.interfaces.spreadsheet.columns import SEARCHED, Columns, find_heading
from gatewayd.interfaces.spreadsheet.reader import open_table
from gatewayd.interfaces.spreadsheet.table import CORRUPT, REJECTED, Bounds, Refused, Row, Table
from gatewayd.services.intake import Candidate, Judged

_HEAD = 8_192


@dataclass(frozen=True, slots=True)
class Feed:
    """A folder below drop/ (`.`: drop/ itself) and what its files become; without a template a column has the text."""

    folder: str
    purpose: Purpose
    template: Template | None = None
    approval_required: bool = False


class Kind(StrEnum):
    """What a file is."""

    TABLE = "table"
    LINES = "lines"
    SMSTOOLS = "smstools3"
    GAMMU = "gammu"

    @property
    def single(self) -> bool:
        """Whether it holds one message."""
        return self in (Kind.SMSTOOLS, Kind.GAMMU)


@dataclass(frozen=True, slots=True)
class Content:
    """A file's rows, judged already or to be judged. `ahead`: 1 before others of its class, -1 behind; `lives`: how
    long its messages may wait, if it says so."""

    rows: Generator[Candidate | Judged, None, None]
    ahead: int = 0
    lives: timedelta | None = None


def kind_of(stream: BinaryIO, name: str) -> Kind:
    """What kind of file this is; whether it can be used is seen when it is read."""
    if gammu.name_of(name) is not None:
        return Kind.GAMMU
    stream.seek(0)
    head = stream.read(_HEAD)
    if jsonlines.is_json_lines(head, name):
        return Kind.LINES
    return Kind.SMSTOOLS if smstools.is_message(head) else Kind.TABLE


def content_of(stream: BinaryIO, name: str, kind: Kind, feed: Feed, bounds: Bounds, *, decimal: str) -> Content:
    """What a file of this kind holds. Raises Refused, now or while its rows are read."""
    if kind is Kind.LINES:
        return Content(jsonlines.candidates(stream, bounds, feed.template.required if feed.template else None))
    if kind is Kind.TABLE:
        return Content(_rows(open_table(stream, bounds, decimal=decimal), feed))
    if feed.template is not None:
        raise Refused(REJECTED, "text_not_wanted")
    octets = _whole(stream)
    if kind is Kind.GAMMU:
        said = gammu.name_of(name) or gammu.Name("")
        return Content(_one(1, said.to, gammu.text_of(octets, said)), said.ahead)
    message = smstools.read(octets)
    return Content(_one(message.line, message.to, message.text), int(message.urgent), message.validity)


def _whole(stream: BinaryIO) -> bytes:
    stream.seek(0)
    octets = stream.read(smstools.LONGEST + 1)
    if len(octets) > smstools.LONGEST:
        raise Refused(REJECTED, "too_large", size=f"> {smstools.LONGEST}", limit=smstools.LONGEST)
    return octets


def _one(line: int, number: str, text: str) -> Generator[Candidate | Judged, None, None]:
    yield Candidate(line, [number], text=text)


def _rows(table: Table, feed: Feed) -> Generator[Candidate | Judged, None, None]:
    with closing(table.rows()) as rows:
        yield from _below_heading(rows, table, feed)


def _below_heading(rows: Iterator[Row], table: Table, feed: Feed) -> Iterator[Candidate | Judged]:
    first = list(islice(rows, SEARCHED))
    columns, below = _heading(first, feed)
    for row in chain(below, rows):
        if table.text_may_split and len(row.cells) > columns.width:
            yield Judged(row.line, _number(row, columns), "too_many_cells")
        else:
            yield _candidate(row, columns, feed)


def _heading(first: Sequence[Row], feed: Feed) -> tuple[Columns, Sequence[Row]]:
    """The columns, and the rows of `first` below their heading. Raises Refused: what this feed needs is not there."""
    if not first:
        raise Refused(CORRUPT, "empty")
    found = find_heading(first)
    if found is None:
        raise Refused(REJECTED, "no_number_column", seen=max(first, key=lambda row: len(row.cells)).cells)
    heading, columns = found
    if feed.template is None and columns.text is None:
        raise Refused(REJECTED, "no_text_column", seen=columns.seen)
    missing = feed.template.required - columns.fields.keys() if feed.template is not None else ()
    if missing:
        raise Refused(REJECTED, "missing_columns", missing=sorted(missing), seen=columns.seen)
    return columns, [row for row in first if row.line > heading.line]


def _candidate(row: Row, columns: Columns, feed: Feed) -> Candidate:
    cells = row.cells + [""] * (columns.width - len(row.cells))
    numbers = [cells[index] for index in columns.numbers]
    if feed.template is None:
        return Candidate(row.line, numbers, text=cells[columns.text or 0])
    return Candidate(row.line, numbers, fields={name: cells[index] for name, index in columns.fields.items()})


def _number(row: Row, columns: Columns) -> str:
    return next((row.cells[index] for index in columns.numbers if row.cells[index : index + 1]), "")
