"""Attack: a file of 200 MB, sparse or not, a line without end, and 100,000 files."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from gatewayd.interfaces.spreadsheet.table import Bounds
from tests.security.dropping import Office


def test_200_megabytes_are_rejected_without_being_read(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with (office.root / "drop" / "a.csv").open("wb") as output:
        output.truncate(200 * 1024 * 1024)
    office.age("a.csv")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    office.turn()
    answer = office.answer()
    assert (answer.folder, answer.name) == ("rejected", "a.csv")
    assert "209715200" in answer.reasons[0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", b"tel;message\n" + b"x" * 20_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    office.turn()
    assert office.answer().folder == "corrupt"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


def test_more_rows_than_allowed_are_rejected_whole(tmp_path: Path) -> None:
    office = Office(tmp_path, bounds=Bounds(rows=3))
    office.drop("a.csv", b"tel;message\n0639980001;a\n0639980002;a\n0639980003;a\n")
    office.turn()
    assert (office.answer().folder, office.queue()) == ("rejected", [])


def test_a_folder_full_of_unfinished_files_hides_no_finished_one(tmp_path: Path) -> None:
    office = Office(tmp_path)
    drop = os.open(office.root / "drop", os.O_DIRECTORY)
    for count in range(100_000):
        os.close(os.open(f"{count}.part", os.O_CREAT | os.O_WRONLY, dir_fd=drop))
    os.close(drop)
    office.drop("a.csv", b"tel;message\n0639980001;a\n")
    assert office.turn().accepted == 1
