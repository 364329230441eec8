"""What an unlucky or hostile environment does to a line: nothing is lost, nothing goes out twice, the others go on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatewayd.domain.purpose import Basis, Limits, MessageClass
from gatewayd.errors import StoreError, TransitionError
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.modem.pdu import EncodedPdu
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Resolution, Wanted, Work
from gatewayd.store.people import People
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


def turn_with_crashes(world: World, name: str, turns: int) -> int:
    """Turn a line as its worker does; how often it crashed."""
    line, crashes = world.lines[name], 0
    for _ in range(turns):
        try:
            line.run_once()
        except (ValueError, StoreError) as error:
            crashes += 1
            line.crashed(error)
    return crashes


# -- outcomes that the store will not have


def test_an_outcome_resolved_by_the_operator_before_it_came_is_told_and_let_go(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    resolved, following = world.accept(number(1), number(2))
    assert world.lines["a"].run_once().event == "sent"
    world.outbox.recover(world.clock.utc_now(), "test/another-life")
    world.outbox.resolve(resolved, Resolution.AS_SENT, world.clock.utc_now())
    with capture_logs() as logged:
        world.settle()
    (lost,) = [entry for entry in logged if entry["event"] == "attempt.lease_lost"]
    assert (lost["message"], lost["outcome"]) == (resolved, "sent")
    assert lost["reference"] is not None
    assert (world.state(resolved), world.state(following)) == ("sent", "sent")
    assert len(world.ledger) == 2


@pytest.mark.parametrize("error", [TransitionError(), StoreError("a rule of the database refused this")])
def test_an_outcome_that_the_database_refuses_for_good_does_not_stop_the_line(
    make: Callable[..., World], error: StoreError
) -> None:
    world = make("a")
    world.settle()
    refused, following = world.accept(number(1), number(2))
    assert world.lines["a"].run_once().event == "sent"
    turn = world.outbox.turn

    def refusing(finished: object, *of: object) -> Work | None:
        if finished is not None and finished.work.message_id == refused:  # type: ignore[attr-defined]  # of any outcome
            raise error
        return turn(finished, *of)  # type: ignore[arg-type]  # passed on as it came

    world.outbox.turn = refusing  # type: ignore[assignment, method-assign]  # the real step, held up
    with capture_logs() as logged:
        world.settle()
    (lost,) = [entry for entry in logged if entry["event"] == "outcome.unrecorded"]
    assert (lost["message"], lost["part"], lost["outcome"]) == (refused, 1, "sent")
    assert world.state(following) == "sent"
    world.crash()
    world.restart()
    world.settle()
    assert world.state(refused) == "unknown"
    assert Counter(entry.destination for entry in world.ledger) == {number(1): 1, number(2): 1}


def test_a_claim_that_fails_does_not_take_the_outcome_with_it(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    sent, waiting = world.accept(number(1), number(2))
    assert world.lines["a"].run_once().event == "sent"
    turn = world.outbox.turn

    def claims_fail(finished: object, wanted: object, *of: object) -> Work | None:
        if wanted is not None:
            raise StoreError("no such claim")
        return turn(finished, None, *of)  # type: ignore[arg-type]  # passed on as it came

    world.outbox.turn = claims_fail  # type: ignore[assignment, method-assign]  # the real step, held up
    assert turn_with_crashes(world, "a", 4) > 0
    assert (world.state(sent), world.state(waiting)) == ("sent", "queued")
    world.outbox.turn = turn  # type: ignore[method-assign]  # the real step, held up
    world.settle()
    assert world.states() == {"sent": 2}
    world.agree()


# -- messages and modems that fail each time


def test_a_message_that_makes_us_fail_lets_the_others_pass(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    encoder = world.lines["a"]._encoder
    pdu = encoder.pdu

    def failing(work: Work, *, status_report: bool) -> EncodedPdu:
        if work.recipient == number(1):
            raise ValueError("a defect")
        return pdu(work, status_report=status_report)

    encoder.pdu = failing  # type: ignore[method-assign]  # the real step, held up
    poison, *others = world.accept(number(1), number(2), number(3))
    assert turn_with_crashes(world, "a", 20) == 1
    assert [world.state(each) for each in others] == ["sent", "sent"]
    assert world.state(poison) == "queued"


@pytest.mark.parametrize(
    ("fault", "becomes"),
    [
        ("cms;code=332", "unknown"),  # the network's answer got lost, each time
        ("cms;code=302", "queued"),
        ("cms;code=302;at=command", "queued"),  # instead of the prompt
    ],
)
def test_a_modem_that_fails_each_time_does_not_eat_the_queue(
    make: Callable[..., World], fault: str, becomes: str
) -> None:
    world = make("a")
    world.settle()
    world.sims["a"].arm(f"{fault};times=99")
    world.accept(*[number(n) for n in range(50)])
    assert world.settle()[-1] == "modem"
    assert world.lines["a"].status[1] == "modem"
    tried = [entry for entry in world.sims["a"].fired if entry.kind == "cms"]
    assert len(tried) == 3
    assert world.states().get(becomes, 0) >= 3
    for _ in range(60):
        world.advance(60)
    assert len(world.sims["a"].fired) <= 3 + 10, "one now and then"
    assert "failed" not in world.states()


def test_a_message_that_has_begun_stays_with_its_sim(make: Callable[..., World]) -> None:
    world = make()
    world.settle()
    world.sims["a"].arm("cms;code=21;after=1")
    (message,) = world.accept(number(1), text=LONG)
    world.settle("a")
    assert world.state(message) == "queued"
    world.settle()
    world.advance(60)
    assert world.state(message) == "sent"
    assert world.sent_by("a") == [number(1), number(1)]
    world.agree()


# -- SIMs that come, go, and may not do the same


def two_contracts(make: Callable[..., World]) -> World:
    """Of two SIMs in a pool only `b` may carry marketing."""
    promotions = replace(EVENTS, key="promotions", message_class=MessageClass.MARKETING)
    world = make(purposes=[EVENTS, promotions])
    both = frozenset({MessageClass.INFORMATION, MessageClass.MARKETING})
    allowed = {"a": frozenset({MessageClass.INFORMATION}), "b": both}
    sims = [replace(sim, line_allows=allowed[sim.name]) for sim in world.rules.sims]
    world.rules = replace(world.rules, sims=sims)
    world.crash()
    world.restart()
    world.settle()
    return world


def test_what_the_sim_of_a_recipient_may_not_carry_goes_by_another(make: Callable[..., World]) -> None:
    world = two_contracts(make)
    world.accept(number(1))
    world.settle("a")
    world.accept(number(1), purpose="promotions")
    world.settle()
    assert world.sent_by("b") == [number(1)]
    world.accept(number(1))
    world.settle("b", "a")
    assert world.sent_by("a") == [number(1), number(1)], "information still comes from its own"


def test_a_sim_refused_once_tries_again_when_the_others_may_not(make: Callable[..., World]) -> None:
    world = two_contracts(make)
    world.sims["b"].arm("cms;code=21")
    (message,) = world.accept(number(1), purpose="promotions")
    world.settle()
    assert world.state(message) == "queued"
    world.advance(60)
    assert world.state(message) == "sent"


def test_what_waits_for_a_sim_that_left_the_pool_goes_by_another(make: Callable[..., World]) -> None:
    world = make()
    world.settle()
    world.accept(number(1))
    world.settle("a")
    world.accept(number(1))
    world.crash()
    moved = [replace(sim, pool="elsewhere") if sim.name == "a" else sim for sim in world.rules.sims]
    world.rules = replace(world.rules, sims=moved)
    world.restart()
    world.settle()
    assert world.states() == {"sent": 2}
    assert world.sent_by("b") == [number(1)]


def test_a_message_that_has_begun_waits_for_its_sim(make: Callable[..., World]) -> None:
    world = make(limits=Limits(gap=5))
    world.settle()
    (message,) = world.accept(number(1), text=LONG)
    world.settle("a")
    assert world.sent_by("a") == [number(1)]
    world.sims["a"].unplug()
    world.settle()
    for _ in range(3):
        world.advance(3600)
    assert world.state(message) == "queued"
    assert world.sent_by("b") == [], "a phone puts together only what comes from one number"
    world.sims["a"].plug()
    world.advance(60)
    world.advance(60)
    assert world.state(message) == "sent"
    world.agree()


def test_a_bank_of_sims_with_most_of_them_away(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    many = {f"purpose{n}": replace(EVENTS, key=f"purpose{n}") for n in range(12)} | {"events": EVENTS}
    (message,) = world.accept(number(1))
    asked = Wanted(1, "default", many, frozenset(range(2, 66)), None, 10, True, "test/x", 900.0)
    work = world.outbox.turn(None, asked, world.clock.utc_now())
    assert work is not None
    assert work.message_id == message
    world.outbox.release(work, world.clock.utc_now(), "test")
    spent = replace(asked, known_since=world.clock.utc_now())
    assert world.outbox.turn(None, spent, world.clock.utc_now()) is None


# -- clocks


def test_a_wall_clock_that_jumps_back_and_forth_repeats_and_loses_nothing(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(gap=5, per_day=30))
    world.settle()
    world.sims["a"].arm("cms;code=38;after=2")
    world.accept(*[number(n) for n in range(6)], text=LONG)
    rng = random.Random(3)  # noqa: S311  (jumps, not secrets)
    for _ in range(60):
        world.clock.now += timedelta(hours=rng.choice([-1, 0, 0, 1]))
        world.advance(5)
    world.clock.now += timedelta(hours=6)
    for _ in range(20):
        world.advance(60)
    assert world.states() == {"sent": 6}
    assert len(world.ledger) == 12
    world.agree()


@pytest.mark.parametrize("behind", [timedelta(hours=1), timedelta(days=40)])
def test_a_start_with_yesterdays_clock_does_not_open_the_day_again(
    make: Callable[..., World], behind: timedelta
) -> None:
    world = make("a", limits=Limits(per_day=3), clock=FakeClock(datetime(2026, 3, 9, 23, 20, tzinfo=UTC)))
    world.accept(*[number(n) for n in range(5)])
    world.settle()
    assert world.states() == {"sent": 3, "queued": 2}
    world.crash()
    world.clock.now -= behind
    world.clock.believed = False
    world.restart()
    world.settle()
    world.clock.now += behind
    world.clock.believed = True
    world.advance(60)
    assert world.states() == {"sent": 3, "queued": 2}
    world.advance(24 * 3600)
    assert world.states() == {"sent": 5}


def test_a_clock_that_was_a_year_ahead_for_a_while_opened_no_second_day(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(per_day=3))
    world.accept(*[number(n) for n in range(5)])
    world.settle()
    world.clock.now += timedelta(days=365)
    world.advance(60)
    world.sims["a"].unplug()
    world.advance(60)
    world.sims["a"].plug()
    assert "connected" in world.advance(60), "what it sent is read anew, on a day that knows of nothing"
    world.clock.now -= timedelta(days=365)
    world.advance(60)
    assert world.states() == {"sent": 3, "queued": 2}
    world.advance(26 * 3600)
    assert world.states() == {"sent": 5}


def test_what_was_dated_a_year_ahead_does_not_count_for_a_year(make: Callable[..., World]) -> None:
    """The clock runs a year ahead for an hour; the limits of the months after it are whole."""
    world = make("a", limits=Limits(per_day=3, recipients_per_month=3))
    world.clock.now += timedelta(days=365)
    world.accept(*[number(n) for n in range(3)])
    world.settle()
    world.clock.now -= timedelta(days=365)
    world.crash()
    world.restart()
    world.accept(number(3))
    world.settle()
    assert world.states() == {"sent": 3, "queued": 1}, "they may have been sent today"
    world.advance(33 * 24 * 3600)
    assert world.states() == {"sent": 4}
    world.advance(33 * 24 * 3600)
    world.crash()
    world.restart()
    world.accept(*[number(n) for n in range(4, 8)])
    world.settle()
    assert world.states() == {"sent": 7, "queued": 1}, "three a day and a month, as on any other day"


# -- what people say while a message is under way; the CLI is another process, here another connection


def beside(world: World) -> People:
    """What an operator's command opens beside the running daemon."""
    return People(Database.open(world.path))


