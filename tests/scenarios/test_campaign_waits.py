"""A message whose campaign stands still says so: when it is shown, when it is released, and where no daemon runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayd.cli.outlook import sentences
from gatewayd.domain.purpose import Limits
from gatewayd.errors import TransitionError
from gatewayd.services.outlook import Forecaster
from tests.scenarios.campaigning import CampaigningWorld
from tests.scenarios.test_association import CONFIGURATION, Office
from tests.scenarios.world import PARIS

Make = Callable[..., CampaigningWorld]


@pytest.fixture
def slow(make_campaigns: Make) -> CampaigningWorld:
    """A campaign to three people, of whom one has it and two wait."""
    world = make_campaigns(limits=Limits(per_minute=1))
    for n in range(1, 4):
        world.person(n)
    world.let_go(window="mon-sat 09:00-18:00")
    world.tick()
    return world


def words(world: CampaigningWorld, message_id: int) -> str:
    found = Forecaster(world.outbox, world.common.sims, world.rules, world.clock, {"a": ""}).of(message_id)
    assert found is not None
    return "; ".join(sentences(found, PARIS, world.clock.utc_now()))


def test_one_that_the_operator_held_waits_for_its_campaign_when_it_is_released(slow: CampaigningWorld) -> None:
    last = slow.outbox.list()[0].id
    slow.outbox.hold(last, slow.clock.utc_now())
    slow.desk.pause("reunion", "camille")
    slow.tick()
    assert "by the operator" in words(slow, last)
    assert slow.outbox.unhold(last, slow.clock.utc_now()) == "reunion"
    assert words(slow, last).startswith("its campaign `reunion` is paused: gatewayd campaigns resume reunion")
    assert slow.state(last) == "held"
    slow.desk.resume("reunion", "camille")
    for _ in range(3):
        slow.tick(60)
    assert slow.state(last) in ("sent", "delivered")


def test_one_that_its_campaign_holds_is_not_said_to_be_released(slow: CampaigningWorld) -> None:
    last = slow.outbox.list()[0].id
    slow.desk.pause("reunion", "camille")
    slow.tick()
    with pytest.raises(TransitionError, match="held by its campaign reunion: it goes on when that is resumed"):
        slow.outbox.unhold(last, slow.clock.utc_now())
    assert slow.state(last) == "held"


@pytest.mark.parametrize("verb", ["cancel", "finish"])
def test_none_is_released_whose_campaign_has_ended(slow: CampaigningWorld, verb: str) -> None:
    last = slow.outbox.list()[0].id
    slow.outbox.hold(last, slow.clock.utc_now())
    if verb == "cancel":
        slow.desk.cancel("reunion", "camille")
    else:
        slow.runner._finish(slow.campaigns.get("reunion"), "deadline")
    with pytest.raises(TransitionError, match="sends nothing more"):
        slow.outbox.unhold(last, slow.clock.utc_now())


def test_a_message_says_what_its_campaign_does_before_a_chore_has_looked(slow: CampaigningWorld) -> None:
    last = slow.outbox.list()[0].id
    assert "campaign" not in words(slow, last)
    slow.desk.pause("reunion", "camille")
    assert slow.state(last) == "queued"
    assert "campaigns resume reunion" in words(slow, last)
    slow.desk.resume("reunion", "camille")
    slow.desk.cancel("reunion", "camille")
    assert "its campaign `reunion` is canceled: it will not be sent" in words(slow, last)


def test_outside_its_window_a_message_says_when_that_begins(slow: CampaigningWorld) -> None:
    last = slow.outbox.list()[0].id
    slow.tick(8 * 3600)
    assert "outside the hours of its campaign `reunion`: they begin tomorrow at 09:00" in words(slow, last)
    with pytest.raises(TransitionError, match="when the hours of that begin"):
        slow.outbox.unhold(last, slow.clock.utc_now())


@pytest.mark.timeout(120)
def test_where_no_daemon_runs_the_command_itself_ends_what_waits(tmp_path: Path) -> None:
    office = Office(tmp_path)
    settings = CONFIGURATION.format(directory=tmp_path).replace("consent", "contract")
    modems = next(line for line in settings.splitlines() if line.startswith("modems"))
    office.file.write_text(settings.replace(modems, "modems: []"), encoding="utf-8")
    office.says(
        *("campaigns", "create", "mot", "-p", "events", "--by", "camille", "--text", "Bonjour"),
        *("--to", "0639980001", "--to", "0639980002"),
    )
    office.says("campaigns", "test", "mot", "--skip-test", "--reason", "essai")
    office.says("campaigns", "approve", "mot", "--by", "dominique")
    office.says("campaigns", "start", "mot")
    with office.daemon() as daemon:
        daemon.ready()
        while len(office.states()) < 2:
            pass  # each look is a process of its own
        daemon.terminate()
    office.says("campaigns", "pause", "mot")
    assert office.states() == {1: "held", 2: "held"}
    office.refused(1, "it goes on when that is resumed", "messages", "release", "1")
    office.says("campaigns", "resume", "mot")
    assert office.states() == {1: "queued", 2: "queued"}
    office.says("campaigns", "cancel", "mot")
    assert office.states() == {1: "canceled", 2: "canceled"}
