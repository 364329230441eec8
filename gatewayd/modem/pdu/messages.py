"""SMS-SUBMIT, SMS-DELIVER and SMS-STATUS-REPORT as frozen values (3GPP TS 23.040, clause 9.2.2).

A field says what an octet means; a field of octets (`data`, `coding`, `toa`) is set only where they are not the ones
that the other fields would write. So `decode(message.encode().hex) == message`, and texts, numbers and alphabets can be
compared and made without thinking of octets.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from gatewayd.domain import gsm7
from gatewayd.domain.text import Alphabet, TextPlan
from gatewayd.errors import PduError, TextError
from gatewayd.modem.pdu.fields import (
    CODINGS,
    TOA_ALPHANUMERIC,
    DataCoding,
    Validity,
    encode_address,
    encode_service_centre,
    encode_time,
    encode_validity,
    plain_coding,
)
from gatewayd.modem.pdu.header import Concat, Element, Header, Ports, encode_header

MAX_OCTETS = 140  # of user data, the header included
MAX_SEPTETS = 160


@dataclass(frozen=True, slots=True)
class EncodedPdu:
    """A PDU for the modem: `hex` with the service centre, `length` of the TPDU alone, as AT+CMGS wants it."""

    hex: str
    length: int


@dataclass(frozen=True, slots=True)
class Message:
    """What the three kinds have in common.

    `number` is the other side: `+` and digits, digits, or a name. `data` is the raw body where `text` cannot say it:
    octets, septets (one an octet) with escapes that no table knows, or half a surrogate pair at a part's edge; see
    `body` and `join`. `coding` is the TP-DCS octet where it is not the plain one of `alphabet` and `message_class`.
    """

    number: str
    text: str = ""
    alphabet: Alphabet = Alphabet.GSM7
    data: bytes | None = None
    message_class: int | None = None
    concat: Concat | None = None
    ports: Ports | None = None
    single_shift: int = 0
    locking_shift: int = 0
    elements: tuple[Element, ...] = ()
    pid: int = 0
    coding: int | None = None
    toa: int | None = None
    smsc: str | None = None
    reply_path: bool = False

    @property
    def dcs(self) -> int:
        """The TP-DCS octet; PduError if there is none such."""
        if self.coding is None:
            return plain_coding(self.alphabet, self.message_class)
        return _octet(self.coding, "data coding")

    @property
    def data_coding(self) -> DataCoding:
        """What the TP-DCS octet says beyond alphabet and class."""
        return CODINGS[self.dcs]

    @property
    def header(self) -> Header:
        """The user data header."""
        return Header(self.concat, self.ports, self.single_shift, self.locking_shift, self.elements)

    @property
    def body(self) -> bytes:
        """The user data without header: septets (one an octet), UTF-16-BE or octets; PduError if they cannot be."""
        if self.data is not None:
            return self.data
        if self.alphabet is Alphabet.OCTETS:
            if self.text:
                raise PduError("a message of octets carries data, not a text")
            return b""
        try:
            if self.alphabet is Alphabet.GSM7:
                return gsm7.encode(self.text, locking=self.locking_shift, single=self.single_shift)
            return self.text.encode("utf-16-be")
        except (TextError, UnicodeEncodeError) as error:
            raise PduError(f"the text does not fit its alphabet: {error}") from None


@dataclass(frozen=True, slots=True)
class Submit(Message):
    """SMS-SUBMIT (clause 9.2.2.2): to the network. `reference` is TP-MR, which most modems fill in themselves."""

    reference: int = 0
    validity: Validity = None
    status_report: bool = False
    reject_duplicates: bool = False

    def encode(self) -> EncodedPdu:
        """The PDU for AT+CMGS; PduError for a value that has no place in it."""
        form, validity = encode_validity(self.validity)
        header, length, user_data = _user_data(self)
        first = 0x01 | form | self.reject_duplicates << 2 | self.status_report << 5 | header << 6 | self.reply_path << 7
        return _encoded(
            self.smsc,
            bytes((first, _octet(self.reference, "reference"))),
            _destination(self),
            bytes((_octet(self.pid, "protocol identifier"), self.dcs)),
            validity,
            bytes((length,)),
            user_data,
        )


@dataclass(frozen=True, slots=True)
class Deliver(Message):
    """SMS-DELIVER (clause 9.2.2.1): from the network. `timestamp` is the service centre's, None where it is no date."""

    timestamp: datetime | None = None
    more_messages: bool = False
    loop_prevention: bool = False
    status_report_indication: bool = False

    def encode(self) -> EncodedPdu:
        """The PDU as a modem shows it; PduError for a value that has no place in it."""
        header, length, user_data = _user_data(self)
        first = (
            (not self.more_messages) << 2
            | self.loop_prevention << 3
            | self.status_report_indication << 5
            | header << 6
            | self.reply_path << 7
        )
        return _encoded(
            self.smsc,
            bytes((first,)),
            encode_address(self.number, self.toa),
            bytes((_octet(self.pid, "protocol identifier"), self.dcs)),
            encode_time(self.timestamp),
            bytes((length,)),
            user_data,
        )


