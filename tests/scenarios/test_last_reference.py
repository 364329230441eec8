"""What the SIM itself says of a submission whose answer never came (EF_SMSS), and when it is not believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.domain.purpose import Limits
from gatewayd.store.outbox import Resolution
from gatewayd.store.unknowns import Unknowns
from gatewayd.store.work import Finished
from tests.scenarios import world as worlds
from tests.scenarios.receiving import ReceivingWorld, report
from tests.scenarios.world import number

Make = Callable[..., ReceivingWorld]
WHO, NOBODY = number(9), number(98)
NEVER_SENT, ANSWER_LOST = "reboot;at=body;seconds=0.3", "answer-lost"
TAUGHT = "&report=0&smss=after&rule=98;cms=1"  # with `taught`: a refusal has shown that it is written on acceptance


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "QUICK", replace(worlds.QUICK, submit=0.2))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[ReceivingWorld] = []

    def build(
        options: str = "&report=0", *, proven: int = 2, first: int = 0, taught: bool = False, **how: object
    ) -> ReceivingWorld:
        world = ReceivingWorld(tmp_path, "a", options=options, **how)
        made.append(world)
        world.sims["a"].card.last_reference = (first - 1) % 256
        world.turn()
        for n in range(proven):
            world.accept(number(n))
            world.turn()
        if taught:
            world.accept(NOBODY)
            world.turn()
        return world

    yield build
    for world in made:
        world.close()


def doubtful(world: ReceivingWorld, fault: str, who: str = WHO) -> int:
    """A message whose answer does not come."""
    world.sims["a"].arm(fault)
    (message,) = world.accept(who)
    world.turn()
    return message


class Killed(BaseException):
    """kill -9, as far as one process can tell."""


def killed(world: ReceivingWorld, *, at_the_mark: bool, who: str = WHO) -> int:
    """A message during which the process dies: before anything of it is written, or when the answer has been read."""
    turn, mark = world.outbox.turn, world.outbox.mark_on_wire

    def dying_turn(finished: Finished | None, *of: object) -> object:
        if finished is not None:
            raise Killed
        return turn(finished, *of)  # type: ignore[arg-type]  # as it was called

    def dying_mark(*of: object) -> None:
        mark(*of)  # type: ignore[arg-type]  # as it was called
        raise Killed

    if at_the_mark:
        world.outbox.mark_on_wire = dying_mark  # type: ignore[method-assign, assignment]  # this moment
    else:
        world.outbox.turn = dying_turn  # type: ignore[method-assign, assignment]  # this moment
    (message,) = world.accept(who)
    with pytest.raises(Killed):
        world.settle()
    world.crash()
    return message


def another_phone_sends(world: ReceivingWorld) -> None:
    """From this SIM, by another way than ours."""
    card = world.sims["a"].card
    card.last_reference = card.next_reference()


def told(world: ReceivingWorld, message: int) -> tuple[str, str | None, str | None]:
    last = world.outbox.attempts(message)[0]
    return world.state(message), last.outcome, last.resolved_by


def kept_by(world: ReceivingWorld) -> str:
    return Unknowns(world.db).kept_by(world.common.sims.list()[0].id)


@pytest.mark.parametrize("first", [0, 254])  # and round from 255 to 0
def test_one_more_means_that_it_was_sent_where_it_is_written_on_acceptance(make: Make, first: int) -> None:
    world = make(TAUGHT, first=first, taught=True)
    message = doubtful(world, ANSWER_LOST)
    assert told(world, message) == ("sent", "sent", "ef_smss")
    assert world.outbox.attempts(message)[0].reference == world.sims["a"].card.last_reference == (first + 2) % 256
    world.agree()


def test_a_report_finds_what_the_card_resolved(make: Make) -> None:
    world = make(TAUGHT, taught=True)
    message = doubtful(world, ANSWER_LOST)
    world.hand_over("a", report(WHO, world.sims["a"].card.last_reference, at=world.clock.now))
    world.turn()
    assert world.state(message) == "delivered"


def test_a_late_answer_after_the_card_has_told_is_no_news(make: Make) -> None:
    world = make(TAUGHT, taught=True)
    message = doubtful(world, ANSWER_LOST)
    assert world.reconciler.late_reference(1, world.sims["a"].card.last_reference)
    assert told(world, message) == ("sent", "sent", "ef_smss")


def test_unchanged_after_our_death_means_that_nothing_went_out_and_it_goes_again(make: Make) -> None:
    world = make(limits=Limits(per_day=10))
    message = killed(world, at_the_mark=True)
    world.restart()
    world.turn()
    assert told(world, message) == ("unknown", "unknown", None), "the network's own timer may still run"
    (other,) = world.accept(number(3))
    assert world.turn()[-1] == "doubt"
    assert world.state(other) == "queued", "nothing else goes out before that is known"
    world.advance(61)
    assert told(world, message) == ("queued", "refused", "ef_smss")
    assert world.outbox.attempts(message)[0].cause == "gatewayd:not-originated"
    assert world.left("per_day") == 10 - 3, "what was not sent counts for nothing"
    world.advance(15)
    assert (world.state(message), world.state(other)) == ("sent", "sent")
    assert len(world.ledger) == 4
    world.agree()


@pytest.mark.parametrize(("fault", "becomes"), [(ANSWER_LOST, "sent"), ("unplug;at=accepted;seconds=0.2", "sent")])
def test_after_a_crash_it_is_asked_before_anything_is_sent(make: Make, fault: str, becomes: str) -> None:
    world = make()
    world.sims["a"].arm(fault)
    turn = world.outbox.turn
    # Its outcome is never recorded, as if the process had died before.
    world.outbox.turn = lambda end, *of: None if end else turn(end, *of)  # type: ignore[method-assign]  # here alone
    (message,) = world.accept(WHO)
    world.lines["a"].run_once()
    world.crash()
    world.sims["a"].plug()
    world.restart()
    assert told(world, message) == ("unknown", "unknown", None)
    (other,) = world.accept(number(3))
    world.turn()
    assert told(world, message) == (becomes, "sent", "ef_smss")
    assert world.state(other) == "sent"
    world.agree()


@pytest.mark.parametrize("at_the_mark", [True, False])
def test_the_machine_started_again_too_and_the_modem_may_have_lost_its_power(make: Make, at_the_mark: bool) -> None:
    world = make()
    message = killed(world, at_the_mark=at_the_mark)
    world.boots += 1
    world.restart()
    world.turn()
    world.advance(61)
    assert told(world, message) == ("unknown", "unknown", None)
    assert world.outbox.attempts(message)[0].cause == "gatewayd:machine-restarted"


@pytest.mark.parametrize(
    "options", ["&smss=never", "&crsm=0", "&fault=smss-stale;times=99", "&fault=smss-rubbish;times=99"]
)
@pytest.mark.parametrize("fault", [ANSWER_LOST, NEVER_SENT])
def test_a_modem_that_keeps_nothing_or_lies_is_not_believed(make: Make, options: str, fault: str) -> None:
    world = make(f"&report=0{options}")
    message = doubtful(world, fault)
    world.advance(61)
    assert told(world, message) == ("unknown", "unknown", None)
    assert kept_by(world) == ""
    assert world.accept(number(3))
    world.turn()
    assert len(world.ledger) == (4 if fault == ANSWER_LOST else 3), "the line goes on"


def test_one_proof_may_be_chance(make: Make) -> None:
    world = make("&report=0&fault=smss-stale;code=0;times=1", proven=1)  # the first reference is 0, as it says
    message = doubtful(world, NEVER_SENT)
    world.advance(61)
    assert world.state(message) == "unknown"


def test_a_modem_that_stops_to_keep_it_is_believed_no_more(make: Make) -> None:
    world = make()
    assert kept_by(world) == world.sims["a"].module.imei
    world.crash()
    world.sims["a"].arm("smss-stale;code=99;times=99")
    world.restart()
    world.turn()
    world.accept(number(3))
    world.turn()
    assert kept_by(world) == ""
    message = doubtful(world, NEVER_SENT)
    world.advance(61)
    assert world.state(message) == "unknown"


def test_in_another_modem_it_must_be_proven_anew(make: Make) -> None:
    world = make()
    world.crash()
    world.sims["a"].module.imei = "356938035643809"
    world.restart()
    world.turn()
    message = doubtful(world, ANSWER_LOST)
    assert world.state(message) == "unknown"


def test_what_another_phone_sent_from_this_sim_meanwhile_is_not_taken_for_ours(make: Make) -> None:
    world = make()
    world.crash()
    another_phone_sends(world)
    world.restart()
    world.turn()
    message = killed(world, at_the_mark=True)
    world.restart()
    world.turn()
    world.advance(61)
    assert told(world, message) == ("queued", "refused", "ef_smss")
    world.agree()


def test_a_card_that_says_two_things_is_believed_in_neither(make: Make) -> None:
    """It went out; one reading of two, when it counts, says that it did not."""
    world = make()
    message = killed(world, at_the_mark=False)
    stale = f"smss-stale;code={(world.sims['a'].card.last_reference - 1) % 256}"
    world.restart()
    world.sims["a"].arm(f"{stale};times=2")
    assert world.settle()[-1] == "doubt", "read twice, and asked again when the network's own timer has run out"
    world.sims["a"].arm(f"{stale};times=1")
    world.advance(61)
    assert (told(world, message), kept_by(world)) == (("unknown", "unknown", None), "")
    world.advance(61)
    assert len(world.ledger) == 3, "nobody gets it twice"


def test_two_more_stay_unknown(make: Make) -> None:
    world = make()
    message = killed(world, at_the_mark=False)
    another_phone_sends(world)
    world.restart()
    world.turn()
    world.advance(61)
    assert told(world, message) == ("unknown", "unknown", None)


@pytest.mark.parametrize("written", ["before", "answer", "after"])
def test_a_refusal_in_between_is_no_obstacle(make: Make, written: str) -> None:
    """Whether it uses up a reference or not."""
    world = make(f"&report=0&smss={written}&rule=98;cms=1")
    (refused,) = world.accept(NOBODY)
    world.turn()
    message = killed(world, at_the_mark=False)
    world.restart()
    world.turn()
    assert (world.state(refused), told(world, message)) == ("failed", ("sent", "sent", "ef_smss"))


def written(world: ReceivingWorld) -> str:
    return Unknowns(world.db).written(world.common.sims.list()[0].id)


@pytest.mark.parametrize(
    ("when", "cms", "seen"),
    [
        ("before", 1, "sooner"),
        ("answer", 1, "sooner"),
        ("after", 1, "on_acceptance"),
        ("after", 193, "on_acceptance"),
        ("after", 38, ""),  # a modem may say this of its own, with nothing transmitted
        ("after", 208, ""),
    ],
)
def test_a_refusal_shows_when_the_modem_writes(make: Make, when: str, cms: int, seen: str) -> None:
    world = make(f"&report=0&smss={when}&rule=98;cms={cms}", taught=True)
    assert written(world) == seen
    world.crash()
    world.restart()
    world.turn()
    assert written(world) == seen, "remembered"


def test_a_refusal_that_contradicts_an_earlier_one_ends_the_belief(make: Make) -> None:
    world = make(TAUGHT, taught=True)
    world.sims["a"].configure(replace(world.sims["a"].options, smss="before"))
    world.accept(NOBODY)
    world.turn()
    assert (kept_by(world), written(world)) == ("", "")


def test_in_another_modem_it_must_be_seen_anew_when_it_writes(make: Make) -> None:
    world = make(TAUGHT, taught=True)
    world.crash()
    world.sims["a"].module.imei = "356938035643809"
    world.restart()
    world.turn()
    for n in (3, 4):
        world.accept(number(n))
        world.turn()
    assert (kept_by(world), written(world)) == ("356938035643809", "")


def test_what_a_report_says_counts_more(make: Make) -> None:
    world = make()
    message = doubtful(world, NEVER_SENT)
    world.clock.advance(61)
    world.inbox.keep([world.receiver._arrival(1, report(WHO, 77, at=world.clock.now), world.clock.now)])
    world.settle()
    assert world.state(message) == "unknown", "left to the report"
    world.receiver.run_once()
    assert told(world, message) == ("delivered", "sent", "status_report")


@pytest.mark.parametrize("at_the_mark", [False, True])
def test_a_resend_asked_for_while_the_modem_was_away_is_called_off_or_is_the_first(
    make: Make, at_the_mark: bool
) -> None:
    world = make()
    message = killed(world, at_the_mark=at_the_mark)
    world.sims["a"].unplug()
    world.restart()
    world.turn()
    assert world.state(message) == "unknown"
    world.outbox.resolve(message, Resolution.RESEND, world.clock.utc_now())
    world.sims["a"].plug()
    for _ in range(8):
        world.advance(15)
    found = world.outbox.get(message)
    assert found is not None
    assert (found.state, found.reason, len(world.ledger)) == ("sent", "", 3), "once, and not called twice"


def test_no_question_a_message(make: Make) -> None:
    world = make()
    asked: list[object] = []
    session = world.lines["a"]._session
    assert session is not None
    session.last_reference = lambda: asked.append(1)  # type: ignore[method-assign]  # counted
    for n in range(3, 9):
        world.accept(number(n))
        world.turn()
    assert asked == []
