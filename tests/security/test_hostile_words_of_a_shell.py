"""Attack: a shell hands over octets that are no UTF-8, what is not seen, and times that no calendar has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.installation import ROOT, Installation, environment

NUMBER = "06 39 98 00 01"
LATIN = b"Zo\xe9"


def typed(installed: Installation, *words: str | bytes, **more: str | bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gatewayd.cli.main", "--config", str(installed.file), *words]
    return subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env={**environment(), **more},
        capture_output=True,
        timeout=50,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("optouts", "add", NUMBER, "--origin", LATIN),
        ("optouts", "add", NUMBER, "--by", LATIN),
        ("consents", "record", "-p", "events", NUMBER, "--evidence", LATIN),
        ("consents", "record", "-p", "events", NUMBER, "--by", "Ida\u202e"),
        ("consents", "record", "-p", "events", NUMBER, "--by", "x" * 201),
        ("consents", "record", "-p", "events", NUMBER, "--agreed", "0001-01-01T00:00:00"),
    ],
)
def test_a_sentence_and_nothing_recorded(tmp_path: Path, words: tuple[str | bytes, ...]) -> None:
    installed = Installation(tmp_path)
    done = typed(installed, *words)
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert installed.json("audit", "list") == []


def test_the_person_who_types_is_named_as_far_as_he_can_be_read(tmp_path: Path) -> None:
    installed = Installation(tmp_path)
    assert typed(installed, "optouts", "add", NUMBER, LOGNAME=LATIN, SUDO_USER="").returncode == 0
    assert installed.json("optouts", "list")[0]["recorded_by"] == "Zo\ufffd"


def test_the_name_of_a_scan_that_is_no_utf_8_is_kept_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    installed = Installation(tmp_path)
    scan = bytes(tmp_path) + b"/adh\xe9sion.pdf"
    Path(scan.decode("utf-8", "surrogateescape")).write_bytes(b"%PDF")
    assert typed(installed, "consents", "record", "-p", "events", NUMBER, "--evidence-file", scan).returncode == 0
    assert installed.json("consents", "show", NUMBER)["consents"][0]["evidence"].endswith("adh\ufffdsion.pdf")
