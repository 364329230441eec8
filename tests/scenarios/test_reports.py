"""What the network says later: delivered or not, and what became of a message whose answer never came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.scenarios import world as worlds
from tests.scenarios.receiving import ReceivingWorld, report
from tests.scenarios.world import FakeClock, number

Make = Callable[..., ReceivingWorld]
WHO = number(1)
LONG = "Bonjour à tous, la réunion du quartier aura lieu samedi. " * 5  # two parts
ANSWER_LOST = "answer-lost"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[ReceivingWorld] = []

    def build(*names: str, **how: object) -> ReceivingWorld:
        world = ReceivingWorld(tmp_path, *(names or ("a",)), **how)
        made.append(world)
        world.turn()
        return world

    yield build
    for world in made:
        world.close()


SILENT = "&report=0"


def sent(world: ReceivingWorld, text: str = "Bonjour", who: str = WHO) -> int:
    (message,) = world.accept(who, text=text)
    world.settle()
    assert world.state(message) == "sent"
    return message


def reference(world: ReceivingWorld, message: int, part: int = 1) -> int:
    found = world.outbox.attempts(message)[part - 1].reference
    assert found is not None
    return found


def tell(world: ReceivingWorld, who: str, mr: int, status: int = 0) -> None:
    world.hand_over("a", report(who, mr, status, at=world.clock.now))
    world.turn()


@pytest.mark.parametrize(
    ("status", "state"), [(0x00, "delivered"), (0x02, "delivered"), (0x22, "sent"), (0x46, "undelivered")]
)
def test_the_three_classes_of_a_status(make: Make, status: int, state: str) -> None:
    world = make(options=SILENT)
    message = sent(world)
    tell(world, WHO, reference(world, message), status)
    assert world.state(message) == state


def test_still_trying_then_delivered(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world)
    for status in (0x30, 0x00, 0x46):
        tell(world, WHO, reference(world, message), status)
    assert world.state(message) == "delivered"


def test_all_parts_must_have_their_report(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world, LONG)
    tell(world, WHO, reference(world, message, 2))
    assert world.state(message) == "sent"
    tell(world, WHO, reference(world, message, 1))
    assert world.state(message) == "delivered"


@pytest.mark.parametrize("shown", [WHO.removeprefix("+"), "0" + WHO.removeprefix("+33"), "00" + WHO.removeprefix("+")])
def test_a_number_in_whatever_form(make: Make, shown: str) -> None:
    world = make(options=SILENT)
    message = sent(world)
    tell(world, shown, reference(world, message))
    assert world.state(message) == "delivered"


def test_a_report_for_another_number_or_reference_changes_nothing(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world)
    tell(world, number(2), reference(world, message))
    tell(world, WHO, reference(world, message) + 1)
    assert world.state(message) == "sent"


def test_a_report_twice(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world)
    for _ in range(2):
        tell(world, WHO, reference(world, message))
    assert world.state(message) == "delivered"


def test_the_newest_of_two_with_the_same_reference(make: Make) -> None:
    world = make(options=SILENT)
    old = sent(world)
    world.sims["a"].card.last_reference = (reference(world, old) - 1) % 256
    world.clock.advance(3600)
    new = sent(world)
    assert reference(world, new) == reference(world, old)
    tell(world, WHO, reference(world, new))
    assert (world.state(old), world.state(new)) == ("sent", "delivered")
    world.clock.advance(60)
    tell(world, WHO, reference(world, old))
    assert world.state(old) == "delivered"


def test_a_report_before_the_submission_is_recorded_waits_for_it(make: Make) -> None:
    world = make(options=SILENT)
    mr = (world.sims["a"].card.last_reference + 1) % 256
    tell(world, WHO, mr)
    message = sent(world)
    assert reference(world, message) == mr
    world.clock.advance(5)
    world.receiver.run_once()
    assert world.state(message) == "delivered"


def test_a_report_for_nothing_is_given_up_in_the_end(make: Make) -> None:
    world = make(options=SILENT)
    tell(world, WHO, 77)
    assert len(world.inbox.new("report", 10)) == 1
    world.clock.advance(16 * 60)
    world.receiver.run_once()
    assert world.inbox.new("report", 10) == []


def test_a_stored_report(make: Make) -> None:
    world = make(options="&report=0&cnmi_refuse=2,1,0,1,0&manufacturer=Any&model=Thing")
    message = sent(world)
    world.put("a", report(WHO, reference(world, message), at=world.clock.now), memory="SR")
    world.turn()
    assert world.state(message) == "delivered"
    assert world.stored("a", "SR") == 0


def unknown(world: ReceivingWorld, who: str = WHO, text: str = "Bonjour") -> int:
    """A message whose answer never came."""
    world.sims["a"].arm(ANSWER_LOST)
    (message,) = world.accept(who, text=text)
    world.settle()
    assert world.state(message) == "unknown"
    return message


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for an answer, cut short."""
    monkeypatch.setattr(worlds, "QUICK", replace(worlds.QUICK, submit=0.2))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("status", "state"), [(0, "delivered"), (0x46, "undelivered"), (0x22, "sent")])
def test_a_report_resolves_the_one_unknown_outcome(make: Make, status: int, state: str) -> None:
    world = make(options=SILENT)
    message = unknown(world)
    tell(world, WHO, world.sims["a"].card.last_reference, status)
    assert world.state(message) == state
    assert world.outbox.attempts(message)[0].resolved_by == "status_report"
    world.agree()


@pytest.mark.usefixtures("quick")
def test_two_unknown_outcomes_stay_unknown(make: Make) -> None:
    world = make(options=SILENT)
    messages = [unknown(world, text=text) for text in ("Un", "Deux")]
    tell(world, WHO, world.sims["a"].card.last_reference)
    assert [world.state(message) for message in messages] == ["unknown", "unknown"]


@pytest.mark.usefixtures("quick")
def test_a_service_centre_an_hour_off_and_one_a_day_off(make: Make) -> None:
    world = make(options=SILENT)
    message = unknown(world)
    mr = world.sims["a"].card.last_reference
    for wrong in (timedelta(days=1), timedelta(days=-1)):
        world.hand_over("a", report(WHO, mr, at=world.clock.now + wrong))
        world.turn()
    assert world.state(message) == "unknown"
    world.hand_over("a", report(WHO, mr, at=world.clock.now + timedelta(hours=1)))
    world.turn()
    assert world.state(message) == "delivered"


@pytest.mark.usefixtures("quick")
def test_a_late_answer_resolves_it_and_the_other_parts_go_on(make: Make) -> None:
    world = make(options=SILENT)
    message = unknown(world, text=LONG)
    mr = world.sims["a"].card.last_reference
    world._heard("a", lambda: world.sims["a"].urc(f"+CMGS: {mr}"))
    world.turn()
    assert world.state(message) == "sent"
    first = world.outbox.attempts(message)[0]
    assert (first.reference, first.resolved_by) == (mr, "late_answer")
    world.agree()


@pytest.mark.usefixtures("quick")
def test_every_unknown_is_resolved_when_the_network_reports(make: Make) -> None:
    # The simulated service centre knows the true time only.
    world = make(options="&report_delay=0.5", clock=FakeClock(datetime.now(UTC)))
    messages: list[int] = []
    for n in range(3):
        world.await_report(partial(lambda who: messages.append(unknown(world, who)), number(n)))
    world.turn()
    assert [world.state(message) for message in messages] == ["delivered"] * 3
