"""Who writes STOP is left alone at once, who writes START may be written to again, and each is told so once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta

import pytest

from gatewayd.domain.purpose import Basis, Hours, Limits, Purpose
from gatewayd.modem.pdu.fields import encode_time
from gatewayd.services.answers import Kind as AnswerKind
from gatewayd.services.reviews import Reviews, Verdict
from tests.scenarios.receiving import SENT_AT, ReceivingWorld, deliver
from tests.scenarios.world import EVENTS, number

Make = Callable[..., ReceivingWorld]
WHO = number(1)


def test_stop_cancels_all_that_waits_on_any_sim(make: Make) -> None:
    world = make("a", "b")
    later = world.accept(WHO, not_before=world.clock.now.replace(hour=20))
    world.settle("b")
    world.write("a", WHO, "Stop")
    world.turn()
    assert [world.state(one) for one in later] == ["canceled"]
    message = world.inbox.list()[0]
    assert (message.kind, message.tier, message.canceled, message.review) == ("opt_out", "certain", 1, False)


@pytest.mark.parametrize("text", ["Stop merci", "STOP. Marie", "arrêtez de m'envoyer des SMS"])
def test_what_is_not_certain_opts_out_and_is_reviewed(make: Make, text: str) -> None:
    world = make()
    world.write("a", WHO, text)
    world.turn()
    assert world.opted_out() == [WHO]
    (message,) = world.inbox.list(to_review=True)
    Reviews(world.db, "FR").decide(message.id, Verdict.KEEP, by="marie", at=world.clock.now)
    assert world.opted_out() == [WHO]
    assert world.inbox.list(to_review=True) == []


@pytest.mark.parametrize("text", ["STOP\n--\nMarie Dupont", "STOP Amicale des Jardins"])
def test_stop_with_a_signature_or_our_name(make: Make, text: str) -> None:
    world = make()
    world.write("a", WHO, text)
    world.turn()
    assert world.opted_out() == [WHO]


def test_a_bus_stop_goes_to_the_inbox(make: Make) -> None:
    world = make()
    world.write("a", WHO, "On se retrouve à l'arrêt de bus")
    world.turn()
    assert world.opted_out() == []
    assert world.inbox.list()[0].kind == "other"


def test_stop_in_national_form(make: Make) -> None:
    world = make()
    waiting = world.accept(WHO, not_before=world.clock.now.replace(hour=20))
    world.put("a", deliver("0" + WHO.removeprefix("+33"), "STOP"))
    world.turn()
    assert world.opted_out() == [WHO]
    assert world.state(waiting[0]) == "canceled"


def test_stop_at_an_hour_that_is_none(make: Make) -> None:
    world = make()
    hour = encode_time(SENT_AT).hex().upper()
    world.put("a", deliver(WHO, "STOP").replace(hour, hour[:-2] + "F0"))
    world.turn()
    assert world.opted_out() == [WHO]
    assert [one.sent_at for one in world.inbox.list()] == [None]


def test_what_was_claimed_before_the_stop_is_blocked_at_the_mark(make: Make) -> None:
    world = make()
    line = world.lines["a"]
    work_ids = world.accept(WHO)
    claimed = line._next(line._allowance) if line._allowance else None
    assert claimed is not None
    world.write("a", WHO, "STOP")
    world.receiver.keep(1, [deliver(WHO, "STOP")])
    world.receiver.run_once()
    world.turn()
    assert world.state(work_ids[0]) == "blocked"
    assert [entry.text for entry in world.ledger if "Bonjour" in (entry.text or "")] == []


def test_one_confirmation_goes_out_and_nothing_else_ever(make: Make) -> None:
    world = make()
    world.write("a", WHO, "STOP")
    world.turn()
    assert [entry.destination for entry in world.ledger] == [WHO]
    assert "vous ne recevrez plus nos SMS" in str(world.ledger[0].text)
    world.clock.advance(60)
    world.put("a", deliver(WHO, "STOP", at=world.clock.now))
    world.accept(WHO)
    world.turn()
    assert len(world.ledger) == 1
    assert world.people.optouts(active=False)[0].recipient == WHO
    assert len(world.opted_out()) == 1


def test_a_second_stop_does_not_cancel_the_confirmation_of_the_first(make: Make) -> None:
    world = make()
    for text in ("STOP", "STOP SMS"):
        world.put("a", deliver(WHO, text, at=world.clock.now))
    world.turn()
    assert [entry.destination for entry in world.ledger] == [WHO]
    assert [one.kind for one in world.inbox.list()] == ["opt_out", "opt_out"]


def test_start_lifts_the_opt_out_and_invents_no_consent(make: Make) -> None:
    world = make()
    for text in ("STOP", "START"):
        world.clock.advance(60)
        world.put("a", deliver(WHO, text, at=world.clock.now))
        world.turn()
    assert world.opted_out() == []
    assert world.people.optouts(active=False)[0].lifted_by == "sms"
    assert world.people.consents(WHO) == []


def test_a_purpose_of_consent_stays_closed_to_who_wrote_start_and_never_consented(make: Make) -> None:
    world = make(purposes=[EVENTS, Purpose("loto", "Le loto", Basis.CONSENT)])
    for text in ("STOP", "START"):
        world.clock.advance(60)
        world.put("a", deliver(WHO, text, at=world.clock.now))
        world.turn()
    closed, opened = world.accept(WHO, purpose="loto"), world.accept(WHO)
    world.turn()
    assert world.state(closed[0]) == "blocked"
    assert world.state(opened[0]) in ("sent", "delivered"), "its report comes when the network likes"


def test_start_is_confirmed_once_a_day_and_only_if_it_ended_something(make: Make) -> None:
    world = make()
    for text in ("START", "STOP", "START", "STOP", "START"):
        world.clock.advance(60)
        world.put("a", deliver(WHO, text, at=world.clock.now))
        world.turn()
    assert ["ne recevrez plus" in str(entry.text) for entry in world.ledger] == [True, False]
    assert "nous pouvons à nouveau vous écrire" in str(world.ledger[1].text)
    assert [one.kind for one in reversed(world.inbox.list())] == ["opt_in", "opt_out"] * 2 + ["opt_in"]
    assert world.opted_out() == []


def test_answers_leave_at_night(make: Make) -> None:
    by_day = Purpose(EVENTS.key, "Activités", Basis.CONTRACT, hours=Hours(since=time(8), until=time(20)))
    world = make(purposes=[by_day])
    world.clock.now = world.clock.now.replace(hour=23)
    for text in ("STOP", "START"):
        world.clock.advance(1)
        world.put("a", deliver(WHO, text, at=world.clock.now))
        world.turn()
    world.accept(WHO)
    world.turn()
    assert len(world.ledger) == 2


@pytest.mark.parametrize("kind", ["stop", "start"])
def test_a_confirmation_may_be_left_out(make: Make, kind: str) -> None:
    world = make()
    world.replies._answers = replace(world.replies._answers, unsaid=frozenset({AnswerKind(kind)}))
    for text in ("STOP", "START"):
        world.clock.advance(60)
        world.put("a", deliver(WHO, text, at=world.clock.now))
        world.turn()
    assert len(world.ledger) == 1
    assert world.opted_out() == []
    assert world.people.optouts(active=False)[0].recipient == WHO


@pytest.mark.parametrize("text", ["{{ organisation }} {{ nom }}", "Noté.", "{{ organisation }}" + " loin" * 200])
def test_a_stop_is_not_lost_over_an_answer_that_cannot_be_sent(make: Make, text: str) -> None:
    world = make()
    world.replies._answers = replace(world.replies._answers, texts={AnswerKind.STOP: text})
    world.put("a", deliver(WHO, "STOP"))
    world.turn()
    assert world.opted_out() == [WHO]
    assert world.ledger == []


# -- what lay in a SIM for long


@pytest.mark.parametrize(
    ("word", "hours", "answered"),
    [
        ("STOP", 24 * 21, 0),
        ("STOP", 24 * 3, 1),
        ("CONTACT", 30, 0),
        ("AIDE", 30, 0),
        ("CONTACT", 20, 1),
        ("AIDE", -1, 1),
    ],
)
def test_what_is_old_is_obeyed_and_not_answered(make: Make, word: str, hours: int, answered: int) -> None:
    world = make()
    world.put("a", deliver(WHO, word, at=world.clock.now - timedelta(hours=hours)))
    world.turn()
    assert world.opted_out() == ([WHO] if word == "STOP" else [])
    assert len(world.ledger) == answered


def test_a_start_as_old_as_its_stop_lifts_it_in_silence(make: Make) -> None:
    world = make()
    for minutes, text in enumerate(("STOP", "START")):
        world.put("a", deliver(WHO, text, at=world.clock.now - timedelta(days=21, minutes=-minutes)))
        world.turn()
    assert world.opted_out() == []
    assert world.ledger == []


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("word", ["STOP", "CONTACT"])
def test_a_clock_an_hour_off_changes_no_answer(make: Make, word: str, hours: int) -> None:
    world = make()
    world.put("a", deliver(WHO, word, at=world.clock.now + timedelta(hours=hours)))
    world.turn()
    assert len(world.ledger) == 1


@pytest.mark.parametrize(("age", "answered"), [(timedelta(minutes=5), 1), (timedelta(days=21), 0)])
def test_an_untrusted_clock_judges_no_age(make: Make, age: timedelta, answered: int) -> None:
    """At boot ours shows the hour of the last shutdown, weeks ago; the answer is judged once it can be trusted."""
    world = make(limits=Limits(per_day=100))
    today = world.clock.now
    world.clock.now, world.clock.believed = today - timedelta(days=30), False
    world.put("a", deliver(WHO, "STOP", at=today - age))
    world.turn()
    assert world.opted_out() == [WHO]
    assert world.ledger == []
    world.clock.now, world.clock.believed = today, True
    world.swept()
    assert len(world.ledger) == answered


def test_start_before_the_confirmation_cancels_it(make: Make) -> None:
    world = make()
    world.sims["a"].unregister()
    world.settle()
    for text in ("STOP", "START"):
        world.clock.advance(1)
        world.receiver.keep(1, [deliver(WHO, text, at=world.clock.now)])
        world.receiver.run_once()
    world.sims["a"].register()
    world.turn()
    assert ["à nouveau vous écrire" in str(entry.text) for entry in world.ledger] == [True]
    assert world.states() == {"canceled": 1, "delivered": 1}


@pytest.mark.parametrize("word", ["CONTACT", "AIDE"])
def test_who_asks_is_answered_once_a_day(make: Make, word: str) -> None:
    world = make()
    for _ in range(3):
        world.clock.advance(60)
        world.put("a", deliver(WHO, word, at=world.clock.now))
        world.turn()
    assert len(world.ledger) == 1
    assert "rgpd@example.org" in str(world.ledger[0].text)
    world.clock.advance(24 * 3600)
    world.put("a", deliver(WHO, word, at=world.clock.now))
    world.turn()
    assert len(world.ledger) == 2


@pytest.mark.parametrize("sender", ["36180", "Orange", "+33199000001", "+447700900123"])
@pytest.mark.parametrize("word", ["CONTACT", "STOP"])
def test_machines_names_and_strange_numbers_are_never_answered(make: Make, sender: str, word: str) -> None:
    world = make()
    world.put("a", deliver(sender, word))
    world.turn()
    assert len(world.texts()) == 1
    assert world.ledger == []
    assert world.opted_out() == ([sender] if word == "STOP" and sender.startswith("+") else [])
