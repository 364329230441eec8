"""What a text costs and how it is cut: alphabet, parts, the characters that force UCS-2, and what would avoid them.

A text of the GSM 7 bit default alphabet takes 160 septets in one part, 153 in each of several; any other one takes 70
UTF-16 units, 67 in each of several (3GPP TS 23.040 clauses 9.2.3.16 and 9.2.3.24.1; one less septet or unit with a
16-bit reference). A cut never falls inside an escaped pair or a surrogate pair, so every part can be shown alone.

`ê`, `ç`, `œ` and the typographic `’` are not in that alphabet: one of them doubles the price of a French text.
`to_gsm7` writes a text as GSM 7-bit can: the nearest letter, the plain punctuation; what has no likeness is left out.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.domain import gsm7
from gatewayd.domain.purpose import Encoding
from gatewayd.errors import TextError

MAX_PARTS = 255
"""A concatenation header counts parts in one octet."""


class Alphabet(StrEnum):
    """How a text travels (TP-DCS, 3GPP TS 23.038 clause 4)."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


# Septets or UTF-16 units: alone, one of several with an 8-bit reference, with a 16-bit one.
_ROOM = {Alphabet.GSM7: (160, 153, 152), Alphabet.UCS2: (70, 67, 66)}


@dataclass(frozen=True, slots=True)
class TextPlan:
    """A text as it will travel; `units`: septets or UTF-16 units; `forcing`: the characters that ask for UCS-2."""

    text: str
    alphabet: Alphabet
    parts: tuple[str, ...]
    units: int
    forcing: tuple[str, ...]


def plan(text: str, *, wide_reference: bool = False) -> TextPlan:
    """Alphabet and parts of a text, which is sent as it is. TextError: empty, half a surrogate pair, over 255 parts."""
    if not text:
        raise TextError("there is no text")
    forcing = tuple(char for char in dict.fromkeys(text) if not gsm7.is_encodable(char))
    alphabet = Alphabet.UCS2 if forcing else Alphabet.GSM7
    widths = _widths(text, alphabet)
    alone, narrow, wide = _ROOM[alphabet]
    units = sum(widths)
    parts = (text,) if units <= alone else tuple(_cut(text, widths, wide if wide_reference else narrow))
    if len(parts) > MAX_PARTS:
        raise TextError(f"the text takes {len(parts)} parts; {MAX_PARTS} can be counted")
    return TextPlan(text, alphabet, parts, units, forcing)


def render(text: str, encoding: Encoding) -> TextPlan:
    """The plan of a text as a purpose wants it written. TextError as `plan`, or if GSM 7-bit leaves nothing of it."""
    return plan(to_gsm7(text) if encoding is Encoding.GSM7 else text)


def to_gsm7(text: str) -> str:
    """The text as GSM 7-bit can write it: `forêt – « ça va »…` becomes `foret - "ca va"...`."""
    composed = unicodedata.normalize("NFC", text)
    return "".join([char if gsm7.is_encodable(char) else _likeness(char) for char in composed])


# What Unicode's own decompositions do not give.
_LIKE = {
    "œ": "oe", "Œ": "OE", "’": "'", "‘": "'", "‚": ",", "‛": "'", "′": "'", "`": "'", "´": "'",
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"', "‹": "'", "›": "'",
    "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "−": "-", "…": "...", "•": "-", "·": "-",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\u2028": "\n", "\u2029": "\n",
    "°": "o", "×": "x", "÷": "/", "©": "(c)", "®": "(r)", "™": "(tm)",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ẞ": "SS",
}  # fmt: skip


def _likeness(char: str) -> str:
    like = _LIKE.get(char)
    if like is not None:
        return like
    base = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return "".join(part for part in (_LIKE.get(part, part) for part in base) if part and gsm7.is_encodable(part))


def _widths(text: str, alphabet: Alphabet) -> list[int]:
    if alphabet is Alphabet.GSM7:
        return [gsm7.septets(char) for char in text]
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise TextError("the text holds half a character (a lone surrogate)")
    return [2 if char > "\uffff" else 1 for char in text]


def _cut(text: str, widths: list[int], room: int) -> list[str]:
    parts, start, used = [], 0, 0
    for index, width in enumerate(widths):
        if used + width > room:
            parts.append(text[start:index])
            start, used = index, 0
        used += width
    parts.append(text[start:])
    return parts
