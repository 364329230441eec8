"""What several stories begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scenarios.receiving import ReceivingWorld


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., ReceivingWorld]]:
    worlds: list[ReceivingWorld] = []

    def build(*names: str, **how: object) -> ReceivingWorld:
        world = ReceivingWorld(tmp_path, *(names or ("a",)), **how)
        worlds.append(world)
        world.turn()
        return world

    yield build
    for world in worlds:
        world.close()