@pytest.mark.parametrize("completes", [True, False])
def test_an_opt_out_in_the_middle_of_a_message_stops_all_that_has_not_begun(
    make: Callable[..., World], completes: bool
) -> None:
    world = make(limits=Limits(gap=5), purposes=[replace(EVENTS, completes=completes)])
    world.settle()
    (begun,) = world.accept(number(1), text=LONG)
    world.settle("a")
    (waiting,) = world.accept(number(1))
    assert len(world.ledger) == 1
    beside(world).add_optout(number(1), origin="stop", by="test", at=world.clock.utc_now())
    assert world.state(waiting) == "canceled"
    (late,) = world.accept(number(1))
    for _ in range(5):
        world.advance(60)
    assert world.state(late) == "blocked"
    message = world.outbox.get(begun)
    assert message is not None
    (first, second) = world.outbox.attempts(begun)
    if completes:
        assert len(world.ledger) == 2
        assert (message.state, message.reason) == ("sent", ""), "it had started"
    else:
        assert len(world.ledger) == 1
        assert (message.state, message.reason) == ("blocked", "opt_out:1/2"), "it says what did go out"
    assert (first.outcome, second.outcome) == ("sent", "sent" if completes else "refused")


def test_an_opt_out_while_the_second_part_waits_for_its_next_try(make: Callable[..., World]) -> None:
    """What waits has not started again: it is canceled like all that waits, and says that it went out by half."""
    world = make()
    world.settle()
    world.sims["a"].arm("cms;code=38;after=1")
    (begun,) = world.accept(number(1), text=LONG)
    world.settle("a")
    beside(world).add_optout(number(1), origin="stop", by="test", at=world.clock.utc_now())
    for _ in range(5):
        world.advance(60)
    message = world.outbox.get(begun)
    assert message is not None
    assert (message.state, message.reason, len(world.ledger)) == ("canceled", "opt_out:1/2", 1)
    words = sentences.of_message(message.state, message.reason, "fr")
    assert words == "annulé : cette personne a dit STOP ; parti : 1 SMS sur 2"


