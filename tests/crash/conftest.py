"""How long the crash tests go on: `pytest tests/crash --kills 1000 --steps 1000000` for a long night."""

from __future__ import annotations

import pytest

KILLS = 20
STEPS = 100_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=KILLS, help="how often a daemon is killed")
    parser.addoption("--steps", type=int, default=STEPS, help="how many steps of any order of events are made")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    # Where pytest starts above this directory, it has read the command line before this file: no option then.
    return int(request.config.getoption("--kills", KILLS))


@pytest.fixture
def steps(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--steps", STEPS))
