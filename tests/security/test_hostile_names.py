"""Attack: a file whose name leads elsewhere, or breaks a line, a terminal, a report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.security.dropping import Office

LIST = b"tel;message\n0639980001;Bonjour\n"


@pytest.mark.parametrize(
    "name",
    [
        "a\nb.csv",
        "x\\..\\..\\etc\\passwd",
        "%2e%2e%2f..%2fpasswd",
        "-rf *.csv",
        "\x1b]0;title\x07.csv",
        "a\u202evsc.exe",
        "=cmd|' C calc'!A0.csv",
        "a;b,c\t.csv",
        "x" * 250 + ".csv",
        "é" * 125 + ".csv",
        os.fsdecode(b"\xff\xfe\x80.csv"),
        " ",
        "answer",
        "report.csv",
        "in",
    ],
)
def test_the_name_is_only_data(tmp_path: Path, name: str) -> None:
    office = Office(tmp_path)
    outside = {path for path in tmp_path.parent.iterdir()}
    office.drop(name, LIST)
    assert office.turn().accepted == 1
    answer = office.answer()
    assert answer.folder == "done"
    assert answer.name.isprintable()
    assert not answer.name.startswith((".", "-"))
    assert {path for path in tmp_path.parent.iterdir()} == outside


def test_a_name_that_is_taken_overwrites_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path)
    for count in range(3):
        office.drop("a.csv", b"tel;message\n063998000%d;Bonjour\n" % count)
        office.turn()
    assert [answer.name for answer in office.answers()] == ["a-2.csv", "a-3.csv", "a.csv"]
    assert len({tuple(answer.report[0]) for answer in office.answers()}) == 3


def test_a_name_like_anothers_report_overwrites_no_report(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", LIST)
    office.turn()
    report = (office.root / "done" / "a.csv.report.csv").read_bytes()
    office.drop("a.csv.report.csv", b"tel;message\n0639980002;Bonjour\n")
    office.turn()
    assert (office.root / "done" / "a.csv.report.csv").read_bytes() == report