@pytest.mark.parametrize("again", ["cms;code=38", "unplug;at=prompt"])
def test_an_opt_out_holds_for_what_comes_back_from_a_modem(make: Callable[..., World], again: str) -> None:
    world = make()
    world.settle()
    world.sims["a"].arm(again)
    (message,) = world.accept(number(1))
    world.settle("a")
    beside(world).add_optout(number(1), origin="stop", by="test", at=world.clock.utc_now())
    world.sims["a"].plug()
    for _ in range(5):
        world.advance(60)
    assert world.ledger == []
    assert world.state(message) in ("canceled", "blocked")


def test_a_consent_withdrawn_at_the_prompt(make: Callable[..., World]) -> None:
    world = make(purposes=[replace(EVENTS, basis=Basis.CONSENT)])
    people, now = beside(world), world.clock.utc_now()
    for each in (number(1), number(2)):
        people.record_consent(each, "events", method="web_form", recorded_by="test", at=now)
    mark = world.outbox.mark_on_wire

    def withdrawn(*of: object) -> None:
        people.record_consent(number(1), "events", method="paper", recorded_by="test", at=now, given=False)
        mark(*of)  # type: ignore[arg-type]  # passed on as it came

    world.outbox.mark_on_wire = withdrawn  # type: ignore[assignment, method-assign]  # the real step, held up
    gone, kept = world.accept(number(1), number(2))
    world.settle()
    assert (world.state(gone), world.state(kept)) == ("blocked", "sent")
    assert [entry.destination for entry in world.ledger] == [number(2)]


def test_two_sims_change_their_places(make: Callable[..., World]) -> None:
    world = make(limits=Limits(per_day=2))
    world.settle()
    world.accept(number(1))
    world.settle("a")
    lines, openers = world.lines, {name: line._open for name, line in world.lines.items()}
    for name in world.names:
        world.sims[name].unplug()
    world.settle()
    for name, other in (("a", "b"), ("b", "a")):
        lines[name]._open = openers[other]
        world.sims[name].plug()
    world.advance(60)
    world.accept(number(1), number(1))
    world.settle()
    world.advance(60)
    assert world.sent_by("a") == [number(1), number(1)], "the recipient, the history and the limits went with the SIM"
    assert world.sent_by("b") == [number(1)]
    assert (lines["a"].status[0], lines["b"].status[0]) == ("b", "a")
