"""Campaigns at their edges: what counts, from when on, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gatewayd.domain.campaign import CampaignRules
from gatewayd.domain.purpose import Limits
from gatewayd.errors import RefusedByRule
from gatewayd.services import releasing
from gatewayd.services.releasing import CampaignRunner
from gatewayd.services.space import Space
from gatewayd.store.campaigns import AudienceRow
from tests.scenarios.campaigning import CampaigningWorld
from tests.scenarios.world import number

Make = Callable[..., CampaigningWorld]


def test_who_only_tested_it_has_not_received_it(world: CampaigningWorld) -> None:
    for n in (1, 98, 99):
        world.person(n)
    world.create(audience='prenom = "Anne" and not written_since(1 day)')
    world.desk.test("reunion", "camille")
    world.turn()
    assert len(world.ledger) == 2
    world.create("relance", audience='received("reunion")', repeat="daily")
    assert world.explain("relance").size == 0


def test_a_test_that_two_look_at_passes_once(world: CampaigningWorld) -> None:
    for n in (1, 98, 99):
        world.person(n)
    world.create()
    stale, _ = world.desk.test("reunion", "camille")
    world.turn()
    for who, text in ((98, "OK"), (99, "OK"), (99, "STOP"), (99, "START")):
        world.write("a", number(who), text)
        world.turn()
    for _ in range(2):  # the daemon, and a command that has read it before
        after, tested = world.desk.look_at_test(stale)
        assert (after.state, tested.done) == ("tested", True)


def test_what_was_said_before_a_test_is_no_answer_to_it(world: CampaigningWorld) -> None:
    for n in (1, 98, 99):
        world.person(n)
    world.turn()
    for who, text in ((98, "OK"), (99, "OK"), (99, "STOP"), (99, "START")):
        world.write("a", number(who), text)
        world.turn()
    world.clock.advance(60)
    world.create()
    testing, _ = world.desk.test("reunion", "camille")
    _, tested = world.desk.look_at_test(testing)
    assert [received for _, _, received in tested.states] == [False, False]
    assert not tested.stop_tried


def test_a_stop_of_who_tests_it_says_nothing_of_its_readers(make_campaigns: Make) -> None:
    rules = CampaignRules(trusted_numbers=(number(98),), pause_after=1, pause_at_stop_percent=1)
    world = make_campaigns(rules=rules, limits=Limits(per_minute=2))
    for n in range(1, 6):
        world.person(n)
    world.person(98, ville="Bron")
    world.create()
    world.desk.test("reunion", "camille")
    world.turn()
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    world.tick(60)
    world.write("a", number(98), "STOP")
    assert world.tick(5) == "running"
    world.write("a", number(1), "STOP")
    assert world.tick(5) == "paused"


def test_it_is_judged_from_just_so_many_submissions_on(make_campaigns: Make) -> None:
    refused = "".join(f"&rule={number(n).removeprefix('+')};cms=1" for n in range(1, 5))
    rules = CampaignRules(pause_after=4, pause_at_refused_percent=50)
    world = make_campaigns(rules=rules, limits=Limits(per_minute=2), options=refused)
    for n in range(1, 8):
        world.person(n)
    world.let_go()
    assert world.tick() == "running"  # two were refused: too few to judge
    assert world.tick(60) == "paused"
    assert world.campaigns.get("reunion").reason == (
        "the network refused 4 of the last 4 SMS: does the operator block this line?"
    )


def test_stops_are_judged_from_just_so_many_messages_on(make_campaigns: Make) -> None:
    rules = CampaignRules(pause_after=4, pause_at_stop_percent=10)
    world = make_campaigns(rules=rules, limits=Limits(per_minute=4))
    for n in range(1, 12):
        world.person(n)
    world.let_go()
    world.tick()
    world.write("a", number(1), "STOP")
    assert world.tick(5) == "paused"  # the fourth had just gone out
    assert world.campaigns.get("reunion").reason == "1 of 4 people answered STOP: is this what they agreed to?"


def test_one_stop_before_so_many_messages_says_nothing_yet(make_campaigns: Make) -> None:
    rules = CampaignRules(pause_after=4, pause_at_stop_percent=10)
    world = make_campaigns(rules=rules, limits=Limits(per_minute=3))
    for n in range(1, 12):
        world.person(n)
    world.let_go()
    world.tick()
    world.write("a", number(1), "STOP")
    assert world.tick(5) == "running"


def test_how_far_a_release_came_is_a_place_and_no_count(make_campaigns: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasing, "RELEASED_AT_ONCE", 2)
    world = make_campaigns()
    for n in range(1, 9):
        world.person(n, ville="Lyon" if n % 2 else "Bron")
    world.let_go()
    world.tick()
    assert world.sent_by("a") == [number(n) for n in (1, 3, 5, 7)]


def test_a_number_that_a_list_has_twice_gets_one_message(world: CampaigningWorld) -> None:
    world.person(1)
    rows = [AudienceRow(2, number(1)), AudienceRow(3, number(1), "duplicate:2")]
    world.create("liste", *rows, template="Bonjour")
    world.desk.skip_test("liste", "camille", "essai")
    world.desk.approve("liste", "dominique")
    world.desk.start("liste", "camille")
    assert world.tick() == "finished"
    assert world.sent_by("a") == [number(1)]


def test_its_messages_live_until_its_deadline_and_no_longer(world: CampaigningWorld) -> None:
    world.person(1)
    deadline = world.clock.now + timedelta(days=20)
    world.let_go(deadline=deadline, window="sun 10:00-11:00")
    assert world.tick() == "running"
    (message,) = world.outbox.list()
    waiting = world.outbox.waiting(message.id, world.clock.now)
    assert waiting is not None
    assert waiting.expires_at == deadline


def test_a_nearly_full_disk_makes_a_release_wait(world: CampaigningWorld, tmp_path: Path) -> None:
    world.person(1)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    full = Space([tmp_path], world.clock, least=1 << 62)
    assert CampaignRunner(world.db, world.house, world.clock, space=full).run_once() == 0
    assert world.outbox.list() == []
    assert world.campaigns.get("reunion").state == "running"
    assert CampaignRunner(world.db, world.house, world.clock).run_once() == 1


def test_one_that_somebody_changes_at_that_moment_is_looked_at_again(
    world: CampaigningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.person(1)
    world.let_go()

    def meanwhile(*_: object) -> int:
        raise RefusedByRule("state", "campaign reunion is paused, and cannot become finished")

    with monkeypatch.context() as moment:
        moment.setattr(world.runner, "_move", meanwhile)
        world.runner.run_once()
    assert world.campaigns.get("reunion").state == "running"
    assert world.tick() == "finished"


def test_a_paused_campaign_ends_at_its_deadline_too(make_campaigns: Make) -> None:
    world = make_campaigns(limits=Limits(per_minute=1))
    world.person(1)
    world.person(2)
    world.let_go(deadline=world.clock.now.replace(hour=15))
    world.tick()
    world.desk.pause("reunion", "camille")
    assert world.tick(6 * 3600) == "finished"
    assert world.standing() == {"sent": 1, "expired": 1}
