"""SMS-SUBMIT (TS 23.040, clause 9.2.2.2): from a plan to parts, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.domain.text import Alphabet, plan
from gatewayd.errors import PduError
from gatewayd.modem.pdu import Concat, Element, Ports, Submit, decode, join, submissions

NUMBER = "+33639980101"
HELLO = Submit(NUMBER, "Hello")


def test_the_octets_of_a_short_message() -> None:
    encoded = HELLO.encode()
    assert encoded.hex == "0001000B913336990801F1000005C8329BFD06"
    assert encoded.length == 18  # the service centre is not counted


def test_the_service_centre_is_not_counted() -> None:
    encoded = replace(HELLO, smsc="+33660003000").encode()
    assert encoded.hex.startswith("07913366003000F001")
    assert encoded.length == 18


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"status_report": True}, 0x21),
        ({"reject_duplicates": True}, 0x05),
        ({"reply_path": True}, 0x81),
        ({"validity": timedelta(days=1)}, 0x11),
        ({"validity": datetime(2026, 1, 2, tzinfo=UTC)}, 0x19),
        ({"concat": Concat(1, 2, 1)}, 0x41),
        ({"elements": (Element(0x70, b""),)}, 0x41),
    ],
)
def test_the_first_octet(change: dict[str, object], first: int) -> None:
    message = replace(HELLO, **change)  # type: ignore[arg-type]  # one field of each type
    encoded = message.encode()
    assert bytes.fromhex(encoded.hex)[1] == first
    assert decode(encoded.hex, outgoing=True) == message


def test_a_wide_reference_needs_no_fill_bits() -> None:
    part = Submit(NUMBER, "A", concat=Concat(0x1234, 2, 1, wide=True))
    assert part.encode().hex.endswith("09" + "06" + "0804" + "1234" + "0201" + "41")


def test_a_narrow_reference_needs_one_fill_bit() -> None:
    part = Submit(NUMBER, "A", concat=Concat(0x34, 2, 1))
    assert part.encode().hex.endswith("08" + "05" + "0003" + "34" + "0201" + "82")


def test_ports_and_octets() -> None:
    push = Submit(NUMBER, alphabet=Alphabet.OCTETS, data=b"\x00\xff", ports=Ports(2948, 9200))
    assert push.encode().hex.endswith("0004" + "09" + "06" + "0504" + "0B8423F0" + "00FF")


def test_a_flash_in_ucs2() -> None:
    assert replace(HELLO, alphabet=Alphabet.UCS2, message_class=0).dcs == 0x18


# --- submissions ------------------------------------------------------------------------------------------------------

LONG = {
    "gsm7": "Bonjour, " * 40 + "€",
    "ucs2": "Forêt, cœur 😀 " * 20,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("wide", [False, True])
def test_a_long_text_arrives_whole(text: str, wide: bool) -> None:
    parts = submissions(
        NUMBER, plan(text, wide_reference=wide), concat_reference=0xABCD, wide_reference=wide, status_report=True
    )
    arrived = [decode(part.encode().hex, outgoing=True) for part in parts]
    assert arrived == parts
    assert join(arrived) == text
    reference = 0xABCD if wide else 0xCD
    places = range(1, len(parts) + 1)
    assert [part.concat for part in parts] == [Concat(reference, len(parts), n, wide) for n in places]
    assert {part.number for part in parts} == {NUMBER}


def test_full_parts_are_140_octets() -> None:
    parts = submissions(NUMBER, plan("a" * 306), concat_reference=7)
    assert [part.encode().hex[-280:-270] for part in parts] == ["0500030702"] * 2
    ucs2 = submissions(NUMBER, plan("ж" * 134), concat_reference=7)
    assert [part.encode().length for part in ucs2] == [13 + 140] * 2


def test_one_part_has_no_reference() -> None:
    [only] = submissions(NUMBER, plan("Bonjour"), concat_reference=9)
    assert only.concat is None
    assert only == submissions(NUMBER, plan("Bonjour"))[0]


def test_several_parts_want_a_reference() -> None:
    with pytest.raises(PduError):
        submissions(NUMBER, plan("a" * 161))


def test_parts_planned_without_room_for_a_wide_reference_are_refused() -> None:
    [first, _] = submissions(NUMBER, plan("a" * 161), concat_reference=1, wide_reference=True)
    with pytest.raises(PduError, match="161 septets"):
        first.encode()


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", ["", "+", "+33 6", "06-39", "Mairie", "1" * 21, "٠٦٣٩", "+33639980101\r", "\x1a", "+33639980101\n"]
)
def test_what_is_no_destination(number: str) -> None:
    with pytest.raises(PduError):
        Submit(number, "Hello").encode()


@pytest.mark.parametrize(
    "message",
    [
        Submit(NUMBER, "a" * 161),
        Submit(NUMBER, "ж", Alphabet.GSM7),
        Submit(NUMBER, "ж" * 71, Alphabet.UCS2),
        Submit(NUMBER, "\ud83d", Alphabet.UCS2),
        Submit(NUMBER, "a", Alphabet.OCTETS),
        Submit(NUMBER, alphabet=Alphabet.OCTETS, data=bytes(141)),
        Submit(NUMBER, data=b"\x80"),
        Submit(NUMBER, data=bytes(300)),
        Submit(NUMBER, "a" * 154, concat=Concat(1, 2, 1)),
        Submit(NUMBER, "a", reference=256),
        Submit(NUMBER, "a", pid=-1),
        Submit(NUMBER, "a", message_class=4),
        Submit(NUMBER, "a", coding=0x08),  # says UCS-2
        Submit(NUMBER, "a", smsc="Orange"),
        Submit(NUMBER, "a", validity=timedelta(0)),
        Submit(NUMBER, "a", elements=(Element(0x70, bytes(137)),)),
    ],
)
def test_what_has_no_place_in_a_pdu(message: Submit) -> None:
    with pytest.raises(PduError):
        message.encode()


def test_a_coding_beyond_the_octet_is_refused() -> None:
    with pytest.raises(PduError):
        Submit(NUMBER, "a", coding=256).encode()


@pytest.mark.parametrize("text", ["a\rAT+CMGD=1,4\r", "\x1a", "\x1b", "\x00", "é😀", "\n\n", "a\x1bb"])
def test_a_text_cannot_leave_hexadecimal(text: str) -> None:
    [submit] = submissions(NUMBER, plan(text))
    encoded = submit.encode()
    assert set(encoded.hex) <= set("0123456789ABCDEF")
    assert decode(encoded.hex).text == text
