"""Attack: a file that is still being written, or whose copy stopped half-way, at every byte of a sample."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.security.dropping import Office

SAMPLE = (
    "Prénom;Téléphone;Message;Ville\r\n"
    'Zoé;06 39 98 00 01;"Réunion ; à 19 h\r\nsalle ""A""";Lyon\r\n'
    "Léo;06 39 98 00 02;À bientôt;Lyon\r\n"
).encode()
WHOLE = [("+33639980001", 'Réunion ; à 19 h\nsalle "A"'), ("+33639980002", "À bientôt")]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.mark.parametrize("name", ["a.csv.part", "a.tmp", "a.csv.filepart", "a.csv~", ".a.csv", "~$a.xlsx"])
def test_a_name_that_says_unfinished_is_never_touched(office: Office, name: str) -> None:
    office.drop(name, SAMPLE)
    office.clock.pass_by(86_400)
    assert office.turn().filed == 0
    assert (office.root / "drop" / name).exists()


def test_a_growing_file_is_left_alone_until_it_rests(office: Office) -> None:
    for end in range(0, len(SAMPLE), 20):
        office.drop("a.csv", SAMPLE[:end], age=0)
        office.clock.pass_by(5)
        assert office.turn().filed == 0
    office.drop("a.csv", SAMPLE, age=0)
    office.clock.pass_by(10)
    assert office.turn().accepted == 2


def test_a_file_that_changes_while_it_is_read_waits(office: Office) -> None:
    def write_on(step: str) -> None:
        if step == "judged" and office.queue() == [] and len(office.claimed_files()) == 1:
            path = office.claimed_files()[0]
            if path.stat().st_size == len(SAMPLE):
                path.write_bytes(SAMPLE + b"Max;06 39 98 00 03;Bonjour;Lyon\r\n")

    office.restart(write_on)
    office.drop("a.csv", SAMPLE)
    assert office.turn().filed == 0
    assert office.queue() == []
    assert office.turn().accepted == 3


@pytest.mark.parametrize("end", range(len(SAMPLE)))
def test_a_copy_cut_at_any_byte_sends_nobody_half_a_text(office: Office, end: int) -> None:
    office.drop("a.csv", SAMPLE[:end])
    office.turn()
    answer = office.answer()
    assert office.queue() == WHOLE[: len(office.queue())]
    assert len(office.queue()) == answer.states.count("queued")
    assert answer.folder == ("done" if office.queue() else answer.folder)


@pytest.mark.parametrize("end", [0, 1, 4, 20, 300, -300, -22, -1])
def test_a_workbook_cut_short_is_corrupt(office: Office, end: int) -> None:
    whole = office.workbook([["tel", "message"], ["0639980001", "Bonjour"]])
    office.drop("a.xlsx", whole[:end])
    office.turn()
    assert office.answer().folder in {"corrupt", "rejected"}
    assert office.queue() == []


def test_a_file_renamed_into_place_is_taken_at_once(office: Office) -> None:
    office.drop("a.csv.part", SAMPLE, age=60)
    os.rename(office.root / "drop" / "a.csv.part", office.root / "drop" / "a.csv")
    assert office.turn().accepted == 2
