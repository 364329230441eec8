"""What a text becomes on the air: its alphabet, its parts, what forces UCS-2, and what GSM 7-bit would write instead.

`plan` takes a text as it is; its parts joined are that text. A part never ends inside an escape pair or a surrogate
pair, and where it costs no further part, never inside a combining or emoji sequence either (a part may arrive alone).

`render` first makes the text fit to be sent, for a purpose's `encoding`:

- composed (NFC): `e` + U+0301 is the `é` of GSM 7-bit and no reason to pay double;
- a line ends with LF: CR LF, CR, VT, FF, NEL, U+2028 and U+2029 become LF, a tab becomes a space;
- no control characters (NUL, ESC, Ctrl-Z ...): nobody types them, and what they would do on a handset is not ours to
  guess.

What cannot be sent raises TextError: an empty (in `render`: a blank) text, a control character, half a surrogate pair,
more than 255 parts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.domain import gsm7
from gatewayd.domain.gsm7_tables import ESCAPE
from gatewayd.domain.purpose import Encoding
from gatewayd.domain.transliteration import to_gsm7
from gatewayd.errors import TextError

__all__ = ["Alphabet", "TextPlan", "plan", "render", "to_gsm7"]

MAX_PARTS = 255  # TS 23.040, clause 9.2.3.24.1: one octet counts them


class Alphabet(StrEnum):
    """How a message's text is coded (TS 23.038, clause 4); OCTETS is data, which a plan never yields."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    OCTETS = "octets"


@dataclass(frozen=True, slots=True)
class TextPlan:
    """A text ready to be sent.

    `units` are septets or UTF-16 units in all, without headers; `forcing` are the characters that GSM 7-bit lacks, in
    the order of the text, each once.
    """

    text: str
    alphabet: Alphabet
    parts: tuple[str, ...]
    units: int
    forcing: tuple[str, ...] = ()


# Units that fit into one message, and into a part behind a concatenation header of 8 or 16 bits (TS 23.040, clause
# 9.2.3.24.1 and .8): 140 octets less 6 or 7.
_ROOM = {Alphabet.GSM7: (160, 153, 152), Alphabet.UCS2: (70, 67, 66)}

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# A part does better not to begin with these: variation selectors, joiner, skin tones, keycap, tags.
_EXTENDERS = frozenset("\u200d\u20e3") | frozenset(map(chr, (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))))


def plan(text: str, *, wide_reference: bool = False) -> TextPlan:
    """How `text` is sent as it is: in one part, or in parts that leave room for an 8-bit (or 16-bit) reference."""
    if not text:
        raise TextError("the text is empty", reason="no_text")
    forcing: tuple[str, ...] = ()
    try:
        septets = gsm7.encode(text)
        alphabet, units = Alphabet.GSM7, len(septets)
    except TextError:
        septets, forcing = b"", tuple(character for character in dict.fromkeys(text) if not gsm7.is_gsm7(character))
        alphabet, units = Alphabet.UCS2, _utf16_units(text)
    single, narrow, wide = _ROOM[alphabet]
    if units <= single:
        return TextPlan(text, alphabet, (text,), units, forcing)
    room = wide if wide_reference else narrow
    parts = _split_septets(text, septets, room) if alphabet is Alphabet.GSM7 else _split_utf16(text, room)
    if len(parts) > MAX_PARTS:
        raise TextError(f"the text needs {len(parts)} parts; {MAX_PARTS} are possible")
    return TextPlan(text, alphabet, parts, units, forcing)


def render(text: str, encoding: Encoding) -> TextPlan:
    """The plan of `text` as its purpose wants it: fit to be sent, and with `gsm7` written as GSM 7-bit can."""
    text = _LINE_ENDS.sub("\n", unicodedata.normalize("NFC", text)).replace("\t", " ")
    if found := _FORBIDDEN.search(text):
        raise TextError(
            f"the text has a control character, U+{ord(found[0]):04X}, at {found.start()}", reason="control_characters"
        )
    if encoding is Encoding.GSM7:
        text = to_gsm7(text)
    if not text.strip():
        raise TextError("the text is empty", reason="no_text")
    return plan(text)


def _utf16_units(text: str) -> int:
    try:
        return len(text.encode("utf-16-be")) // 2
    except UnicodeEncodeError as error:
        raise TextError(
            f"the text has half a character (a lone surrogate) at {error.start}", reason="half_character"
        ) from None


def _split_septets(text: str, septets: bytes, room: int) -> tuple[str, ...]:
    """Parts of at most `room` septets; an escape stays with its septet."""
    if len(septets) == len(text):
        return tuple(text[start : start + room] for start in range(0, len(text), room))
    parts: list[str] = []
    start = 0
    while start < len(septets):
        end = start + room
        if end < len(septets) and septets[end - 1] == ESCAPE:
            end -= 1
        parts.append(gsm7.decode(septets[start:end]))
        start = end
    return tuple(parts)


def _split_utf16(text: str, room: int) -> tuple[str, ...]:
    """Parts of at most `room` UTF-16 units; whole sequences are kept together if that costs no further part."""
    greedy = _fill(text, room, keep_sequences=False)
    whole = _fill(text, room, keep_sequences=True)
    return whole if len(whole) == len(greedy) else greedy


def _fill(text: str, room: int, *, keep_sequences: bool) -> tuple[str, ...]:
    parts: list[str] = []
    start = 0
    while start < len(text):
        end = _reach(text, start, room)
        if keep_sequences and end < len(text):
            end = _sequence_start(text, start, end)
        parts.append(text[start:end])
        start = end
    return tuple(parts)


def _reach(text: str, start: int, room: int) -> int:
    """Where the text that begins at `start` has filled `room` UTF-16 units."""
    end, used = start, 0
    while end < len(text):
        used += 2 if text[end] > "\uffff" else 1
        if used > room:
            break
        end += 1
    return end


def _sequence_start(text: str, start: int, end: int) -> int:
    """The last place at or before `end` where a sequence begins; `end` itself if one fills the whole part."""
    place = end
    while place > start and (_extends(text[place]) or text[place - 1] == "\u200d"):
        place -= 1
    return place if place > start else end


def _extends(character: str) -> bool:
    return character in _EXTENDERS or unicodedata.category(character) in {"Mn", "Me", "Mc"}
