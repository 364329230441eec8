"""What a modem shows: SMS-DELIVER, SMS-STATUS-REPORT, parts of a message, and octets that are none of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from gatewayd.domain.text import Alphabet
from gatewayd.errors import PduError
from gatewayd.modem.pdu import Concat, Deliver, Delivery, Ports, StatusReport, Submit, classify_status, decode, join

NUMBER = "+33639980101"
PARIS = timezone(timedelta(hours=2))
AT = datetime(2026, 6, 13, 17, 9, 45, tzinfo=PARIS)
SENDER = "0B913336990801F1"
STAMP = "62603171905480"


def test_an_answer_of_stop() -> None:
    message = decode(f"07913366003000F004{SENDER}0000{STAMP}0453EA130A")
    assert message == Deliver(NUMBER, "STOP", smsc="+33660003000", timestamp=AT)


@pytest.mark.parametrize(
    ("first", "field"),
    [
        ("00", "more_messages"),
        ("0C", "loop_prevention"),
        ("24", "status_report_indication"),
        ("84", "reply_path"),
    ],
)
def test_flags_of_a_delivery(first: str, field: str) -> None:
    plain = decode(f"0004{SENDER}0000{STAMP}0161")
    message = decode(f"00{first}{SENDER}0000{STAMP}0161")
    assert isinstance(message, Deliver)
    assert getattr(message, field)
    assert not getattr(plain, field)
    assert message.encode().hex == f"00{first}{SENDER}0000{STAMP}0161"


def test_a_delivery_whose_time_is_no_date_is_still_read() -> None:
    message = decode(f"0004{SENDER}0000000000000000000161")
    assert message == Deliver(NUMBER, "a")


def test_a_name_as_sender() -> None:
    message = Deliver("Mairie", "Bonjour", timestamp=AT)
    assert decode(message.encode().hex) == message


@pytest.mark.parametrize(
    ("dcs", "user_data", "alphabet", "text", "data"),
    [
        ("E0", "0200E9", Alphabet.UCS2, "é", None),
        ("D8", "0161", Alphabet.GSM7, "a", None),
        ("F5", "0161", Alphabet.OCTETS, "", b"a"),
        ("24", "0161", Alphabet.OCTETS, "", b"a"),  # compressed
        ("FB", "0161", Alphabet.GSM7, "a", None),  # reserved bit
        ("B0", "0161", Alphabet.GSM7, "a", None),  # reserved group
    ],
)
def test_codings_beyond_the_plain_ones(
    dcs: str, user_data: str, alphabet: Alphabet, text: str, data: bytes | None
) -> None:
    pdu = f"0004{SENDER}00{dcs}{STAMP}{user_data}"
    message = decode(pdu)
    assert (message.alphabet, message.text, message.data) == (alphabet, text, data)
    assert message.dcs == int(dcs, 16)
    assert message.encode().hex == pdu


def test_what_a_coding_says_besides_can_be_asked() -> None:
    message = decode(f"0004{SENDER}00D9{STAMP}0161")
    assert message.data_coding.indication == 1
    assert message.data_coding.active


# --- Bodies that are no text by themselves ----------------------------------------------------------------------------


def ucs2_part(number: int, octets: str) -> Deliver:
    """Part `number` of 2 with these UCS-2 octets."""
    body = f"05000301020{number}" + octets
    message = decode(f"0044{SENDER}0008{STAMP}{len(body) // 2:02X}{body}")
    assert isinstance(message, Deliver)
    return message


def test_an_emoji_cut_in_two_by_its_sender_is_joined() -> None:
    first, second = ucs2_part(1, "0061D83D"), ucs2_part(2, "DE0900620061")
    assert (first.text, second.text) == ("a\ufffd", "\ufffdba")
    assert first.data == bytes.fromhex("0061D83D")
    assert join([first, second]) == "a😉ba"
    assert decode(first.encode().hex) == first


def test_a_text_can_be_stored_whatever_came() -> None:
    join([ucs2_part(1, "D83DD83D"), ucs2_part(2, "DE09DE")]).encode()


def test_an_odd_octet_of_ucs2_is_kept() -> None:
    part = ucs2_part(1, "006100")
    assert part.text == "a\ufffd"
    assert part.body == bytes.fromhex("006100")


def test_an_escape_cut_from_its_character_is_joined() -> None:
    parts = [Deliver(NUMBER, data=b"a\x1b", concat=Concat(1, 2, 1)), Deliver(NUMBER, data=b"\x65b")]
    first, second = (decode(part.encode().hex) for part in parts)
    assert (first.text, second.text) == ("a ", "eb")
    assert first.data == b"a\x1b"
    assert join([first, second]) == "a€b"


def test_parts_of_different_alphabets_are_joined() -> None:
    parts = [Deliver(NUMBER, "a"), Deliver(NUMBER, "\u0436", Alphabet.UCS2), Deliver(NUMBER, "b")]
    assert join(parts) == "a\u0436b"


def test_parts_keep_their_own_language() -> None:
    assert join([Deliver(NUMBER, "ı", locking_shift=1), Deliver(NUMBER, "ù")]) == "ıù"


@pytest.mark.parametrize("ports", [None, Ports(2948, 9200)])
@pytest.mark.parametrize("octets", [b"z\0z", b"\xff\x9c", b""])
def test_octets_add_nothing_to_a_text(octets: bytes, ports: Ports | None) -> None:
    assert join([Deliver(NUMBER, "a"), Deliver(NUMBER, alphabet=Alphabet.OCTETS, data=octets, ports=ports)]) == "a"


def test_octets_that_can_only_be_text_are_one_unless_they_are_for_a_program() -> None:
    written = Deliver(NUMBER, alphabet=Alphabet.OCTETS, data="Arrêt !".encode())
    assert join([written]) == "Arrêt !"
    assert join([replace(written, ports=Ports(2948, 9200)), written]) == "", "its first part tells for whom it is"


# --- Status reports ---------------------------------------------------------------------------------------------------

REPORT = f"0006D6{SENDER}{STAMP}{STAMP}"


def test_a_report() -> None:
    assert decode(REPORT + "00") == StatusReport(NUMBER, reference=0xD6, timestamp=AT, discharge=AT)


@pytest.mark.parametrize(
    ("tail", "pid", "dcs", "text"),
    [
        ("0000", 0, 0, ""),
        ("000140", 0x40, 0, ""),
        ("000208", 0, 8, ""),
        ("0005040161", 4, 0, "a"),
        ("000740080200E9", 0x40, 8, "é"),
        ("0080" + "00", 0, 0, ""),  # an extension octet that says nothing
        ("0081" + "80" + "00" + "41", 0x41, 0, ""),
        ("00" + "FF" * 20, 0, 0, ""),  # padding
    ],
)
def test_optional_fields_of_a_report(tail: str, pid: int, dcs: int, text: str) -> None:
    report = decode(REPORT + tail)
    assert (report.pid, report.dcs, report.text) == (pid, dcs, text)
    assert decode(report.encode().hex) == report


@pytest.mark.parametrize("tail", ["", "0001", "0002", "0004", "0007", "0080", "000402", "00070008"])
def test_a_report_that_ends_too_early(tail: str) -> None:
    with pytest.raises(PduError):
        decode(REPORT + tail)


@pytest.mark.parametrize(
    ("first", "field"),
    [("02", "more_messages"), ("0E", "loop_prevention"), ("26", "about_command"), ("86", "reply_path")],
)
def test_flags_of_a_report(first: str, field: str) -> None:
    pdu = f"00{first}D6{SENDER}{STAMP}{STAMP}00"
    report = decode(pdu)
    assert getattr(report, field)
    assert not getattr(decode(REPORT + "00"), field)
    assert report.encode().hex == pdu


@pytest.mark.parametrize(
    ("statuses", "delivery"),
    [
        (range(0x00, 0x03), Delivery.DELIVERED),
        (range(0x03, 0x10), Delivery.FAILED),  # reserved: "service rejected"
        (range(0x10, 0x20), Delivery.DELIVERED),  # the service centre's own
        (range(0x20, 0x40), Delivery.PENDING),
        (range(0x40, 0x60), Delivery.FAILED),
        (range(0x60, 0x80), Delivery.FAILED),
        (range(0x80, 0x100), Delivery.FAILED),  # reserved
    ],
)
def test_every_status_has_a_meaning(statuses: range, delivery: Delivery) -> None:
    assert {classify_status(status) for status in statuses} == {delivery}


def test_a_report_says_what_it_means() -> None:
    assert StatusReport(NUMBER, status=0x30).delivery is Delivery.PENDING


# --- Direction, framing, bounds ---------------------------------------------------------------------------------------

SUBMIT = f"000100{SENDER}00000161"
DELIVER = f"0004{SENDER}0000{STAMP}0161"


@pytest.mark.parametrize(
    ("pdu", "outgoing", "kind"),
    [
        (SUBMIT, None, Submit),
        (SUBMIT, True, Submit),
        (DELIVER, None, Deliver),
        (DELIVER, False, Deliver),
        (REPORT + "00", None, StatusReport),
        (REPORT + "00", False, StatusReport),
    ],
)
def test_kinds(pdu: str, outgoing: bool | None, kind: type) -> None:
    assert type(decode(pdu, outgoing=outgoing)) is kind


@pytest.mark.parametrize(("pdu", "outgoing"), [(SUBMIT, False), (DELIVER, True), (REPORT + "00", True)])
def test_a_kind_that_does_not_go_this_way_is_refused(pdu: str, outgoing: bool) -> None:
    with pytest.raises(PduError):
        decode(pdu, outgoing=outgoing)


@pytest.mark.parametrize("outgoing", [None, True, False])
def test_the_reserved_kind_is_refused(outgoing: bool | None) -> None:
    with pytest.raises(PduError):
        decode("0007" + DELIVER[4:], outgoing=outgoing)


def test_without_a_service_centre() -> None:
    assert decode(DELIVER[2:], with_smsc=False) == decode(DELIVER)


def test_spaces_around_and_small_letters_do_no_harm() -> None:
    assert decode(f"  {DELIVER.lower()}\r\n") == decode(DELIVER)


@pytest.mark.parametrize(
    "hex",
    ["", " ", "0", "00", "0G", "zz", "é" * 4, "٠٠", "00 04", DELIVER[:-1], "00" * 513, DELIVER + "FF" * 600, "\ud800"],
)
def test_what_is_no_pdu(hex: str) -> None:
    with pytest.raises(PduError):
        decode(hex)


def test_octets_behind_the_message_are_ignored() -> None:
    assert decode(DELIVER + "FFFF") == decode(DELIVER)


@pytest.mark.parametrize(
    ("dcs", "length", "octets"), [("00", 161, 141), ("04", 141, 141), ("08", 142, 142), ("00", 8, 6), ("08", 4, 3)]
)
def test_more_user_data_than_fits_or_than_is_there(dcs: str, length: int, octets: int) -> None:
    with pytest.raises(PduError):
        decode(f"0004{SENDER}00{dcs}{STAMP}{length:02X}" + "00" * octets)


def test_a_few_octets_may_lack_behind_a_header() -> None:
    whole = Submit(NUMBER, "a" * 50, concat=Concat(1, 2, 1)).encode().hex
    for missing, letters in ((1, 49), (2, 47), (3, 46)):
        assert decode(whole[: -2 * missing]).text == "a" * letters
    with pytest.raises(PduError):
        decode(whole[:-8])
