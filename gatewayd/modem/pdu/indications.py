"""What no person wrote: notices of networks and programs, told by the fields around the text.

    type 0             to be acknowledged and thrown away           3GPP TS 23.040, clause 9.2.3.9
    message waiting    by the coding, or by a header element        TS 23.038, clause 4; TS 23.040, clause 9.2.3.24
    WAP push           by its port: an MMS to be fetched, a link    WAP-235, WAP-259; OMA MMS ENC for the content type
    octets             for a program, or of no known form

A sender may tell this in one part of several only, so all parts are asked. Of what was decoded nothing fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.domain.text import Alphabet
from gatewayd.modem.pdu.messages import Message

TYPE_0 = 0x40
"""The protocol identifier of what is thrown away."""


class Indication(StrEnum):
    """What is told; the names are rules of `domain.vocabulary`."""

    VOICE_MAIL = "voice_mail"
    FAX = "fax_waiting"
    E_MAIL = "e_mail_waiting"
    OTHER = "message_waiting"
    MMS = "mms_notification"
    PUSH = "wap_push"
    OCTETS = "octets"


@dataclass(frozen=True, slots=True)
class Indicated:
    """An indication, and whether its text is for people to read."""

    what: Indication
    readable: bool


_WAITING = (Indication.VOICE_MAIL, Indication.FAX, Indication.E_MAIL, Indication.OTHER)  # by the two lowest bits
_SPECIAL_INDICATION, _ENHANCED_VOICE_MAIL = 0x01, 0x23  # identifiers of header elements
_STORE = 0x80
_PUSH_PORTS = frozenset({2948, 2949})
_MMS_TYPE, _MMS_TYPE_AS_TEXT = 0xBE, b"application/vnd.wap.mms-message"


def indicated(parts: Sequence[Message], text: str) -> Indicated | None:
    """What the parts of one message, whose text is `text`, tell; None: it may be a person's."""
    for part in parts:
        if waiting := _waiting(part):
            return waiting
    bodies = [part.body for part in parts]
    if any(part.ports is not None and part.ports.destination in _PUSH_PORTS for part in parts):
        return Indicated(Indication.MMS if _is_mms(b"".join(bodies)) else Indication.PUSH, readable=False)
    octets = any(body and part.alphabet is Alphabet.OCTETS for body, part in zip(bodies, parts, strict=True))
    return Indicated(Indication.OCTETS, readable=False) if octets and not text else None


def _waiting(part: Message) -> Indicated | None:
    coding = part.data_coding
    if coding.indication is not None:
        return Indicated(_WAITING[coding.indication], readable=not coding.discard)
    for element in part.elements:
        if element.identifier == _SPECIAL_INDICATION and len(element.data) == 2:
            return Indicated(_WAITING[element.data[0] & 3], readable=bool(element.data[0] & _STORE))
        if element.identifier == _ENHANCED_VOICE_MAIL:
            return Indicated(Indication.VOICE_MAIL, readable=True)
    return None


def _is_mms(push: bytes) -> bool:
    """A push begins with its number, its kind and the length of its headers; the content type is the first of these,
    sometimes behind a length of its own."""
    return _MMS_TYPE in push[3:6] or _MMS_TYPE_AS_TEXT in push[3:48]
