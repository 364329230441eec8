"""Octets to messages (3GPP TS 23.040, clause 9.2.2): strict about what is missing, patient about what is left over.

A PDU that ends too early, has a digit that is none, or more user data than a message can hold raises PduError. Octets
behind the user data are ignored, for phones pad what they store; nothing is ever read twice or past the end.
"""

from __future__ import annotations

from binascii import unhexlify
from dataclasses import dataclass
from typing import TypedDict

from gatewayd.domain import gsm7
from gatewayd.domain.text import Alphabet
from gatewayd.errors import PduError, TextError
from gatewayd.modem.pdu.fields import (
    CODINGS,
    Cursor,
    decode_address,
    decode_service_centre,
    decode_time,
    decode_validity,
    plain_coding,
)
from gatewayd.modem.pdu.header import EMPTY, Concat, Element, Header, Ports, decode_header
from gatewayd.modem.pdu.messages import MAX_OCTETS, MAX_SEPTETS, Deliver, StatusReport, Submit, decode_body

_MAX_HEX = 1024  # a stored message is at most 176 octets (TS 51.011, clause 10.5.3); some modems pad more
# Octets that may lack behind a header: senders count its septets differently, and a vector from the field lacks three.
_MISCOUNT = 3
_DELIVER, _SUBMIT, _STATUS_REPORT = 0, 1, 2


def decode(hex: str, *, outgoing: bool | None = None, with_smsc: bool = True) -> Deliver | Submit | StatusReport:
    """The message in `hex`.

    The type indicator means one thing towards the network and another from it: without `outgoing` the three kinds that
    a modem stores are told apart by it; True wants an SMS-SUBMIT, False an SMS-DELIVER or SMS-STATUS-REPORT.
    `with_smsc` tells that the service centre's address comes first (00: none), as it does in all AT commands.
    """
    try:
        octets = unhexlify(hex.strip()) if len(hex) <= _MAX_HEX else b""
    except ValueError:
        raise PduError("a PDU is made of pairs of hexadecimal digits") from None
    if not octets:
        raise PduError(f"a PDU has 1 to {_MAX_HEX // 2} octets")
    cursor = Cursor(octets)
    smsc = decode_service_centre(cursor) if with_smsc else None
    first = cursor.octet("first octet")
    kind = first & 0x03
    if kind == _SUBMIT and outgoing is not False:
        return _submit(cursor, first, smsc)
    if kind == _DELIVER and not outgoing:
        return _deliver(cursor, first, smsc)
    if kind == _STATUS_REPORT and not outgoing:
        return _status_report(cursor, first, smsc)
    raise PduError(f"the message type {kind} is not read here")


def destination(hex: str) -> str:
    """The one number that this SMS-SUBMIT, with its service centre, goes to; what lies behind it is not read."""
    cursor = Cursor(unhexlify(hex))
    decode_service_centre(cursor)
    if cursor.octet("first octet") & 0x03 != _SUBMIT:
        raise PduError("this is no SMS-SUBMIT")
    cursor.octet("reference")
    return decode_address(cursor, "destination", strict=True)[0]


def _submit(cursor: Cursor, first: int, smsc: str | None) -> Submit:
    reference = cursor.octet("reference")
    number, toa = decode_address(cursor, "destination", strict=True)
    pid, dcs = cursor.octet("protocol identifier"), cursor.octet("data coding")
    validity = decode_validity(cursor, first)
    content = _content(cursor, dcs, has_header=bool(first & 0x40))
    return Submit(
        **_common(number, toa, pid, content, smsc, first),
        reference=reference,
        validity=validity,
        status_report=bool(first & 0x20),
        reject_duplicates=bool(first & 0x04),
    )


def _deliver(cursor: Cursor, first: int, smsc: str | None) -> Deliver:
    number, toa = decode_address(cursor, "originator")
    pid, dcs = cursor.octet("protocol identifier"), cursor.octet("data coding")
    timestamp = decode_time(cursor.take(7, "time stamp"))
    content = _content(cursor, dcs, has_header=bool(first & 0x40))
    return Deliver(
        **_common(number, toa, pid, content, smsc, first),
        timestamp=timestamp,
        more_messages=not first & 0x04,
        loop_prevention=bool(first & 0x08),
        status_report_indication=bool(first & 0x20),
    )


def _status_report(cursor: Cursor, first: int, smsc: str | None) -> StatusReport:
    reference = cursor.octet("reference")
    number, toa = decode_address(cursor, "recipient")
    timestamp = decode_time(cursor.take(7, "time stamp"))
    discharge = decode_time(cursor.take(7, "discharge time"))
    status = cursor.octet("status")
    pid, content = _optional(cursor, has_header=bool(first & 0x40))
    return StatusReport(
        **_common(number, toa, pid, content, smsc, first),
        reference=reference,
        status=status,
        timestamp=timestamp,
        discharge=discharge,
        more_messages=not first & 0x04,
        loop_prevention=bool(first & 0x08),
        about_command=bool(first & 0x20),
    )


