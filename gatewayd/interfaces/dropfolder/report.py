"""The report beside an answered file: `;`, UTF-8 with a byte order mark, so that Excel opens it by a double click.

A row a recipient: line in the file, number as text, the message's state (a word of the contract, or `rejected` for a
row that was not accepted), a sentence that says why, local time of sending, parts. What people put into a file comes
out of it as data: a cell that a spreadsheet would calculate gets an apostrophe before it, which intake takes off
again. A report appears under its name only when it is whole, and replaces the one before.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import BinaryIO

from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.dropfolder.spool import write_whole
from gatewayd.interfaces.spreadsheet.table import REJECTED

# OWASP, CSV injection (CWE-1236): also behind spaces, and in the full-width forms that spreadsheets fold.
_FORMULA = re.compile(r"[\s\u00a0\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\0]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FLUSH = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the report; `state` is empty for a row of the file which was not accepted."""

    line: int
    number: str
    state: str = ""
    reason: str = ""
    sent_at: datetime | None = None
    parts: int = 0


@dataclass(frozen=True, slots=True)
class ReportStyle:
    """The organisation's language (`fr` or `en`) and time zone."""

    language: str
    timezone: tzinfo


def write_report(path: Path, lines: Iterable[Line], style: ReportStyle) -> None:
    """The report of an accepted file, or of one whose rows were all refused."""
    with write_whole(path) as output:
        report_into(output, lines, style)


def report_into(output: BinaryIO, lines: Iterable[Line], style: ReportStyle) -> None:
    """The same, into a file that is open."""
    _write(output, (_cells(line, style) for line in lines), style)


def refusal_into(output: BinaryIO, reason: str, facts: Mapping[str, object], style: ReportStyle) -> None:
    """The report of a file that was refused as a whole: one row, without a recipient."""
    said = sentences.of_file(reason, {name: _fact(fact, style) for name, fact in facts.items()}, style.language)
    _write(output, iter([("", "", REJECTED, said, "", "")]), style)


def neutral(cell: str) -> str:
    """A cell that no spreadsheet calculates."""
    plain = _CONTROLS.sub(" ", cell)
    return f"'{plain}" if _FORMULA.match(cell) or _FORMULA.match(plain) else plain


def _write(output: BinaryIO, rows: Iterator[tuple[str, ...]], style: ReportStyle) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    output.write(b"\xef\xbb\xbf")
    writer.writerow(sentences.headings(style.language))
    for row in rows:
        writer.writerow([neutral(cell) for cell in row])
        if buffer.tell() > _FLUSH:
            output.write(buffer.getvalue().encode())
            buffer.seek(0)
            buffer.truncate()
    output.write(buffer.getvalue().encode())


def _cells(line: Line, style: ReportStyle) -> tuple[str, ...]:
    if line.state:
        said = sentences.of_message(line.state, line.reason, style.language)
    else:
        said = sentences.of_row(line.reason, style.language)
    sent_at = local_time(line.sent_at, style) if line.sent_at else ""
    parts = str(line.parts) if line.parts else ""
    return str(line.line), line.number, line.state or REJECTED, said, sent_at, parts


def local_time(at: datetime, style: ReportStyle) -> str:
    """As people of this language write it: 24/11/2026 10:02:07, or 2026-11-24 10:02:07."""
    pattern = "%d/%m/%Y %H:%M:%S" if style.language == "fr" else "%Y-%m-%d %H:%M:%S"
    return at.astimezone(style.timezone).strftime(pattern)


def _fact(fact: object, style: ReportStyle) -> object:
    if isinstance(fact, datetime):
        return local_time(fact, style)
    if isinstance(fact, list | tuple):
        return ", ".join(str(item) for item in fact) or "-"
    return fact
