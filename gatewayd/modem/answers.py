"""Reading answers: lines in, values out, tolerant of the forms that modems give them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ICCID = re.compile(r"(?<![0-9A-F])(\d{18,20}[0-9A-F]{0,2})(?![0-9A-F])", re.IGNORECASE)
_DIGITS = re.compile(r"(?<!\d)(\d{14,16})(?!\d)")
_STORED_HEADER = re.compile(r"\+CMG[LR]:\s*(\d+)\s*(?:,\s*(\d+))?")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_QUOTED = re.compile(r'"([^"]*)"')
# Large first: a SIM holds 10 to 50 messages, an LTE stick's own memory hundreds.
MEMORY_PREFERENCE = ("ME", "MT", "SM")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """TS 27.005 `<stat>`: 0 unread, 1 read, 2 to be sent, 3 sent; `pdu` in hex, perhaps undecodable."""

    index: int
    status: int
    pdu: str


@dataclass(frozen=True, slots=True)
class Storage:
    """AT+CPMS? of the memory that receives: its name, how many are in it, how many it holds."""

    memory: str
    used: int
    capacity: int


def value_of(lines: Sequence[str], name: str) -> str:
    """What follows `name:` in the first line that begins so; "" without one. `name` as "+CSCA"."""
    for line in lines:
        if line.startswith(name + ":"):
            return line[len(name) + 1 :].strip()
    return ""


def plain(lines: Sequence[str]) -> str:
    """The one value of an answer such as AT+CGMM's, whether bare, prefixed or quoted; "" without one."""
    for line in lines:
        text = re.sub(r"^[+^*#%][A-Z]+:\s*", "", line).strip().strip('"')
        if text and not text.startswith("AT"):
            return text
    return ""


def imei(lines: Sequence[str]) -> str:
    """Fifteen digits (or what the modem has instead: IMEISV); "" without any."""
    return _first(_DIGITS, lines)


def imsi(lines: Sequence[str]) -> str:
    """Fourteen or fifteen digits; "" without any."""
    return _first(_DIGITS, lines)


def iccid(lines: Sequence[str]) -> str:
    """The SIM card's number, 18 to 20 digits beginning with 89 (ITU-T E.118); "" when there is none.

    Some modems give the file's octets, whose digits are swapped in pairs, or leave the filler F at the end.
    """
    for line in lines:
        if match := _ICCID.search(line.replace(" ", "")):
            found = match[1].upper().rstrip("F")
            if found.startswith("98"):
                found = swapped(match[1].upper())
            if found.isdecimal() and found.startswith("89"):
                return found
    return ""


def iccid_of_file(lines: Sequence[str]) -> str:
    """The same out of AT+CRSM=176,12258,0,0,10: `+CRSM: 144,0,"98..."` (EF_ICCID, TS 31.102)."""
    status, _, data = value_of(lines, "+CRSM").partition(",")
    octets = data.rpartition(",")[2].strip('" ')
    if status.strip() != "144" or not _HEX.match(octets):
        return ""
    found = swapped(octets.upper())
    return found if found.isdecimal() and found.startswith("89") else ""


def last_reference(lines: Sequence[str]) -> int | None:
    """TP-MR of the last submission out of AT+CRSM=176,28483,0,0,2: `+CRSM: 144,0,"07FF"` (EF_SMSS, TS 31.102 clause
    4.2.28); None where the card does not tell."""
    status, _, data = value_of(lines, "+CRSM").partition(",")
    octets = data.rpartition(",")[2].strip('" ')
    return int(octets[:2], 16) if status.strip() == "144" and _HEX.match(octets) else None


def swapped(octets: str) -> str:
    """Semi-octets into digits, filler dropped."""
    return "".join(octets[i + 1] + octets[i] for i in range(0, len(octets) - 1, 2)).rstrip("F")


def smsc(lines: Sequence[str]) -> str:
    """The service centre's number of AT+CSCA?, also where a UCS-2 modem writes it as hex; "" when it is empty."""
    value = value_of(lines, "+CSCA")
    match = _QUOTED.search(value)
    number = match[1] if match else value.partition(",")[0]
    if len(number) >= 16 and len(number) % 4 == 0 and number.startswith("00") and _HEX.match(number):
        number = bytes.fromhex(number).decode("utf-16-be", "replace")
    return number if re.fullmatch(r"\+?\d{3,20}", number) else ""


