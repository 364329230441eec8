"""The network reads every right SMS-SUBMIT and refuses every wrong one."""

from __future__ import annotations

import pytest

from gatewayd.modem.simulator.alphabet import DEFAULT, EXTENSION
from gatewayd.modem.simulator.submit_check import BadSubmission, check
from tests.unit.modem.simulator.bench import ALICE, submit_pdu

_BODY = "0B913336998000F1"  # TP-DA +33639980 001


def read(pdu: str) -> str | None:
    return check(pdu, len(pdu) // 2 - 1).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bonjour",
        "@£$¥èéùìòÇ§¿",
        "[5 €] {ok} \\ ^ ~ |",
        "1234567",
        "12345678@",
        "x" * 160,
        "œuvre ’ê",
        "😀" * 35,
        "".join(c for c in DEFAULT if c != "\x1b") + "".join(EXTENSION.values()),
    ],
)
def test_a_text_is_read_back(text: str) -> None:
    assert read(submit_pdu(text)) == text


def test_the_published_example_of_a_submission() -> None:
    """`hellohello` as in every tutorial of PDU mode (number changed to one that belongs to nobody)."""
    checked = check("0011000B913336998000F10000AA0AE8329BFD4697D9EC37", 23)
    assert (checked.text, checked.validity, checked.status_report) == ("hellohello", b"\xaa", False)


@pytest.mark.parametrize(
    ("header", "concat"),
    [
        (bytes([5, 0, 3, 0x2A, 2, 1]), (0x2A, 2, 1)),
        (bytes([6, 8, 4, 0x12, 0x34, 3, 3]), (0x1234, 3, 3)),
        (bytes([4, 0x70, 2, 1, 2]), None),
    ],
)
@pytest.mark.parametrize("text", ["Bonjour é", "Bonjour ê"])
def test_a_header_is_read(header: bytes, concat: tuple[int, int, int] | None, text: str) -> None:
    pdu = submit_pdu(text, header=header)
    checked = check(pdu, len(pdu) // 2 - 1)
    assert (checked.text, checked.concat) == (text, concat)


def test_destination_service_centre_and_report() -> None:
    pdu = submit_pdu(report=True, smsc="07913336990000F0")
    checked = check(pdu, len(pdu) // 2 - 8)
    assert (checked.destination, checked.smsc, checked.status_report) == (ALICE, "+33639900000", True)


@pytest.mark.parametrize(
    ("number", "read_as"), [("0033639980011", ALICE), ("0639980011", "0639980011"), ("38000",) * 2]
)
def test_a_number_as_it_is_dialled(number: str, read_as: str) -> None:
    pdu = submit_pdu(to=number)
    assert check(pdu, len(pdu) // 2 - 1).destination == read_as


def test_octets_are_no_text() -> None:
    pdu = "000100" + _BODY + "0004" + "03" + "010203"
    assert check(pdu, len(pdu) // 2 - 1).text is None


@pytest.mark.parametrize(
    ("pdu", "why"),
    [
        ("zz", "not hexadecimal"),
        ("0", "not hexadecimal"),
        ("", "cut short"),
        ("00", "cut short"),
        ("000000" + _BODY + "000000", "not an SMS-SUBMIT"),
        ("00010000910000" + "00", "0 digits"),
        ("0001001891" + "33" * 12 + "000000", "24 digits"),
        ("0001000BD13336998000F1" + "000000", "type of address D1"),
        ("0001000B113336998000F1" + "000000", "type of address 11"),
        ("0001000B91333699800011" + "000000", "without its filler"),
        ("0001000B913336F98000F1" + "000000", "filler inside"),
        ("0001000291A3" + "000000", "no international number"),
        ("000100" + _BODY + "002000", "compressed"),
        ("000100" + _BODY + "000C00", "reserved TP-DCS 0C"),
        ("000100" + _BODY + "008000", "reserved TP-DCS 80"),
        ("000100" + _BODY + "00000A" + "E8329B", "TP-UDL 10 wants 9 octets, 3 given"),
        ("000100" + _BODY + "000001" + "E832", "wants 1 octets"),
        ("000100" + _BODY + "0008" + "8E" + "00" * 142, "142 octets of user data"),
        ("000100" + _BODY + "0008" + "03" + "004100", "half a UCS-2"),
        ("004100" + _BODY + "0008" + "03" + "050003", "header longer"),
        ("004100" + _BODY + "0008" + "04" + "03000500", "past the end"),
        ("004100" + _BODY + "0008" + "06" + "050003010203", "part 3 of 2"),
        ("004100" + _BODY + "0008" + "06" + "050003010200", "part 0 of 2"),
        ("004100" + _BODY + "0008" + "05" + "0400020102", "concatenation element of 2"),
        ("001900" + _BODY + "0000" + "62" * 7 + "00", "no date"),
    ],
)
def test_a_wrong_pdu(pdu: str, why: str) -> None:
    with pytest.raises(BadSubmission, match=why):
        check(pdu, len(pdu) // 2 - 1)


def test_a_cut_escape_and_half_an_emoji_show_in_the_text() -> None:
    assert read("000100" + _BODY + "0000" + "01" + "1B") == "\x1b"
    assert read("000100" + _BODY + "0008" + "02" + "D83D") == "\ufffd"
