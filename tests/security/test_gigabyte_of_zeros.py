"""Attack: a gigabyte of zeros, which costs its sender nothing (a sparse file), under each kind of name; and as many
zeros as a file may have.
"""

from __future__ import annotations

import io
import resource
import time
import zipfile
from pathlib import Path

import pytest

from gatewayd.interfaces.spreadsheet.table import Bounds
from tests.security.dropping import Office

GIGABYTE = 1 << 30
NAMES = ["a.csv", "a.xlsx", "a.jsonl", "OUT+33639980001.txt", "sms.1", "a"]
HEADS = {"sms.1": b"To: 33639980001\n\n", "a.jsonl": b'{"to": "0639980001", "text": "', "a.csv": b"tel;message\n"}


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [GIGABYTE, Bounds().octets])
def test_it_is_refused_and_held_in_no_memory(tmp_path: Path, name: str, size: int) -> None:
    office = Office(tmp_path)
    with (office.root / "drop" / name).open("wb") as output:
        output.write(HEADS.get(name, b""))
        output.truncate(size)
    office.age(name)
    before, begun = memory(), time.process_time()
    office.turn()
    assert office.answer().folder in ("rejected", "corrupt")
    assert size < GIGABYTE or "trop grand" in office.answer().reasons[0]  # by its size, and unread
    assert office.queue() == []
    assert memory() - before < 48 * 1024
    assert time.process_time() - begun < 10


def test_nor_as_a_sheet_of_a_small_workbook(tmp_path: Path) -> None:
    office, file = Office(tmp_path), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(256):
                sheet.write(bytes(1 << 20))
    office.drop("a.xlsx", file.getvalue())
    before = memory()
    office.turn()
    assert office.answer().folder in ("rejected", "corrupt")
    assert memory() - before < 48 * 1024
