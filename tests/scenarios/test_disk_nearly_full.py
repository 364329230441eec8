"""A disk that fills up: new work is refused in time, what was begun ends well, and all goes on once there is room.

On a file system of its own, in memory, which only root can mount.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from gatewayd.services.space import MIB
from tests.scenarios.installation import Daemon, Installation
from tests.scenarios.test_disk_full import drop

RECIPIENTS = [f"+336399802{number:02}" for number in range(70)]
SIZE = 160


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(directory)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs a file system of its own: only root may mount one")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["a"], "latency=0.4&report=0", tmp_path / "sim") as process:
        yield process


def leave(disk: Path, mebibytes: int) -> None:
    """Somebody else fills the disk, or makes room, until so many are free."""
    filler = disk / "filler"
    filler.touch()
    found = os.statvfs(disk)
    size = filler.stat().st_blocks * 512 + found.f_bavail * found.f_frsize - mebibytes * MIB
    with filler.open("r+b") as stream:
        stream.truncate(min(size, filler.stat().st_size))
        os.posix_fallocate(stream.fileno(), 0, size)


def logged(daemon: Daemon, event: str) -> Callable[[], bool]:
    return lambda: event in daemon.log.read_text()


def until(daemon: Daemon, question: Callable[[], bool], seconds: float = 30.0) -> None:
    """What the daemon tells its manager paces the question: it says something every second or two."""
    for _ in range(int(seconds)):
        if question():
            return
        heard = len(daemon.told)
        daemon.wait_for(lambda told, heard=heard: len(told) > heard, 1.0, required=False)  # type: ignore[misc]  # bound
    assert question(), daemon.log.read_text()


@pytest.mark.timeout(150)
def test_new_work_is_refused_in_time_and_taken_when_there_is_room(disk: Path, simulator: SimulatorProcess) -> None:
    installed = Installation(disk, tuple(simulator.ports.values()))
    assert installed.json("status")["disk"]["level"] == "ok"
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        drop(installed, "a.csv", RECIPIENTS[:64])
        simulator.wait(accepted=1, seconds=40)

        leave(disk, 40)
        until(daemon, logged(daemon, "disk.low"))
        drop(installed, "b.csv", RECIPIENTS[64:])
        refused = installed.run("send", "-p", "alerte", RECIPIENTS[0], "Bonjour")
        assert refused.returncode == 1
        assert "the disk is nearly full" in refused.stderr
        assert "64 MiB are kept back" in refused.stderr
        assert installed.run("optouts", "add", "+33639980999").returncode == 0, "STOP is taken in all along"
        before = len(simulator.ledger())
        simulator.wait(accepted=before + 1, seconds=30)  # what was accepted is still sent
        assert (installed.spool / "drop" / "b.csv").exists()

        leave(disk, 8)
        until(daemon, logged(daemon, "disk.exhausted"))
        daemon.wait_for(lambda told: any(": disk)" in words for words in told))
        assert installed.json("status")["disk"]["level"] == "exhausted"
        during = len(simulator.ledger())
        shown = " ".join(installed.run("status").stdout.split())
        assert "nothing is accepted and nothing is sent" in shown
        assert (installed.spool / "drop" / "b.csv").exists()
        assert len(simulator.ledger()) == during < 64, "no submission begins"

        leave(disk, SIZE // 2 + 10)
        simulator.wait(accepted=len(RECIPIENTS), seconds=90)
        until(daemon, logged(daemon, "disk.enough"))
        assert daemon.terminate() == 0
    assert Counter(entry.destination for entry in simulator.ledger()) == Counter(RECIPIENTS)
    assert {state: count for state, count in installed.json("status")["messages"].items() if count} == {"sent": 70}