class Delivery(StrEnum):
    """What a TP-Status means for the message (clause 9.2.3.15)."""

    DELIVERED = "delivered"
    PENDING = "pending"  # the service centre is still trying: another report follows
    FAILED = "failed"


def classify_status(status: int) -> Delivery:
    """The meaning of a TP-Status.

    Bits 6 and 5 tell the group. Of the values reserved, those of the first group and those with bit 7 are read as
    "service rejected", which the specification asks for; those of the second as still trying, which a later report
    settles.
    """
    if status < 0x20:
        return Delivery.FAILED if 0x03 <= status <= 0x0F else Delivery.DELIVERED
    return Delivery.PENDING if status < 0x40 else Delivery.FAILED


@dataclass(frozen=True, slots=True)
class StatusReport(Message):
    """SMS-STATUS-REPORT (clause 9.2.2.3) about the message with TP-MR `reference` to `number`.

    Text, alphabet and protocol identifier are optional in it, and absent where they have their defaults.
    `about_command` is TP-SRQ: the report is about an SMS-COMMAND.
    """

    reference: int = 0
    status: int = 0
    timestamp: datetime | None = None
    discharge: datetime | None = None
    more_messages: bool = False
    loop_prevention: bool = False
    about_command: bool = False

    @property
    def delivery(self) -> Delivery:
        """Delivered, still trying, or given up."""
        return classify_status(self.status)

    def encode(self) -> EncodedPdu:
        """The PDU as a modem shows it; PduError for a value that has no place in it."""
        header, length, user_data = _user_data(self)
        first = (
            0x02
            | (not self.more_messages) << 2
            | self.loop_prevention << 3
            | self.about_command << 5
            | header << 6
            | self.reply_path << 7
        )
        optional = (
            (0x01, self.pid != 0, bytes((_octet(self.pid, "protocol identifier"),))),
            (0x02, self.dcs != 0, bytes((self.dcs,))),
            (0x04, length != 0, bytes((length,)) + user_data),
        )
        indicator = sum(bit for bit, present, _ in optional if present)
        return _encoded(
            self.smsc,
            bytes((first, _octet(self.reference, "reference"))),
            encode_address(self.number, self.toa),
            encode_time(self.timestamp),
            encode_time(self.discharge),
            bytes((_octet(self.status, "status"), *((indicator,) if indicator else ()))),
            *(octets for _, present, octets in optional if present),
        )


