"""XLSX through openpyxl's streaming reader: the first sheet that is not empty, as the text a person would read in it.

openpyxl and not calamine: calamine allocates the whole rectangle of a sheet, so that one cell in the last corner (a
file of 5 KB) asks for 512 GiB and ends the process. Here a row is read at a time and columns beyond the bound are not
read. The sizes in the zip directory are checked before anything is unpacked, and zipfile never unpacks more than they
say. A member that declares a document type is refused: no spreadsheet has one, and its entities can be a bomb of
their own. Numbers lose the `.0` of a float, dates are written dd/mm/yyyy; formulas count as the value last
calculated.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import re
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO, cast
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet.worksheet import Worksheet

from gatewayd.interfaces.spreadsheet.table import CORRUPT, REJECTED, Bounds, Refused, Row, bounded

_PROLOG = 1 << 12
_LONGEST_PROLOG = 1 << 16  # what Excel writes before the first element is shorter than a line
_MAX_MEMBERS = 2_000
_MAX_LOADED = 40 * 1024 * 1024  # what openpyxl holds in memory as a whole: shared strings, styles, the workbook
_LAST_ROW = 1_048_576  # of a spreadsheet; openpyxl counts up to whatever a file says
_SHEETS = "xl/worksheets/"
_ESCAPED = re.compile(r"_x((?![dD][89a-fA-F])[0-9a-fA-F]{4})_")  # a CR is `_x000D_`; never half a character
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

# What openpyxl, zipfile and expat raise over a file that is not what its name says.
UNREADABLE = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
)


class XlsxTable:
    """An opened XLSX file; the stream must be seekable and stays open. `decimal` is the sign people read in numbers."""

    text_may_split = False

    def __init__(self, stream: BinaryIO, bounds: Bounds, *, decimal: str = ",") -> None:
        self._stream, self._bounds, self._decimal = stream, bounds, decimal
        _check_directory(stream, bounds)

    def rows(self) -> Generator[Row, None, None]:
        with _damage_refused():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # openpyxl warns of drawings and validations it does not keep
                book = openpyxl.load_workbook(self._stream, read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                found = False
                for row in bounded(self._sheet(sheet), self._bounds):
                    found = True
                    yield row
                if found:
                    return

    def _sheet(self, sheet: ReadOnlyWorksheet) -> Iterator[Row]:
        sheet.reset_dimensions()  # what the file says of its own size is not to be believed
        streaming = cast(Worksheet, sheet)  # its method, which types-openpyxl binds to the other class
        width = self._bounds.columns + 1
        nothing = (None,) * width
        rows = streaming.iter_rows(values_only=True, max_row=_LAST_ROW, max_col=width)
        for line, values in enumerate(rows, start=1):
            if values != nothing:
                yield Row(line, [self._text(value) for value in values])

    def _text(self, value: object) -> str:
        match value:
            case None:
                text = ""
            case float():
                text = str(int(value)) if value.is_integer() else repr(value).replace(".", self._decimal)
            case datetime.datetime():
                text = value.strftime("%d/%m/%Y" if value.time() == datetime.time() else "%d/%m/%Y %H:%M")
            case datetime.date():
                text = value.strftime("%d/%m/%Y")
            case datetime.time():
                text = value.strftime("%H:%M")
            case _:
                text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(value)).strip()
        return text


@contextlib.contextmanager
def _damage_refused() -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise Refused(CORRUPT, "unreadable_xlsx") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # openpyxl's own, and a seek to before the beginning
            raise
        raise Refused(CORRUPT, "unreadable_xlsx") from error


def _check_directory(stream: BinaryIO, bounds: Bounds) -> None:
    """Refuses other things in a zip, encrypted or oddly packed members, and more than may be unpacked."""
    stream.seek(0)
    with _damage_refused(), zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if any(_has_document_type(archive, member) for member in members if _is_sound(member)):
            raise Refused(CORRUPT, "unreadable_xlsx")
    names = {member.filename for member in members}
    if "xl/workbook.xml" not in names:
        raise Refused(CORRUPT, "old_format" if "content.xml" in names else "unreadable_xlsx")
    if not all(map(_is_sound, members)):
        raise Refused(CORRUPT, "old_format")
    loaded = sum(member.file_size for member in members if not member.filename.startswith(_SHEETS))
    unpacked = sum(member.file_size for member in members)
    if len(members) > _MAX_MEMBERS or unpacked > bounds.unpacked or loaded > _MAX_LOADED:
        raise Refused(REJECTED, "unpacks_too_large", limit=bounds.unpacked)


def _is_sound(member: zipfile.ZipInfo) -> bool:
    return not member.flag_bits & 1 and member.compress_type in _METHODS


def _has_document_type(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Reads a member as far as its first element, or as far as it is XML; what has none for too long is taken for one:
    the parser takes the square of the time for a single word of megabytes."""
    found: list[bool] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: found.append(True)
    parser.StartElementHandler = lambda *_: found.append(False)
    with archive.open(member) as content, contextlib.suppress(expat.ExpatError):  # what is no XML, openpyxl refuses
        while not found and (chunk := content.read(_PROLOG)):
            if content.tell() > _LONGEST_PROLOG:
                return True
            parser.Parse(chunk)
    return found[:1] == [True]
