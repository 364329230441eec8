"""Campaigns in time: their hour, window and deadline, birthdays, nights of change, clocks that jump, crashes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gatewayd.domain.campaign import Missed, Repeat
from gatewayd.domain.purpose import Limits
from gatewayd.errors import RefusedByRule
from gatewayd.services import releasing
from gatewayd.services.releasing import CampaignRunner
from tests.scenarios.campaigning import CampaigningWorld
from tests.scenarios.world import PARIS, TUESDAY_NOON, number

HOUR = 3600.0


def test_it_begins_at_its_hour_and_not_before(world: CampaigningWorld) -> None:
    world.person(1)
    world.create(start_at=world.clock.utc_now() + timedelta(hours=2))
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    assert world.tick(HOUR) == "scheduled"
    assert world.tick(HOUR) == "finished"
    assert world.sent_by("a") == [number(1)]


def test_a_start_in_the_past_is_refused_and_what_was_planned_then_starts_now(world: CampaigningWorld) -> None:
    world.person(1)
    world.create(start_at=world.clock.utc_now() + timedelta(hours=1))
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.clock.advance(5 * HOUR)
    with pytest.raises(RefusedByRule, match="passed already"):
        world.desk.start("reunion", "camille", world.clock.utc_now() - timedelta(hours=2))
    assert world.desk.start("reunion", "camille").next_run_at == world.clock.utc_now()
    assert world.tick() == "finished"  # and was not missed


@pytest.mark.parametrize(("missed", "state", "sent"), [(Missed.HELD, "paused", 0), (Missed.SENT, "finished", 1)])
def test_a_start_that_was_missed_is_held_or_sent(
    world: CampaigningWorld, missed: Missed, state: str, sent: int
) -> None:
    world.person(1)
    world.create(start_at=world.clock.utc_now() + timedelta(hours=1), missed=missed)
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    assert world.tick(5 * HOUR) == state
    assert len(world.ledger) == sent
    if missed is Missed.HELD:
        world.desk.resume("reunion", "camille")
        assert world.tick() == "finished"
        assert len(world.ledger) == 1


def test_nothing_begins_while_the_clock_cannot_be_trusted(world: CampaigningWorld) -> None:
    world.person(1)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    world.clock.believed = False
    assert world.tick() == "scheduled"
    world.clock.believed = True
    assert world.tick() == "finished"


def test_its_window_closes_and_opens_by_itself(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(limits=Limits(per_minute=1))
    for n in range(1, 4):
        world.person(n)
    world.let_go(window="mon-sat 09:00-12:01")  # TUESDAY_NOON is 12:00 in Paris
    world.tick()
    assert len(world.ledger) == 1
    world.clock.advance(120)
    world.wake()
    world.settle()  # before any chore has looked
    assert len(world.ledger) == 1
    assert world.tick() == "running"
    assert world.standing() == {"sent": 1, "held": 2}
    world.tick(20 * HOUR)
    world.tick(HOUR)
    world.tick(60)
    assert len(world.ledger) == 3


def test_the_deadline_ends_what_waits(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(limits=Limits(per_minute=1))
    for n in range(1, 4):
        world.person(n)
    world.let_go(deadline=world.clock.utc_now() + timedelta(minutes=1))
    world.tick()
    assert world.tick(120) == "finished"
    assert world.standing() == {"sent": 1, "expired": 2}


def test_birthdays_get_their_text_on_their_day_once(world: CampaigningWorld) -> None:
    world.person(1, naissance="1980-03-11")
    world.person(2, naissance="1990-03-12")
    world.let_go(
        audience="anniversary(naissance)",
        template="Bon anniversaire {{ prenom }} !",
        repeat=Repeat.DAILY,
        start_at=world.clock.utc_now() + timedelta(minutes=1),
    )
    assert world.ledger == []
    world.tick(60)
    for _ in range(3 * 24):
        world.tick(HOUR)
    assert world.sent_by("a") == [number(1), number(2)]
    assert world.campaigns.get("reunion").state == "running"


@pytest.mark.parametrize(("month", "day"), [(3, 28), (10, 24)])
def test_a_daily_hour_comes_once_on_the_nights_of_change(world: CampaigningWorld, month: int, day: int) -> None:
    world.clock.now = datetime(2026, month, day, 2, 30, tzinfo=PARIS).astimezone(TUESDAY_NOON.tzinfo)
    world.person(1)
    world.let_go(repeat=Repeat.DAILY)
    for _ in range(50 * 4):
        world.tick(HOUR / 4)
    assert len(world.ledger) == 3  # the first day, the night of change, the day after


def test_a_clock_that_jumps_back_fires_nothing_twice(world: CampaigningWorld) -> None:
    world.person(1)
    world.let_go(repeat=Repeat.DAILY)
    world.tick()
    world.clock.now -= timedelta(hours=10)
    world.tick()
    for _ in range(12):
        world.tick(HOUR)
    assert len(world.ledger) == 1


@pytest.mark.parametrize("seed", range(2))
def test_random_jumps_fire_no_run_early_and_none_twice(world: CampaigningWorld, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  (the same jumps each time)
    world.person(1)
    world.let_go(repeat=Repeat.DAILY)
    before, due = world.campaigns.get("reunion"), {world.clock.now}
    for _ in range(120):
        world.clock.now += timedelta(minutes=chance.choice([1, 30, 60, 600, 1440, 4000, -60, -600, -1440]))
        world.clock.seconds += 5
        if chance.random() < 0.1:
            world.runner = CampaignRunner(world.db, world.house, world.clock)  # a restart forgets nothing
        world.runner.run_once()
        after = world.campaigns.get("reunion")
        if after.run != before.run:
            assert after.run == before.run + 1
            assert before.next_run_at is not None
            assert before.next_run_at <= world.clock.now
            assert before.next_run_at not in due
            due.add(before.next_run_at)
        assert after.next_run_at is not None
        assert after.next_run_at >= (before.next_run_at or after.next_run_at)
        before = world.desk.resume("reunion", "camille") if after.state == "paused" else after
    assert before.run > 5
    assert len(world.outbox.list(limit=1000)) == before.run


def test_a_crash_between_two_pages_makes_nothing_twice(
    make_campaigns: Callable[..., CampaigningWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "RELEASED_AT_ONCE", 2)
    world = make_campaigns()
    for n in range(1, 8):
        world.person(n)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    world.runner.run_once(0.0)
    page = world.runner._release_page
    calls = iter([True, False])

    def crash(*given: Any) -> int | None:
        if next(calls):
            return page(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(world.runner, "_release_page", crash)
    with pytest.raises(KeyboardInterrupt):
        world.runner.run_once()
    assert sum(world.states().values()) == 2
    world.crash()
    world.restart()
    world.tick()
    assert world.tick(releasing.LOOK) == "finished"
    assert sorted(world.sent_by("a")) == [number(n) for n in range(1, 8)]