def submissions(
    number: str,
    plan: TextPlan,
    *,
    concat_reference: int | None = None,
    wide_reference: bool = False,
    status_report: bool = False,
    validity: timedelta | None = None,
) -> list[Submit]:
    """One SMS-SUBMIT for each part of `plan`, to one destination.

    A text of several parts needs `concat_reference` (0..65535), the same for all and kept by the caller: a part sent
    again must carry it. Without `wide_reference` its low octet goes out.
    """
    total = len(plan.parts)
    if total > 1 and concat_reference is None:
        raise PduError("a text of several parts needs a reference")
    return [
        Submit(
            number,
            part,
            plan.alphabet,
            concat=_part(concat_reference, total, place, wide=wide_reference),
            status_report=status_report,
            validity=validity,
        )
        for place, part in enumerate(plan.parts, 1)
    ]


def join(parts: Iterable[Message]) -> str:
    """The text of a message's parts, given in order.

    The bodies are joined before they are decoded, so that an escape or surrogate pair cut in two by the sender is whole
    again. What is still no text becomes U+FFFD. Parts of octets add nothing, unless the message is for no application
    and they hold what can only be text: some phones and programs write a plain STOP so.
    """
    parts = list(parts)
    for_people = all(part.ports is None for part in parts)
    texts = []
    for (alphabet, locking, single), run in groupby(
        parts, lambda part: (part.alphabet, part.locking_shift, part.single_shift)
    ):
        body = b"".join(part.body for part in run)
        if alphabet is Alphabet.OCTETS and for_people:
            texts.append(_written(body))
        else:
            texts.append(decode_body(body, alphabet, locking=locking, single=single))
    return "".join(texts)


def _written(octets: bytes) -> str:
    """The text that somebody wrote as octets; empty where it may be anything else."""
    for coding in ("utf-8", "latin-1"):
        with suppress(UnicodeDecodeError):
            text = octets.decode(coding)
            return text if all(character.isprintable() or character.isspace() for character in text) else ""
    return ""


def decode_body(body: bytes, alphabet: Alphabet, *, locking: int = 0, single: int = 0) -> str:
    """The text of a body (see `Message.body`); empty for octets."""
    if alphabet is Alphabet.GSM7:
        return gsm7.decode(body, locking=locking, single=single)
    return body.decode("utf-16-be", "replace") if alphabet is Alphabet.UCS2 else ""


def _part(reference: int | None, total: int, place: int, *, wide: bool) -> Concat | None:
    if total == 1 or reference is None:
        return None
    return Concat(reference if wide else reference & 0xFF, total, place, wide)


def _destination(message: Submit) -> bytes:
    address = encode_address(message.number, message.toa)
    if address[0] == 0 or (message.toa is None and address[1] == TOA_ALPHANUMERIC):
        raise PduError("a message goes to a number")
    return address


def _user_data(message: Message) -> tuple[bool, int, bytes]:
    """Whether there is a header, TP-UDL, and header and body as octets (clause 9.2.3.16 and 9.2.3.24)."""
    if CODINGS[message.dcs].alphabet is not message.alphabet:
        raise PduError(f"the coding {message.dcs:02X} is not of the alphabet {message.alphabet}")
    body = message.body
    header = encode_header(message.header)
    if message.alphabet is Alphabet.GSM7:
        fill = -len(header) * 8 % 7
        length = (len(header) * 8 + fill) // 7 + len(body)
        if length > MAX_SEPTETS:
            raise PduError(f"{length} septets do not fit into one message")
        if not body.isascii():
            raise PduError("a septet has seven bits")
        return bool(header), length, header + gsm7.pack(body, fill=fill)
    length = len(header) + len(body)
    if length > MAX_OCTETS:
        raise PduError(f"{length} octets do not fit into one message")
    return bool(header), length, header + body


def _octet(value: int, field: str) -> int:
    if not 0 <= value <= 0xFF:
        raise PduError(f"the {field} is {value}; it is one octet")
    return value


def _encoded(smsc: str | None, *fields: bytes) -> EncodedPdu:
    tpdu = b"".join(fields)
    return EncodedPdu((encode_service_centre(smsc) + tpdu).hex().upper(), len(tpdu))
