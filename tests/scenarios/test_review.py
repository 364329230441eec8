"""A person looks at opt-outs that were not certain: what was not meant ends, and never what was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatewayd.errors import UsageError
from gatewayd.services.reviews import Reviewed, Reviews, Verdict
from tests.scenarios.receiving import ReceivingWorld, deliver
from tests.scenarios.world import number

Make = Callable[..., ReceivingWorld]
WHO = number(1)
DOUBTFUL = "Stop merci"


def wrote(world: ReceivingWorld, *texts: str) -> None:
    for text in texts:
        world.clock.advance(60)
        world.put("a", deliver(WHO, text, at=world.clock.now))
        world.turn()


def decide(world: ReceivingWorld, incoming_id: int, verdict: Verdict) -> Reviewed:
    return Reviews(world.db, "FR").decide(incoming_id, verdict, by="marie", at=world.clock.now)


@pytest.mark.parametrize(("verdict", "left"), [(Verdict.KEEP, [WHO]), (Verdict.LIFT, [])])
def test_it_was_meant_or_it_was_not(make: Make, verdict: Verdict, left: list[str]) -> None:
    world = make()
    wrote(world, DOUBTFUL)
    assert world.inbox.to_review() == 1
    assert decide(world, 1, verdict) == Reviewed(WHO, lifted=not left)
    assert (world.opted_out(), world.inbox.to_review()) == (left, 0)


def test_what_another_message_asks_for_too_does_not_end(make: Make) -> None:
    world = make()
    wrote(world, DOUBTFUL, "STOP")
    assert decide(world, 1, Verdict.LIFT) == Reviewed(WHO, lifted=False, stands=True, others=(2,))
    assert world.opted_out() == [WHO]


def test_what_was_recorded_by_hand_before_does_not_end(make: Make) -> None:
    world = make()
    world.people.add_optout(WHO, origin="letter", by="marie", at=world.clock.now)
    wrote(world, DOUBTFUL)
    assert decide(world, 1, Verdict.LIFT).stands
    assert world.opted_out() == [WHO]


def test_what_came_after_a_start_does_not_end_with_what_was_before(make: Make) -> None:
    world = make()
    wrote(world, DOUBTFUL, "START", "STOP")
    assert decide(world, 1, Verdict.LIFT) == Reviewed(WHO, lifted=False)
    assert world.opted_out() == [WHO]


def test_nobody_reviews_twice_nor_what_is_no_opt_out(make: Make) -> None:
    world = make()
    wrote(world, DOUBTFUL, "Bonjour")
    decide(world, 1, Verdict.KEEP)
    with pytest.raises(UsageError, match="reviewed by marie"):
        decide(world, 1, Verdict.LIFT)
    with pytest.raises(UsageError, match="no opt-out"):
        decide(world, 2, Verdict.LIFT)
    with pytest.raises(UsageError, match="no incoming message 3"):
        decide(world, 3, Verdict.LIFT)
    assert world.opted_out() == [WHO]
