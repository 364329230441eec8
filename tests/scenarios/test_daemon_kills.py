"""Killed again and again, at any moment: nothing is lost, and nothing goes out twice."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from gatewayd.modem.simulator.process import start_process
from tests.scenarios.installation import Installation

MESSAGES = 24
KILLS = 5


@pytest.mark.timeout(180)
def test_after_any_number_of_kills_the_ledger_and_the_database_agree(tmp_path: Path) -> None:
    rng = random.Random(20260101)  # noqa: S311  # moments of a kill, not secrets
    with start_process(["a", "b"], "latency=0.3&jitter=0.2&report=1", tmp_path / "sim") as simulator:
        installed = Installation(tmp_path, tuple(simulator.ports.values()))
        rows = "".join(f"+336399800{number:02};Bonjour {number}\n" for number in range(MESSAGES))
        with installed.daemon() as daemon:
            daemon.ready()
            (installed.spool / "drop" / "a.csv").write_text("téléphone;texte\n" + rows, "utf-8")
            simulator.wait(accepted=1, seconds=40)
            daemon.kill()
        for _ in range(KILLS):
            with installed.daemon() as daemon:
                daemon.ready()
                simulator.wait(accepted=len(simulator.ledger()) + 1, seconds=40)
                daemon.wait_for(lambda _told: False, rng.uniform(0.0, 0.6), required=False)
                daemon.kill()
        with installed.daemon() as daemon:
            daemon.ready().wait_for(lambda told: any(", 0 waiting" in words for words in told), 60)
            assert daemon.terminate() == 0
        accepted = Counter(entry.destination for entry in simulator.ledger())
    found = installed.json("messages", "list")
    states = {message["recipient"]: message["state"] for message in found}
    assert len(found) == MESSAGES
    assert set(states.values()) <= {"sent", "unknown"}
    assert max(accepted.values()) == 1, accepted
    assert all(accepted[number] == 1 for number, state in states.items() if state == "sent")
    assert Counter(states.values())["unknown"] <= 2 * (KILLS + 1)
