"""The daemon killed at any moment, again and again: nothing is lost, nothing goes out twice, it puts itself right."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from tests.scenarios.installation import Installation

ROWS = 60
LONG = "Bonjour à tous, la réunion du quartier aura lieu samedi. " * 5  # two parts
SIMS = ["a", "b"]
LONGEST_LIFE = 2.0  # seconds; a start takes about one, so that some lives end in it


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(SIMS, "latency=0.1&jitter=0.2&report=1", tmp_path / "sim") as process:
        yield process


def dropped(installed: Installation) -> dict[str, int]:
    """A file in the drop folder; how many parts each of its recipients is to get."""
    parts = {f"+336399801{number:02}": 2 if number % 3 == 0 else 1 for number in range(ROWS)}
    rows = "".join(
        f"{recipient};{LONG if of == 2 else 'Bonjour'} {recipient[-2:]}\n" for recipient, of in parts.items()
    )
    drop = installed.spool / "drop"
    drop.mkdir(parents=True)
    file = drop / "a.csv"
    file.write_text("téléphone;texte\n" + rows, "utf-8")
    os.utime(file, (0, 0))  # it has been there for long: nobody waits for it to be written to the end
    return parts


def kill_at_any_moment(installed: Installation, rng: random.Random) -> None:
    """A life of the daemon: in its start, while it accepts, while it sends, or while it ends by itself."""
    with installed.daemon() as daemon:
        daemon.wait_for(lambda told: "READY=1" in told, rng.uniform(0.2, LONGEST_LIFE), required=False)
        daemon.wait_for(lambda _told: False, rng.uniform(0.0, 0.4), required=False)
        if rng.random() < 0.2:
            daemon.process.terminate()
            daemon.wait_for(lambda told: "STOPPING=1" in told, 0.3, required=False)
        daemon.kill()


def at_rest(installed: Installation) -> bool:
    """Whether all that was dropped is accepted, and sent as far as it will be; an earlier life may have done it all."""
    states = [message["state"] for message in installed.json("messages", "list", "--limit", "1000")]
    return len(states) == ROWS and not {"queued", "sending"} & {*states}


@pytest.mark.timeout(14_400)
def test_after_any_number_of_kills_the_ledger_and_the_database_agree(
    tmp_path: Path, simulator: SimulatorProcess, kills: int
) -> None:
    installed = Installation(tmp_path, tuple(simulator.ports.values()))
    parts, rng = dropped(installed), random.Random(20260101)  # noqa: S311  (moments of a kill, not secrets)
    for _ in range(kills):
        kill_at_any_moment(installed, rng)
    began = time.monotonic()
    with installed.daemon() as daemon:
        daemon.ready()
        assert time.monotonic() - began < 20, "a start after a crash takes no longer than any other"
        while not at_rest(installed):
            assert time.monotonic() - began < 180, installed.states()
        assert daemon.terminate() == 0
    states = {
        message["recipient"]: message["state"] for message in installed.json("messages", "list", "--limit", "1000")
    }
    reached = Counter((entry.destination, entry.concat[2] if entry.concat else 1) for entry in simulator.ledger())
    assert states.keys() == parts.keys(), "what was accepted is there, once"
    # Queued: the SIM says that it never went out, a minute after the last kill; it would go again now.
    assert set(states.values()) <= {"sent", "delivered", "unknown", "queued"}
    assert max(reached.values()) == 1, [what for what, count in reached.items() if count > 1]
    arrived = Counter(recipient for recipient, _part in reached)
    cut_short = [who for who, state in states.items() if state in ("sent", "delivered") and arrived[who] != parts[who]]
    assert cut_short == []
    assert not [who for who, state in states.items() if state == "queued" and arrived[who] == parts[who]]
    assert Counter(states.values())["unknown"] <= len(SIMS) * (kills + 1), "one a SIM and life at most"
    assert (installed.spool / "done" / "a.csv").exists()
