"""`gatewayd demo`: ends well, tells everything, and would notice if the ledger and the database disagreed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd import data
from gatewayd.cli.demo import disagreements
from gatewayd.domain.message import MessageState
from gatewayd.modem.simulator import Accepted, read_ledger
from gatewayd.store.work import MessageRecord
from tests.scenarios.installation import ROOT, environment

FIRST, SECOND = "+33639980001", "+33639980002"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatewayd.cli.main", "demo", *words]
    return subprocess.run(command, check=False, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=58)


def test_it_ends_well_and_shows_everything(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    done = demo("--directory", str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert "The ledger agrees with the database" in done.stdout
    assert str(place / "spool" / "done" / "membres.csv.report.csv") in done.stdout
    assert done.stdout.count(" rejected ") == len(data.REFUSED)
    ledger = read_ledger(place / "ledger.jsonl")
    destinations = {entry.destination for entry in ledger}
    assert destinations.isdisjoint({data.OPTED_OUT, data.WITHOUT_CONSENT})
    assert len(destinations) == data.ACCEPTED - 2
    assert "canceled" in done.stdout
    to_who_left = [entry.text for entry in ledger if entry.destination == data.SAYS_STOP]
    assert len(to_who_left) == 2, "his message of the file, and the confirmation of his STOP"
    assert "vous ne recevrez plus nos SMS" in str(to_who_left[1])
    assert "16 of 19 contacts would get it, 3 would not" in done.stdout
    assert "campaign plantations, finished" in done.stdout
    assert {entry.sim for entry in ledger} == {"accueil", "secours"}
    log = (place / "gatewayd.log").read_text()
    assert "639981" not in log
    assert "Bonjour" not in log


def test_it_wants_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = demo("--directory", str(tmp_path))
    assert done.returncode == 2
    assert "is not empty" in done.stderr


def message(number: str, state: MessageState, *, parts: int = 1, text: str = "a") -> MessageRecord:
    return MessageRecord(
        id=1, recipient=number, purpose="p", feed=".", state=state, reason="", sim="a", parts=parts, text=text,
        created_at=AT, sent_at=AT, delivered_at=None,
    )  # fmt: skip


def accepted(number: str, text: str = "a", concat: tuple[int, int, int] | None = None) -> Accepted:
    return Accepted(
        sequence=1, at=AT.isoformat(), iccid="89", sim="a", destination=number, reference=0, pdu="00", text=text,
        concat=concat, status_report=True,
    )  # fmt: skip


SENT, BLOCKED = MessageState.SENT, MessageState.BLOCKED


@pytest.mark.parametrize(
    ("messages", "ledger"),
    [
        ([message(FIRST, SENT)], [accepted(FIRST)]),
        ([message(FIRST, BLOCKED)], []),
        (
            [message(FIRST, SENT, parts=2, text="ab")],
            [accepted(FIRST, "a", (7, 2, 1)), accepted(FIRST, "b", (7, 2, 2))],
        ),
    ],
)
def test_what_agrees(messages: list[MessageRecord], ledger: list[Accepted]) -> None:
    assert disagreements(messages, ledger) == []


@pytest.mark.parametrize(
    ("messages", "ledger", "words"),
    [
        ([message(FIRST, SENT)], [], "recorded as sent 1 times more"),
        ([message(FIRST, SENT)], [accepted(FIRST), accepted(FIRST)], "accepted 1 times more"),
        ([message(FIRST, BLOCKED)], [accepted(FIRST)], "accepted 1 times more"),
        ([message(FIRST, SENT)], [accepted(SECOND)], f"part 1 of 1 to {SECOND} was accepted"),
        ([message(FIRST, SENT)], [accepted(FIRST, "another's text")], "is not what was meant for him"),
        ([message(FIRST, SENT, parts=2, text="ab")], [accepted(FIRST, "a", (7, 2, 1))], "part 2 of 2"),
        ([message(FIRST, MessageState.QUEUED)], [], "have not come to an end"),
    ],
)
def test_what_does_not_agree(messages: list[MessageRecord], ledger: list[Accepted], words: str) -> None:
    assert any(words in fault for fault in disagreements(messages, ledger))
