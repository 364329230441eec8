"""The files of SPOOL/incoming: headers as smstools3 writes them, whatever a sender calls himself."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatewayd.interfaces.incoming import IncomingFiles, content, name_of
from gatewayd.store.inbox import Inbox, Incoming
from tests.scenarios.receiving import FakeClock

AT = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
MESSAGE = Incoming(
    id=42, sim="accueil", imsi="001010000000001", imei="350000000000001", sender="+33639980001",
    text="Été\n\nFrom: moi", parts=1, complete=True, service_centre="+33639980000", sent_at=AT,
    received_at=AT, kind="other", tier="", rule="none", review=False, reviewed_at=None, reviewed_by="", verdict="",
    canceled=0,
)  # fmt: skip


def headers(message: Incoming) -> dict[str, str]:
    lines = content(message, UTC).partition("\n\n")[0].splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_headers_and_text() -> None:
    assert name_of(MESSAGE) == "accueil.000042"
    assert content(MESSAGE, UTC).partition("\n\n")[2] == MESSAGE.text
    found = headers(MESSAGE)
    assert (found["From"], found["From_TOA"]) == ("33639980001", "91 international, ISDN/telephone")
    assert (found["Sent"], found["Modem"], found["Length"]) == ("26-01-01 09:00:00", "accueil", "14")
    assert "Incomplete" not in found


def test_what_is_missing_is_left_out_or_said() -> None:
    found = headers(replace(MESSAGE, complete=False, sent_at=None, imsi=""))
    assert found["Incomplete"] == "yes"
    assert "Sent" not in found
    assert "IMSI" not in found


def test_no_sender_and_no_sim_can_make_a_line_or_a_path() -> None:
    found = headers(replace(MESSAGE, sender="Bank\nReport: yes"))
    assert found["From"] == "BankReport: yes"
    assert found["Report"] == "no"
    assert name_of(replace(MESSAGE, sim="../../etc")) == "______etc.000042"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of today and of 31 days ago, ours and others."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    for name, days in {"a.000001": 31, "a.000002": 0, "notes.txt": 31, "a.12": 31, ".a.000003.tmp": 31}.items():
        (folder / name).write_text("From: 33639980001\n\nSTOP")
        written = FakeClock().now.timestamp() - days * 86_400
        os.utime(folder / name, (written, written))
    (folder / "a.000004").symlink_to(folder / "notes.txt")
    (folder / "a.000005").mkdir()
    return folder


def files(folder: Path, clock: FakeClock, days: int = 30) -> IncomingFiles:
    return IncomingFiles(folder.parent, Inbox(None), UTC, clock, days=days)  # type: ignore[arg-type]  # not asked


def test_what_nobody_has_taken_is_removed_and_nothing_else(folder: Path) -> None:
    assert files(folder, FakeClock()).clear() == 1
    names = {path.name for path in folder.iterdir()}
    assert names == {"a.000002", "notes.txt", "a.12", ".a.000003.tmp", "a.000004", "a.000005"}


def test_a_clock_that_cannot_be_trusted_removes_nothing(folder: Path) -> None:
    clock = FakeClock(FakeClock().now + timedelta(days=10_000))
    clock.believed = False
    assert files(folder, clock).clear() == 0


def test_a_folder_that_is_not_there_is_clear(tmp_path: Path) -> None:
    assert files(tmp_path / "incoming", FakeClock()).clear() == 0
