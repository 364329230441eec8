"""How often the crash tests kill: `pytest tests/crash --kills 1000` for a long night."""

from __future__ import annotations

import pytest

KILLS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=KILLS, help="how often a daemon is killed")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    # Where pytest starts above this directory, it has read the command line before this file: no option then.
    return int(request.config.getoption("--kills", KILLS))