class _Common(TypedDict):
    """The fields of `Message`."""

    number: str
    toa: int | None
    pid: int
    text: str
    alphabet: Alphabet
    data: bytes | None
    message_class: int | None
    coding: int | None
    concat: Concat | None
    ports: Ports | None
    single_shift: int
    locking_shift: int
    elements: tuple[Element, ...]
    smsc: str | None
    reply_path: bool


def _common(number: str, toa: int | None, pid: int, content: _Content, smsc: str | None, first: int) -> _Common:
    header = content.header
    return {
        "number": number,
        "toa": toa,
        "pid": pid,
        "text": content.text,
        "alphabet": content.alphabet,
        "data": content.data,
        "message_class": content.message_class,
        "coding": content.coding,
        "concat": header.concat,
        "ports": header.ports,
        "single_shift": header.single_shift,
        "locking_shift": header.locking_shift,
        "elements": header.elements,
        "smsc": smsc,
        "reply_path": bool(first & 0x80),
    }


@dataclass(frozen=True, slots=True)
class _Content:
    """Text and what goes with it."""

    alphabet: Alphabet = Alphabet.GSM7
    message_class: int | None = None
    coding: int | None = None
    text: str = ""
    data: bytes | None = None
    header: Header = EMPTY


def _optional(cursor: Cursor, *, has_header: bool) -> tuple[int, _Content]:
    """TP-PI and what it announces (clause 9.2.3.27); padding of FF is none."""
    rest = cursor.rest()
    if not rest or rest.count(0xFF) == len(rest):
        return 0, _Content()
    indicator = octet = cursor.octet("parameter indicator")
    while octet & 0x80:  # extension octets say nothing that is defined
        octet = cursor.octet("parameter indicator")
    pid = cursor.octet("protocol identifier") if indicator & 0x01 else 0
    dcs = cursor.octet("data coding") if indicator & 0x02 else 0
    return pid, _content(cursor, dcs, has_header=has_header) if indicator & 0x04 else _decoded(dcs, EMPTY, b"")


def _content(cursor: Cursor, dcs: int, *, has_header: bool) -> _Content:
    """TP-UDL and TP-UD (clause 9.2.3.16 and 9.2.3.24)."""
    length = cursor.octet("user data length")
    seven_bits = CODINGS[dcs].alphabet is Alphabet.GSM7
    octets = _septet_octets(cursor, length, has_header=has_header) if seven_bits else _octets(cursor, length)
    header, used = EMPTY, 0
    if has_header and octets:  # a phone that stores an empty message with the bit set means nothing by it
        used = octets[0] + 1
        if used > len(octets):
            raise PduError("the user data header is longer than the user data")
        header = decode_header(octets[1:used])
    if not seven_bits:
        return _decoded(dcs, header, octets[used:])
    fill = -used * 8 % 7
    count = min(length - (used * 8 + fill) // 7, ((len(octets) - used) * 8 - fill) // 7)
    return _decoded(dcs, header, gsm7.unpack(octets[used:], max(count, 0), fill=fill))


def _octets(cursor: Cursor, length: int) -> bytes:
    if length > MAX_OCTETS:
        raise PduError(f"{length} octets are more than a message can hold")
    return cursor.take(length, "user data")


def _septet_octets(cursor: Cursor, length: int, *, has_header: bool) -> bytes:
    """The octets of `length` septets; behind a header the last few may lack."""
    if length > MAX_SEPTETS:
        raise PduError(f"{length} septets are more than a message can hold")
    wanted = gsm7.packed_length(length)
    if has_header and 0 < wanted - len(cursor.rest()) <= _MISCOUNT:
        wanted = len(cursor.rest())
    return cursor.take(wanted, "user data")


def _decoded(dcs: int, header: Header, body: bytes) -> _Content:
    """Text, and the body as well where the text does not say it all."""
    coding = CODINGS[dcs]
    text = decode_body(body, coding.alphabet, locking=header.locking_shift, single=header.single_shift)
    plain = plain_coding(coding.alphabet, coding.message_class)
    return _Content(
        coding.alphabet,
        coding.message_class,
        None if dcs == plain else dcs,
        text,
        None if _faithful(text, body, coding.alphabet, header) else body,
        header,
    )


def _faithful(text: str, body: bytes, alphabet: Alphabet, header: Header) -> bool:
    """Whether encoding `text` gives `body` again."""
    try:
        if alphabet is Alphabet.GSM7:
            return gsm7.encode(text, locking=header.locking_shift, single=header.single_shift) == body
        return alphabet is Alphabet.UCS2 and text.encode("utf-16-be") == body
    except TextError:
        return False
