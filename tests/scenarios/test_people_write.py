"""The whole daemon on a serial port: somebody writes STOP, and the administrator looks at it from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayd.modem.simulator import SimulatorProcess, start_process
from tests.scenarios.installation import Installation

WHO, OTHER = "+33639980001", "+33639980002"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["a"], "report=1", tmp_path / "sim") as process:
        yield process


@pytest.fixture
def installed(tmp_path: Path, simulator: SimulatorProcess) -> Installation:
    return Installation(tmp_path, tuple(simulator.ports.values()))


def eventually(question: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Another process does it: it is asked again and again."""
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            return False
    return True


def test_a_stop_through_the_daemon(installed: Installation, simulator: SimulatorProcess) -> None:
    installed.run("send", "-p", "alerte", WHO, "Bonjour")
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        simulator.wait(accepted=1)
        simulator.control("deliver", sim="a", sender=WHO, text="Stop merci")
        simulator.wait(accepted=2)
        refused = installed.run("send", "-p", "alerte", WHO, "Encore")
        assert refused.returncode == 3
        assert eventually(lambda: any((installed.spool / "incoming").glob("*.000001")))
        assert daemon.terminate() == 0
    (file,) = (installed.spool / "incoming").iterdir()
    headers, _, text = file.read_text().partition("\n\n")
    assert text == "Stop merci"
    assert f"From: {WHO[1:]}" in headers.splitlines()
    (message,) = installed.json("inbox", "list", "--to-review")
    assert (message["sender"], message["kind"], message["tier"]) == (WHO, "opt_out", "probable")
    assert [one["recipient"] for one in installed.json("optouts", "list")] == [WHO]
    assert installed.states()[1] == "delivered"
    assert "639980001" not in daemon.log.read_text()
    assert "merci" not in daemon.log.read_text()
    assert installed.run("inbox", "review", "1", "lift").returncode == 0
    assert installed.json("inbox", "list", "--to-review") == []
    assert installed.json("optouts", "list") == []
    assert "Stop merci" in installed.run("inbox", "show", "1").stdout
    assert installed.run("inbox", "show", "2").returncode == 2


def test_a_list_of_opt_outs_comes_in_and_goes_out(installed: Installation) -> None:
    listed = "Téléphone;Depuis\n06 39 98 00 01;2024\n+33639980002;\n=1+1;\n06 39 98 00 01;\n"
    done = installed.run("optouts", "import", "-", "--origin", "papier", given=listed)
    assert done.returncode == 1
    assert "line 4" in done.stderr
    assert "2 opt-outs recorded" in done.stdout
    assert "0 opt-outs recorded, 1 known" in installed.run("optouts", "import", "-", given=OTHER).stdout
    exported = installed.run("optouts", "export").stdout.splitlines()
    assert exported[0] == "recipient;recorded_at;origin;recorded_by"
    assert [line.split(";")[0] for line in exported[1:]] == [WHO, OTHER]
    assert [line.split(";")[2] for line in exported[1:]] == ["papier", "papier"]
    assert "may be written to again" in installed.run("optouts", "remove", WHO).stdout
    assert "has not opted out" in installed.run("optouts", "remove", WHO).stdout
