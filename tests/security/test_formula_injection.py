"""Attack: a cell of the dropped file that a spreadsheet would calculate when the report is opened (CWE-1236)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.dropping import Office


@pytest.mark.parametrize(
    "cell",
    [
        '=HYPERLINK("http://x","y")',
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\uff1d1+1",
        "\u00a0=1+1",
        "%2B=1",
    ],
)
def test_what_comes_back_in_a_report_is_never_calculated(tmp_path: Path, cell: str) -> None:
    office = Office(tmp_path)
    quoted = cell.replace('"', '""')
    office.drop("a.csv", f'tel;message\n"{quoted}";Bonjour\n0639980001;Bonjour\n'.encode())
    office.turn()
    for row in office.answer().report:
        for returned in row:
            assert not returned.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\uff1d"))


@pytest.mark.parametrize("hidden", ["\x01", "\x07 ", "\x7f", "\x9f", " \x1b"])
def test_nor_what_becomes_a_formula_when_its_invisible_characters_are_taken_out(tmp_path: Path, hidden: str) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", f"tel;message\n{hidden}=1+1;Bonjour\n0639980001;Bonjour\n".encode("utf-8-sig"))
    office.turn()
    assert office.answer().report[0][1].lstrip(" \u00a0").startswith("'")


def test_headings_come_back_neutral(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", b"=1+1;x\n1;2\n")
    office.turn()
    assert office.answer().reasons[0].startswith("pas de colonne")


def test_a_report_dropped_again_reads_its_own_numbers(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("rappels/a.csv", b"prenom;tel;date\nZoe;0639980001;mardi\n")
    office.turn()
    number = office.answer().report[0][1]
    office.drop("rappels/b.csv", f"prenom;tel;date\nZoe;{number};jeudi\n".encode())
    office.turn()
    assert [recipient for recipient, _ in office.queue()] == ["+33639980001"] * 2
