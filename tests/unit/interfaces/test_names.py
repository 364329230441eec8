"""Names of dropped files are data."""

from __future__ import annotations

import os

import pytest

from gatewayd.interfaces.dropfolder.names import is_ignored, numbered, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("adhérents 2026.csv", "adhérents 2026.csv"),
        ("Liste (v2) - été_fin.XLSX", "Liste (v2) - été_fin.XLSX"),
        ("a\nb.csv", "a_b.csv"),
        ("..", "_"),
        (". . ", "_"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\x.csv", "_x.csv"),
        ("-rf", "rf"),
        (".caché", "caché"),
        ("\x1b[31mrouge.csv", "_[31mrouge.csv"),
        ("a\u202ecsv.exe", "a_csv.exe"),
        ("C:x|y*?.csv", "C_x_y__.csv"),
        ("", "_"),
        (os.fsdecode(b"\xff\xfe.csv"), "\ufffd\ufffd.csv"),
    ],
)
def test_safe_name(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["é" * 300 + ".csv", "x" * 300, "a." + "b" * 300])
def test_long_names_keep_room_for_the_report(name: str) -> None:
    assert len(f"{numbered(safe_name(name), 12345)}.report.csv".encode()) <= 255


def test_numbered_keeps_the_extension() -> None:
    assert [numbered("a.b.csv", count) for count in (1, 2)] == ["a.b.csv", "a.b-2.csv"]


@pytest.mark.parametrize(
    "name", [".a.csv", "a.csv.part", "a.csv.PART", "a.tmp", "a.csv.filepart", "a.csv~", "~$a.xlsx"]
)
def test_names_of_files_still_written(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "part.csv", "tmp", "a~b.csv"])
def test_other_names_are_taken(name: str) -> None:
    assert not is_ignored(name)
