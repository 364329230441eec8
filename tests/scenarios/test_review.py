"""A person looks at opt-outs that were not certain: what was not meant ends, and never what was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from gatewayd.errors import UsageError
from gatewayd.services.reviews import Reviewed, Reviews, Verdict
from gatewayd.store.people import ENDED
from tests.scenarios.receiving import SENT_AT, ReceivingWorld, deliver
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


def test_what_was_not_meant_asks_for_nothing(make: Make) -> None:
    world = make()
    wrote(world, DOUBTFUL, "Stop svp")
    assert decide(world, 1, Verdict.LIFT).others == (2,)
    assert decide(world, 2, Verdict.LIFT) == Reviewed(WHO, lifted=True)
    assert world.opted_out() == []


def test_what_was_recorded_by_hand_before_does_not_end(make: Make) -> None:
    world = make()
    world.people.add_optout(WHO, origin="letter", by="marie", at=world.clock.now)
    wrote(world, DOUBTFUL)
    assert decide(world, 1, Verdict.LIFT).stands
    assert world.opted_out() == [WHO]


def test_what_came_after_a_start_does_not_end_with_what_was_before(make: Make) -> None:
    world = make()
    wrote(world, DOUBTFUL, "START", "STOP")
    with pytest.raises(UsageError, match="ended by recipient"):
        decide(world, 1, Verdict.LIFT)
    assert world.opted_out() == [WHO]


@pytest.mark.parametrize("texts", [(DOUBTFUL, "START"), ("STOP", DOUBTFUL, "START"), (DOUBTFUL, "STOP", "START")])
def test_what_the_persons_own_start_has_ended_waits_for_nobody(make: Make, texts: tuple[str, ...]) -> None:
    world = make()
    wrote(world, *texts)
    doubt = texts.index(DOUBTFUL) + 1
    settled = world.inbox.get(doubt)
    assert settled is not None
    assert (settled.review, settled.reviewed_by, settled.verdict) == (True, "recipient", ENDED)
    assert settled.reviewed_at is not None
    assert (world.opted_out(), world.inbox.to_review(), world.inbox.list(to_review=True)) == ([], 0, [])
    with pytest.raises(UsageError, match="ended by recipient"):
        decide(world, doubt, Verdict.LIFT)


def test_what_somebody_has_ended_by_hand_waits_for_nobody(make: Make) -> None:
    world = make()
    wrote(world, DOUBTFUL)
    assert world.people.remove_optout(WHO, by="marie", at=world.clock.now)
    settled = world.inbox.get(1)
    assert settled is not None
    assert (settled.reviewed_by, settled.verdict, world.inbox.to_review()) == ("marie", ENDED, 0)


def test_a_start_ends_nobody_elses_doubt_and_none_that_it_did_not_lift(make: Make) -> None:
    world = make()
    world.put("a", deliver(number(2), DOUBTFUL))
    wrote(world, DOUBTFUL)
    world.put("a", deliver(WHO, "START", at=SENT_AT - timedelta(days=1)))  # written before, and kept back
    world.turn()
    assert (sorted(world.opted_out()), world.inbox.to_review()) == ([WHO, number(2)], 2)


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
    wrote(world, "STOP")
    with pytest.raises(UsageError, match="optouts remove"):
        decide(world, 3, Verdict.LIFT)
    assert world.opted_out() == [WHO]
