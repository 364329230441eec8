"""What a modem says by itself, as frozen values: `parse(lines)` reads one unsolicited result, None for chatter.

A result is one line, or two for the results that carry a PDU (+CDS, +CMT, +CBM; TS 27.005 clause 3.4.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class MessageStored:
    """+CMTI: a message was stored in `memory` at `index`."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """+CMT: a message, handed over without being stored (its SMS-DELIVER in hex, with service centre)."""

    pdu: str


@dataclass(frozen=True, slots=True)
class ReportStored:
    """+CDSI: a status report was stored in `memory` at `index`."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class ReportReceived:
    """+CDS: a status report (its SMS-STATUS-REPORT in hex, with service centre). It cannot be read again."""

    pdu: str


@dataclass(frozen=True, slots=True)
class BroadcastReceived:
    """+CBM: a cell broadcast (hex)."""

    pdu: str


@dataclass(frozen=True, slots=True)
class LateReference:
    """+CMGS after we had stopped waiting: the message of that time was sent, with this TP-MR."""

    reference: int


@dataclass(frozen=True, slots=True)
class LateRefusal:
    """+CMS ERROR after we had stopped waiting for a submission; `kind` is "cms", `words` its code or text."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Registration:
    """+CREG, +CGREG, +CEREG: the registration changed (TS 27.007 clause 7.2: 1 home, 5 roaming)."""

    domain: str
    status: int


@dataclass(frozen=True, slots=True)
class StorageFull:
    """The modem cannot store one more message: replies, and STOP among them, would be lost."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """RING, +CRING: somebody calls."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The modem greets: it has restarted by itself, and forgot its settings."""

    greeting: str


@dataclass(frozen=True, slots=True)
class PortLost:
    """The port went away; the session is dead."""

    words: str


Notice: TypeAlias = (
    MessageStored
    | MessageReceived
    | ReportStored
    | ReportReceived
    | BroadcastReceived
    | LateReference
    | LateRefusal
    | Registration
    | StorageFull
    | Ringing
    | Restarted
    | PortLost
)

_STORED = re.compile(r'\+(CMTI|CDSI):\s*"?([A-Z]{2})"?\s*,\s*(\d+)')
_REFERENCE = re.compile(r"\+CMGS:\s*(\d+)")
_REFUSAL = re.compile(r"\+(CMS|CME) ERROR:\s*(.*)")
_REGISTRATION = re.compile(r"\+(C[GE]?REG):\s*(\d+)")
_FULL = re.compile(r'\+CIEV:\s*"?smsfull"?\s*,\s*[1-9]', re.IGNORECASE)
_WITH_PDU: dict[str, type[ReportReceived] | type[MessageReceived] | type[BroadcastReceived]] = {
    "+CDS": ReportReceived,
    "+CMT": MessageReceived,
    "+CBM": BroadcastReceived,
}
GREETINGS = frozenset({"RDY", "^SYSSTART", "+PBREADY", "START"})


def parse(lines: list[str]) -> Notice | None:
    """One unsolicited result as a value; None for what nobody acts upon (signal, network time, indicators)."""
    first = lines[0]
    if len(lines) > 1 and (kind := _WITH_PDU.get(first.partition(":")[0])):
        return kind(lines[1].upper())
    if match := _STORED.match(first):
        stored = MessageStored if match[1] == "CMTI" else ReportStored
        return stored(match[2], int(match[3]))
    if match := _REFERENCE.match(first):
        return LateReference(int(match[1]))
    if match := _REFUSAL.match(first):
        return LateRefusal(match[1].lower(), match[2].strip())
    if match := _REGISTRATION.match(first):
        return Registration(match[1], int(match[2]))
    return _plain(first)


def _plain(line: str) -> Notice | None:
    if line == "RING" or line.startswith("+CRING"):
        return Ringing()
    if line.startswith("^SMMEMFULL") or _FULL.match(line):
        return StorageFull()
    if line in GREETINGS:
        return Restarted(line)
    return None
