"""SMS-SUBMIT as a frozen value with its octets (3GPP TS 23.040 clause 9.2.2.2).

Nothing that a person wrote reaches the modem but as hexadecimal made here: a text cannot hold a command.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gatewayd.domain import gsm7
from gatewayd.domain.text import Alphabet, TextPlan
from gatewayd.errors import PduError

MAX_USER_DATA = 140
"""Octets of TP-UD."""


@dataclass(frozen=True, slots=True)
class EncodedPdu:
    """For AT+CMGS: `hex` begins with the service centre (00: the SIM's own), `length` counts the octets after it."""

    hex: str
    length: int


@dataclass(frozen=True, slots=True)
class Concat:
    """This part's place in a message (clause 9.2.3.24.1 and .8): `wide` for a 16-bit reference."""

    reference: int
    parts: int
    number: int
    wide: bool = False

    def octets(self) -> bytes:
        """The information element."""
        if self.wide:
            return bytes([0x08, 4]) + self.reference.to_bytes(2, "big") + bytes([self.parts, self.number])
        return bytes([0x00, 3, self.reference & 0xFF, self.parts, self.number])


@dataclass(frozen=True, slots=True)
class Submit:
    """One part to one destination. The modem fills in TP-MR."""

    number: str
    text: str
    alphabet: Alphabet
    concat: Concat | None = None
    status_report: bool = False
    validity: timedelta | None = None

    def encode(self) -> EncodedPdu:
        """The octets. PduError if the text does not fit into one part, or the number is none."""
        header = b""
        if self.concat is not None:
            element = self.concat.octets()
            header = bytes([len(element)]) + element
        first = 0x01 | (0x20 if self.status_report else 0) | (0x40 if header else 0) | (0x10 if self.validity else 0)
        length, data = self._user_data(header)
        if len(data) > MAX_USER_DATA:
            raise PduError(f"{len(data)} octets of text where {MAX_USER_DATA} fit")
        scheme = 0x08 if self.alphabet is Alphabet.UCS2 else 0x00
        period = bytes([relative_validity(self.validity)]) if self.validity else b""
        tpdu = bytes([first, 0]) + address(self.number) + bytes([0, scheme]) + period + bytes([length]) + data
        return EncodedPdu("00" + tpdu.hex().upper(), len(tpdu))

    def _user_data(self, header: bytes) -> tuple[int, bytes]:
        """TP-UDL and TP-UD."""
        if self.alphabet is Alphabet.UCS2:
            data = header + self.text.encode("utf-16-be")
            return len(data), data
        try:
            codes = gsm7.encode(self.text)
        except KeyError as error:
            raise PduError("a character that GSM 7-bit has not") from error
        fill = -len(header) * 8 % 7
        return (len(header) * 8 + fill) // 7 + len(codes), header + gsm7.pack(codes, fill)


def submissions(
    number: str,
    plan: TextPlan,
    *,
    concat_reference: int | None,
    wide_reference: bool = False,
    status_report: bool = False,
    validity: timedelta | None = None,
) -> list[Submit]:
    """One SMS-SUBMIT a part, all to one number. PduError if a text of several parts has no reference."""
    count = len(plan.parts)
    if count == 1:
        return [Submit(number, plan.text, plan.alphabet, None, status_report, validity)]
    if concat_reference is None:
        raise PduError("parts need a reference by which the phone joins them")
    return [
        Submit(
            number, part, plan.alphabet, Concat(concat_reference, count, index, wide_reference), status_report, validity
        )
        for index, part in enumerate(plan.parts, 1)
    ]


def address(number: str) -> bytes:
    """TP-DA: international after a plus sign, else of unknown type (clause 9.1.2.5)."""
    international = number.startswith("+")
    digits = number[1:] if international else number
    if not 1 <= len(digits) <= 20 or any(digit not in "0123456789*#" for digit in digits):
        raise PduError("not a number that a PDU can hold")
    coded = digits.replace("*", "a").replace("#", "b") + ("f" if len(digits) % 2 else "")
    swapped = bytes.fromhex("".join(coded[index + 1] + coded[index] for index in range(0, len(coded), 2)))
    return bytes([len(digits), 0x91 if international else 0x81]) + swapped


def relative_validity(period: timedelta) -> int:
    """TP-VP, relative format (clause 9.2.3.12.1): the next step not shorter than `period`, 63 weeks at most."""
    minutes = -(-period // timedelta(minutes=1))
    if minutes <= 720:
        return max(0, -(-minutes // 5) - 1)
    if minutes <= 1440:
        return 143 + -(-(minutes - 720) // 30)
    days = -(-minutes // 1440)
    return 166 + days if days <= 30 else min(255, 192 + max(5, -(-days // 7)))