def memory(lines: Sequence[str]) -> tuple[str, int]:
    """Out of AT+CPMS=?: the preferred memory that all groups have, and how many groups there are; ("", 0) if none."""
    groups = [set(_QUOTED.findall(group)) for group in re.findall(r"\(([^()]*)\)", value_of(lines, "+CPMS"))]
    groups = [group for group in groups if group]
    for name in MEMORY_PREFERENCE:
        if groups and all(name in group for group in groups):
            return name, len(groups)
    return "", 0


def storage(lines: Sequence[str]) -> Storage | None:
    """The last group of AT+CPMS? (what is received goes there), or of AT+CPMS=...'s numbers; None if unreadable."""
    groups = re.findall(r'"([A-Z]{2})"\s*,\s*(\d+)\s*,\s*(\d+)', value_of(lines, "+CPMS"))
    if not groups:
        return None
    name, used, capacity = groups[-1]
    return Storage(name, int(used), int(capacity))


def registration(lines: Sequence[str], name: str) -> int | None:
    """<stat> of AT+CREG? or AT+CEREG? (TS 27.007 clause 7.2): the second value, or the only one; None if unreadable."""
    values = [value.strip() for value in value_of(lines, name).split(",")]
    digits = [value for value in values[:2] if value.isdecimal()]
    return int(digits[-1]) if digits else None


def signal(lines: Sequence[str]) -> int | None:
    """Received power in dBm out of AT+CSQ (TS 27.007 clause 8.5); None when the modem does not know."""
    first = value_of(lines, "+CSQ").partition(",")[0].strip()
    if not first.isdecimal():
        return None
    steps = int(first)
    if steps <= 31:
        return -113 + 2 * steps
    # 100 to 191: RSRP of TD-SCDMA and LTE modules, -116 dBm upwards.
    return steps - 216 if 100 <= steps <= 191 else None


def pin_state(lines: Sequence[str]) -> str:
    """READY, SIM PIN, SIM PUK ... of AT+CPIN?; "" if unreadable."""
    return value_of(lines, "+CPIN").strip('"').upper()


def pin_tries(lines: Sequence[str]) -> int | None:
    """Tries left for the PIN, out of whichever counter the model has; None if it does not tell.

    +CPINR: SIM PIN,3,3 | +QPINC: "SC",3,10 | ^CPIN: SIM PIN,,10,3,10,3 (PUK, PIN, PUK2, PIN2) | +SPIC: 3,10,0,10
    | ^SPIC: 3 | #PCT: 3
    """
    for line in lines:
        name, _, value = line.partition(":")
        values = [part.strip().strip('"') for part in value.split(",")]
        position = {"+CPINR": 1, "+QPINC": 1, "^CPIN": 3, "+SPIC": 0, "^SPIC": 0, "#PCT": 0}.get(name)
        if name == "+QPINC" and values[0] != "SC":
            continue
        if position is not None and position < len(values) and values[position].isdecimal():
            return int(values[position])
    return None


def stored(lines: Sequence[str]) -> list[StoredMessage]:
    """AT+CMGL=4 in PDU mode. A header whose PDU is missing gives an empty `pdu`: the place is in use all the same."""
    found: list[StoredMessage] = []
    header: tuple[int, int] | None = None
    for line in lines:
        if match := _STORED_HEADER.match(line):
            if header is not None:
                found.append(StoredMessage(*header, ""))
            header = (int(match[1]), int(match[2] or 1))
        elif header is not None:
            found.append(StoredMessage(*header, line.upper() if _HEX.match(line) else ""))
            header = None
    if header is not None:
        found.append(StoredMessage(*header, ""))
    return found


def read(index: int, lines: Sequence[str]) -> StoredMessage | None:
    """AT+CMGR=index in PDU mode; None where the place is empty (some modems answer only OK)."""
    for number, line in enumerate(lines):
        if line.startswith("+CMGR:"):
            status = line[6:].partition(",")[0].strip()
            pdu = lines[number + 1] if number + 1 < len(lines) else ""
            return StoredMessage(
                index, int(status) if status.isdecimal() else 1, pdu.upper() if _HEX.match(pdu) else ""
            )
    return None


def reference(lines: Sequence[str]) -> int | None:
    """TP-MR of +CMGS: n[,ackpdu]; None without one."""
    value = value_of(lines, "+CMGS").partition(",")[0].strip()
    return int(value) if value.isdecimal() else None


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> str:
    for line in lines:
        if match := pattern.search(line):
            return match[1]
    return ""
