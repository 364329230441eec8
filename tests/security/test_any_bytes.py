"""Attack: any bytes at all, under any name."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.dropping import Office

CELLS = st.text(max_size=12) | st.sampled_from(["tel", "Message", "0639980001", '"', ";", ",", "\n", "\r\n", "sep=;"])
TABLES = st.lists(st.lists(CELLS, max_size=4).map(";".join), max_size=6).map("\n".join)
CONTENTS = st.binary(max_size=400) | TABLES.map(str.encode) | TABLES.map(lambda text: text.encode("utf-16", "replace"))
HEADS = st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xef\xbb\xbf", b"\xff\xfe", b"tel;message\n"])


@settings(max_examples=80, deadline=None)
@given(head=HEADS, content=CONTENTS)
def test_any_file_ends_in_exactly_one_folder_with_a_report(head: bytes, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        office.drop("a.csv", head + content)
        turn = office.turn()
        answer = office.answer()
        assert turn.filed == 1
        assert turn.accepted == len(office.queue()) == answer.states.count("queued")
        assert (answer.folder == "done") == (turn.accepted > 0)
        office.close()


@settings(max_examples=50, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8))
def test_a_workbook_with_damaged_bytes_is_answered(flips: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        content = bytearray(office.workbook([["tel", "message"], ["0639980001", "Bonjour"], [639980002, "Salut"]]))
        for place, value in flips:
            content[place % len(content)] = value
        office.drop("a.xlsx", bytes(content))
        assert office.turn().filed == 1
        assert office.answer().folder in {"done", "rejected", "corrupt"}
        office.close()
