"""A text as its words are read, whatever a handset, a thumb or a prankster made of its letters.

`fold()` yields small letters without accents, digits, spaces and a few marks that end a clause. These are all `stop`:
`STOP`, `ＳＴＯＰ`, `𝐒𝐓𝐎𝐏`, `ⓢⓣⓞⓟ`, `🇸🇹🇴🇵`, `S\u200bT\u200bO\u200bP`, `СТОП` (Russian), `ЅТОР` (Cyrillic letters that
look Latin), `ΣΤΟΠ`, `S.T.O.P`, `S T O P`. `clauses()` cuts it where a reader pauses.

Nothing here knows a keyword, nothing raises, and the time is linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

STOP_SIGN = "stopsign"  # what U+1F6D1 reads as

_LOOK_ALIKE = {
    # Cyrillic and Greek as they sound, and p for rho: СТОП and ЅТОР, ΣΤΟΠ and ΣTOΡ are all read as stop.
    **dict(zip("абвгдезиклмнопрстухѕіј", "abvgdeziklmnoprstuhsij", strict=True)),
    **dict(zip("αβγδεζηικλμνοπρστυχω", "abgdezhiklmnoppstuxo", strict=True)),
    **{"р": "p", "ς": "s", "ё": "e", "ө": "o"},
    # Small capitals and letters with a stroke, which have no decomposition.
    **dict(zip("ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdeghijklmnoprstuvwyz", strict=True)),
    **{"ø": "o", "ł": "l", "ı": "i", "đ": "d", "ŧ": "t", "ħ": "h", "œ": "oe", "æ": "ae", "þ": "th", "ß": "ss"},
    **{"\u3164": "", "\u115f": "", "\u1160": "", "\U0001f6d1": f" {STOP_SIGN} ", "\r": "\n", "\n": "\n", "\t": " "},
    **{"。": ".", "、": ",", "¿": " ", "¡": " ", "_": " "},
    # Letters on flags and in squares or discs.
    **{chr(start + place): chr(ord("a") + place) for start in (0x1F1E6, 0x1F150, 0x1F170) for place in range(26)},
}
_PAUSES = frozenset(".!?;,:")
_BY_CATEGORY = {
    **dict.fromkeys(("Mn", "Me", "Mc", "Cf", "Cc", "Cs"), ""),  # accents, joiners, direction marks, control characters
    **dict.fromkeys(("Zs", "Sm", "Sc", "Sk", "Pi", "Pf", "Po", "Pc", "Co", "Cn"), " "),
    **dict.fromkeys(("Zl", "Zp"), "\n"),
    **dict.fromkeys(("So", "Ps", "Pe"), ","),  # an emoji or a bracket is a pause
    "Pd": "-",
}

# Four letters or more, each alone: `S T O P`, `s.t.o.p`. With three, French `n'y a` would be taken for a word.
_SPELT = re.compile(r"(?<!\w)[^\W\d](?:[^\w]{1,3}[^\W\d]){3,}(?!\w)")
_ABBREVIATED = re.compile(r"(?<!\w)[^\W\d](?:\.[^\W\d]){2}\.?(?!\w)")  # s.v.p., a.u.b.
_NOT_A_WORD = re.compile(r"\W+")
_DASH = re.compile(r"(?<=\s)-+(?=\s)|--+")
_TOKEN = re.compile(r"\w+|[.!?;,:\n]")
_SENTENCE_ENDS = frozenset(".!?;")


@dataclass(frozen=True, slots=True)
class Clause:
    """Words between two pauses, and the mark that ended them: one of `.!?;`, or `,` for a lesser pause, or nothing."""

    words: tuple[str, ...]
    end: str


def fold(text: str) -> str:
    """`text` in small letters without accents, with its line ends and pauses; see the module."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return _ABBREVIATED.sub(_joined, _SPELT.sub(_joined, "".join(map(_folded, decomposed))))


def clauses(folded: str) -> tuple[Clause, ...]:
    """The clauses of a folded text, in its order; none is empty."""
    found: list[Clause] = []
    words: list[str] = []
    for token in _TOKEN.findall(_DASH.sub(",", folded)):
        if token.isalnum():
            words.append(token)
            continue
        end = token if token in _SENTENCE_ENDS else ","
        if words:
            found.append(Clause(tuple(words), end))
            words = []
        elif found and end != ",":
            found[-1] = Clause(found[-1].words, "?" if "?" in (end, found[-1].end) else end)  # `?!` still asks
    if words:
        found.append(Clause(tuple(words), ""))
    return tuple(found)


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    if character in _PAUSES or "a" <= character <= "z" or "0" <= character <= "9":
        return character
    known = _LOOK_ALIKE.get(character)
    if known is not None:
        return known
    return _BY_CATEGORY.get(unicodedata.category(character), character)


def _joined(spelt: re.Match[str]) -> str:
    return _NOT_A_WORD.sub("", spelt[0])
