"""Commits that were durable, and said that they were not: the disk failed at the wrong moment.

The line finds again what the store holds under its lease, without a restart, and sends nothing twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatewayd.domain.purpose import Limits
from gatewayd.errors import RefusedByRule, StorageUnavailable
from gatewayd.store.engine import Database
from gatewayd.store.people import People
from tests.scenarios.world import World, number

LONG = "Bonjour à tous, la réunion du quartier aura lieu samedi. " * 5  # two parts


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def build(*names: str, **how: object) -> World:
        worlds.append(World(tmp_path, *(names or ("a", "b")), **how))  # type: ignore[arg-type]  # the test names them
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def durable_but(world: World, name: str) -> None:
    """The next such transaction is committed, and raises nevertheless."""
    work = getattr(world.outbox, name)

    def lying(*of: object) -> object:
        setattr(world.outbox, name, work)
        work(*of)
        raise StorageUnavailable("the disk reported an error after the commit")

    setattr(world.outbox, name, lying)


def test_a_mark_that_was_made_and_denied_is_taken_back(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    durable_but(world, "mark_on_wire")
    (message,) = world.accept(number(1))
    assert world.lines["a"].run_once().event == "storage"
    assert world.ledger == []
    world.settle()
    assert world.state(message) == "sent"
    assert len(world.ledger) == 1


@pytest.mark.parametrize("text", ["Bonjour", LONG])
def test_a_turn_that_was_made_and_denied_is_found_again_without_a_restart(
    make: Callable[..., World], text: str
) -> None:
    """The outcome is recorded once, and the claim that went with it is not lost."""
    world = make("a")
    world.settle()
    messages = world.accept(*[number(n) for n in range(4)], text=text)
    assert world.lines["a"].run_once().event == "sent"
    durable_but(world, "turn")
    assert world.lines["a"].run_once().event == "storage"
    assert world.states()["sending"] == 1, "claimed, and the line does not know it"
    with capture_logs() as logs:
        world.settle()
    assert [world.state(message) for message in messages] == ["sent"] * 4
    assert not [one for one in logs if one["event"] in ("attempt.lease_lost", "outcome.unrecorded")]
    world.agree()


@pytest.mark.parametrize("times", [1, 3])
def test_a_claim_that_was_made_and_denied_goes_back_when_nothing_may_be_sent(
    make: Callable[..., World], times: int
) -> None:
    world = make("a", limits=Limits(per_minute=1))
    world.settle()
    (message,) = world.accept(number(1))
    for _ in range(times):
        durable_but(world, "turn")
        world.lines["a"].run_once()
    assert world.states() == {"sending": 1}
    world.settle()
    assert (world.state(message), len(world.ledger)) == ("sent", 1)


def test_a_closing_of_the_gate_that_was_made_and_denied_is_no_fault(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    (message,) = world.accept(number(1))
    mark = world.outbox.mark_on_wire

    def closing(*of: object) -> None:
        People(Database.open(world.path)).add_optout(number(1), origin="stop", by="test", at=world.clock.utc_now())
        world.outbox.mark_on_wire = mark  # type: ignore[method-assign]  # once
        with contextlib.suppress(RefusedByRule):
            mark(*of)  # type: ignore[arg-type]  # as it was called
        raise StorageUnavailable("the disk reported an error after the commit")

    world.outbox.mark_on_wire = closing  # type: ignore[method-assign, assignment]  # a disk that denies its commit
    with capture_logs() as logs:
        world.settle()
        world.advance(60)
    assert (world.state(message), world.ledger) == ("blocked", [])
    assert not [one for one in logs if one["event"] == "attempt.lease_lost"]
