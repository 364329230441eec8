"""What holds for every PDU: a round trip for each value, and PduError or a value for any octets."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.domain.gsm7_tables import BASIC, EXTENSION
from gatewayd.domain.text import Alphabet
from gatewayd.errors import PduError
from gatewayd.modem.pdu import (
    Concat,
    Deliver,
    Element,
    EnhancedValidity,
    Message,
    Ports,
    StatusReport,
    Submit,
    decode,
    join,
)
from gatewayd.modem.pdu.fields import RELATIVE_PERIODS
from tests.unit.modem.vectors import load, pdu_of

OCTET = st.integers(0, 255)
NUMBERS = st.from_regex(r"\+?[0-9*#abc]{1,20}", fullmatch=True)
NAMES = st.text(st.sampled_from("ABCDEFGHIJKLMN xyzé@!-"), min_size=1, max_size=11)
LETTERS = sorted(set(BASIC + EXTENSION) - {"\x1b"})
ZONES = st.integers(-79, 79).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
MOMENTS = st.one_of(
    st.none(),
    st.datetimes(datetime(1971, 1, 1), datetime(2068, 12, 31), timezones=ZONES).map(  # noqa: DTZ001 - bounds have none
        lambda moment: moment.replace(microsecond=0)
    ),
)
CONCATS = st.builds(
    lambda reference, parts, wide: Concat(reference if wide else reference & 0xFF, max(parts), min(parts), wide),
    st.integers(0, 0xFFFF),
    st.tuples(st.integers(1, 255), st.integers(1, 255)),
    st.booleans(),
)
PORTS = st.one_of(
    st.builds(Ports, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), st.builds(Ports, OCTET, OCTET, st.just(False))
)
UNKNOWN = st.integers(0x70, 0x7F)  # service centre specific: never a value of its own
ELEMENTS = st.lists(st.builds(Element, UNKNOWN, st.binary(max_size=6)), max_size=3).map(tuple)


@st.composite
def content(draw: st.DrawFn) -> dict[str, Any]:
    """The fields of `Message` but the number; the text is short enough for any header above."""
    alphabet = draw(st.sampled_from(list(Alphabet)))
    fields: dict[str, Any] = {
        "alphabet": alphabet,
        "message_class": draw(st.sampled_from([None, 0, 1, 2, 3])),
        "concat": draw(st.one_of(st.none(), CONCATS)),
        "ports": draw(st.one_of(st.none(), PORTS)),
        "elements": draw(ELEMENTS),
        "pid": draw(OCTET),
        "smsc": draw(st.one_of(st.none(), st.from_regex(r"\+?[0-9]{1,20}", fullmatch=True))),
        "reply_path": draw(st.booleans()),
    }
    if alphabet is Alphabet.OCTETS:
        fields["data"] = draw(st.binary(max_size=90))
    elif alphabet is Alphabet.UCS2:
        fields["text"] = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    else:
        fields["text"] = draw(st.text(st.sampled_from(LETTERS), max_size=45))
        fields["single_shift"] = draw(st.sampled_from([0, 0, 200]))
    return fields


VALIDITIES = st.one_of(
    st.none(),
    st.sampled_from(RELATIVE_PERIODS).map(lambda seconds: timedelta(seconds=seconds)),
    MOMENTS.filter(lambda moment: moment is not None),
    st.binary(min_size=7, max_size=7).map(EnhancedValidity),
)
SUBMITS = st.builds(
    lambda fields, **more: Submit(**fields, **more),
    content(),
    number=NUMBERS,
    reference=OCTET,
    validity=VALIDITIES,
    status_report=st.booleans(),
    reject_duplicates=st.booleans(),
)
DELIVERS = st.builds(
    lambda fields, **more: Deliver(**fields, **more),
    content(),
    number=st.one_of(NUMBERS, NAMES),
    timestamp=MOMENTS,
    more_messages=st.booleans(),
    loop_prevention=st.booleans(),
    status_report_indication=st.booleans(),
)
REPORTS = st.builds(
    lambda fields, **more: StatusReport(**fields, **more),
    content(),
    number=NUMBERS,
    reference=OCTET,
    status=OCTET,
    timestamp=MOMENTS,
    discharge=MOMENTS,
    more_messages=st.booleans(),
    loop_prevention=st.booleans(),
    about_command=st.booleans(),
)


@given(st.one_of(SUBMITS, DELIVERS, REPORTS))
def test_what_is_written_is_read_again(message: Submit | Deliver | StatusReport) -> None:
    encoded = message.encode()
    assert decode(encoded.hex) == message
    assert decode(encoded.hex[-2 * encoded.length :], with_smsc=False) == replace(message, smsc=None)


def read_or_refuse(hex: str) -> None:
    """Decodes; what comes out can be encoded (a Submit to nobody excepted) and is then read the same."""
    for outgoing in (None, True, False):
        try:
            message = decode(hex, outgoing=outgoing)
        except PduError:
            continue
        assert isinstance(message, Message)
        assert join([message]).encode("utf-8") is not None
        try:
            again = message.encode().hex
        except PduError:
            continue
        assert decode(again) == message


GATHERED = load("modemmanager-decode", "python-messaging-decode", "gsmmodem-decode", "gammu-at-sms-parse")
VALID = [
    bytes.fromhex(pdu_of(v)) for v in GATHERED if "pdu" in v and v["expect"].get("accept", "error" not in v["expect"])
]
VALID += [bytes.fromhex(v["pdu"]) for v in load("gammu-at-sms-encode")[:4]]


@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    read_or_refuse(octets.hex())


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    read_or_refuse(text)


@pytest.mark.parametrize("octets", VALID, ids=range(len(VALID)))
def test_every_truncation(octets: bytes) -> None:
    for length in range(len(octets)):
        read_or_refuse(octets[:length].hex())


@given(st.sampled_from(VALID), st.data())
@settings(max_examples=1000)
def test_bits_that_flip(octets: bytes, data: st.DataObject) -> None:
    bits = int.from_bytes(octets, "big")
    for place in data.draw(st.lists(st.integers(0, len(octets) * 8 - 1), min_size=1, max_size=8)):
        bits ^= 1 << place
    read_or_refuse(bits.to_bytes(len(octets), "big").hex())


@given(st.sampled_from(VALID), st.data())
@settings(max_examples=500)
def test_octets_that_are_put_in(octets: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(octets)))
    read_or_refuse((octets[:place] + data.draw(st.binary(min_size=1, max_size=4)) + octets[place:]).hex())


@given(st.builds(Submit, number=st.text(max_size=25), text=st.text(max_size=200), alphabet=st.sampled_from(Alphabet)))
def test_any_values_are_written_or_refused(message: Submit) -> None:
    try:
        encoded = message.encode()
    except PduError:
        return
    assert encoded.length <= 164
    assert decode(encoded.hex).text == message.text


@given(st.builds(Deliver, number=st.text(max_size=12), text=st.text(max_size=20), timestamp=st.datetimes()))
def test_times_without_a_zone_are_refused(message: Deliver) -> None:
    with pytest.raises(PduError):
        message.encode()
