"""Opens a file by what is in it, not by its name: XLSX, CSV, or a refusal that says what to do."""

from __future__ import annotations

from typing import BinaryIO

from gatewayd.interfaces.spreadsheet.csv_reader import CsvTable
from gatewayd.interfaces.spreadsheet.table import CORRUPT, Bounds, Refused, Table

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and .xlsx with a password


def open_table(stream: BinaryIO, bounds: Bounds, *, decimal: str = ",") -> Table:
    """The table in a seekable stream. Raises Refused."""
    stream.seek(0)
    head = stream.read(8)
    if head == _OLE:
        raise Refused(CORRUPT, "old_format")
    if head.startswith(_ZIP):
        from gatewayd.interfaces.spreadsheet.xlsx_reader import XlsxTable  # noqa: PLC0415  (openpyxl takes 6 MiB)

        return XlsxTable(stream, bounds, decimal=decimal)
    return CsvTable(stream, bounds)
