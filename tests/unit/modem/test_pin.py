"""The guard of the PIN: each PIN once, a refused one never again, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayd.errors import SimLocked
from gatewayd.modem.pin import PinGuard, RefusedPins, RefusedPinsFile, RefusedPinsInMemory

SIM = "8933150000000000017"


@pytest.fixture(params=["memory", "file"])
def refused(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], RefusedPins]:
    """Makes the memory of a process; the file's outlives it, the other is the same process again."""
    memory = RefusedPinsInMemory()
    return (lambda: RefusedPinsFile(tmp_path / "pins.json")) if request.param == "file" else (lambda: memory)


def test_a_pin_whose_trial_never_ended_is_not_tried_again(refused: Callable[[], RefusedPins]) -> None:
    PinGuard(refused()).begin(SIM, "1234", 3)
    with pytest.raises(SimLocked, match="tried before"):
        PinGuard(refused()).begin(SIM, "1234", 3)


def test_another_pin_may_be_tried_and_another_sim(refused: Callable[[], RefusedPins]) -> None:
    guard = PinGuard(refused())
    guard.begin(SIM, "1234", 3)
    guard.begin(SIM, "4321", 2)
    guard.begin("8933150000000000025", "1234", 3)


def test_the_right_pin_may_be_given_after_each_loss_of_power(refused: Callable[[], RefusedPins]) -> None:
    for _ in range(3):
        guard = PinGuard(refused())
        guard.begin(SIM, "1234", 3)
        guard.opened(SIM, "1234")


@pytest.mark.parametrize("tries", [0, 1])
def test_the_last_tries_are_the_operators(refused: Callable[[], RefusedPins], tries: int) -> None:
    guard = PinGuard(refused())
    with pytest.raises(SimLocked, match=f"{tries} PIN tries left"):
        guard.begin(SIM, "1234", tries)
    guard.begin(SIM, "1234", 2)


def test_the_operators_word_allows_one_more_try(refused: Callable[[], RefusedPins]) -> None:
    guard = PinGuard(refused())
    guard.begin(SIM, "1234", None)
    guard.forget(SIM)
    guard.begin(SIM, "1234", None)


def test_the_file_is_private_and_holds_no_pin(tmp_path: Path) -> None:
    path = tmp_path / "pins.json"
    PinGuard(RefusedPinsFile(path)).begin(SIM, "1234", 3)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "1234" not in path.read_text().replace(SIM, "")


def test_an_unreadable_file_tries_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pins.json"
    path.write_text("{")
    with pytest.raises(SimLocked, match="cannot be read"):
        PinGuard(RefusedPinsFile(path)).begin(SIM, "1234", 3)
