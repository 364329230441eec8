"""A message as smstools3 takes it: headers, an empty line (blanks do not count), the text to the end of the file.

    To: 33639980001
    Alphabet: UTF

    The cellar is flooding.

One file has one recipient: a second `To:` is refused, for nobody may read a list of others. Header names count with
their capitals, as there. What would send something other than this text to this number (a PDU, a call, the content of
another file) is refused; what only asks for another way of sending (`Flash`, `SMSC`) is ignored, and `ignored` names
it; a header that nobody knows is ignored without a word, as there.

Without `Alphabet`, and with the eight-bit one, octets that are UTF-8 are read as UTF-8, and others as ISO-8859-15.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from gatewayd.domain import gsm7
from gatewayd.errors import PduError, TextError
from gatewayd.interfaces.spreadsheet.table import CORRUPT, REJECTED, Refused

LONGEST = 64 * 1024
"""Octets of a file: far more than any purpose may send."""
_HEADERS = 64
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9_-]*):(.*)")
_BLANK = re.compile(rb"(?:\A|\r?\n)[ \t\r]*\n")
_SEVERAL = re.compile(r"[,;]")
_END_OF_FILE = b"\x1a"

_FORBIDDEN = frozenset(
    {"Binary", "Hex", "UDH", "UDH-DATA", "Text_is_pdu", "Voicecall", "System_message", "Ping", "DCS_hex", "Include"}
    | {"Macro"}
)
_ASKS_IN_VAIN = ("Flash", "Class", "SMSC", "Replace", "Reply_path", "Reject_duplicates", "Alternate_to")
_USED = frozenset({"To", "Alphabet", "Priority", "Validity"})
_HARMLESS = frozenset({"From", "To_TOA", "Autosplit", "Report", "Provider", "Queue", "Retries", "Message_reference"})
_KNOWN = _USED | _HARMLESS | _FORBIDDEN | frozenset(_ASKS_IN_VAIN) | {"Language", "Language_ext"}
_NO = frozenset({"", "no", "n", "0", "off", "false", "-1"})

_UNITS = {"min": 1, "hou": 60, "day": 1440, "wee": 10_080, "mon": 43_200, "yea": 525_600}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `line` is that of its `To:`; `to` as written, international numbers with a plus."""

    line: int
    to: str
    text: str
    urgent: bool = False
    validity: timedelta | None = None
    ignored: tuple[str, ...] = ()


def is_message(head: bytes) -> bool:
    """Whether a file that begins so is one of these: by its first header, or because it has a recipient."""
    block = split(head)[0]
    names = [match[1].decode("ascii") for line in _lines(block) if (match := _HEADER.match(line))]
    first = _HEADER.match(block)
    return first is not None and ("To" in names or first[1].decode("ascii") in _KNOWN)


def read(octets: bytes) -> Message:
    """The message in a file. Raises Refused."""
    block, body = split(octets)
    headers = list(headers_of(block))
    if len(headers) > _HEADERS:
        raise Refused(REJECTED, "too_many_headers", limit=_HEADERS)
    given = {name: value for _, name, value in reversed(headers)}
    for name in sorted(_FORBIDDEN & given.keys()):
        if given[name].casefold() not in _NO:
            raise Refused(REJECTED, "forbidden_header", header=name)
    line, to = _recipient(headers)
    lasts = validity(given["Validity"]) if "Validity" in given else None
    ignored = [name for name in _ASKS_IN_VAIN if given.get(name, "").casefold() not in _NO]
    if "Validity" in given and lasts is None:
        ignored.append("Validity")
    text = text_of(body, given.get("Alphabet", ""))
    return Message(line, to, text, given.get("Priority", "").casefold() == "high", lasts, tuple(ignored))


def split(octets: bytes) -> tuple[bytes, bytes]:
    """Headers, and what stands below the first empty line."""
    octets = octets.removeprefix(codecs.BOM_UTF8)
    blank = _BLANK.search(octets)
    return (octets, b"") if blank is None else (octets[: blank.start()], octets[blank.end() :])


def headers_of(block: bytes) -> Iterator[tuple[int, str, str]]:
    """Line, name and value of each header; what is none is passed over."""
    for line, written in enumerate(_lines(block), 1):
        if match := _HEADER.match(written):
            yield line, match[1].decode("ascii"), match[2].decode("utf-8", "replace").strip()


def _lines(block: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in block.split(b"\n")]


def _recipient(headers: Iterable[tuple[int, str, str]]) -> tuple[int, str]:
    found = [(line, value) for line, name, value in headers if name == "To"]
    if not found:
        raise Refused(REJECTED, "no_recipient")
    if len(found) > 1 or _SEVERAL.search(found[0][1]):
        raise Refused(REJECTED, "several_recipients")
    line, value = found[0]
    return line, international(value)


def international(written: str) -> str:
    """smstools3 writes international numbers without their plus, and short ones with an `s` before them."""
    plain = re.sub(r"[\s-]", "", written)
    if plain.startswith("s"):
        return plain[1:]
    return f"+{plain}" if re.fullmatch(r"[1-9][0-9]{7,14}", plain) else plain


def validity(written: str) -> timedelta | None:
    """`2 hours`, `hour`, or the octet of TP-VP (TS 23.040 clause 9.2.3.12.1); None if it is none of these."""
    match = re.fullmatch(r"([0-9]{0,4})\s*([A-Za-z]*)", written)
    if match is None or not written:
        return None
    number, unit = int(match[1] or 1), match[2].casefold()[:3]
    if unit:
        return timedelta(minutes=number * _UNITS[unit]) if unit in _UNITS else None
    return relative(number) if number <= 255 else None


def relative(octet: int) -> timedelta:
    """What an octet of TP-VP says."""
    if octet <= 143:
        return timedelta(minutes=5 * (octet + 1))
    if octet <= 167:
        return timedelta(hours=12, minutes=30 * (octet - 143))
    return timedelta(days=octet - 166) if octet <= 196 else timedelta(weeks=octet - 192)


def text_of(body: bytes, alphabet: str) -> str:
    """The text, as its alphabet says, without the octet by which DOS ends a file. Raises Refused."""
    kind = alphabet.casefold()[:3]
    try:
        if kind in ("ucs", "chi", "uni"):
            return body.removeprefix(codecs.BOM_UTF16_BE).decode("utf-16-be")
        if kind == "utf":
            return body.rstrip(_END_OF_FILE).decode("utf-8")
        if kind == "gsm":
            return gsm7.decode(body)
    except (UnicodeDecodeError, PduError, TextError, ValueError, IndexError) as error:
        raise Refused(CORRUPT, "wrong_alphabet", alphabet=alphabet) from error
    if kind not in ("", "iso", "lat", "ans"):
        raise Refused(REJECTED, "unknown_alphabet", alphabet=alphabet[:40])
    return eight_bit(body.rstrip(_END_OF_FILE))


def eight_bit(body: bytes) -> str:
    """Octets as UTF-8 where they are, else as ISO-8859-15."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("iso-8859-15")
