"""Fields of a TPDU, each against its clause of TS 23.040 and TS 23.038; octets written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.text import Alphabet
from gatewayd.errors import PduError
from gatewayd.modem.pdu import EnhancedValidity
from gatewayd.modem.pdu.fields import (
    CODINGS,
    RELATIVE_PERIODS,
    TOA_ALPHANUMERIC,
    Cursor,
    decode_address,
    decode_service_centre,
    decode_time,
    decode_validity,
    encode_address,
    encode_service_centre,
    encode_time,
    encode_validity,
    plain_coding,
)

# --- Addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "octets"),
    [
        ("+33639980101", "0B913336990801F1"),
        ("0639980101", "0A816093891010"),
        ("36180", "05816381F0"),
        ("*100#", "05811A00FB"),
        ("1*#abc", "0681A1CBED"),
        ("+1", "0191F1"),
        ("12345678901234567890", "148121436587092143658709"),
    ],
)
def test_numbers(number: str, octets: str) -> None:
    assert encode_address(number).hex().upper() == octets
    assert decode_address(Cursor(bytes.fromhex(octets)), "number", strict=True) == (number, None)


@pytest.mark.parametrize(("name", "length"), [("", 0), ("abc", 6), ("Mairie", 11), ("Vodafone", 14), ("a[]{}€", 20)])
def test_names(name: str, length: int) -> None:
    octets = encode_address(name, TOA_ALPHANUMERIC)
    assert octets[:2] == bytes((length, 0xD0))
    read, _ = decode_address(Cursor(octets), "name")
    assert read == name


def test_a_name_that_looks_like_a_number_keeps_its_type() -> None:
    assert decode_address(Cursor(encode_address("3018", TOA_ALPHANUMERIC)), "name") == ("3018", TOA_ALPHANUMERIC)
    assert decode_address(Cursor(encode_address("Mairie")), "name") == ("Mairie", None)


@pytest.mark.parametrize(("octets", "number", "toa"), [("05A16381F0", "36180", 0xA1), ("02C821", "12", 0xC8)])
def test_a_type_that_the_number_does_not_say_is_kept(octets: str, number: str, toa: int) -> None:
    assert decode_address(Cursor(bytes.fromhex(octets)), "number") == (number, toa)
    assert encode_address(number, toa).hex().upper() == octets


def test_a_filler_that_was_counted_is_no_digit() -> None:
    assert decode_address(Cursor(bytes.fromhex("06916318F0")), "number")[0] == "+36810"


@pytest.mark.parametrize(
    "octets",
    [
        "",  # nothing
        "0B",  # no type
        "0B9133",  # too few digits
        "15916321436587092143658709F1",  # more than 20
        "0491F619",  # a filler before a digit
    ],
)
def test_bad_addresses(octets: str) -> None:
    with pytest.raises(PduError):
        decode_address(Cursor(bytes.fromhex(octets)), "number")


def test_bit_seven_of_the_type_is_asked_of_what_a_phone_submits() -> None:
    octets = bytes.fromhex("05016381F0")
    assert decode_address(Cursor(octets), "number")[0] == "36180"
    with pytest.raises(PduError):
        decode_address(Cursor(octets), "number", strict=True)


@pytest.mark.parametrize(
    "number", ["1" * 21, "+" + "1" * 21, "++1", "+33 6", "+06-12", "٠٦", "12345678901é", "êa", "m" * 12, "€€€€€€"]
)
def test_numbers_that_cannot_be_written(number: str) -> None:
    with pytest.raises(PduError):
        encode_address(number)


@pytest.mark.parametrize("toa", [-1, 256])
def test_a_type_is_an_octet(toa: int) -> None:
    with pytest.raises(PduError):
        encode_address("1", toa)


@pytest.mark.parametrize(
    ("octets", "number"),
    [("00", None), ("0181", None), ("07913366003000F0", "+33660003000"), ("03812143", "1234")],
)
def test_service_centres(octets: str, number: str | None) -> None:
    assert decode_service_centre(Cursor(bytes.fromhex(octets))) == number


@pytest.mark.parametrize("octets", ["", "0791", "0C91" + "00" * 11, "03912FF3"])
def test_bad_service_centres(octets: str) -> None:
    with pytest.raises(PduError):
        decode_service_centre(Cursor(bytes.fromhex(octets)))


@pytest.mark.parametrize("number", ["Orange", "+33 6", "1" * 21])
def test_service_centres_that_cannot_be_written(number: str) -> None:
    with pytest.raises(PduError):
        encode_service_centre(number)


# --- Times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "moment"),
    [
        ("62213171905480", "2026-12-13T17:09:45+02:00"),
        ("6221317190548A", "2026-12-13T17:09:45-07:00"),
        ("62213171905408", "2026-12-13T17:09:45+00:00"),
        ("62213171905423", "2026-12-13T17:09:45+08:00"),
        ("62213171905432", "2026-12-13T17:09:45+05:45"),
        ("6221317190549F", "2026-12-13T17:09:45-19:45"),
        ("07101000000000", "1970-01-01T00:00:00+00:00"),
        ("96211332959500", "2069-12-31T23:59:59+00:00"),
    ],
)
def test_times(octets: str, moment: str) -> None:
    read = decode_time(bytes.fromhex(octets))
    assert read is not None
    assert read.isoformat() == moment
    if octets[-2:] != "08":  # minus nothing
        assert encode_time(read).hex().upper() == octets


@pytest.mark.parametrize(
    "octets",
    [
        "00000000000000",
        "FFFFFFFFFFFFFF",
        "62003171905480",  # month 0
        "62313171905480",  # month 13
        "62201371905480",  # February 31st
        "62213142905480",  # 24 o'clock
        "62213171065480",  # minute 60
    ],
)
def test_digits_that_are_no_date_are_no_time(octets: str) -> None:
    assert decode_time(bytes.fromhex(octets)) is None


@pytest.mark.parametrize("octets", ["F2213171905480", "622131719054A0", "6221317190C480"])
def test_other_characters_than_digits_are_no_time(octets: str) -> None:
    assert decode_time(bytes.fromhex(octets)) is None


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001 - a time without a zone is what is refused
        datetime(2070, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, tzinfo=UTC),
    ],
)
def test_times_that_cannot_be_written(moment: datetime) -> None:
    with pytest.raises(PduError):
        encode_time(moment)


def test_a_zone_that_is_no_quarter_is_written_in_utc() -> None:
    moment = datetime(2026, 6, 1, 12, 0, tzinfo=timezone(timedelta(hours=1, minutes=7)))
    assert decode_time(encode_time(moment)) == moment


# --- Validity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "octet"),
    [
        (timedelta(seconds=1), 0x00),
        (timedelta(minutes=5), 0x00),
        (timedelta(minutes=9, seconds=59), 0x00),
        (timedelta(minutes=10), 0x01),
        (timedelta(hours=12), 143),
        (timedelta(hours=12, minutes=29), 143),
        (timedelta(hours=12, minutes=30), 144),
        (timedelta(hours=24), 167),
        (timedelta(hours=47), 167),
        (timedelta(days=2), 168),
        (timedelta(days=30), 196),
        (timedelta(days=34), 196),
        (timedelta(weeks=5), 197),
        (timedelta(weeks=63), 255),
        (timedelta(weeks=500), 255),
    ],
)
def test_relative_validity_is_the_longest_step_not_above(period: timedelta, octet: int) -> None:
    assert encode_validity(period) == (0x10, bytes((octet,)))


@given(st.integers(0, 255))
def test_every_step_is_read_as_it_is_written(octet: int) -> None:
    period = decode_validity(Cursor(bytes((octet,))), 0x10)
    assert isinstance(period, timedelta)
    assert period == timedelta(seconds=RELATIVE_PERIODS[octet])
    assert encode_validity(period) == (0x10, bytes((octet,)))


def test_steps_grow() -> None:
    assert list(RELATIVE_PERIODS) == sorted(set(RELATIVE_PERIODS))


@pytest.mark.parametrize("period", [timedelta(), timedelta(seconds=-1)])
def test_no_validity_at_all_is_refused(period: timedelta) -> None:
    with pytest.raises(PduError):
        encode_validity(period)


def test_a_date_that_is_none_cannot_be_a_validity() -> None:
    with pytest.raises(PduError):
        decode_validity(Cursor(bytes(7)), 0x18)


@pytest.mark.parametrize(
    ("octets", "period", "single_shot"),
    [
        ("00000000000000", None, False),
        ("40000000000000", None, True),
        ("01A70000000000", timedelta(hours=24), False),
        ("022D0000000000", timedelta(seconds=45), False),
        ("02000000000000", None, False),
        ("43102030000000", timedelta(hours=1, minutes=2, seconds=3), True),
        ("03A02030000000", None, False),
        ("04000000000000", None, False),
    ],
)
def test_enhanced_validity(octets: str, period: timedelta | None, single_shot: bool) -> None:
    read = decode_validity(Cursor(bytes.fromhex(octets)), 0x08)
    assert isinstance(read, EnhancedValidity)
    assert read.octets == bytes.fromhex(octets)
    assert (read.period, read.single_shot) == (period, single_shot)
    assert encode_validity(read) == (0x08, bytes.fromhex(octets))


def test_an_enhanced_validity_has_seven_octets() -> None:
    with pytest.raises(PduError):
        encode_validity(EnhancedValidity(b"\x00"))


# --- Data coding ------------------------------------------------------------------------------------------------------

GSM7, OCTETS, UCS2 = Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2


@pytest.mark.parametrize(
    ("octet", "alphabet", "message_class"),
    [
        (0x00, GSM7, None),
        (0x03, GSM7, None),  # class bits mean nothing without bit 4
        (0x04, OCTETS, None),
        (0x08, UCS2, None),
        (0x0C, GSM7, None),  # reserved alphabet
        (0x10, GSM7, 0),
        (0x15, OCTETS, 1),
        (0x1A, UCS2, 2),
        (0x20, OCTETS, None),  # compressed: data
        (0x28, OCTETS, None),
        (0x48, UCS2, None),  # marked for deletion
        (0x54, OCTETS, 0),
        (0x80, GSM7, None),  # reserved groups
        (0xB8, GSM7, None),
        (0xC8, GSM7, None),  # message waiting, discard
        (0xD0, GSM7, None),  # message waiting, store
        (0xE0, UCS2, None),  # message waiting, store, UCS-2
        (0xE8, UCS2, None),
        (0xF0, GSM7, 0),
        (0xF3, GSM7, 3),
        (0xF4, OCTETS, 0),
        (0xF7, OCTETS, 3),
        (0xF9, GSM7, 1),  # bit 3 is reserved
    ],
)
def test_coding_groups(octet: int, alphabet: Alphabet, message_class: int | None) -> None:
    coding = CODINGS[octet]
    assert (coding.alphabet, coding.message_class) == (alphabet, message_class)


def test_what_a_coding_says_besides() -> None:
    assert CODINGS[0x24].compressed
    assert CODINGS[0x40].delete
    assert not CODINGS[0x00].delete
    voice, mail = CODINGS[0xC8], CODINGS[0xD2]
    assert (voice.indication, voice.active, voice.discard) == (0, True, True)
    assert (mail.indication, mail.active, mail.discard) == (2, False, False)
    assert CODINGS[0xE9].indication == 1


@pytest.mark.parametrize("alphabet", list(Alphabet))
@pytest.mark.parametrize("message_class", [None, 0, 1, 2, 3])
def test_plain_codings_say_what_they_were_made_of(alphabet: Alphabet, message_class: int | None) -> None:
    coding = CODINGS[plain_coding(alphabet, message_class)]
    assert (coding.alphabet, coding.message_class) == (alphabet, message_class)


@pytest.mark.parametrize("message_class", [-1, 4])
def test_there_are_four_classes(message_class: int) -> None:
    with pytest.raises(PduError):
        plain_coding(Alphabet.GSM7, message_class)
