"""The power fails at every sync that SQLite makes on the way of two messages, and the medium has it in part.

One run is recorded (disk.py). Then, for each sync, a gateway starts on what the medium has if all that was to be synced
is lost, or half of it is there, or all but its last octets, and on the ledger as it was at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from gatewayd.domain.message import MessageState
from gatewayd.modem.simulator import Accepted
from tests.crash.disk import Disk, watched
from tests.crash.failpoints import FIRST, LONG, SECOND, CrashWorld
from tests.crash.test_matrix import in_ledger

Tear = Callable[[bytes, bytes], bytes]
TEARS: dict[str, Tear] = {
    "lost": lambda before, _after: before,
    "half": lambda before, after: torn(before, after, (changed_from(before, after) + len(after)) // 2),
    "torn": lambda before, after: torn(before, after, len(after) - 24),
}


def changed_from(before: bytes, after: bytes) -> int:
    """The first octet that differs."""
    return next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(before))


def torn(before: bytes, after: bytes, end: int) -> bytes:
    """What was written up to `end`, and behind it what was there before."""
    return after[:end] + before[end:]


@dataclass(frozen=True)
class Moment:
    """Just before a sync: the medium, the file that is to be synced, what the network and the caller know."""

    medium: dict[str, bytes]
    name: str
    written: bytes
    ledger: list[Accepted]
    receipt: bool

    def left(self, tear: Tear) -> dict[str, bytes]:
        return {**self.medium, self.name: tear(self.medium.get(self.name, b""), self.written)}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    directory = tmp_path / "recorded"
    directory.mkdir()
    with watched(directory) as disk:
        yield disk


def record(disk: Disk) -> list[Moment]:
    """Two messages from acceptance to the last commit; the moments before each sync."""
    world = CrashWorld(disk.directory, disk, hopeless=lambda: False, options="&report=0")
    world.settle()
    moments: list[Moment] = []
    receipts: list[int] = []

    def note(name: str) -> None:
        file = Path(name)
        moments.append(Moment(dict(disk.synced), file.name, file.read_bytes(), world.ledger, bool(receipts)))

    disk.before_sync = note
    receipts += world.accept(FIRST, SECOND, text=LONG)
    world.rest()
    disk.before_sync = lambda _: None
    world.close()
    return moments


@pytest.mark.parametrize("tear", TEARS)
def test_at_every_sync(tmp_path: Path, disk: Disk, tear: str) -> None:
    moments = record(disk)
    assert len(moments) >= 10, "acceptance, four marks, four outcomes"
    for number, moment in enumerate(moments):
        directory = tmp_path / f"cut-{number}"
        directory.mkdir()
        for name, octets in moment.left(TEARS[tear]).items():
            (directory / name).write_bytes(octets)
        start_and_judge(directory, moment)


def start_and_judge(directory: Path, moment: Moment) -> None:
    world = CrashWorld(directory, Disk(directory), hopeless=lambda: False, options="&report=0")
    for entry in moment.ledger:
        known = {key: value for key, value in asdict(entry).items() if key not in ("sequence", "at")}
        world.network.ledger.append(world.clock.utc_now(), **known)
    world.outbox.recover(world.clock.utc_now(), "test/another-life")
    world.rest()
    found = {message.recipient: message.state for message in world.outbox.list()}
    assert found.keys() == {FIRST, SECOND} or not (moment.receipt or found), "accepted wholly, or not at all"
    for recipient, state in found.items():
        counted = in_ledger(world, recipient)
        assert set(counted.values()) <= {1}, f"{recipient} twice: {counted}"
        assert state in ("sent", "unknown")
        assert state != "sent" or set(counted) == {1, 2}
    assert list(found.values()).count(MessageState.UNKNOWN) <= 1, "one line has one part under way"
    assert world.db.damage() == []
    world.close()
