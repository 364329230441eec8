"""Killed at any moment, the queue has all that it gave a receipt for, and knows what may have gone out.

The child says after each commit what it committed; it is killed with SIGKILL after a given number of such lines, and,
under strace, at the Nth write or sync that SQLite makes. What was said must be in the database, which must be sound;
and what the marks say must have become of each message.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.domain.message import MessageState
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox

KEYS = {"sqlcipher": bytes(range(32)), "sqlite": None}
ROUNDS = 12
SYNC = "fsync,fdatasync"
"""Which of the two SQLite uses is decided when it is built."""
RECEIPT = re.compile(rb"(accepted|begun|on_wire|sent) (\d+)\n")
AFTER = {
    "accepted": {MessageState.QUEUED},
    "begun": {MessageState.QUEUED},
    "on_wire": {MessageState.UNKNOWN},
    "sent": {MessageState.SENT},
}
FURTHER = {"accepted": {"begun"}, "begun": {"on_wire"}, "on_wire": {"sent"}, "sent": set[str]()}
"""What may be committed, and not said, when the child dies after a receipt."""


@pytest.fixture(params=list(KEYS))
def key(request: pytest.FixtureRequest) -> bytes | None:
    return KEYS[request.param]


def child(path: Path, key: bytes | None, rounds: int = ROUNDS) -> list[str]:
    return [sys.executable, "-m", "tests.crash.store_child", str(path), (key or b"").hex(), str(rounds)]


def receipts(output: bytes) -> dict[int, str]:
    """The last word about each message."""
    return {int(number): word.decode() for word, number in RECEIPT.findall(output)}


def killed_after(path: Path, key: bytes | None, lines: int) -> bytes:
    """What the child said until it was killed, `lines` receipts after its start."""
    with subprocess.Popen(child(path, key, 10_000), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = b"".join(process.stdout.readline() for _ in range(lines))
        process.send_signal(signal.SIGKILL)
        output += process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    return output


def judge(path: Path, key: bytes | None, said: dict[int, str]) -> None:
    """After a start: all that was said holds, and the marks decide the rest."""
    database = Database.open(path, key=key)
    outbox = Outbox(database)
    assert database.damage() == []
    outbox.recover(datetime.now(UTC), "child/boot/2")
    states = {message.id: message.state for message in outbox.list(limit=1_000_000)}
    for message_id, word in said.items():
        possible = AFTER[word].union(*(AFTER[further] for further in FURTHER[word]))
        assert states[message_id] in possible, f"{word} {message_id}: {states[message_id]}"
    assert len(states) <= len(said) + 1, "what was not said is at most the one under way"
    assert MessageState.SENDING not in states.values()
    database.close()


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 6, 7, 23, 57])
def test_every_receipt_holds_after_a_kill(tmp_path: Path, key: bytes | None, lines: int) -> None:
    path = tmp_path / "x.db"
    output = killed_after(path, key, lines)
    said = receipts(output)
    assert output.count(b"\n") >= lines
    judge(path, key, said)


def test_killed_again_and_again(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "x.db"
    said: dict[int, str] = {}
    for lines in (3, 8, 13):
        said.update(receipts(killed_after(path, key, lines)))
        database = Database.open(path, key=key)
        recovery = Outbox(database).recover(datetime.now(UTC), "child/boot/2")
        assert recovery.requeued + recovery.unknown <= 1, "one line has one message under way"
        assert database.damage() == []
        states = {message.id: message.state for message in Outbox(database).list(limit=1_000_000)}
        assert said.keys() <= states.keys()
        assert all(states[i] is MessageState.SENT for i, word in said.items() if word == "sent")
        assert not [i for i, word in said.items() if word == "on_wire" and states[i] is MessageState.QUEUED]
        database.close()


def strace() -> str:
    found = shutil.which("strace")
    assert found is not None, "this test stops SQLite inside a system call: apt-get install strace"
    return found


def killed_at(path: Path, key: bytes | None, call: str, when: int) -> tuple[bytes, bool]:
    """What the child said until its `when`th `call` killed it; whether there was such a call."""
    inject = f"inject={call}:signal=KILL:when={when}"
    command = [strace(), "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject, *child(path, key)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return done.stdout, done.returncode != 0


@pytest.mark.strace
@pytest.mark.parametrize("call", ["pwrite64", SYNC])
@pytest.mark.parametrize("when", [1, 2, 3, 5, 8, 13, 21, 34])
def test_killed_inside_sqlite(tmp_path: Path, key: bytes | None, call: str, when: int) -> None:
    path = tmp_path / "x.db"
    output, killed = killed_at(path, key, call, when)
    assert killed, "there were fewer calls than that"
    judge(path, key, receipts(output))


@pytest.mark.strace
def test_a_disk_that_does_not_sync_ends_all_trust(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "x.db"
    inject = f"inject={SYNC}:error=EIO:when=20+"
    command = [strace(), "-f", "-qq", "-o", os.devnull, "-e", f"trace={SYNC}", "-e", inject, *child(path, key)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert b"StorageUnavailable" in done.stderr
    assert b"store.distrusted" in done.stdout + done.stderr
    judge(path, key, receipts(done.stdout))
