"""What people, phones and networks send that nobody expects: STOP is heard in any form, and nothing makes a loop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.domain.text import Alphabet
from gatewayd.modem.pdu import Concat, Ports, Submit
from gatewayd.modem.simulator.card import STORED_SENT, STORED_UNREAD, STORED_UNSENT, Stored
from gatewayd.services.replies import DEADLINE, OVERTAKEN
from tests.scenarios.receiving import SENT_AT, ReceivingWorld, deliver, in_parts, report
from tests.scenarios.world import number

Make = Callable[..., ReceivingWorld]
WHO = number(1)
WAP_PUSH = Ports(2948, 9200)
MMS = bytes.fromhex("0106226170706c69636174696f6e2f766e642e7761702e6d6d732d6d657373616765008c82")
LONG = "La réunion du quartier aura lieu samedi. " * 8  # three parts


def hear(world: ReceivingWorld, *pdus: str) -> None:
    for pdu in pdus:
        world.put("a", pdu)
        world.turn()


# --- in whatever form


@pytest.mark.parametrize(
    "form",
    ["0639980001", "33639980001", "0033639980001", "+330639980001", "330639980001", "00330639980001"],
)
def test_a_stop_under_any_form_of_the_number(make: Make, form: str) -> None:
    world = make()
    (waiting,) = world.accept(WHO, not_before=world.clock.now + timedelta(hours=5))
    hear(world, deliver(form, "STOP"))
    assert (world.opted_out(), world.state(waiting)) == ([WHO], "canceled")


@pytest.mark.parametrize("octets", [b"STOP", "Arrêt".encode(), "Arrêt".encode("latin-1"), b"stop\r\n"])
def test_a_stop_as_octets(make: Make, octets: bytes) -> None:
    world = make()
    hear(world, deliver(WHO, "", alphabet=Alphabet.OCTETS, data=octets))
    assert world.opted_out() == [WHO]


@pytest.mark.parametrize(
    "text",
    [
        "STOP\u200f",
        "\u202bSTOP\u202c",
        "S\u200bT\u200bO\u200bP",
        "\U0001f6d1 STOP \U0001f6d1",
        "STOP\x00",
        "\ufeffＳＴＯＰ",
    ],
)
def test_a_stop_with_what_nobody_sees(make: Make, text: str) -> None:
    world = make()
    hear(world, deliver(WHO, text, alphabet=Alphabet.UCS2))
    assert world.opted_out() == [WHO]


def test_a_flash_message_that_is_shown_and_not_stored(make: Make) -> None:
    world = make()
    pdu = deliver(WHO, "STOP", message_class=0)
    world.await_report(lambda: world.sims["a"].urc(f"+CMT: ,{len(pdu) // 2 - 8}\r\n{pdu}"))
    world.turn()
    assert world.opted_out() == [WHO]


@pytest.mark.parametrize("at", [datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC), None])
def test_a_service_centre_without_a_clock(make: Make, at: datetime | None) -> None:
    world = make()
    hear(world, deliver(WHO, "STOP", at=at))
    assert world.opted_out() == [WHO]


def test_the_same_stop_on_two_sims_is_one_opt_out_and_one_confirmation(make: Make) -> None:
    world = make("a", "b")
    for name in "ab":
        world.put(name, deliver(WHO, "STOP"))
    world.turn()
    assert len(world.people.optouts(active=False)) == 1
    assert [entry.destination for entry in world.ledger] == [WHO]


def test_a_stop_days_after_the_first_is_not_confirmed_again(make: Make) -> None:
    world = make()
    for _ in range(2):
        world.clock.advance(2 * 86_400)
        hear(world, deliver(WHO, "STOP", at=world.clock.now))
    assert [message.kind for message in world.inbox.list()] == ["opt_out", "opt_out"]
    assert (len(world.ledger), world.inbox.quarantined()) == (1, 0)


def test_a_stop_of_somebody_who_was_opted_out_by_hand_is_not_confirmed(make: Make) -> None:
    world = make()
    world.people.add_optout(WHO, origin="letter", by="marie", at=world.clock.now)
    hear(world, deliver(WHO, "STOP"))
    assert (len(world.ledger), world.inbox.list()[0].kind) == (0, "opt_out")


@pytest.mark.parametrize("text", ["CONTACT", "AIDE"])
def test_who_has_opted_out_is_not_even_prepared_an_answer(make: Make, text: str) -> None:
    world = make()
    hear(world, deliver(WHO, "STOP"), deliver(WHO, text))
    assert len(world.outbox.list()) == 1, "the confirmation"


# --- half of it


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_stop_whose_parts_do_not_all_come_is_obeyed_at_the_deadline(make: Make, missing: int) -> None:
    world = make()
    parts = in_parts(WHO, "STOP ", "et merci ", "STOP", reference=40_000, wide=True, ucs2=True)
    hear(world, *(pdu for place, pdu in enumerate(parts, 1) if place != missing))
    assert world.opted_out() == []
    world.clock.advance(DEADLINE.total_seconds() + 1)
    world.turn()
    assert world.opted_out() == [WHO]
    (message,) = world.inbox.list(to_review=True)
    assert not message.complete
    hear(world, parts[missing - 1])
    world.clock.advance(DEADLINE.total_seconds() + 1)
    world.turn()
    assert len(world.ledger) == 1, "one confirmation"


def test_two_modems_change_their_ports_amid_a_message_in_parts(make: Make) -> None:
    world = make("a", "b")
    first, second = in_parts(WHO, "ST", "OP")
    hear(world, first)
    lines, openers = world.lines, {name: line._open for name, line in world.lines.items()}
    for name in world.names:
        world.sims[name].unplug()
    world.turn()
    for name, other in (("a", "b"), ("b", "a")):
        lines[name]._open = openers[other]
        world.sims[name].plug()
    world.sims["a"].module.memory["ME"].add(Stored(STORED_UNREAD, second, len(second) // 2 - 8))
    world.advance(60)
    world.turn()
    assert world.opted_out() == [WHO]


def test_a_reference_of_sixteen_bits_is_none_of_eight(make: Make) -> None:
    world, narrow, wide = make(), in_parts(WHO, "A", "B"), in_parts(WHO, "C", "D", wide=True)
    hear(world, narrow[0], wide[1], wide[0], narrow[1])
    assert world.texts() == [(WHO, "CD"), (WHO, "AB")]


def test_a_message_by_two_service_centres_is_one(make: Make) -> None:
    world = make()
    hear(world, deliver(WHO, "STOP"), deliver(WHO, "STOP", smsc="+33639980001"))
    assert len(world.inbox.list()) == 1


# --- in whatever order


@pytest.mark.parametrize("told", [(0, 1), (1, 0)], ids=["as it was written", "the other way round"])
@pytest.mark.parametrize("written", [("STOP", "START"), ("START", "STOP")])
def test_a_start_lifts_no_stop_that_was_written_later(
    make: Make, written: tuple[str, str], told: tuple[int, int]
) -> None:
    """A SIM gives its messages by their places, which are no order."""
    world = make()
    hear(world, *(deliver(WHO, written[place], at=SENT_AT + timedelta(seconds=place)) for place in told))
    lifted = written == ("STOP", "START") and told == (0, 1)
    assert world.opted_out() == ([] if lifted else [WHO])


def test_stop_start_stop_in_one_second_is_a_stop(make: Make) -> None:
    """The second STOP is, octet for octet, the first one read again."""
    world = make()
    hear(world, *(deliver(WHO, text) for text in ("STOP", "START", "STOP")))
    assert world.opted_out() == [WHO]
    assert [message.rule for message in world.inbox.list(kind="opt_in")] == [OVERTAKEN]
    assert len(world.ledger) == 1, "nobody is told that he may be written to again"


def test_a_start_of_an_unknown_time_is_taken_as_it_comes(make: Make) -> None:
    world = make()
    hear(world, deliver(WHO, "STOP"), deliver(WHO, "START", at=None))
    assert world.opted_out() == []


def test_a_stop_of_next_year_does_not_keep_anybody_out_until_then(make: Make) -> None:
    world = make()
    hear(world, deliver(WHO, "STOP", at=SENT_AT + timedelta(days=365)), deliver(WHO, "START", at=SENT_AT))
    assert world.opted_out() == []


# --- what is no reply


@pytest.mark.parametrize(
    "pdu",
    [
        deliver("+33639980099", "", alphabet=Alphabet.OCTETS, data=MMS, ports=WAP_PUSH),
        deliver("888", "", pid=0x20, coding=0xC8),
        deliver("888", "Vous avez 1 message vocal", coding=0xD8),
        deliver("+33639980099", "", alphabet=Alphabet.OCTETS, data=bytes(range(140))),
    ],
    ids=["MMS", "voice mail indication", "voice mail", "octets"],
)
def test_what_no_person_wrote_is_kept_once_and_asks_for_nothing(make: Make, pdu: str) -> None:
    world = make()
    hear(world, pdu)
    for _ in range(3):
        world.swept()
    assert (world.opted_out(), len(world.ledger), world.stored("a"), len(world.inbox.list())) == ([], 0, 0, 1)


@pytest.mark.parametrize(
    ("pdu", "rule", "text"),
    [
        (deliver(WHO, "", alphabet=Alphabet.OCTETS, data=MMS, ports=WAP_PUSH), "mms_notification", ""),
        (
            deliver(WHO, "", alphabet=Alphabet.OCTETS, data=b"\x01\x06\x04\x03\xae\x81\xea", ports=WAP_PUSH),
            "wap_push",
            "",
        ),
        (deliver(WHO, "OUI", ports=WAP_PUSH), "wap_push", ""),
        (deliver(WHO, "Vous avez 1 message vocal. AIDE", coding=0xD8), "voice_mail", "Vous avez 1 message vocal. AIDE"),
        (deliver(WHO, "CONTACT", coding=0xD9), "fax_waiting", "CONTACT"),
        (deliver(WHO, "START", coding=0xC8), "voice_mail", ""),
        (deliver(WHO, "", alphabet=Alphabet.OCTETS, data=bytes(range(140))), "octets", ""),
    ],
    ids=["MMS", "push", "push as text", "voice mail", "fax", "voice mail, to be thrown away", "octets"],
)
def test_a_notice_says_what_it_is_and_is_never_answered(make: Make, pdu: str, rule: str, text: str) -> None:
    world = make()
    world.people.add_optout(WHO, origin="letter", by="marie", at=world.clock.now)
    hear(world, pdu)
    (notice,) = world.inbox.list()
    assert (notice.kind, notice.rule, notice.text, notice.review) == ("notice", rule, text, False)
    assert world.inbox.octets(notice.id) == [pdu]
    assert (world.opted_out(), len(world.ledger), world.outbox.list()) == ([WHO], 0, [])


def test_an_mms_in_parts_whose_second_part_looks_like_a_word(make: Make) -> None:
    """Its port is told in the first part only."""
    world, octets = make(), Alphabet.OCTETS
    hear(world, deliver(WHO, "", alphabet=octets, data=MMS, ports=WAP_PUSH, concat=Concat(3, 2, 1)))
    hear(world, deliver(WHO, "", alphabet=octets, data=b"STOP", concat=Concat(3, 2, 2)))
    assert [(one.kind, one.rule, one.text) for one in world.inbox.list()] == [("notice", "mms_notification", "")]
    assert world.opted_out() == []


def test_a_notice_that_says_stop_is_obeyed_and_not_answered(make: Make) -> None:
    world = make()
    hear(world, deliver(WHO, "STOP", coding=0xC8))
    assert ([one.text for one in world.inbox.list()], world.opted_out(), len(world.ledger)) == (["STOP"], [WHO], 0)


def test_what_is_of_type_0_is_thrown_away_and_nobody_is_told(make: Make) -> None:
    world = make()
    hear(world, deliver(WHO, "STOP", pid=0x40))
    world.swept()
    assert (world.inbox.list(), world.opted_out(), len(world.ledger), world.stored("a")) == ([], [], 0, 0)
    assert (world.inbox.quarantined(), world.inbox.new("message", 10)) == (0, [])


@pytest.mark.parametrize("sender", ["36105", "3179", "Orange", "+336", ""])
@pytest.mark.parametrize("text", ["STOP", "AIDE", "CONTACT", "START"])
def test_machines_are_never_answered(make: Make, sender: str, text: str) -> None:
    world = make()
    hear(world, deliver(sender, text))
    world.swept()
    assert (world.opted_out(), len(world.ledger)) == ([], 0)


def test_our_own_answers_are_no_reply_to_another_gateway_like_us(make: Make) -> None:
    """Two gateways that write to each other by mistake fall silent."""
    world = make()
    for text in ("STOP", "CONTACT", "AIDE", "START"):
        world.clock.advance(3600)
        hear(world, deliver(WHO, text, at=world.clock.now))
    said = {entry.text or "" for entry in world.ledger}
    assert len(said) >= 2
    before = len(world.ledger)
    for _ in range(3):
        for text in sorted(said):
            world.clock.advance(60)
            hear(world, *in_parts(WHO, text[:100], text[100:], reference=len(world.ledger) % 200))
    assert len(world.ledger) - before <= 1


@pytest.mark.parametrize("status", [STORED_UNSENT, STORED_SENT], ids=["to be sent", "sent"])
def test_what_somebody_else_wrote_with_this_sim_is_left_where_it_is(make: Make, status: int) -> None:
    world, pdu = make(), Submit(WHO, "STOP").encode()
    with world.sims["a"].changed:
        world.sims["a"].module.memory["ME"].add(Stored(status, pdu.hex, pdu.length))
    hear(world, deliver(WHO, "Bonjour"))
    world.swept()
    assert (world.stored("a"), world.inbox.quarantined(), len(world.inbox.list())) == (1, 0, 1)


# --- very many, in a memory that is full, without a word


def test_five_times_as_many_as_the_memory_holds_and_nobody_tells_of_them(make: Make) -> None:
    world = make(options="&me=20")
    store, waiting = world.sims["a"].module.memory["ME"], [deliver(f"+3363998{n:04}", "STOP") for n in range(100)]
    for _ in range(100):
        with world.sims["a"].changed:
            while waiting and store.add(Stored(STORED_UNREAD, waiting[-1], len(waiting[-1]) // 2 - 8)) is not None:
                waiting.pop()
            assert len(store.messages) <= 20
        world.clock.advance(5)
        world.settle()
        if not waiting and not store.messages:
            break
    while world.receiver.run_once() < 5:
        pass
    assert len(world.opted_out()) == 100


# --- reports


def sent(world: ReceivingWorld, text: str = "Bonjour") -> int:
    (message,) = world.accept(WHO, text=text)
    world.turn()
    return message


def reference(world: ReceivingWorld, message: int, part: int = 1) -> int:
    found = world.outbox.attempts(message)[part - 1].reference
    assert found is not None
    return found


@pytest.mark.parametrize("shown", ["AMICALE", "", "*****", "0000000000"])
def test_a_report_whose_number_is_hidden_is_told_by_its_reference_and_time(make: Make, shown: str) -> None:
    world = make(options="&report=0")
    message = sent(world)
    world.hand_over("a", report(shown, reference(world, message), at=world.clock.now))
    world.turn()
    assert world.state(message) == "delivered"


def test_a_hidden_number_and_another_reference_or_day_change_nothing(make: Make) -> None:
    world = make(options="&report=0")
    message = sent(world)
    world.hand_over("a", report("AMICALE", reference(world, message) + 1, at=world.clock.now))
    world.hand_over("a", report("AMICALE", reference(world, message), at=world.clock.now - timedelta(hours=20)))
    world.turn()
    assert world.state(message) == "sent"


def test_of_two_messages_a_report_without_a_number_may_be_about_neither_is_marked(make: Make) -> None:
    world = make(options="&report=0")
    old = sent(world)
    world.clock.advance(1500)
    world.sims["a"].card.last_reference = (reference(world, old) - 1) % 256
    (new,) = world.accept(number(2), text="Bonjour")
    world.turn()
    assert reference(world, new) == reference(world, old)
    world.hand_over(
        "a", report("0000000000", reference(world, old), 0x46, at=world.clock.now - timedelta(seconds=1500))
    )
    world.turn()
    assert (world.state(old), world.state(new)) == ("sent", "sent")


def test_a_report_about_a_part_of_a_message_that_has_expired(make: Make) -> None:
    world = make(options="&report=0")
    world.sims["a"].arm("cms;code=42;after=1;times=9")
    (message,) = world.accept(WHO, text=LONG, expires_at=world.clock.now + timedelta(minutes=5))
    world.turn()
    world.clock.advance(600)
    world.outbox.expire(world.clock.now)
    assert world.state(message) == "expired"
    world.hand_over("a", report(WHO, reference(world, message), at=world.clock.now))
    world.turn()
    assert world.state(message) == "expired"
    assert world.inbox.new("report", 10) == []
