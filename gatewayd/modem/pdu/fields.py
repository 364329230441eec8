"""The fields of a TPDU, octets to values and back: addresses, times, validity periods, data coding.

Everything here raises PduError on octets or values that the specification has no place for, and nothing else. Clauses
are those of 3GPP TS 23.040 unless TS 23.038 is named.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from gatewayd.domain import gsm7
from gatewayd.domain.text import Alphabet
from gatewayd.errors import PduError, TextError

_SWAPPED = bytes((octet & 0x0F) << 4 | octet >> 4 for octet in range(256))


class Cursor:
    """Reads octets from the left; asking for more than there are is a PduError that names the field."""

    __slots__ = ("octets", "place")

    def __init__(self, octets: bytes) -> None:
        self.octets, self.place = octets, 0

    def octet(self, field: str) -> int:
        """The next octet."""
        place = self.place
        if place >= len(self.octets):
            raise PduError(f"the PDU ends before its {field}")
        self.place = place + 1
        return self.octets[place]

    def take(self, count: int, field: str) -> bytes:
        """The next `count` octets."""
        place = self.place
        end = place + count
        if end > len(self.octets):
            raise PduError(f"the PDU ends inside its {field}")
        self.place = end
        return self.octets[place:end]

    def rest(self) -> bytes:
        """What was not read yet."""
        return self.octets[self.place :]


# --- Addresses (clause 9.1.2.5) ---------------------------------------------------------------------------------------

TOA_UNKNOWN, TOA_INTERNATIONAL, TOA_ALPHANUMERIC = 0x81, 0x91, 0xD0
_INTERNATIONAL, _ALPHANUMERIC = 1, 5  # types of number, bits 6-4
_MAX_SEMI_OCTETS = 20
_MAX_SERVICE_CENTRE = 11  # octets, the type of address included (TS 24.011, clause 8.2.5.1)

# Clause 9.1.2.3: after the ten digits come * # a b c, and the filler.
_DIGITS_TO_HEX = str.maketrans("*#abc", "abcde")
_HEX_TO_DIGITS = str.maketrans("abcde", "*#abc")
_DIALABLE = re.compile(r"\+?[0-9*#abc]*")


def type_of_address(number: str) -> int:
    """The octet that an encoder writes for `number`: `+` is international, digits are unknown, the rest is a name."""
    if number.startswith("+"):
        return TOA_INTERNATIONAL
    return TOA_UNKNOWN if _DIALABLE.fullmatch(number) else TOA_ALPHANUMERIC


def encode_address(number: str, toa: int | None = None) -> bytes:
    """TP-DA, TP-OA or TP-RA: length in semi-octets, type of address, digits or packed name."""
    toa = type_of_address(number) if toa is None else toa
    if not 0 <= toa <= 0xFF:
        raise PduError(f"{toa} is no type of address")
    if toa >> 4 & 7 == _ALPHANUMERIC:
        septets = _name_septets(number)
        return bytes(((len(septets) * 7 + 3) // 4, toa)) + gsm7.pack(septets)
    digits = number.removeprefix("+")
    return bytes((len(digits), toa)) + _semi_octets(digits)


def decode_address(cursor: Cursor, field: str, *, strict: bool = False) -> tuple[str, int | None]:
    """A number and its type of address, None where the number says it already.

    `strict` wants bit 7 of the type set, as clause 9.1.2.5 has it: asked of what a phone submits. What the network
    delivers is read all the same: an answer of STOP counts more than a bit.
    """
    length, toa = cursor.octet(field), cursor.octet(field)
    if length > _MAX_SEMI_OCTETS:
        raise PduError(f"the {field} has {length} digits; {_MAX_SEMI_OCTETS} are possible")
    if strict and not toa & 0x80:
        raise PduError(f"the {field} has the type {toa:02X}, which has no bit 7")
    octets = cursor.take((length + 1) // 2, field)
    kind = toa >> 4 & 7
    if kind == _ALPHANUMERIC:
        number = gsm7.decode(gsm7.unpack(octets, length * 4 // 7))
    else:
        number = _digits(octets, length, field)
        if kind == _INTERNATIONAL and number:
            number = "+" + number
    return number, None if toa == type_of_address(number) else toa


def encode_service_centre(number: str | None) -> bytes:
    """The service centre before the TPDU: length in octets, type of address, digits; None is the SIM's own (00)."""
    if not number:
        return b"\x00"
    if not _DIALABLE.fullmatch(number):
        raise PduError("the service centre's number has other characters than digits")
    octets = _semi_octets(number.removeprefix("+"))
    return bytes((len(octets) + 1, type_of_address(number))) + octets


