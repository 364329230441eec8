"""The fields of contacts that the configuration declares: name, type, why they are needed; and their values.

`read()` makes a value of what people write in a spreadsheet, in French notation or the plain one, or says in a sentence
why it cannot. A value is text, a number, true or false, or a date as `2026-01-31`, which sorts as it is. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from typing import TypeAlias

from gatewayd.domain.unseen import UNSEEN
from gatewayd.errors import UsageError

Value: TypeAlias = str | int | float | bool

LONGEST_TEXT = 500
LONGEST_NAME = 100
_YEARS = range(1900, 2200)
_LARGEST = 10**15
_WRONG = re.compile(f"[{UNSEEN}]")


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """A declared field: `why` it is needed; `choices` of a choice; the `ground` of one that is sensitive."""

    name: str
    type: FieldType
    why: str
    label: str = ""
    choices: tuple[str, ...] = ()
    ground: str = ""

    def read(self, cell: str) -> Value:
        """The value of a cell that is not empty. UsageError says in a few words what is wrong with it."""
        return _READERS[self.type](self, cell.strip())


Fields: TypeAlias = Mapping[str, Field]


def plain_text(cell: str, longest: int = LONGEST_TEXT) -> str:
    """A text as it is kept: composed, trimmed, no control or direction marks, not too long. UsageError."""
    text = unicodedata.normalize("NFC", cell).strip()
    if _WRONG.search(text):
        raise UsageError("it has control characters in it")
    if len(text) > longest:
        raise UsageError(f"it is longer than {longest} characters")
    return text


# What one program writes and another does not, for the same word.
_ALIKE = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u00b4": "'", "`": "'", "\u2010": "-", "\u2011": "-", "\u2013": "-",
    "\u2212": "-", "œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae",
})  # fmt: skip


def fold(words: str) -> str:
    """Small letters without accents, one apostrophe and one hyphen, for comparing what people write."""
    plain = unicodedata.normalize("NFKD", words.translate(_ALIKE)).casefold()
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


def fold_heading(heading: str) -> str:
    """A heading as one word, `Date d'adhésion` is `date_d_adhesion`: columns are found by it."""
    return "_".join(re.findall(r"[a-z0-9]+", fold(heading)))


GIVEN_NAME = ("prenom", "first_name", "firstname", "given_name", "forename", "prenoms")
FAMILY_NAME = ("nom", "last_name", "lastname", "surname", "family_name", "nom_de_famille", "name")
LANGUAGE = ("langue", "language")
OWN_HEADINGS = frozenset(
    {*GIVEN_NAME, *FAMILY_NAME, *LANGUAGE, "number", "numero", "telephone", "phone", "portable", "mobile", "fields"}
)
"""Of what every contact has; no declared field is called so."""

_LANGUAGES = {
    "fr": "fr francais french", "en": "en anglais english", "de": "de allemand german deutsch",
    "es": "es espagnol spanish espanol", "it": "it italien italian italiano", "pt": "pt portugais portuguese portugues",
    "nl": "nl neerlandais dutch nederlands",
}  # fmt: skip
_LANGUAGE_OF = {word: code for code, words in _LANGUAGES.items() for word in words.split()}


def read_language(cell: str) -> str:
    """The two letters of a language, of its name in French, English or itself. UsageError."""
    code = _LANGUAGE_OF.get(fold(cell))
    if code is None:
        raise UsageError(f"it is no language that is known here ({', '.join(_LANGUAGES)})")
    return code


def shown(value: Value | None) -> str:
    """A value for people; nothing is shown as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def in_cell(value: Value) -> str:
    """A value as a cell of a list has it: with a comma, for a point might stand between thousands."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else str(value).replace(".", ",")


_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})(?: [0-9:]{4,8})?", re.ASCII)
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ][0-9:.]{4,15}Z?)?", re.ASCII)


def read_date(cell: str) -> date:
    """`31/01/2026`, `31.1.2026` or `2026-01-31`; a time behind it is left out. UsageError."""
    if match := _DAY_FIRST.fullmatch(cell):
        day, month, year = (int(part) for part in match.groups())
    elif match := _YEAR_FIRST.fullmatch(cell):
        year, month, day = (int(part) for part in match.groups())
    else:
        raise UsageError("it is no date: write it as 31/01/2026")
    try:
        found = date(year, month, day)
    except ValueError:
        raise UsageError("there is no such day") from None
    check_year(year)
    return found


def check_year(year: int) -> None:
    """UsageError: nobody of today has said anything then."""
    if year not in _YEARS:
        raise UsageError(f"a year from {_YEARS[0]} to {_YEARS[-1]} is expected")


_TIME = re.compile(r"([01]?[0-9]|2[0-3])[:hH]([0-5][0-9])(?::([0-5][0-9]))?", re.ASCII)


def read_moment(written: str, zone: tzinfo) -> datetime:
    """A date, perhaps with a time: `31/01/2026 14:30`, `2026-01-31T13:30:00Z`. Without one: the day's beginning in
    `zone`, so that whatever else was said on that day was said later. UsageError."""
    text = written.strip()
    if "T" in text:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError("it is no moment, as 2026-01-31T14:30:00+01:00") from None
        check_year(found.year)
        return found if found.tzinfo is not None else found.replace(tzinfo=zone)
    day, _, hour = text.partition(" ")
    match = _TIME.fullmatch(hour.strip() or "0:00")
    if match is None:
        raise UsageError("it is no time, as 14:30")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return datetime.combine(read_date(day), time(hours, minutes, seconds), zone)


_SPACES = re.compile(r"[ \u00a0\u202f\u2009]")
_NUMBER = re.compile(r"[-+]?[0-9]{1,16}(?:[.,][0-9]{1,10})?", re.ASCII)
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[ \u00a0\u202f\u2009][0-9]{3})+(?:,[0-9]{1,10})?", re.ASCII)
_POINTED = re.compile(r"[-+]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]{1,10})?", re.ASCII)


def _number(_field: Field, cell: str) -> int | float:
    """`1 234,50`, `12,5`, `12.5`, `1.234,50`, also with a € behind it; `1.234` could be either, and is refused."""
    text = re.sub(r"\s*(?:€|EUR)$", "", cell)
    if _POINTED.fullmatch(text):
        if "," not in text and text.count(".") == 1:
            raise UsageError("is the point a decimal one? write 1234 or 1,234")
        text = text.replace(".", "")
    elif _GROUPED.fullmatch(text):
        text = _SPACES.sub("", text)
    elif not _NUMBER.fullmatch(text):
        raise UsageError("it is no number, as 1 234,50")
    value = float(text.replace(",", "."))
    if abs(value) > _LARGEST:
        raise UsageError("the number is too large")
    return int(value) if value.is_integer() else value


_YES = frozenset({"oui", "o", "yes", "y", "vrai", "true", "1", "x"})
_NO = frozenset({"non", "n", "no", "faux", "false", "0"})


def _boolean(_field: Field, cell: str) -> bool:
    word = fold(cell)
    if word not in _YES | _NO:
        raise UsageError("it is neither yes nor no (oui, non)")
    return word in _YES


def _choice(field: Field, cell: str) -> str:
    wanted = fold(cell)
    for choice in field.choices:
        if fold(choice) == wanted:
            return choice
    raise UsageError(f"it is none of {', '.join(field.choices)}")


_READERS = {
    FieldType.TEXT: lambda _field, cell: plain_text(cell),
    FieldType.DATE: lambda _field, cell: read_date(cell).isoformat(),
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.CHOICE: _choice,
}
