"""Each way in which a submission ends without an answer, in each kind of modem, against the network's ledger.

Nothing goes out twice by itself, and nothing counts as sent that the network never had; what the card settles is what
the table in domain/reference.py says, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scenarios import world as worlds
from tests.scenarios.receiving import ReceivingWorld
from tests.scenarios.test_last_reference import NOBODY, WHO, killed
from tests.scenarios.world import number

KINDS = ("before", "answer", "after")
REACHED = {
    "ack-lost;seconds=0.05": True,
    "unheard;seconds=0.05": False,
    "answer-lost": True,
    "silence;at=accepted": True,
    "silence;at=body": False,
    "reboot;at=accepted;seconds=0.1": True,
    "reboot;at=body;seconds=0.1": False,
    "unplug;at=accepted": True,
    "unplug;at=body": False,
    "killed with the answer": True,
    "killed at the mark": False,
}
"""How it ends, and whether the network has it then."""


def settled(fault: str, kind: str, *, taught: bool) -> bool:
    """What the card may settle."""
    return fault.startswith("killed") or (fault == "answer-lost" and kind == "after" and taught)


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReceivingWorld]:
    monkeypatch.setattr(worlds, "QUICK", replace(worlds.QUICK, submit=0.2, alive=0.1))
    kind, taught = request.getfixturevalue("kind"), request.getfixturevalue("taught")
    world = ReceivingWorld(tmp_path, "a", options=f"&report=0&smss={kind}&rule=98;cms=1")
    for who in (number(0), number(1), *([NOBODY] if taught else [])):
        world.accept(who)
        world.turn()
    yield world
    world.close()


@pytest.mark.parametrize("fault", REACHED)
@pytest.mark.parametrize("taught", [False, True], ids=["unseen", "taught"])
@pytest.mark.parametrize("kind", KINDS)
def test_never_twice_by_itself_and_never_lost(world: ReceivingWorld, fault: str, kind: str, taught: bool) -> None:
    if fault.startswith("killed"):
        message = killed(world, at_the_mark=not REACHED[fault])
        world.restart()
    else:
        world.sims["a"].arm(fault)
        (message,) = world.accept(WHO)
        world.turn()
        world.sims["a"].wake()
        world.sims["a"].plug()
    for _ in range(6):
        world.advance(31)
        world.turn()
    reached = sum(entry.destination == WHO for entry in world.ledger)
    if settled(fault, kind, taught=taught):
        assert (world.state(message), reached) == ("sent", 1)
        assert world.outbox.attempts(message)[0].resolved_by == "ef_smss"
    else:
        assert (world.state(message), reached) == ("unknown", int(REACHED[fault]))
    (next_one,) = world.accept(number(3))
    world.turn()
    assert world.state(next_one) == "sent", "the line goes on"
    world.agree()
