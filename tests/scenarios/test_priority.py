"""A file of 100,000 rows and alerts beside it: each alert is accepted while the file is taken in, and goes out next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from tests.scenarios.installation import Daemon, Installation

ROWS = 100_000
ALERTED = "+33639980001"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["a"], "latency=0.2&report=0", tmp_path / "sim") as process:
        yield process


@pytest.fixture
def installed(tmp_path: Path, simulator: SimulatorProcess) -> Installation:
    made = Installation(tmp_path, tuple(simulator.ports.values()))
    text = made.file.read_text()
    text = text.replace("feeds: [{folder: ., purpose: alerte}]", "feeds: [{folder: ., purpose: infos}]")
    infos = "allowed_countries: [IE]\npurposes:\n  infos: {label: I, basis: contract}"
    text = text.replace("purposes:", infos)
    made.file.write_text(text)
    return made


def drop_a_large_file(installed: Installation) -> None:
    """Ireland keeps 100,000 mobile numbers for fiction."""
    draft = installed.spool / "drop" / ".large.csv.part"
    with draft.open("w", encoding="utf-8") as stream:
        stream.write("téléphone;texte\n")
        stream.writelines(f"+353 20 91 {row:05};Bonjour {row}\n" for row in range(ROWS))
    os.utime(draft, (0, 0))
    draft.rename(installed.spool / "drop" / "large.csv")


def said(daemon: Daemon, event: str) -> bool:
    return event in daemon.log.read_text()


@pytest.mark.timeout(240)
def test_an_alert_overtakes_a_large_file(installed: Installation, simulator: SimulatorProcess) -> None:
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        drop_a_large_file(installed)
        alerts = 0
        while not said(daemon, "drop.accepted"):
            done = installed.run("send", "-p", "alerte", ALERTED, f"Crue {alerts}")
            assert done.returncode == 0, done.stderr
            alerts += 1
            assert not said(daemon, "drop.claim_waits"), daemon.log.read_text()
        simulator.wait(accepted=alerts + 3, seconds=60)
        before = len(simulator.ledger())
        assert installed.run("send", "-p", "alerte", ALERTED, "Maintenant").returncode == 0
        last = installed.json("messages", "list", "--purpose", "alerte", "--limit", "1")[0]
        assert last["id"] > ROWS
        after = len(simulator.ledger())
        simulator.wait(accepted=after + 3, seconds=60)
        destinations = [entry.destination for entry in simulator.ledger()][before : after + 3]
        assert ALERTED in destinations, "it went before the tens of thousands that were there first"
        assert alerts >= 1
        assert daemon.terminate() == 0
