"""The network's own reading of an SMS-SUBMIT: strict, and independent of the encoder it judges.

    SCA | first octet | TP-MR | TP-DA | TP-PID | TP-DCS | [TP-VP] | TP-UDL | TP-UD       (TS 23.040 clause 9.2.2.2)

`check(hex, announced)` either returns a `Submission`, with the text and the place in a concatenated message, or raises
`BadSubmission` with the reason; a module answers that with `+CMS ERROR: 304`. It never raises anything else. Stricter
than a module where an encoder could go wrong: reserved codings, a compressed text, a header longer than its data, half
a UCS-2 character are all refused. What can only be judged by reading (half an emoji, an escape cut from its character)
is kept in the text, as U+FFFD and U+001B.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.modem.simulator import alphabet

_DIGITS = "0123456789*#abc"
_SUBMIT = 0x01
_MAX_USER_DATA = 140
_VALIDITY_OCTETS = {0x00: 0, 0x08: 7, 0x10: 1, 0x18: 7}  # TP-VPF: none, enhanced, relative, absolute
_ABSOLUTE = 0x18
_NATIONAL_TABLES = frozenset({0x24, 0x25})


class BadSubmission(ValueError):
    """The module takes this PDU for malformed (+CMS ERROR: 304)."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What one SMS-SUBMIT says.

    `destination` is E.164 where the PDU says so, else the digits as dialled; `text` is None for octets that are no text
    (8-bit data, national tables); `concat` is (reference, total, part).
    """

    smsc: str
    destination: str
    reference: int
    status_report: bool
    text: str | None
    concat: tuple[int, int, int] | None
    validity: bytes


class _Octets:
    """A cursor over the octets which refuses to read past their end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int, what: str) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise BadSubmission(f"{what} is cut short")
        self.at += count
        return piece

    def octet(self, what: str) -> int:
        return self.take(1, what)[0]


