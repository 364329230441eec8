"""Attack (or a dying card): a workbook whose zip directory or XML is damaged anywhere."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

from tests.security.dropping import Office


def answered(office: Office, content: bytes) -> None:
    office.drop("a.xlsx", content)
    assert office.turn().filed == 1
    assert "journal" not in "".join("".join(answer.reasons) for answer in office.answers()), "nobody thought of this"
    for folder in ("done", "rejected", "corrupt"):
        for path in (office.root / folder).iterdir():
            path.unlink()


def test_every_byte_of_the_directory(tmp_path: Path) -> None:
    office = Office(tmp_path)
    whole = office.workbook([["tel", "message"], ["0639980001", "Bonjour"]])
    for place in range(whole.index(b"PK\x01\x02"), len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        answered(office, bytes(damaged))


def test_xml_cut_and_mixed_up(tmp_path: Path) -> None:
    office, chance = Office(tmp_path), random.Random(1)  # noqa: S311  (the same damage every time)
    source = zipfile.ZipFile(io.BytesIO(office.workbook([["tel", "message"], ["0639980001", 12.5], [None, "é"]])))
    for name in source.namelist() * 12:
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w") as target:
            for other in source.namelist():
                content = bytearray(source.read(other))
                if other == name:
                    place = chance.randrange(len(content))
                    content[place : place + chance.randrange(30)] = content[: chance.randrange(20)]
                target.writestr(other, bytes(content))
        answered(office, output.getvalue())
