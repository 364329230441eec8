"""XLSX: a cell comes out as the text that a person would read in it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time

import openpyxl
import pytest

from gatewayd.interfaces.spreadsheet.reader import open_table
from gatewayd.interfaces.spreadsheet.table import Bounds, Refused, Row


def workbook(*sheets: Iterable[Iterable[object]]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(list(row))
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def read(content: bytes, decimal: str = ",") -> list[Row]:
    return list(open_table(io.BytesIO(content), Bounds(), decimal=decimal).rows())


def refusal(content: bytes, bounds: Bounds | None = None) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        list(open_table(io.BytesIO(content), bounds or Bounds()).rows())
    return refused.value.folder, refused.value.reason


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Zoé ", "Zoé"),
        (33639980001.0, "33639980001"),
        (639980001, "639980001"),
        (12.5, "12,5"),
        (datetime(2026, 11, 24), "24/11/2026"),  # noqa: DTZ001  (a spreadsheet knows no time zone)
        (datetime(2026, 11, 24, 19, 30), "24/11/2026 19:30"),  # noqa: DTZ001
        (date(2026, 11, 24), "24/11/2026"),
        (time(19, 0), "19:00"),
        ("🎉 l’été", "🎉 l’été"),
        ("Bonjour_x000D_\nà demain", "Bonjour\r\nà demain"),
        ("mon_x64_y, a_xD800_b, _x00_", "mon_x64_y, a_xD800_b, _x00_"),
    ],
)
def test_a_cell_as_a_person_reads_it(value: object, text: str) -> None:
    assert read(workbook([["tel", "x"], ["0639980001", value]]))[1] == Row(2, ["0639980001", text])


def test_a_decimal_point_where_people_write_one() -> None:
    assert read(workbook([["tel", "x"], ["1", 12.5]]), ".")[1].cells[1] == "12.5"


def test_lines_are_those_of_the_spreadsheet() -> None:
    assert [row.line for row in read(workbook([[], ["Titre"], [], ["tel"], [], ["1"]]))] == [2, 4, 6]


def test_the_first_sheet_that_is_not_empty_is_read() -> None:
    assert read(workbook([], [["tel"], ["1"]], [["autre"]])) == [Row(1, ["tel"]), Row(2, ["1"])]


def test_what_excel_calls_by_the_same_name_is_told_what_to_do() -> None:
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500) == ("corrupt", "old_format")
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<x/>")
    assert refusal(output.getvalue()) == ("corrupt", "old_format")


@pytest.mark.parametrize("cut", [4, 30, 200, -100, -1])
def test_a_workbook_cut_short_is_unreadable(cut: int) -> None:
    assert refusal(workbook([["tel"], ["0639980001"]])[:cut]) == ("corrupt", "unreadable_xlsx")


def test_another_zip_is_no_workbook() -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("a.txt", "tel;1")
    assert refusal(output.getvalue()) == ("corrupt", "unreadable_xlsx")
