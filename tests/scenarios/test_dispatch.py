"""Messages on their way through two SIMs: what the network saw against what the database says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from gatewayd.domain.purpose import Basis, Hours, Limits, Purpose
from gatewayd.modem.simulator import whole_messages
from gatewayd.store.claims import SEARCHED
from tests.scenarios.world import EVENTS, FakeClock, World, number

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


def test_fifty_messages_over_two_sims(make: Callable[..., World]) -> None:
    world = make()
    world.accept(*[number(n) for n in range(50)])
    world.settle()
    assert world.states() == {"sent": 50}
    assert sorted(entry.destination for entry in world.ledger) == [number(n) for n in range(50)]
    assert world.sent_by("a")
    assert world.sent_by("b")
    world.agree()


def test_a_limit_makes_wait_and_never_fails(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(per_minute=3))
    world.accept(*[number(n) for n in range(7)])
    assert world.settle()[-1] == "per_minute"
    assert world.states() == {"sent": 3, "queued": 4}
    world.advance(59)
    assert len(world.ledger) == 3
    world.advance(1)
    assert len(world.ledger) == 6
    world.advance(60)
    assert world.states() == {"sent": 7}


def test_the_gap_is_kept(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(gap=3, jitter=2))
    world.accept(number(1), number(2))
    assert world.settle()[-1] == "gap"
    world.advance(2.9)
    assert len(world.ledger) == 1
    world.advance(2.1)
    assert world.sent_by("a") == [number(1), number(2)]


def test_when_the_recipients_are_spent_only_known_ones_go_on(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(recipients_per_day=2))
    world.accept(number(1), number(2), number(3), number(1))
    world.settle()
    assert world.sent_by("a") == [number(1), number(2), number(1)]
    assert world.states() == {"sent": 3, "queued": 1}
    world.advance(24 * 3600)
    assert world.states() == {"sent": 4}


def test_the_other_sim_takes_those_the_first_cannot(make: Callable[..., World]) -> None:
    world = make(limits={"a": Limits(recipients_per_month=2), "b": Limits()})
    world.accept(number(1), number(2), number(3))
    world.settle("a")
    assert world.sent_by("a") == [number(1), number(2)]
    world.settle()
    assert world.sent_by("b") == [number(3)]


def test_a_recipient_keeps_seeing_the_same_number(make: Callable[..., World]) -> None:
    world = make()
    world.settle()
    for name, recipient in (("a", number(1)), ("b", number(2))):
        world.accept(recipient)
        world.settle(name)
    for _ in range(3):
        world.accept(number(1), number(2))
        world.settle("b", "a")
    assert world.sent_by("a") == [number(1)] * 4
    assert world.sent_by("b") == [number(2)] * 4


def test_a_daily_limit_sends_sticky_recipients_to_the_other_sim(make: Callable[..., World]) -> None:
    world = make(limits={"a": Limits(per_day=2), "b": Limits()})
    world.settle()
    world.accept(number(1))
    world.settle("a")
    world.accept(number(1))
    world.settle("b")
    assert world.sent_by("b") == [], "while its own SIM may still send, it keeps its recipients"
    world.settle("a")
    world.accept(number(1))
    world.settle()
    assert world.sent_by("b")


def test_a_long_message_starts_only_when_all_of_it_fits(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(per_minute=3))
    world.accept(number(1), number(2))
    world.settle()
    world.accept(number(3), text=LONG)
    world.accept(number(4))
    world.settle()
    assert world.sent_by("a") == [number(1), number(2)], "the small one does not take the room of the long one"
    world.advance(60)
    assert world.sent_by("a")[2:] == [number(3), number(3), number(4)]
    world.agree()


def test_a_modem_unplugged_and_back(make: Callable[..., World]) -> None:
    world = make("a")
    world.accept(*[number(n) for n in range(6)])
    for _ in range(5):
        world.lines["a"].run_once()
    world.sims["a"].unplug()
    assert world.settle()[-1] == "absent"
    assert "failed" not in world.states()
    world.sims["a"].plug()
    world.advance(60)
    assert world.states() == {"sent": 6}
    assert len(world.ledger) == 6


def test_a_modem_lost_between_ctrl_z_and_the_answer_leaves_an_unknown(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.sims["a"].arm("unplug;at=accepted")
    lost, following = world.accept(number(1), number(2))
    world.settle()
    assert world.state(lost) == "unknown"
    world.sims["a"].plug()
    world.advance(60)
    world.advance(3600)
    assert world.state(lost) == "unknown"
    assert world.state(following) == "sent"
    assert world.sent_by("a") == [number(1), number(2)], "never resent by itself"
    world.agree()


def test_a_modem_lost_before_the_prompt_is_no_attempt(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.sims["a"].arm("unplug;at=prompt")
    (message,) = world.accept(number(1))
    world.settle()
    assert world.state(message) == "queued"
    world.sims["a"].plug()
    world.advance(60)
    assert world.state(message) == "sent"
    assert len(world.ledger) == 1


def test_network_out_of_order_is_tried_again_later(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.sims["a"].arm("cms;code=38")
    (message,) = world.accept(number(1))
    world.settle()
    assert world.state(message) == "queued"
    world.advance(29)
    assert world.state(message) == "queued"
    world.advance(10)
    assert world.state(message) == "sent"


def test_a_network_that_stays_away_pauses_the_line(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.sims["a"].arm("cms;code=38;times=3")
    world.accept(*[number(n) for n in range(5)])
    assert world.settle()[-1] == "network"
    assert world.lines["a"].status[1] == "network"
    for _ in range(6):
        world.advance(60)
    assert world.states() == {"sent": 5}


def test_a_sim_that_may_not_send_hands_over(make: Callable[..., World]) -> None:
    world = make()
    world.settle()
    world.sims["a"].arm("cms;code=21")
    (message,) = world.accept(number(1))
    world.settle("a")
    assert world.state(message) == "queued"
    world.settle()
    assert world.sent_by("b") == [number(1)]
    assert world.sent_by("a") == []


def test_three_refusals_in_a_row_suspend_a_sim(make: Callable[..., World]) -> None:
    world = make()
    world.settle()
    world.sims["a"].arm("cms;code=21;times=9")
    world.accept(*[number(n) for n in range(5)])
    world.settle("a")
    assert world.lines["a"].status[1] == "suspended"
    world.settle()
    assert len(world.sent_by("b")) == 5
    world.crash()
    world.restart()
    world.settle()
    assert world.lines["a"].status[1] == "suspended", "a restart does not forgive"


def test_a_message_the_network_will_never_take_fails(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.sims["a"].arm("cms;code=1")
    bad, good = world.accept(number(1), number(2))
    world.settle()
    assert (world.state(bad), world.state(good)) == ("failed", "sent")


MORNINGS = replace(EVENTS, hours=Hours(frozenset({1, 2, 3, 4, 5, 6}), time(8), time(12, 30), holidays=False))


def test_outside_hours_a_message_waits(make: Callable[..., World]) -> None:
    world = make("a", purposes=[MORNINGS], clock=FakeClock(datetime(2026, 3, 10, 11, 29, 59, tzinfo=UTC)))
    world.accept(number(1))
    world.settle()
    world.advance(1)
    world.accept(number(2))
    assert world.settle()[-1] == "hours"
    assert world.sent_by("a") == [number(1)]
    world.advance(19.5 * 3600)
    assert world.sent_by("a") == [number(1), number(2)]


def test_many_who_never_agreed_do_not_hold_up_the_one_who_did(make: Callable[..., World]) -> None:
    world = make("a", purposes=[replace(EVENTS, basis=Basis.CONSENT)])
    agreed = number(3 * SEARCHED)
    world.people.record_consent(agreed, EVENTS.key, method="paper", recorded_by="x", at=world.clock.utc_now())
    world.accept(*(number(n) for n in range(2 * SEARCHED + 1)), agreed)
    world.settle()
    assert world.sent_by("a") == [agreed]


def test_a_public_holiday(make: Callable[..., World]) -> None:
    labour_day = date(2026, 5, 1)
    clock = FakeClock(datetime(2026, 5, 1, 8, 0, tzinfo=UTC))
    world = make("a", purposes=[MORNINGS], clock=clock, holiday=lambda day: day == labour_day)
    world.accept(number(1))
    assert world.settle()[-1] == "hours"
    world.advance(22 * 3600)
    assert world.sent_by("a") == [number(1)]


def test_an_open_purpose_passes_a_closed_one(make: Callable[..., World]) -> None:
    alert = Purpose("alert", "Alertes", Basis.CONTRACT)
    world = make("a", purposes=[MORNINGS, alert], clock=FakeClock(datetime(2026, 3, 10, 22, 0, tzinfo=UTC)))
    world.accept(number(1))
    world.accept(number(2), purpose="alert")
    world.settle()
    assert world.sent_by("a") == [number(2)]


def test_until_the_clock_is_trusted_nothing_that_depends_on_it_starts(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(per_day=5))
    world.clock.believed = False
    world.accept(number(1))
    assert world.settle()[-1] == "clock"
    assert world.lines["a"].status[1] == "clock"
    world.clock.believed = True
    world.settle()
    assert world.sent_by("a") == [number(1)]


def test_an_opt_out_between_claim_and_prompt(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    (message,) = world.accept(number(1))
    line = world.lines["a"]
    mark = world.outbox.mark_on_wire

    def stop_arrives(*of: object) -> None:
        world.people.add_optout(number(1), origin="stop", by="test", at=world.clock.utc_now())
        mark(*of)  # type: ignore[arg-type]  # passed on as it came

    world.outbox.mark_on_wire = stop_arrives  # type: ignore[assignment, method-assign]  # the real step, held up
    assert line.run_once().event == "blocked"
    world.outbox.mark_on_wire = mark  # type: ignore[method-assign]  # the real step, held up
    world.settle()
    assert world.state(message) in ("blocked", "canceled")
    assert world.ledger == []
    world.accept(number(2))
    world.settle()
    assert world.sent_by("a") == [number(2)], "the prompt was left: the next message goes out whole"


@pytest.mark.parametrize("sent_before", [0, 1])
def test_a_restart_in_the_middle_of_a_long_message(make: Callable[..., World], sent_before: int) -> None:
    world = make("a", limits=Limits(gap=5))
    (message,) = world.accept(number(1), text=LONG)
    for _ in range(20):
        world.lines["a"].run_once()
        if len(world.ledger) > sent_before - 1:
            break
    world.settle()
    world.crash()
    world.restart()
    world.advance(10)
    world.advance(10)
    assert world.state(message) == "sent"
    assert whole_messages(world.ledger) == [(number(1), LONG)]
    assert len(world.ledger) == 2


def test_limits_hold_over_a_restart(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(per_day=3, recipients_per_day=2))
    world.accept(number(1), number(2))
    world.settle()
    world.crash()
    world.restart()
    world.accept(number(3), number(1), number(2))
    world.settle()
    assert world.sent_by("a") == [number(1), number(2), number(1)]


def test_a_recipient_whose_message_was_refused_is_counted_over_a_restart(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(recipients_per_day=2))
    world.settle()
    world.sims["a"].arm("cms;code=38")
    world.accept(number(1))
    world.settle()
    world.crash()
    world.restart()
    world.accept(number(2), number(3))
    world.settle()
    world.advance(60)
    assert world.sent_by("a") == [number(2), number(1)]
    assert world.states() == {"sent": 2, "queued": 1}


def test_an_answer_resolves_what_another_life_held_for_unknown(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    sent, following = world.accept(number(1), number(2))
    assert world.lines["a"].run_once().event == "sent"
    world.outbox.recover(world.clock.utc_now(), "test/another-life")
    assert world.state(sent) == "unknown"
    world.settle()
    assert (world.state(sent), world.state(following)) == ("sent", "sent")
    assert len(world.ledger) == 2


def test_a_part_taken_over_before_its_mark_goes_out_once(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(gap=5))
    (message,) = world.accept(number(1), text=LONG)
    world.settle()
    assert len(world.ledger) == 1, "the second part is begun, and waits for the gap"
    world.outbox.recover(world.clock.utc_now(), "test/another-life")
    assert "lost" in world.advance(5)
    world.advance(5)
    world.advance(5)
    assert world.state(message) == "sent"
    assert whole_messages(world.ledger) == [(number(1), LONG)]
    assert len(world.ledger) == 2


def test_another_sim_in_the_same_modem_is_another_line(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(per_day=1))
    world.accept(number(1), number(2))
    world.settle()
    assert world.states() == {"sent": 1, "queued": 1}
    session = world.lines["a"]._session
    assert session is not None
    session.sim = replace(session.sim, iccid="8933000000000000018")
    assert "connected" in world.settle(), "the limits of one SIM are not those of another"


def test_sixty_four_ports(make: Callable[..., World]) -> None:
    names = [f"sim{n}" for n in range(64)]
    world = make(*names)
    world.accept(*[number(n) for n in range(99)])
    world.settle()
    assert world.states() == {"sent": 99}
    assert len({entry.sim for entry in world.ledger}) > 30
    world.agree()
