"""A text as GSM 7-bit can write it: the nearest letters, plain quotes and dashes, no emoji.

`to_gsm7` never fails and yields a text of the default alphabet and its extension table; only control characters and
lone surrogates are left as they are, for `text.render` to refuse:

- what the alphabet has stays (`é è à ù ò ì ñ ä ö ü ß Ç € [ ]` ...);
- a letter with another accent becomes the bare letter, never another accent: `ê` -> `e`, `ç` -> `c`, `À` -> `A`;
- ligatures, quotes, dashes, spaces and signs are written out: `œ` -> `oe`, `« »` -> `"`, `…` -> `...`, `≤` -> `<=`;
- marks without a sound (emoji, arrows' variation selectors, zero-width characters) go, and take one space with them so
  that no gap stays;
- any other letter, digit or currency becomes `?`: a reader must see that something is missing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from gatewayd.domain import gsm7

# Signs that have a usual way of being written; what Unicode itself decomposes (½, ², ﬁ, ™, full width) is not listed.
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_WRITTEN = {
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys("\x85\u2028\u2029", "\n"),
    **dict.fromkeys("‘’‚‛′‵`´ʼʹ‹›", "'"),
    **dict.fromkeys("“”„‟″‶«»", '"'),
    **dict.fromkeys("‐‑‒–—―−⁃•‣▪·∙¯¬", "-"),
    **{"œ": "oe", "Œ": "OE", "ð": "d", "Ð": "D", "đ": "d", "Đ": "D", "þ": "th", "Þ": "TH", "ł": "l", "Ł": "L"},
    **{"ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ı": "i", "ĸ": "k", "ŋ": "n", "Ŋ": "N", "ẞ": "SS", "ƒ": "f"},
    **{"…": "...", "⁄": "/", "∕": "/", "×": "x", "÷": "/", "±": "+/-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~"},
    **{"→": "->", "←": "<-", "↔": "<->", "⇒": "=>", "¦": "|", "©": "(c)", "®": "(r)", "¢": "c", "₤": "£"},
    **{"µ": "u", "μ": "u", "°": "o", "¸": ",", "‰": " pour mille"},
}

_MARKED = "\uffff"  # stands for what was dropped, until the space beside it is dropped too
_GAP = re.compile(f"^{_MARKED}+ ?| ?{_MARKED}+")
_FRENCH_QUOTES = re.compile("«[ \u00a0\u202f]?|[ \u00a0\u202f]?»")
# `n°` is read as `no`, but `25°` would be read as `25o`, and `1½` as `11/2`.
_DEGREES = re.compile("(?<=[0-9])[ \u00a0\u202f]?°")
_FRACTION = re.compile("(?<=[0-9])(?=[¼½¾⅐-⅞])")
# Marks, joiners, symbols and private characters: they have no sound, a reader misses nothing.
_SILENT = frozenset({"So", "Sk", "Mn", "Mc", "Me", "Cf", "Co", "Cn"})

_REFUSED = frozenset({"Cc", "Cs"})  # control characters and lone surrogates


def to_gsm7(text: str) -> str:
    """`text` as GSM 7-bit can write it; see the module for the choices."""
    if text.isascii() and "`" not in text:
        return text
    text = unicodedata.normalize("NFC", text)
    text = _FRENCH_QUOTES.sub('"', text)
    text = _FRACTION.sub(" ", _DEGREES.sub(" deg", text))
    written = "".join(map(_written, text))
    return _GAP.sub("", written) if _MARKED in written else written


@lru_cache(maxsize=4096)
def _written(character: str) -> str:
    if gsm7.is_gsm7(character):
        return character
    known = _WRITTEN.get(character)
    if known is not None:
        return known
    decomposed = unicodedata.normalize("NFKD", character)
    if decomposed != character:
        written = "".join(map(_written, decomposed)).replace(_MARKED, "")
        if written.strip():
            return written
    category = unicodedata.category(character)
    if category in _REFUSED:
        return character
    return _MARKED if category in _SILENT else "?"
