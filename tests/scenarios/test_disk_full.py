"""A disk that takes nothing more, for a while: the daemon lives, loses nothing, repeats nothing, and goes on by itself.

A limit on the size of files (RLIMIT_FSIZE, zero octets) makes every write of the running daemon fail, its log's too; it
needs no privilege and no file system of its own.
"""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from tests.scenarios.installation import Daemon, Installation

RECIPIENTS = [f"+336399802{number:02}" for number in range(12)]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["a"], "latency=0.3&report=0", tmp_path / "sim") as process:
        yield process


@pytest.fixture
def installed(tmp_path: Path, simulator: SimulatorProcess) -> Installation:
    return Installation(tmp_path, tuple(simulator.ports.values()))


@contextmanager
def full(daemon: Daemon) -> Iterator[None]:
    before = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, before)


def drop(installed: Installation, name: str, recipients: list[str]) -> None:
    draft = installed.spool / "drop" / f".{name}.part"
    draft.write_text("téléphone;texte\n" + "".join(f"{each};Bonjour\n" for each in recipients), "utf-8")
    os.utime(draft, (0, 0))  # it has been there for long: nobody waits for it to be written to the end
    draft.rename(installed.spool / "drop" / name)


@pytest.mark.timeout(120)
def test_a_full_disk_delays_and_loses_nothing(installed: Installation, simulator: SimulatorProcess) -> None:
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        drop(installed, "a.csv", RECIPIENTS[:9])
        simulator.wait(accepted=3, seconds=40)
        with full(daemon):
            daemon.wait_for(lambda told: any("storage" in words for words in told))
            during = len(simulator.ledger())
            drop(installed, "b.csv", RECIPIENTS[9:])
            vouched = len(daemon.told)
            daemon.wait_for(lambda told: "WATCHDOG=1" in told[vouched:])
            assert len(simulator.ledger()) <= during + 1, "what cannot be recorded is not begun"
            assert daemon.process.poll() is None
        simulator.wait(accepted=len(RECIPIENTS), seconds=60)
        assert daemon.terminate() == 0
    assert Counter(entry.destination for entry in simulator.ledger()) == Counter(RECIPIENTS)
    assert set(installed.states().values()) == {"sent"}
