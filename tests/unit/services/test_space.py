"""How full a disk may get: this one's own figures, and the bounds that a configuration may move."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayd.errors import DiskNearlyFull, StorageUnavailable
from gatewayd.services.space import MIB, RESERVE, Room, Space
from tests.scenarios.world import FakeClock


def room(free: int, *, files: int = 1000) -> Room:
    return Room(Path("/var/lib/gatewayd"), free * MIB, 64 * MIB, files)


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (room(64), "ok"),
        (room(63), "low"),
        (room(16), "low"),
        (room(15), "exhausted"),
        (room(5000, files=99), "low"),
    ],
)
def test_the_levels(found: Room, level: str) -> None:
    assert found.level == level


def test_by_default_a_share_of_the_disk_is_kept_back_within_bounds(tmp_path: Path) -> None:
    found = Space([tmp_path], FakeClock()).tightest()
    assert found is not None
    disk = os.statvfs(tmp_path)
    assert found.least == min(max(disk.f_blocks * disk.f_frsize // 20, 64 * MIB), 1024 * MIB)


def test_new_work_is_refused_with_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    space = Space([tmp_path], FakeClock(), least=1 << 62)
    assert space.low()
    assert not space.exhausted()
    with pytest.raises(DiskNearlyFull, match=rf"MiB are free in {tmp_path}, .*df -h .*until there is room") as caught:
        space.require()
    assert isinstance(caught.value, StorageUnavailable), "who waits for a full disk waits for this one too"
    assert caught.value.exit_status == 1


def test_a_directory_that_is_not_there_yet_refuses_nothing(tmp_path: Path) -> None:
    space = Space([tmp_path / "none"], FakeClock(), least=1 << 62)
    space.require()
    assert space.tightest() is None


def test_the_disk_is_asked_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked, real = FakeClock(), [], os.statvfs

    def counted(path: Path) -> os.statvfs_result:
        asked.append(path)
        return real(path)

    monkeypatch.setattr(os, "statvfs", counted)
    space = Space([tmp_path], clock)
    for _ in range(10):
        space.exhausted()
    assert len(asked) == 1
    clock.advance(1)
    space.exhausted()
    assert len(asked) == 2


def test_the_reserve_is_below_what_is_kept_back() -> None:
    assert RESERVE < 64 * MIB
