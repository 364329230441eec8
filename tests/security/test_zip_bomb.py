"""Attack: an XLSX that is small in the folder and large in memory."""

from __future__ import annotations

import io
import resource
import zipfile
from pathlib import Path

import openpyxl
import pytest

from tests.security.dropping import Office

NAMES = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook_with(**members: bytes) -> bytes:
    """A good workbook of one row, with some of its members replaced (`sheet1`, `sharedStrings`)."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["tel", "message"])
    sheet.append(["0639980001", "Bonjour"])
    good, result = io.BytesIO(), io.BytesIO()
    book.save(good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            stem = Path(name).stem
            target.writestr(name, members.get(stem, source.read(name)))
    return result.getvalue()


def judged(tmp_path: Path, content: bytes) -> Office:
    office = Office(tmp_path)
    office.drop("a.xlsx", content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    office.turn()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60 * 1024, f"{grown} KiB"
    return office


def test_the_workbook_of_these_tests_is_good(tmp_path: Path) -> None:
    assert len(judged(tmp_path, workbook_with()).queue()) == 1


def test_a_sheet_of_a_gigabyte_is_not_unpacked(tmp_path: Path) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as member:
            for _ in range(1024):
                member.write(bytes(1 << 20))
    office = judged(tmp_path, output.getvalue())
    assert (office.answer().folder, office.queue()) == ("rejected", [])
    assert "décompressé" in office.answer().reasons[0]


def test_a_directory_that_lies_about_sizes_gains_nothing(tmp_path: Path) -> None:
    content = workbook_with(sheet1=b" " * (1 << 20))
    lying = content.replace((1 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != content
    office = judged(tmp_path, lying)
    assert (office.answer().folder, office.queue()) == ("corrupt", [])


@pytest.mark.parametrize("corner", ["XFD1048576", "XFD3", "A1048576", "ZZZ99999999"])
def test_a_cell_in_the_last_corner_allocates_no_rectangle(tmp_path: Path, corner: str) -> None:
    cells = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>tel</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>message</t></is></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>0639980001</t></is></c>'
        '<c r="B2" t="inlineStr"><is><t>Bonjour</t></is></c></row>'
        f'<row r="{corner.lstrip("AXFDZ")}"><c r="{corner}" t="inlineStr"><is><t>x</t></is></c></row>'
    )
    sheet = f'<worksheet xmlns="{NAMES}"><sheetData>{cells}</sheetData></worksheet>'.encode()
    office = judged(tmp_path, workbook_with(sheet1=sheet))
    assert office.answer().folder in {"done", "rejected", "corrupt"}


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    sheet = (
        f'<!DOCTYPE x [{entities}]><worksheet xmlns="{NAMES}"><sheetData><row r="1"><c r="A1" t="inlineStr">'
        "<is><t>&a9;</t></is></c></row></sheetData></worksheet>"
    ).encode()
    office = judged(tmp_path, workbook_with(sheet1=sheet))
    assert (office.answer().folder, office.queue()) == ("corrupt", [])


def test_a_file_from_outside_is_not_included(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0639980009")
    sheet = (
        f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{tmp_path}/secret">]><worksheet xmlns="{NAMES}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>tel</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>sms</t></is></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>&s;</t></is></c><c r="B2" t="inlineStr"><is><t>x</t></is></c></row>'
        "</sheetData></worksheet>"
    ).encode()
    office = judged(tmp_path, workbook_with(sheet1=sheet))
    assert office.queue() == []
