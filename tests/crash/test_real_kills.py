"""The matrix leaves a thread standing and calls that a kill; here SIGKILL ends a process, on a PTY: they must agree."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gatewayd.modem.simulator import start_process
from tests.crash.failpoints import FIRST, SECOND
from tests.crash.test_matrix import TABLE, word_for
from tests.scenarios.installation import ROOT

REACHED = {"F7": 1, "F8": 1, "F10": 1}
"""PDUs that are in the ledger when the dead process's modem has done what it was told."""


def child(directory: Path, port: str, *point: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.crash.matrix_child", str(directory), port, *point]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.parametrize("point", ["F1", "F4", "F6", "F7", "F8", "F10"])
def test_a_real_kill_leaves_what_the_matrix_says(tmp_path: Path, point: str) -> None:
    with start_process(["a"], "latency=0.1&report=0", tmp_path / "sim") as simulator:
        (port,) = simulator.ports.values()
        assert child(tmp_path, port, point).returncode == -signal.SIGKILL
        if point in REACHED:
            simulator.wait(accepted=REACHED[point], seconds=20)
        second = child(tmp_path, port)
        assert second.returncode == 0, second.stderr
        states = json.loads(second.stdout.splitlines()[-1])
        parts = {
            who: Counter(e.concat[2] for e in simulator.ledger() if e.concat and e.destination == who) for who in states
        }
    first, _, after = TABLE[point, "kill"].partition("/")
    assert (word_for(states[FIRST], parts[FIRST]), word_for(states[SECOND], parts[SECOND])) == (first, after or "S")
