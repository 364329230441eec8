"""Which column is what, by the words of its heading in French or English; case, accents and punctuation do not count.

The headings may stand below a title: they are looked for in the first `SEARCHED` rows that are not empty. There may be
several columns of numbers (`Portable`, `Téléphone`): the one most likely to be mobile is asked first, and a row which
leaves it empty is served by the next. Every column is a field for templates, under its heading folded to `a_z0_9`
(`Date d'adhésion` is `date_d_adhesion`); first and last names answer to both their French and their English name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatewayd.domain.field import FAMILY_NAME, GIVEN_NAME, fold_heading
from gatewayd.interfaces.spreadsheet.table import Row

SEARCHED = 10

_FILLERS = frozenset(
    {"n", "no", "nr", "de", "du", "des", "d", "le", "la", "l", "a", "au", "of", "the", "to", "1", "2"}
    | {"perso", "personnel", "personal", "principal", "main", "value", "envoyer", "send", "adherent", "membre"}
)
_MOBILE = frozenset(
    {"mobile", "portable", "gsm", "cell", "cellulaire", "cellphone", "mobilephone", "mobilenumber"}
    | {"telmobile", "telportable", "telephonemobile", "telephoneportable", "numeromobile", "numeroportable", "handy"}
)
_PHONE = frozenset(
    {"telephone", "tel", "phone", "phonenumber", "numtel", "numtelephone", "numerotelephone", "telephonenumber"}
    | {"destinataire", "recipient", "msisdn"}
)
_NUMBER = frozenset({"numero", "num", "number"})
_TEXT = frozenset({"message", "texte", "text", "sms", "msg", "contenu"})

_SAME_FIELD = (GIVEN_NAME, FAMILY_NAME)


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells by index: `numbers`, the best first; `text`; `fields` by their name in templates; `seen` as written."""

    numbers: tuple[int, ...]
    text: int | None
    fields: Mapping[str, int]
    seen: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.seen)


def find_heading(rows: Iterable[Row]) -> tuple[Row, Columns] | None:
    """The first row which names a column of numbers, or None."""
    for row in rows:
        columns = read_heading(row.cells)
        if columns.numbers:
            return row, columns
    return None


def read_heading(cells: Sequence[str]) -> Columns:
    ranks = [(rank, index) for index, cell in enumerate(cells) if (rank := _number_rank(cell)) is not None]
    texts = [index for index, cell in enumerate(cells) if _is_text(cell)]
    return Columns(
        numbers=tuple(index for _, index in sorted(ranks)),
        text=texts[0] if texts else None,
        fields=_fields(cells),
        seen=tuple(cells),
    )


def _words(heading: str) -> set[str]:
    return set(fold_heading(heading).split("_")) - _FILLERS - {""}


def _number_rank(heading: str) -> int | None:
    """0 for a mobile number, 1 for a phone number, 2 for a number of some kind, None for anything else."""
    words = _words(heading)
    if not words or not words <= _MOBILE | _PHONE | _NUMBER | {"sms"}:
        return None
    for rank, wanted in enumerate((_MOBILE, _PHONE, _NUMBER)):
        if words & wanted:
            return rank
    return None


def _is_text(heading: str) -> bool:
    words = _words(heading)
    return bool(words) and words <= _TEXT


def _fields(cells: Sequence[str]) -> Mapping[str, int]:
    fields: dict[str, int] = {}
    for index, cell in enumerate(cells):
        name = fold_heading(cell)
        if name:
            fields.setdefault(name if not name[0].isdigit() else f"col_{name}", index)
    for names in _SAME_FIELD:
        present = [fields[name] for name in names if name in fields]
        if present:
            fields.setdefault(names[0], present[0])
            fields.setdefault(names[1], present[0])
    return fields
