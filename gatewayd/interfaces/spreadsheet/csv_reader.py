"""CSV as French Excel, Numbers, LibreOffice and Google write it.

Encoding: a byte order mark decides; else strict UTF-8; else cp1252, unless the accents say that Mac Roman or
the old DOS page 850 makes better words. NUL or control characters mean that it is no text at all. Delimiter (`;`,
`,`, tab, `|`): the one which makes the heading readable; `sep=` on the first line is obeyed.

The file is read as a stream: a line, a cell and the number of columns are bounded, whatever is in it. A quote which is
never closed, or a last line which stops before its last column, means a file cut short: all of it is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Generator, Iterator
from typing import BinaryIO

from gatewayd.interfaces.spreadsheet.columns import SEARCHED, find_heading
from gatewayd.interfaces.spreadsheet.table import CORRUPT, Bounds, Refused, Row, bounded

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_MAX_LINE = 1 << 18
_DELIMITERS = ";,\t|"
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
# Eight-bit pages in the order in which a tie is decided; latin-1 is cp1252 without its printable extras.
_PAGES = ("cp1252", "mac_roman", "cp850")
# How well a character becomes a French list of names, a European one, none (charset-normalizer takes a single short
# line in Mac Roman for cp850).
_WORTH = {
    **dict.fromkeys("äöüßñáíóúåÄÖÜÑ", 1),
    **dict.fromkeys("ÉÈÊÀÇÔÎ’‘«»“”–…€°œŒ", 2),
    **dict.fromkeys("èêàçùôîâûëï", 3),
    "é": 4,
}
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_SEP_LINE = re.compile(r"sep=([^\"\r\n])\r?\n?", re.IGNORECASE)


class CsvTable:
    """An opened CSV file; the stream must be seekable and stays open."""

    text_may_split = True

    def __init__(self, stream: BinaryIO, bounds: Bounds) -> None:
        self._stream, self._bounds = stream, bounds
        self.encoding = find_encoding(stream)
        self.delimiter = self._find_delimiter()

    def rows(self) -> Generator[Row, None, None]:
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, self.encoding, newline="")
        try:
            yield from bounded(self._records(text), self._bounds)
        except UnicodeDecodeError as error:
            raise Refused(CORRUPT, "unknown_encoding") from error
        finally:
            text.detach()

    def _records(self, text: io.TextIOWrapper) -> Iterator[Row]:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        begins, widest = 1, 0
        cells: list[str] = []
        try:
            for cells in reader:
                widest = max(widest, len(cells))
                yield Row(begins, [cell.strip() for cell in cells])
                begins = reader.line_num + 1
        except csv.Error as error:
            raise Refused(CORRUPT, "bad_quotes", line=begins) from error
        if lines.cut_short and len(cells) < widest:
            raise Refused(CORRUPT, "cut_short", line=reader.line_num)

    def _find_delimiter(self) -> str:
        self._stream.seek(0)
        decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            sample = decoder.decode(self._stream.read(_SAMPLE))
        except UnicodeDecodeError as error:
            raise Refused(CORRUPT, "unknown_encoding") from error
        told = _SEP_LINE.match(sample)
        if told:
            return told[1]
        return max(_DELIMITERS, key=lambda delimiter: _promise(sample, delimiter))


class _Lines(Iterator[str]):
    """Lines with their ends; refuses one that is too long, and knows whether the last one was ended."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._first = True
        self.cut_short = False

    def __next__(self) -> str:
        line = self._text.readline(_MAX_LINE + 1)
        if self._first:
            self._first = False
            if _SEP_LINE.fullmatch(line):
                line = "\n"
        if not line:
            raise StopIteration
        if len(line) > _MAX_LINE:
            raise Refused(CORRUPT, "line_too_long", limit=_MAX_LINE)
        self.cut_short = line[-1] not in "\r\n"
        return line


def find_encoding(stream: BinaryIO) -> str:
    """The codec's name; reads the whole stream once. Raises Refused(corrupt, unknown_encoding)."""
    stream.seek(0)
    head = stream.read(4)
    if head.startswith(_UTF32):
        raise Refused(CORRUPT, "unknown_encoding")
    stream.seek(0)
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return codec
    return _without_mark(stream)


def _without_mark(stream: BinaryIO) -> str:
    utf8, decoder = True, codecs.getincrementaldecoder("utf-8")()
    accented = bytearray()
    while chunk := stream.read(_CHUNK):
        if _CONTROLS.search(chunk):
            raise Refused(CORRUPT, "unknown_encoding")
        if utf8:
            utf8 = _decodes(decoder, chunk)
        if len(accented) < _SAMPLE:
            accented += b"\n".join(line for line in chunk.splitlines() if not line.isascii())[:_SAMPLE]
    if utf8 and _decodes(decoder, b"", final=True):
        return "utf-8"
    return max(_PAGES, key=lambda page: _worth(bytes(accented), page))


def _worth(accented: bytes, page: str) -> int:
    try:
        text = accented.decode(page)
    except UnicodeDecodeError:
        return -1
    return sum(_WORTH.get(character, 0) for character in text)


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _promise(sample: str, delimiter: str) -> tuple[bool, int]:
    """How well this delimiter reads the first rows: a column of numbers first of all, then many columns."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    try:
        for cells in reader:
            if any(cells):
                rows.append(Row(reader.line_num, cells))
            if len(rows) == SEARCHED:
                break
    except csv.Error:
        return False, 0
    found = find_heading(rows)
    if found is not None:
        return True, found[1].width
    return False, max((len(row.cells) for row in rows), default=0)
