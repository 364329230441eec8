"""Attack: bytes that are no text, or in an encoding that nobody told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.dropping import Office

LIST = "tel;message\n0639980001;Réunion à 19 h, ça ira ?\n"


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 40,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" * 20,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x00\x01",
        LIST.encode("utf-32"),
        LIST.encode("utf-16-le"),
        b"\xff\xfe" + LIST.encode("utf-16-le")[:-1],
        b"\xef\xbb\xbf" + LIST.encode("cp1252"),
    ],
)
def test_bytes_that_are_no_text_end_in_corrupt(tmp_path: Path, content: bytes) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", content)
    office.turn()
    answer = office.answer()
    assert (answer.folder, office.queue()) == ("corrupt", [])
    assert "codage" in answer.reasons[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "mac_roman"])
def test_texts_in_the_encodings_of_offices_arrive_whole(tmp_path: Path, encoding: str) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", LIST.encode(encoding))
    office.turn()
    assert office.queue() == [("+33639980001", "Réunion à 19 h, ça ira ?")]
