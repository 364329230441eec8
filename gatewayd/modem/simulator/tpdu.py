"""What the simulated service centre sends towards a SIM: SMS-DELIVER and SMS-STATUS-REPORT (TS 23.040 clause 9.2.2).

Each PDU comes as `Pdu(hex, length)`, service centre included in `hex` and left out of `length`, as +CMT, +CDS, +CMGL
and +CMGR want it. A text is split into as many parts as it needs, never inside an escape or a surrogate pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gatewayd.errors import UsageError
from gatewayd.modem.simulator import alphabet

_DELIVER = 0x04  # TP-MTI 00, TP-MMS: no more messages wait
_REPORT = 0x06  # TP-MTI 10, TP-MMS
_HEADED = 0x40


@dataclass(frozen=True, slots=True)
class Pdu:
    """A PDU as hexadecimal; `length` counts the octets of the TPDU, as the AT commands announce it."""

    hex: str
    length: int


def semi_octets(digits: str) -> bytes:
    """Digits two by two, swapped, with the filler F (TS 23.040 clause 9.1.2.3)."""
    if len(digits) % 2:
        digits += "f"
    return bytes.fromhex("".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2)))


def address(number: str) -> bytes:
    """An address field: international after a plus sign, national or short digits, else alphanumeric."""
    if number.startswith("+") and number[1:].isdigit():
        return bytes([len(number) - 1, 0x91]) + semi_octets(number[1:])
    if number.isdigit():
        return bytes([len(number), 0x81]) + semi_octets(number)
    coded = b"".join(alphabet.encode(number) or [])[:11]
    packed = alphabet.pack(coded)
    return bytes([(len(coded) * 7 + 3) // 4, 0xD0]) + packed


def service_centre(number: str) -> bytes:
    """The service centre's address as a PDU begins with it; empty: the one of the card."""
    if not number:
        return b"\x00"
    field = address(number)
    return bytes([len(field) - 1]) + field[1:]


def timestamp(at: datetime) -> bytes:
    """Seven semi-octets, always in UTC (TS 23.040 clause 9.2.3.11)."""
    return semi_octets(at.astimezone(UTC).strftime("%y%m%d%H%M%S")) + b"\x00"


def delivers(smsc: str, sender: str, text: str, at: datetime, reference: int) -> list[Pdu]:
    """`text` from `sender` as one SMS-DELIVER or as many as it takes, joined by an 8-bit `reference`.

    UsageError when it takes more than 255.
    """
    coded = alphabet.encode(text)
    if coded is not None:
        parts, coding = _cut(coded, 160, 153), 0x00
    else:
        parts, coding = _cut([character.encode("utf-16-be") for character in text], 140, 134), 0x08
    if len(parts) > 255:
        raise UsageError(f"a text of {len(parts)} parts cannot be a message")
    return [
        _deliver(smsc, sender, at, coding, part, (reference, len(parts), number) if len(parts) > 1 else None)
        for number, part in enumerate(parts, 1)
    ]


def _cut(characters: list[bytes], alone: int, joined: int) -> list[bytes]:
    if sum(map(len, characters)) <= alone:
        return [b"".join(characters)]
    parts = [b""]
    for character in characters:
        if len(parts[-1]) + len(character) > joined:
            parts.append(b"")
        parts[-1] += character
    return parts


def _deliver(
    smsc: str, sender: str, at: datetime, coding: int, part: bytes, concat: tuple[int, int, int] | None
) -> Pdu:
    header = bytes([5, 0, 3, concat[0] & 0xFF, concat[1], concat[2]]) if concat else b""
    if coding == 0x00:
        first = (len(header) * 8 + 6) // 7
        data = header + alphabet.pack(part, first * 7 - len(header) * 8)
        length = first + len(part)
    else:
        data = header + part
        length = len(data)
    tpdu = bytes([_DELIVER | (_HEADED if header else 0)]) + address(sender) + bytes([0x00, coding])
    return _pdu(smsc, tpdu + timestamp(at) + bytes([length]) + data)


def status_report(smsc: str, reference: int, recipient: str, sent: datetime, discharged: datetime, status: int) -> Pdu:
    """The report on one submission: TP-MR, TP-RA, both time stamps, TP-ST (TS 23.040 clause 9.2.2.3)."""
    tpdu = bytes([_REPORT, reference]) + address(recipient) + timestamp(sent) + timestamp(discharged) + bytes([status])
    return _pdu(smsc, tpdu)


def _pdu(smsc: str, tpdu: bytes) -> Pdu:
    return Pdu((service_centre(smsc) + tpdu).hex().upper(), len(tpdu))
