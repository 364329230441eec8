"""One text, one person: a text that holds another recipient's number, or a field of another contact, is never sent.

Texts are filled from one person's fields, so neither can be there; unless a spreadsheet was shifted by a column, the
template was written with somebody's number in it, or we have a defect. So each text is looked at by itself, knowing
nothing of how it was made: the numbers in it must be nobody's of this audience but the recipient's own, and no words in
it may be a field of exactly one other person, unless the template or the recipient's own fields have them too. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from gatewayd.domain.field import fold
from gatewayd.domain.number import SEPARATORS

OTHERS_NUMBER = "others_number"
OTHERS_FIELD = "others_field"

_DIGITS = re.compile(rf"[0-9](?:[,_\s{re.escape(SEPARATORS)}]{{0,4}}[0-9]){{6,}}")
_WORD = re.compile(r"\w+")
_SHORTEST = 5  # letters of a field that can be told from ordinary words
_LONGEST = 4  # words of a field that is looked for


class Confidential:
    """The numbers and telling fields of those who may get a text of this campaign.

    `literals` are the template's own words, `numbers` those of everybody; fields are learnt a page at a time.
    """

    def __init__(self, literals: str, numbers: AbstractSet[str] = frozenset()) -> None:
        self._literals, self._everybody = _pieces(literals), numbers
        self._numbers: set[str] = set()
        self._owners: dict[str, str] = {}

    def learn(self, number: str, fields: Iterable[str]) -> None:
        """Somebody of the audience. A field that two people share tells nobody apart."""
        self._numbers.add(number[-_TAIL:])
        for field in fields:
            words = " ".join(_WORD.findall(fold(field)))
            if len(words) >= _SHORTEST and not words.isdecimal():
                self._owners[words] = number if self._owners.get(words, number) == number else ""

    def fault(self, text: str, number: str, own: Mapping[str, str]) -> str:
        """`others_number`, `others_field`, or nothing when the text holds only what is the recipient's."""
        own_tail = number[-_TAIL:]
        for tail in _tails(text):
            if tail != own_tail and (tail in self._numbers or tail in self._everybody):
                return OTHERS_NUMBER
        strange = {piece for piece in _pieces(text) - self._literals if self._owners.get(piece, "") not in ("", number)}
        if strange and strange - _pieces("\n".join(own.values())):
            return OTHERS_FIELD
        return ""


def tails(numbers: Iterable[str]) -> frozenset[str]:
    """The ends of numbers, by which they are known."""
    return frozenset(number[-_TAIL:] for number in numbers)


_TAIL = 9
"""Digits that tell a number, however it is written: +33 6, 0033 6 or 06."""


def _tails(text: str) -> Iterator[str]:
    """Whatever could be the end of a number: a run of digits may hold one, and an hour or a year beside it."""
    for found in _DIGITS.findall(unicodedata.normalize("NFKC", text)):
        digits = re.sub(r"[^0-9]", "", found)
        yield from (digits[begin : begin + _TAIL] for begin in range(max(1, len(digits) - _TAIL + 1)))


def _pieces(text: str) -> set[str]:
    """Each word, and each run of up to four, without accents: a text may be written in letters that GSM has."""
    words = _WORD.findall(fold(text))
    runs = (words[begin : begin + length] for length in range(1, _LONGEST + 1) for begin in range(len(words)))
    return {" ".join(run) for run in runs}
