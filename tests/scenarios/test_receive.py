"""What people write, from the SIM's memory to the committed opt-out: nothing lost, nothing twice, nothing for ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatewayd.domain.purpose import Basis, Hours, Limits, Purpose
from gatewayd.domain.text import Alphabet
from gatewayd.modem.pdu import Concat
from gatewayd.services.answers import Kind as AnswerKind
from tests.scenarios.receiving import ReceivingWorld, deliver, in_parts
from tests.scenarios.world import EVENTS, number

Make = Callable[..., ReceivingWorld]
WHO = number(1)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    worlds: list[ReceivingWorld] = []

    def build(*names: str, **how: object) -> ReceivingWorld:
        world = ReceivingWorld(tmp_path, *(names or ("a",)), **how)
        worlds.append(world)
        world.turn()
        return world

    yield build
    for world in worlds:
        world.close()


# -- the inbox


def test_a_message_is_kept_and_deleted_by_its_announcement(make: Make) -> None:
    world = make()
    world.write("a", WHO, "Merci pour tout")
    world.turn()
    assert world.texts() == [(WHO, "Merci pour tout")]
    assert world.stored("a") == 0


def test_one_whose_announcement_was_lost_is_found_by_the_sweep(make: Make) -> None:
    world = make()
    world.put("a", deliver(WHO, "Bonsoir"), urc=False)
    world.turn()
    assert world.texts() == []
    world.swept()
    assert world.texts() == [(WHO, "Bonsoir")]


def test_what_waited_in_the_sim_is_found_at_connect(make: Make) -> None:
    world = make()
    world.close()
    world.sims["a"].deliver(WHO, "Pendant la panne")
    world.restart()
    world.turn()
    assert world.texts() == [(WHO, "Pendant la panne")]


def test_a_sim_that_may_not_send_still_receives(make: Make) -> None:
    world = make()
    world.sims["a"].unregister()
    world.settle()
    world.put("a", deliver(WHO, "STOP"))
    world.turn()
    assert world.opted_out() == [WHO]


def test_a_thousand_at_once(make: Make) -> None:
    world = make()
    for n in range(1000):
        world.sims["a"].deliver(f"+3363998{n:04}", f"Message {n}")
    for _ in range(10):
        world.swept()
    assert len(world.texts()) == 1000
    assert len(set(world.texts())) == 1000
    assert world.stored("a") == 0


def test_a_modem_that_deletes_nothing_gives_each_message_once(make: Make) -> None:
    world = make()
    pdu = deliver(WHO, "STOP")
    for _ in range(3):
        world.put("a", pdu)
        world.swept()
    assert world.texts() == [(WHO, "STOP")]


@pytest.mark.parametrize("pdu", ["00", "FFFFFFFF", "0791336399800000" + "04", "07913363998000F0040B91", "0011000B91"])
def test_octets_that_are_no_pdu_are_put_aside_and_never_read_again(make: Make, pdu: str) -> None:
    world = make()
    world.put("a", pdu)
    world.put("a", deliver(WHO, "STOP"))
    world.turn()
    world.swept()
    assert world.opted_out() == [WHO]
    assert world.stored("a") == 0
    assert world.inbox.quarantined() == 1


def test_a_crash_between_keeping_and_reading_loses_nothing(make: Make) -> None:
    world = make()
    world.inbox.keep([world.receiver._arrival(1, deliver(WHO, "STOP"), world.clock.now)])
    assert world.opted_out() == []
    world.crash()
    world.restart()
    world.turn()
    assert world.opted_out() == [WHO]
    assert world.texts() == [(WHO, "STOP")]


def test_a_call_disturbs_nobody(make: Make) -> None:
    world = make()
    world.sims["a"].ring(WHO, times=3)
    world.accept(number(2))
    world.turn()
    assert len(world.ledger) == 1


def test_a_full_memory_is_told(make: Make) -> None:
    world = make()
    for n in range(102):
        world.put("a", deliver(number(n), "Bonjour"), urc=False)
    with capture_logs() as logs:
        world.swept()
    assert [(log["used"], log["capacity"]) for log in logs if log["event"] == "sim.storage_filling"] == [(102, 127)]
    assert world.stored("a") == 0


# -- parts


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("wide", [False, True])
def test_parts_are_joined_in_whatever_order_they_come(make: Make, order: tuple[int, ...], wide: bool) -> None:
    world = make()
    parts = in_parts(WHO, "Je ne peux ", "pas venir ", "mardi", reference=300 if wide else 7, wide=wide)
    for place in order:
        world.put("a", parts[place])
        world.turn()
    assert world.texts() == [(WHO, "Je ne peux pas venir mardi")]


def test_a_stop_in_parts_in_the_wrong_order_in_ucs2(make: Make) -> None:
    world = make()
    first, second = in_parts(WHO, "ST", "OP", ucs2=True)
    world.put("a", second)
    world.turn()
    assert world.opted_out() == []
    world.put("a", first)
    world.turn()
    assert world.opted_out() == [WHO]


def test_a_part_that_comes_twice_counts_once(make: Make) -> None:
    world = make()
    first, second = in_parts(WHO, "Bon", "jour")
    world.put("a", first)
    world.turn()
    world.put("a", deliver(WHO, "Bon", at=world.clock.now.replace(year=2025), concat=Concat(7, 2, 1)))
    world.turn()
    world.put("a", second)
    world.turn()
    assert world.texts() == [(WHO, "Bonjour")]


def test_references_that_went_round_do_not_mix_two_messages(make: Make) -> None:
    world = make()
    world.put("a", in_parts(WHO, "Ancien ", "perdu")[0])
    world.turn()
    for part in in_parts(WHO, "Nouveau ", "message"):
        world.put("a", part)
        world.turn()
    assert world.texts() == [(WHO, "Ancien "), (WHO, "Nouveau message")]
    assert [one.complete for one in reversed(world.inbox.list())] == [False, True]


def test_parts_that_never_come_do_not_hide_the_others(make: Make) -> None:
    world = make()
    world.put("a", in_parts(WHO, "STOP", " merci")[0])
    world.turn()
    assert world.texts() == []
    world.clock.advance(15 * 60)
    world.turn()
    message = world.inbox.list()[0]
    assert (message.text, message.complete, message.review) == ("STOP", False, True)
    assert world.opted_out() == [WHO]


def test_parts_of_two_people_do_not_mix(make: Make) -> None:
    world = make()
    mine, theirs = in_parts(WHO, "Bon", "jour"), in_parts(number(2), "Au ", "revoir")
    for pdu in (mine[0], theirs[1], theirs[0], mine[1]):
        world.put("a", pdu)
    world.turn()
    assert sorted(world.texts()) == [(WHO, "Bonjour"), (number(2), "Au revoir")]


# -- STOP


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
    world.inbox.reviewed(message.id, by="marie", at=world.clock.now)
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


def test_start_lifts_the_opt_out_and_invents_no_consent(make: Make) -> None:
    world = make()
    world.write("a", WHO, "STOP")
    world.turn()
    world.clock.advance(60)
    world.write("a", WHO, "START")
    world.turn()
    assert world.opted_out() == []
    assert world.people.optouts(active=False)[0].lifted_by == "sms"
    assert world.people.consents(WHO) == []


def test_a_purpose_of_consent_stays_closed_to_who_wrote_start_and_never_consented(make: Make) -> None:
    world = make(purposes=[EVENTS, Purpose("loto", "Le loto", Basis.CONSENT)])
    for text in ("STOP", "START"):
        world.clock.advance(60)
        world.write("a", WHO, text)
        world.turn()
    closed, opened = world.accept(WHO, purpose="loto"), world.accept(WHO)
    world.turn()
    assert [world.state(closed[0]), world.state(opened[0])] == ["blocked", "delivered"]


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


def test_a_text_of_octets_or_of_nothing_is_a_message_like_another(make: Make) -> None:
    world = make()
    world.put("a", deliver(WHO, "", alphabet=Alphabet.OCTETS, data=b"\x00\xff\x10"))
    world.put("a", deliver(number(2), ""))
    world.turn()
    assert world.texts() == [(WHO, ""), (number(2), "")]


def test_what_makes_the_reader_fail_is_put_aside(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make()
    read = world.replies._read

    def picky(text: str) -> object:
        if text == "poison":
            raise ZeroDivisionError
        return read(text)

    monkeypatch.setattr(world.replies, "_read", picky)
    world.put("a", deliver(number(2), "poison"))
    world.put("a", deliver(WHO, "STOP"))
    world.turn()
    assert world.opted_out() == [WHO]
    assert world.inbox.quarantined() == 1
