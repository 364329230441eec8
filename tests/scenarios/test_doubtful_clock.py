"""By a clock that may be wrong no consent is judged and no campaign's window or deadline; put back, it opens none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gatewayd.domain.purpose import Basis, Limits, Purpose
from gatewayd.services.outlook import Forecaster
from tests.scenarios.campaigning import CampaigningWorld
from tests.scenarios.world import TUESDAY_NOON, number

Make = Callable[..., CampaigningWorld]
TIMELESS = Purpose("any", "À toute heure", Basis.CONTRACT)


@pytest.mark.parametrize(
    ("off", "state"),
    [(timedelta(days=-1200), "blocked"), (timedelta(days=+1200), "delivered")],
    ids=["behind: too old, and would count", "ahead: counts, and would be too old"],
)
def test_no_consent_is_judged_by_a_clock_that_is_not_trusted(
    world: CampaigningWorld, off: timedelta, state: str
) -> None:
    agreed_at = world.clock.now - timedelta(days=1200 if off < timedelta() else 10)
    world.people.record_consent(number(1), "info", method="paper", recorded_by="t", at=agreed_at)
    right = world.clock.now
    world.clock.now, world.clock.believed = right + off, False
    (message,) = world.accept(number(1), purpose="info")
    assert world.turn()[-1] == "clock"
    assert world.state(message) == "queued"
    found = Forecaster(world.outbox, world.common.sims, world.rules, world.clock, {"a": ""}).of(message)
    assert found is not None
    assert "clock" in [one.why for one in found.hindrances]
    world.clock.now, world.clock.believed = right, True
    world.advance(60)
    world.turn()
    assert world.state(message) == state


def test_what_rests_on_no_consent_and_no_hour_goes_all_the_same(make_campaigns: Make) -> None:
    world = make_campaigns(purposes=(TIMELESS,))
    world.clock.believed = False
    world.accept(number(1), purpose="any")
    world.turn()
    world.write("a", number(2), "STOP")
    world.turn()
    assert world.sent_by("a") == [number(1), number(2)]  # the second is told that it was heard


@pytest.mark.parametrize("how", [{"window": "mon-sat 09:00-18:00"}, {"deadline": TUESDAY_NOON + timedelta(hours=5)}])
def test_a_start_with_yesterdays_clock_opens_no_window(make_campaigns: Make, how: dict[str, Any]) -> None:
    world = make_campaigns(limits=Limits(per_minute=1), purposes=(TIMELESS,))
    for n in range(1, 4):
        world.person(n, agreed=False)
    world.let_go(purpose="any", template="Bonjour {{ prenom }}", **how)
    world.tick()
    assert len(world.ledger) == 1
    world.crash()
    world.clock.seconds += 10 * 3600  # it is night, and the clock says what it said when the power failed
    world.clock.believed = False
    world.restart()
    world.runner.shut()  # as the daemon does before its lines begin
    world.turn()
    assert len(world.ledger) == 1
    world.tick()
    assert world.standing() == {"sent": 1, "held": 2}
    world.clock.believed = True
    world.clock.now += timedelta(hours=10)
    world.tick()
    assert len(world.ledger) == 1
    if "deadline" in how:
        assert world.standing() == {"sent": 1, "expired": 2}
        return
    world.tick(11 * 3600)
    world.tick(60)
    assert len(world.ledger) == 3


def test_while_the_clock_is_not_trusted_a_resume_opens_nothing(world: CampaigningWorld) -> None:
    world.person(1)
    world.let_go(window="mon-sat 13:00-18:00")
    world.desk.pause("reunion", "camille")
    world.clock.now, world.clock.believed = world.clock.now + timedelta(hours=2), False
    world.desk.resume("reunion", "camille")
    assert world.campaigns.get("reunion").may_send_until < world.clock.now


def test_a_clock_put_back_before_the_window_sends_nothing_until_it_was_looked_at(make_campaigns: Make) -> None:
    world = make_campaigns(limits=Limits(per_minute=60))
    for n in range(1, 4):
        world.person(n)
    world.turn()
    world.let_go(window="mon-sat 09:00-18:00")
    world.clock.now -= timedelta(hours=5)  # before a line has looked: 07:00 in Paris
    world.wake()
    world.settle()
    assert world.ledger == []
    world.clock.advance(5)
    world.runner.run_once()  # the chores have noticed
    for _ in range(4):
        world.tick(5)
    assert world.ledger == []
    assert world.standing() == {"held": 3}
    world.tick(3 * 3600)
    world.tick(60)
    assert len(world.ledger) == 3
