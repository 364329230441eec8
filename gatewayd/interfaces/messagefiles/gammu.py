"""A message as gammu-smsd takes it from its outbox of files: the recipient is in the name, the text is the content.

    OUT+33639980001.txt                             OUT<recipient>
    OUTB_+33639980001_00.txt                        OUT<priority>_<recipient>_<serial>
    OUTC20261124_100000_00_+33639980001_note.txtd   OUT<priority><date>_<time>_<serial>_<recipient>_<note>

Priorities go from A to Z. Letters after `txt` ask for a report (d: it is asked for anyway), for a text that flashes (f:
ignored) or for a bookmark (b: refused). A byte order mark says UTF-16; else it is UTF-8, or the eight
bits of ISO-8859-15.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from gatewayd.interfaces.messagefiles.smstools import eight_bit
from gatewayd.interfaces.spreadsheet.table import CORRUPT, REJECTED, Refused

_ENDING = re.compile(r"\.(?:(?P<text>txt)(?P<flags>[dfb]*)|smsbackup)\Z")
_FORMS = (
    re.compile(r"OUT(?P<priority>[A-Z])[0-9]{8}_[0-9]{4,6}_[^_]*_(?P<to>\+?[0-9]+)(?:_.*)?"),
    re.compile(r"OUT(?P<priority>[A-Z])(?=[_+])_?(?P<to>\+?[0-9]+)(?:_[^_]*)?"),  # a date is no number
    re.compile(r"OUT(?P<priority>)(?P<to>\+?[0-9]+)"),
)
_MIDDLE = "M"


@dataclass(frozen=True, slots=True)
class Name:
    """What a name says; `ahead`: 1 before others of its class, -1 behind them."""

    to: str
    ahead: int = 0
    flags: str = ""
    text: bool = True


def name_of(name: str) -> Name | None:
    """What a file's name says, or None if it is no such name."""
    ending = _ENDING.search(name)
    if ending is None:
        return None
    stem = name[: ending.start()]
    match = next((found for form in _FORMS if (found := form.fullmatch(stem))), None)
    if match is None:
        return None
    letter = match["priority"] or _MIDDLE
    ahead = (letter < _MIDDLE) - (letter > _MIDDLE)
    return Name(match["to"], ahead, ending["flags"] or "", ending["text"] is not None)


def text_of(octets: bytes, name: Name) -> str:
    """The text. Raises Refused: a backup or a bookmark is no text."""
    if not name.text:
        raise Refused(REJECTED, "gammu_backup")
    if "b" in name.flags:
        raise Refused(REJECTED, "gammu_bookmark")
    try:
        if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return octets.decode("utf-16")
    except UnicodeDecodeError as error:
        raise Refused(CORRUPT, "unknown_encoding") from error
    return eight_bit(octets.removeprefix(codecs.BOM_UTF8))