def decode_service_centre(cursor: Cursor) -> str | None:
    """The service centre's number; None if there is none. Its type of address is kept only as the `+`."""
    length = cursor.octet("service centre")
    if length == 0:
        return None
    if length > _MAX_SERVICE_CENTRE:
        raise PduError(f"the service centre takes {length} octets; {_MAX_SERVICE_CENTRE} are possible")
    toa = cursor.octet("service centre")
    octets = cursor.take(length - 1, "service centre")
    kind = toa >> 4 & 7
    if kind == _ALPHANUMERIC:
        return gsm7.decode(gsm7.unpack(octets, len(octets) * 8 // 7))
    digits = _digits(octets, len(octets) * 2, "service centre")
    return ("+" + digits if kind == _INTERNATIONAL else digits) if digits else None


def _semi_octets(digits: str) -> bytes:
    if len(digits) > _MAX_SEMI_OCTETS or not _DIALABLE.fullmatch(digits) or digits.startswith("+"):
        raise PduError(f"the number has other characters than digits, or more than {_MAX_SEMI_OCTETS}")
    written = digits.translate(_DIGITS_TO_HEX)
    return bytes.fromhex(written + "f" if len(written) % 2 else written).translate(_SWAPPED)


def _digits(octets: bytes, length: int, field: str) -> str:
    digits = octets.translate(_SWAPPED).hex()[:length].rstrip("f")
    if "f" in digits:
        raise PduError(f"the {field} has a filler between its digits")
    return digits.translate(_HEX_TO_DIGITS)


def _name_septets(name: str) -> bytes:
    try:
        septets = gsm7.encode(name)
    except TextError as error:
        raise PduError(f"the name cannot be an address: {error}") from None
    if (len(septets) * 7 + 3) // 4 > _MAX_SEMI_OCTETS:
        raise PduError("the name is longer than 11 septets")
    return septets


# --- Times (clause 9.2.3.11) ------------------------------------------------------------------------------------------

_NO_TIME = (bytes(7), b"\xff" * 7)
_CENTURY = 70  # a year of two digits: 70-99 are of the last century, as POSIX has it


def encode_time(moment: datetime | None) -> bytes:
    """Seven octets: year to second as swapped digits, then the zone in quarters of an hour; None is all zero."""
    if moment is None:
        return bytes(7)
    offset = moment.utcoffset()
    if offset is None:
        raise PduError("a time without a zone cannot be sent")
    quarters, rest = divmod(offset, timedelta(minutes=15))
    if rest or abs(quarters) > 79:
        moment, quarters = moment.astimezone(UTC), 0
    if not 1900 + _CENTURY <= moment.year < 2000 + _CENTURY:
        raise PduError(f"the year {moment.year} cannot be sent in two digits")
    digits = bytes.fromhex(moment.strftime("%y%m%d%H%M%S")).translate(_SWAPPED)
    tens, units = divmod(abs(quarters), 10)
    return digits + bytes((units << 4 | tens | (8 if quarters < 0 else 0),))


def decode_time(octets: bytes) -> datetime | None:
    """The moment with the PDU's own offset; None where it is no date, as the zeros of careless networks, or no digits:
    an answer of STOP counts more than its hour."""
    if octets in _NO_TIME:
        return None
    digits = octets[:6].translate(_SWAPPED).hex()
    zone = octets[6]
    if not digits.isdecimal() or zone >> 4 > 9:
        return None
    year, month, day, hour, minute, second = (int(digits[place : place + 2]) for place in range(0, 12, 2))
    quarters = (zone & 7) * 10 + (zone >> 4)
    offset = timezone(timedelta(minutes=-15 * quarters if zone & 8 else 15 * quarters)) if quarters else UTC
    try:
        return datetime(year + (1900 if year >= _CENTURY else 2000), month, day, hour, minute, second, tzinfo=offset)
    except ValueError:
        return None


# --- Validity (clause 9.2.3.12) ---------------------------------------------------------------------------------------

_MINUTE, _DAY = 60, 86_400
# Seconds of each value of a relative validity period: 5 minutes to 12 hours, 24 hours, 30 days, 63 weeks.
RELATIVE_PERIODS = tuple(
    5 * _MINUTE * (value + 1)
    if value <= 143
    else 12 * 3600 + 30 * _MINUTE * (value - 143)
    if value <= 167
    else _DAY * (value - 166)
    if value <= 196
    else 7 * _DAY * (value - 192)
    for value in range(256)
)


@dataclass(frozen=True, slots=True)
class EnhancedValidity:
    """A validity period in the enhanced format (clause 9.2.3.12.3): its seven octets."""

    octets: bytes

    @property
    def single_shot(self) -> bool:
        """Whether the service centre tries only once."""
        return bool(self.octets[0] & 0x40)

    @property
    def period(self) -> timedelta | None:
        """How long the message is valid; None where none is given, or none that is defined."""
        form, first = self.octets[0] & 0x07, self.octets[1]
        if form == 1:
            return timedelta(seconds=RELATIVE_PERIODS[first])
        if form == 2 and first:
            return timedelta(seconds=first)
        if form == 3 and (digits := self.octets[1:4].translate(_SWAPPED).hex()).isdecimal():
            return timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
        return None


Validity = timedelta | datetime | EnhancedValidity | None


def encode_validity(validity: Validity) -> tuple[int, bytes]:
    """TP-VPF (already in bits 4-3) and TP-VP.

    A period is written as the longest one not above it, so that nothing is delivered later than asked; below five
    minutes, the shortest there is, it is five minutes, and above 63 weeks it is 63 weeks.
    """
    if validity is None:
        return 0x00, b""
    if isinstance(validity, timedelta):
        seconds = validity.total_seconds()
        if seconds <= 0:
            raise PduError("a validity period must be longer than nothing")
        return 0x10, bytes((max(bisect_right(RELATIVE_PERIODS, seconds) - 1, 0),))
    if isinstance(validity, datetime):
        return 0x18, encode_time(validity)
    if len(validity.octets) != 7:
        raise PduError("an enhanced validity period has seven octets")
    return 0x08, validity.octets


def decode_validity(cursor: Cursor, first_octet: int) -> Validity:
    """TP-VP in the format that the first octet tells."""
    form = first_octet & 0x18
    if form == 0x00:
        return None
    if form == 0x10:
        return timedelta(seconds=RELATIVE_PERIODS[cursor.octet("validity period")])
    octets = cursor.take(7, "validity period")
    if form == 0x08:
        return EnhancedValidity(octets)
    moment = decode_time(octets)
    if moment is None:
        raise PduError("the validity period is no date")
    return moment


# --- Data coding (TS 23.038, clause 4) --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataCoding:
    """What a TP-DCS octet says. Reserved codings are GSM 7-bit; compressed text is data (OCTETS), never guessed at.

    `indication` is the kind of message waiting (0 voice mail, 1 fax, 2 e-mail, 3 other) and `active` whether one waits;
    `discard` says that the text may be thrown away, `delete` that the message is to go once read.
    """

    alphabet: Alphabet
    message_class: int | None = None
    compressed: bool = False
    delete: bool = False
    indication: int | None = None
    active: bool = False
    discard: bool = False


_GENERAL = (Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.GSM7)


def _coding(octet: int) -> DataCoding:
    group = octet >> 4
    if group < 0x8:
        message_class = octet & 3 if octet & 0x10 else None
        compressed = bool(octet & 0x20)
        alphabet = Alphabet.OCTETS if compressed else _GENERAL[octet >> 2 & 3]
        return DataCoding(alphabet, message_class, compressed=compressed, delete=bool(octet & 0x40))
    if group < 0xC:
        return DataCoding(Alphabet.GSM7)
    if group < 0xF:
        alphabet = Alphabet.UCS2 if group == 0xE else Alphabet.GSM7
        return DataCoding(alphabet, indication=octet & 3, active=bool(octet & 8), discard=group == 0xC)
    return DataCoding(Alphabet.OCTETS if octet & 4 else Alphabet.GSM7, octet & 3)


CODINGS = tuple(_coding(octet) for octet in range(256))
_PLAIN = {Alphabet.GSM7: 0x00, Alphabet.OCTETS: 0x04, Alphabet.UCS2: 0x08}


def plain_coding(alphabet: Alphabet, message_class: int | None) -> int:
    """The octet of the general group for an alphabet and a message class (0 flash ... 3)."""
    if message_class is None:
        return _PLAIN[alphabet]
    if not 0 <= message_class <= 3:
        raise PduError(f"{message_class} is no message class")
    return _PLAIN[alphabet] | 0x10 | message_class
