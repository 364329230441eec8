"""What several stories begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios import world as worlds
from tests.scenarios.campaigning import CampaigningWorld
from tests.scenarios.receiving import ReceivingWorld
from tests.scenarios.telling import TellingWorld


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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for an answer, cut short."""
    monkeypatch.setattr(worlds, "QUICK", replace(worlds.QUICK, submit=0.2))


@pytest.fixture
def make_campaigns(tmp_path: Path) -> Iterator[Callable[..., CampaigningWorld]]:
    worlds: list[CampaigningWorld] = []

    def build(*names: str, **how: Any) -> CampaigningWorld:
        worlds.append(CampaigningWorld(tmp_path, *(names or ("a",)), **how))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_campaigns: Callable[..., CampaigningWorld]) -> CampaigningWorld:
    return make_campaigns()


@pytest.fixture
def make_telling(tmp_path: Path) -> Iterator[Callable[..., TellingWorld]]:
    worlds: list[TellingWorld] = []

    def build(*names: str, **how: object) -> TellingWorld:
        worlds.append(TellingWorld(tmp_path, *names, **how))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()
