"""The user data header (TS 23.040, clause 9.2.3.24), octets written by hand."""

from __future__ import annotations

import pytest

from gatewayd.errors import PduError
from gatewayd.modem.pdu import Concat, Deliver, Element, Header, Ports, decode
from gatewayd.modem.pdu.header import decode_header, encode_header

# SMS-DELIVER from +33639980101 with a header; the coding, the length and the user data follow.
HEADED = "00440B913336990801F100{dcs}62213171905480"


def deliver(user_data: str, *, length: int | None = None, dcs: str = "04") -> Deliver:
    """A message of octets (or as `dcs` says) with this user data."""
    octets = bytes.fromhex(user_data)
    count = len(octets) if length is None else length
    message = decode(HEADED.format(dcs=dcs) + f"{count:02X}" + octets.hex(), outgoing=False)
    assert isinstance(message, Deliver)
    return message


@pytest.mark.parametrize(
    ("octets", "header"),
    [
        ("0003AB0302", Header(concat=Concat(0xAB, 3, 2))),
        ("08041234FF01", Header(concat=Concat(0x1234, 255, 1, wide=True))),
        ("0402B0C0", Header(ports=Ports(0xB0, 0xC0, wide=False))),
        ("05040B8423F0", Header(ports=Ports(2948, 9200))),
        ("240101", Header(single_shift=1)),
        ("25010D", Header(locking_shift=13)),
        ("2400", Header(elements=(Element(0x24, b""),))),
        ("0A030001C1", Header(elements=(Element(0x0A, bytes((0, 1, 0xC1))),))),
        ("0003010201" + "05040B8423F0", Header(Concat(1, 2, 1), Ports(2948, 9200))),
        ("70007101FF", Header(elements=(Element(0x70, b""), Element(0x71, b"\xff")))),
    ],
)
def test_elements(octets: str, header: Header) -> None:
    raw = bytes.fromhex(octets)
    assert decode_header(raw) == header
    assert encode_header(header) == bytes((len(raw),)) + raw


@pytest.mark.parametrize(
    "octets",
    [
        "0003AB0300",  # part 0
        "0003AB0304",  # part 4 of 3
        "0003AB0000",  # of none
        "0002AB03",  # too short for what it is
        "0004AB030201",
        "0803120302",
        "0401B0",
        "05020B84",
        "25020101",
    ],
)
def test_an_element_without_sense_is_kept_and_passed_over(octets: str) -> None:
    raw = bytes.fromhex(octets)
    assert decode_header(raw) == Header(elements=(Element(raw[0], raw[2:]),))


def test_of_an_element_that_comes_twice_the_last_one_counts() -> None:
    twice = bytes.fromhex("0003010201" + "08040002" + "0302")
    assert decode_header(twice).concat == Concat(2, 3, 2, wide=True)


@pytest.mark.parametrize("octets", ["00", "0003", "0003AB03", "0003AB0302" + "7005FF"])
def test_a_header_whose_last_element_does_not_fit_is_ignored(octets: str) -> None:
    assert decode_header(bytes.fromhex(octets)) == Header()
    length = len(octets) // 2
    message = deliver(f"{length:02X}{octets}4142")
    assert (message.header, message.data) == (Header(), b"AB")


@pytest.mark.parametrize(
    "header",
    [
        Header(concat=Concat(256, 2, 1)),
        Header(concat=Concat(65536, 2, 1, wide=True)),
        Header(concat=Concat(-1, 2, 1)),
        Header(concat=Concat(1, 2, 0)),
        Header(concat=Concat(1, 2, 3)),
        Header(concat=Concat(1, 256, 1)),
        Header(ports=Ports(65536, 0)),
        Header(ports=Ports(256, 0, wide=False)),
        Header(single_shift=256),
        Header(locking_shift=-1),
        Header(elements=(Element(256, b""),)),
        Header(elements=(Element(0x70, bytes(256)),)),
        Header(elements=(Element(0x70, bytes(138)),)),
    ],
)
def test_headers_that_cannot_be_written(header: Header) -> None:
    with pytest.raises(PduError):
        encode_header(header)


# --- Header and text together -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "fill"),
    [
        ("00", 6),
        ("03240101", 3),
        ("0500030A0201", 1),  # 8-bit reference: 48 bits, one fill bit
        ("0608041234" + "0201", 0),  # 16-bit reference: 56 bits, none
        ("0A" + "0003010201" + "0403B0C000", 3),
    ],
)
def test_seven_bit_text_begins_at_a_septet(header: str, fill: int) -> None:
    octets = bytes.fromhex(header)
    assert -len(octets) * 8 % 7 == fill
    text = int.from_bytes(bytes.fromhex("C8329BFD06"), "little") << fill  # "Hello"
    body = text.to_bytes((35 + fill + 7) // 8, "little")
    length = (len(octets) * 8 + fill) // 7 + 5
    message = deliver((octets + body).hex(), length=length, dcs="00")
    assert message.text == "Hello"
    assert decode(message.encode().hex) == message


def test_turkish_by_single_shift() -> None:
    # Header of 32 bits, 3 fill bits: 5 septets; then ESC 47 (Ğ), ESC 69 (ı).
    septets = (0x1B, 0x47, 0x1B, 0x69)
    bits = sum(septet << (7 * place) for place, septet in enumerate(septets)) << 3
    message = deliver("03240101" + bits.to_bytes(4, "little").hex(), length=9, dcs="00")
    assert message.text == "Ğı"
    assert message.single_shift == 1
    assert message.data is None  # the text says it all, with its language
    assert decode(message.encode().hex) == message


def test_hindi_by_locking_shift() -> None:
    bits = (0x00 | 0x03 << 7 | 0x1B << 14 | 0x1C << 21) << 1  # header of 7 octets would leave none: this one leaves 1
    message = deliver("05240106" + "2500" + bits.to_bytes(4, "little").hex(), length=7 + 4, dcs="00")
    assert message.elements == (Element(0x25, b""),)
    assert message.text == "@¥\u0966"
    locked = deliver("06250106" + "240106" + (bits >> 1).to_bytes(4, "little").hex(), length=8 + 4, dcs="00")
    assert (locked.locking_shift, locked.single_shift) == (6, 6)
    assert locked.text == "\u0901\u0905\u0966"


def test_a_language_nobody_knows_is_read_with_the_default_tables() -> None:
    bits = sum(septet << (7 * place) for place, septet in enumerate(b"Hi")) << 3
    message = deliver("032501C8" + bits.to_bytes(3, "little").hex(), length=7, dcs="00")
    assert (message.locking_shift, message.text) == (0xC8, "Hi")
    assert decode(message.encode().hex) == message


@pytest.mark.parametrize(
    ("user_data", "length", "dcs"),
    [
        ("05000301", 4, "04"),  # the header goes on after the user data
        ("8C" + "00" * 139, 140, "08"),
        ("FF" + "00" * 139, 160, "00"),
    ],
)
def test_a_header_longer_than_its_message_is_refused(user_data: str, length: int, dcs: str) -> None:
    with pytest.raises(PduError):
        deliver(user_data, length=length, dcs=dcs)


def test_a_header_that_fills_the_message_leaves_no_text() -> None:
    assert deliver("0500030A0201", length=7, dcs="00").text == ""
    # One septet short: the fill bit is not counted.
    assert deliver("0500030A0201", length=6, dcs="00").text == ""


def test_a_header_announced_in_an_empty_message_means_nothing() -> None:
    assert deliver("", length=0, dcs="00").header == Header()