def check(pdu: str, announced: int) -> Submission:
    """Read the hexadecimal `pdu` whose TPDU was announced as `announced` octets in AT+CMGS."""
    try:
        octets = _Octets(bytes.fromhex(pdu))
    except ValueError:
        raise BadSubmission("not hexadecimal") from None
    smsc = _service_centre(octets)
    if len(octets.data) - octets.at != announced:
        raise BadSubmission(f"{announced} octets announced, {len(octets.data) - octets.at} given")
    first = octets.octet("first octet")
    if first & 0x03 != _SUBMIT:
        raise BadSubmission("not an SMS-SUBMIT")
    reference = octets.octet("TP-MR")
    digits = octets.octet("TP-DA length")
    if not 1 <= digits <= 20:
        raise BadSubmission(f"TP-DA of {digits} digits")
    destination = _address(octets.octet("TP-DA type"), octets.take((digits + 1) // 2, "TP-DA"), digits)
    octets.octet("TP-PID")
    coding = octets.octet("TP-DCS")
    validity = _validity(octets, first & 0x18)
    text, concat = _user_data(octets, coding, headed=bool(first & 0x40))
    return Submission(smsc, destination, reference, bool(first & 0x20), text, concat, validity)


def _service_centre(octets: _Octets) -> str:
    length = octets.octet("service centre length")
    if length == 0:
        return ""
    if length > 12:
        raise BadSubmission(f"service centre of {length} octets")
    address = octets.take(length, "service centre")
    digits = 2 * (length - 1) - (1 if address[-1] >> 4 == 0x0F else 0)
    return _address(address[0], address[1:], digits)


def _address(kind: int, octets: bytes, digits: int) -> str:
    """Semi-octets to a number (TS 23.040 clause 9.1.2.5); alphanumeric destinations do not exist."""
    if not kind & 0x80 or kind & 0x70 not in (0x00, 0x10, 0x20):
        raise BadSubmission(f"type of address {kind:02X}")
    nibbles = [nibble for octet in octets for nibble in (octet & 0x0F, octet >> 4)]
    if digits % 2 and nibbles.pop() != 0x0F:
        raise BadSubmission("odd number of digits without its filler")
    if not nibbles or 0x0F in nibbles:
        raise BadSubmission("filler inside an address")
    number = "".join(_DIGITS[nibble] for nibble in nibbles)
    if kind & 0x70 == 0x10:
        if not number.isdigit() or not 4 <= len(number) <= 15:
            raise BadSubmission(f"{number} is no international number")
        return "+" + number
    return "+" + number[2:] if number.startswith("00") else number


def _validity(octets: _Octets, form: int) -> bytes:
    validity = octets.take(_VALIDITY_OCTETS[form], "TP-VP")
    if form == _ABSOLUTE:
        year, month, day, hour, minute, second = ((o & 0x0F) * 10 + (o >> 4) for o in validity[:6])
        if any(o & 0x0F > 9 or o >> 4 > 9 for o in validity[:6]) or not (
            1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60 and year < 100
        ):
            raise BadSubmission("TP-VP is no date")
    return validity


def _user_data(octets: _Octets, coding: int, *, headed: bool) -> tuple[str | None, tuple[int, int, int] | None]:
    bits = _bits(coding)
    length = octets.octet("TP-UDL")
    data = octets.data[octets.at :]
    wanted = (length * 7 + 7) // 8 if bits == 7 else length
    if len(data) != wanted:
        raise BadSubmission(f"TP-UDL {length} wants {wanted} octets, {len(data)} given")
    if wanted > _MAX_USER_DATA:
        raise BadSubmission(f"{wanted} octets of user data")
    header, elements = _header(data) if headed else (0, {})
    concat = _concat(elements)
    if bits == 8 or not _NATIONAL_TABLES.isdisjoint(elements):
        return None, concat
    if bits == 16:
        if (length - header) % 2:
            raise BadSubmission("half a UCS-2 character")
        return data[header:].decode("utf-16-be", "replace"), concat
    first = (header * 8 + 6) // 7  # the header is filled up to a septet boundary
    if length < first:
        raise BadSubmission("header longer than its user data")
    fill = first * 7 - header * 8
    return alphabet.decode(alphabet.unpack(data[header:], length - first, fill)), concat


def _bits(coding: int) -> int:
    """Bits per character of a TP-DCS (TS 23.038 clause 4); compressed and reserved codings are refused."""
    if coding & 0x80 == 0:  # general data coding, with or without automatic deletion
        if coding & 0x20:
            raise BadSubmission("compressed text")
        bits = {0: 7, 1: 8, 2: 16}.get(coding >> 2 & 0x03)
    else:
        bits = {0xC: 7, 0xD: 7, 0xE: 16, 0xF: 8 if coding & 0x04 else 7}.get(coding >> 4)
    if bits is None:
        raise BadSubmission(f"reserved TP-DCS {coding:02X}")
    return bits


def _header(data: bytes) -> tuple[int, dict[int, bytes]]:
    """Octets of the header with its length, and its elements (TS 23.040 clause 9.2.3.24)."""
    if not data or data[0] + 1 > len(data):
        raise BadSubmission("header longer than its user data")
    end, at = data[0] + 1, 1
    elements: dict[int, bytes] = {}
    while at < end:
        if at + 2 > end or at + 2 + data[at + 1] > end:
            raise BadSubmission("information element past the end of its header")
        elements[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return end, elements


def _concat(elements: dict[int, bytes]) -> tuple[int, int, int] | None:
    if 0x00 in elements and 0x08 in elements:
        raise BadSubmission("two concatenation elements")
    for identifier, octets in ((0x00, 3), (0x08, 4)):
        if (element := elements.get(identifier)) is not None:
            if len(element) != octets:
                raise BadSubmission(f"concatenation element of {len(element)} octets")
            total, part = element[-2], element[-1]
            if not 1 <= part <= total:
                raise BadSubmission(f"part {part} of {total}")
            return int.from_bytes(element[:-2], "big"), total, part
    return None
