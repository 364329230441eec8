"""What people write, from the SIM's memory to the committed opt-out: nothing lost, nothing twice, nothing for ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatewayd.domain.text import Alphabet
from gatewayd.interfaces.incoming import IncomingFiles
from gatewayd.modem.at import CommandRefused
from gatewayd.modem.pdu import Concat
from gatewayd.modem.session import Session
from gatewayd.services.receiving import understood
from gatewayd.store.handler_calls import HandlerCalls
from gatewayd.store.inbox import REPORT
from gatewayd.store.quarantine import Quarantine
from tests.scenarios.receiving import ReceivingWorld, deliver, in_parts, report
from tests.scenarios.world import number

Make = Callable[..., ReceivingWorld]
WHO = number(1)


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


def test_a_network_that_tells_no_time_hides_no_stop_behind_one_of_another_day(make: Make) -> None:
    world = make()
    for text in ("STOP", "START", "STOP"):
        world.clock.advance(86_400)
        for _ in range(2):  # the modem deletes nothing
            world.put("a", deliver(WHO, text, at=None))
            world.turn()
    assert world.opted_out() == [WHO]
    assert [text for _, text in world.texts()] == ["STOP", "START", "STOP"]


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


REFUSED = "cms;code=500;times=1000;command="


def test_a_place_that_cannot_be_read_keeps_no_stop_waiting(make: Make) -> None:
    world = make()
    world.sims["a"].arm(f"{REFUSED}+CMGR")
    for pdu in ("FFFFFFFF", deliver(WHO, "STOP")):
        world.put("a", pdu, urc=False)
    with capture_logs() as logs:
        for _ in range(2):
            world.swept()
    assert world.opted_out() == [WHO]
    assert world.stored("a") == 1
    assert [log["event"] for log in logs].count("sim.place_unreadable") == 1


def test_a_place_that_cannot_be_deleted_keeps_no_other_from_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world, delete = make(), Session.delete_by_index

    def refuse_first(session: Session, index: int, memory: str = "") -> None:
        if index == places[0]:
            raise CommandRefused(f"AT+CMGD={index}", "+CMS ERROR: 500")
        delete(session, index, memory)

    monkeypatch.setattr(Session, "delete_by_index", refuse_first)
    places = [world.put("a", deliver(number(n), "STOP"), urc=False) for n in range(4)]
    with capture_logs() as logs:
        for _ in range(2):
            world.swept()
    assert world.stored("a") == 1
    assert len(world.texts()) == 4
    assert [log["event"] for log in logs].count("sim.place_not_deleted") == 1


@pytest.mark.parametrize("announced", [True, False])
def test_a_modem_that_refuses_to_list_is_read_place_by_place(make: Make, *, announced: bool) -> None:
    world = make()
    world.sims["a"].arm(f"{REFUSED}+CMGL")
    for n in range(3):
        world.put("a", deliver(number(n), "STOP"), urc=announced)
    world.swept()
    assert world.opted_out() == [number(n) for n in range(3)]
    assert world.stored("a") == 0


def test_what_was_put_aside_is_shown_and_can_be_read_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make()
    with monkeypatch.context() as defect:
        defect.setattr(world.replies, "_read", _defective)
        for pdu in (deliver(WHO, "STOP"), "00FF"):
            world.put("a", pdu)
        world.turn()
    store = Quarantine(world.db)
    octets, message = store.list()
    assert (octets.pdu, octets.sim, message.reason) == ("00FF", "a", "failed: ZeroDivisionError")
    assert octets.reason
    assert store.list([octets.id]) == [octets]
    now_read = understood(message.sim_id, message.pdu, message.received_at, "FR")
    assert store.retry(message.id, now_read, by="marie", at=world.clock.now)
    world.turn()
    assert world.opted_out() == [WHO]
    assert store.discard(octets.id, by="marie", at=world.clock.now)
    assert (store.list(), world.inbox.quarantined()) == ([], 0)
    assert not store.discard(octets.id, by="marie", at=world.clock.now)


def _defective(_text: str) -> object:
    raise ZeroDivisionError


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


def test_a_memory_that_is_nearly_full_is_told_until_it_is_not(make: Make) -> None:
    world = make()
    line = world.lines["a"]
    for n in range(102):
        world.put("a", deliver(number(n), "Bonjour"), urc=False)
    world.swept()
    assert line.filling
    world.swept()
    assert not line.filling


@pytest.mark.parametrize(("used", "filling"), [(15, False), (16, True)])
def test_the_alarm_begins_at_four_fifths_of_the_memory(make: Make, used: int, filling: bool) -> None:
    world = make(options="&me=20")
    for n in range(used):
        world.put("a", deliver(number(n), "Bonjour"), urc=False)
    world.swept()
    assert world.lines["a"].filling is filling


@pytest.mark.parametrize("words", ['^SMMEMFULL: "ME"', '+CIEV: "smsfull",1'])
def test_a_modem_that_says_its_memory_is_full_is_believed_and_emptied(make: Make, words: str) -> None:
    world = make()
    world.put("a", deliver(WHO, "STOP"), urc=False)
    with capture_logs() as logs:
        world._heard("a", lambda: world.sims["a"].urc(words))
        assert world.lines["a"].filling
        world.turn()
    assert "sim.storage_full" in [log["event"] for log in logs]
    assert world.opted_out() == [WHO]
    world.swept()
    assert not world.lines["a"].filling


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
    with capture_logs() as logs:
        for part in in_parts(WHO, "Nouveau ", "message"):
            world.put("a", part)
            world.turn()
    assert world.texts() == [(WHO, "Ancien "), (WHO, "Nouveau message")]
    assert [log["incoming"] for log in logs if log["event"] == "incoming.received"] == [1, 2]
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


def test_a_part_that_came_while_the_clock_was_a_year_ahead_does_not_wait_for_a_year(make: Make) -> None:
    world = make()
    world.clock.now += timedelta(days=365)
    world.put("a", in_parts(WHO, "STOP", "merci")[0])
    world.turn()
    assert world.opted_out() == []
    world.clock.now -= timedelta(days=365)
    world.turn()
    assert world.opted_out() == [WHO]


def test_half_a_message_ends_no_opt_out(make: Make) -> None:
    world = make()
    world.people.add_optout(WHO, origin="phone", by="operator", at=world.clock.utc_now())
    world.put("a", in_parts(WHO, "Surtout pas de ", "START")[1])
    world.turn()
    world.clock.advance(15 * 60)
    world.turn()
    assert world.texts() == [(WHO, "START")]
    assert world.opted_out() == [WHO]
    assert world.ledger == []


def test_parts_of_two_people_do_not_mix(make: Make) -> None:
    world = make()
    mine, theirs = in_parts(WHO, "Bon", "jour"), in_parts(number(2), "Au ", "revoir")
    for pdu in (mine[0], theirs[1], theirs[0], mine[1]):
        world.put("a", pdu)
    world.turn()
    assert sorted(world.texts()) == [(WHO, "Bonjour"), (number(2), "Au revoir")]


# -- files


def test_each_message_becomes_a_file_or_none_does(make: Make, tmp_path: Path) -> None:
    world = make()
    for days, text in ((30, "Bonjour"), (0, "Bonsoir")):
        world.put("a", deliver(WHO, text))
        world.turn()
        files = IncomingFiles(tmp_path, world.inbox, UTC, world.clock, days=days)
        assert files.run_once() == 1
        assert files.run_once() == 0
    (file,) = (tmp_path / "incoming").iterdir()
    assert file.read_text().endswith("\n\nBonjour")


def test_a_notice_without_a_text_becomes_no_file_and_calls_nobody(make: Make, tmp_path: Path) -> None:
    world = make()
    world.put("a", deliver(WHO, "", alphabet=Alphabet.OCTETS, data=b"\x00\xff\x10"))
    world.put("a", deliver(WHO, "1 nouveau message", coding=0xD8))
    world.turn()
    calls = HandlerCalls(world.inbox._database)
    IncomingFiles(tmp_path, world.inbox, UTC, world.clock, calls=calls).run_once()
    assert [file.name for file in (tmp_path / "incoming").iterdir()] == ["a.000002"]
    assert [call.file for call in calls.due(world.clock.utc_now(), 10)] == ["incoming/a.000002"]
    assert world.inbox.unfiled(10) == []


def test_the_event_handler_is_owed_each_file_once_also_after_a_crash(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make()
    calls = HandlerCalls(world.inbox._database)
    world.put("a", deliver(WHO, "Bonjour"))
    world.turn()
    files = IncomingFiles(tmp_path, world.inbox, UTC, world.clock, calls=calls)
    with monkeypatch.context() as patch:
        patch.setattr(world.inbox, "filed", fail)
        with pytest.raises(ZeroDivisionError):
            files.run_once()
    files.run_once()
    owed = [(call.event, call.file) for call in calls.due(world.clock.utc_now(), 10)]
    assert owed == [("RECEIVED", "incoming/a.000001")]
    assert (tmp_path / owed[0][1]).exists()


def fail(*_words: object) -> None:
    raise ZeroDivisionError


# -- what is no text, or cannot be read


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


def test_a_report_handed_over_just_before_a_stop_is_kept(make: Make) -> None:
    world = make(options="&report=0")
    world.hand_over("a", report(WHO, 7))
    world.receiver.close()
    assert [one.pdu for one in world.inbox.new(REPORT, 10)] == [report(WHO, 7)]
