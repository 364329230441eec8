"""The words of a segment, read into its tree; whatever cannot be read is refused with its place and what was expected.

    ville dans ("Lyon", "Villeurbanne") et non paye et adhesion < 01/01/2026 et consenti("events")

Operators are English or French: and/et, or/ou, not/non, in/dans, `is empty`/`est vide`, contains/contient,
begins/commence. A field of yes or no stands alone; other fields are compared with a value of their kind: "words" in
quotes, numbers, dates as 2026-01-31 or 31/01/2026, `today - 30 days`. Of a person's history: consented("purpose"),
opted_out(), written_since(30 days), replied_since(30 days), received("campaign"), anniversary(field).

Read by lark (LALR: time and memory are those of the length), never evaluated as code. Length, depth and the number of
conditions are bounded. Pure.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias, cast

from lark import Lark, Token, Tree, UnexpectedInput
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from gatewayd.domain.field import FAMILY_NAME, GIVEN_NAME, LANGUAGE, Field, Fields, FieldType, fold
from gatewayd.domain.segment import (
    AllOf,
    Among,
    Anniversary,
    AnyOf,
    Compare,
    Comparison,
    Empty,
    Fact,
    Known,
    Length,
    Not,
    Operand,
    Segment,
    Today,
    Unit,
)
from gatewayd.errors import SegmentError

MAX_LENGTH = 2_000  # characters
MAX_DEPTH = 20
MAX_CONDITIONS = 100

_GRAMMAR = r"""
?start: any
?any: all | all (_OR all)+ -> any_of
?all: one | one (_AND one)+ -> all_of
?one: NOT one -> negation
    | "(" any ")"
    | NAME COMPARISON value -> compare
    | NAME _IN "(" value ("," value)* ")" -> among
    | NAME _NOT_IN "(" value ("," value)* ")" -> not_among
    | NAME _IS_EMPTY -> empty
    | NAME _IS_NOT_EMPTY -> not_empty
    | NAME "(" [argument] ")" -> call
    | NAME -> truth
?argument: STRING | LENGTH | NAME
value: STRING | DATE | NUMBER | BOOLEAN | TODAY [SIGN LENGTH]

_AND.2: /(and|et)\b/i
_OR.2: /(or|ou)\b/i
NOT.2: /(not|non)\b/i
_IN.2: /(in|dans)\b/i
_NOT_IN.3: /(not\s+in|(non|pas)\s+dans)\b/i
_IS_EMPTY.2: /(is\s+empty|est\s+vide)\b/i
_IS_NOT_EMPTY.2: /(is\s+not\s+empty|est\s+(non\s+vide|rempli))\b/i
COMPARISON.2: /(<=|>=|!=|<>|==|=|<|>|(contains|contient|begins|commence)\b)/i
BOOLEAN.2: /(true|false|yes|no|oui|non|vrai|faux)\b/i
TODAY.2: /(today\b|aujourd['’]?hui\b)/i
LENGTH.2: /[0-9]{1,4}\s*(days?|jours?|weeks?|semaines?|months?|mois|years?|ans?)\b/i
DATE.3: /[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])|[0-9]{2}\/[0-9]{2}\/[0-9]{4}(?![0-9])/
NUMBER: /-?[0-9]{1,15}(\.[0-9]{1,6})?(?![\w.])/
SIGN: "+" | "-"
STRING: /"[^"\n]*"|«[^»\n]*»|“[^”\n]*”|'[^'\n]*'/
NAME: /[^\W\d]\w*/
%ignore /\s+/
"""
_WORDS = {
    "NAME": "a field",
    "STRING": '"words" in quotes',
    "NUMBER": "a number",
    "DATE": "a date as 2026-01-31",
    "BOOLEAN": "yes or no",
    "TODAY": "today",
    "LENGTH": "a time as 30 days",
    "COMPARISON": "= != < <= > >= contains begins",
    "NOT": "not",
    "_AND": "and",
    "_OR": "or",
    "_IN": "in (...)",
    "_IS_EMPTY": "is empty",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "$END": "the end",
}
_UNITS = {"d": Unit.DAYS, "j": Unit.DAYS, "w": Unit.WEEKS, "s": Unit.WEEKS, "m": Unit.MONTHS}
_TRUE = frozenset({"true", "yes", "oui", "vrai"})
_COMPARISONS = {"==": "=", "contient": "contains", "commence": "begins", "<>": "!="}
_FACTS = {
    **{str(fact): fact for fact in Fact},
    "consenti": Fact.CONSENTED,
    "oppose": Fact.OPTED_OUT,
    "ecrit_depuis": Fact.WRITTEN_SINCE,
    "repondu_depuis": Fact.REPLIED_SINCE,
    "recu": Fact.RECEIVED,
}
_ANNIVERSARY = frozenset({"anniversary", "anniversaire"})
_ARGUMENTS = {
    Fact.CONSENTED: ("STRING", 'a purpose in quotes, as consented("events")'),
    Fact.RECEIVED: ("STRING", 'a campaign in quotes, as received("relance")'),
    Fact.OPTED_OUT: ("", "nothing between the brackets"),
    Fact.WRITTEN_SINCE: ("LENGTH", "a time, as written_since(30 days)"),
    Fact.REPLIED_SINCE: ("LENGTH", "a time, as replied_since(30 days)"),
}
_TEXTS = (FieldType.TEXT, FieldType.CHOICE)
_TOKENS = {"STRING": _TEXTS, "NUMBER": (FieldType.NUMBER,), "BOOLEAN": (FieldType.BOOLEAN,)}
_ORDERED = frozenset({Comparison.LESS, Comparison.AT_MOST, Comparison.MORE, Comparison.AT_LEAST})
_WANTED = {
    FieldType.TEXT: '"words" in quotes',
    FieldType.CHOICE: '"one of its words" in quotes',
    FieldType.NUMBER: "a number",
    FieldType.DATE: "a date as 2026-01-31, or today",
    FieldType.BOOLEAN: "yes or no",
}
_HOLDS = {**{kind: f"a {kind}" for kind in FieldType}, FieldType.TEXT: "words", FieldType.BOOLEAN: "yes or no"}
OWN: Fields = {
    heading: Field(name, FieldType.TEXT, "")
    for name, headings in (("given_name", GIVEN_NAME), ("family_name", FAMILY_NAME), ("language", LANGUAGE))
    for heading in headings
}
"""What every contact has, by each name that it may be called."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a segment may speak of: declared fields besides `OWN`, purposes, and the names of campaigns (None: any)."""

    fields: Mapping[str, Field]
    purposes: Collection[str] = ()
    campaigns: Collection[str] | None = None


_Node: TypeAlias = Tree[Token]


def parse(source: str, vocabulary: Vocabulary) -> Segment:
    """The segment that these words mean. Raises SegmentError, whose words show the place."""
    if len(source) > MAX_LENGTH:
        raise SegmentError(f"a segment has at most {MAX_LENGTH} characters, this one has {len(source)}")
    if not source.strip():
        raise SegmentError('the segment is empty; write a condition, as ville = "Lyon"')
    try:
        tree = _parser().parse(source)
    except UnexpectedInput as error:
        raise _unexpected(error, source) from None
    return _Builder(source, vocabulary).build(tree)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _unexpected(error: UnexpectedInput, source: str) -> SegmentError:
    expected: Collection[str] = ()
    found = "this"
    if isinstance(error, UnexpectedToken):
        expected, token = error.accepts or error.expected, error.token
        found = "the end" if token.type == "$END" else f"`{token}`"
        place = len(source.rstrip()) if token.type == "$END" else int(token.start_pos or 0)
    else:
        place = int(error.pos_in_stream or 0)
        if isinstance(error, UnexpectedCharacters):
            expected, found = error.allowed or (), f"`{source[place]}`"
    words = ", ".join(sorted(_WORDS[name] for name in expected if name in _WORDS))
    return _at(source, place, f"{found} cannot stand here" + (f"; expected {words}" if words else ""))


def _at(source: str, place: int, words: str) -> SegmentError:
    """The sentence, and below it the line with a caret under the place."""
    begin = source.rfind("\n", 0, place) + 1
    end = source.find("\n", place)
    line = source[begin : end if end >= 0 else len(source)].replace("\t", " ")
    first = max(0, place - begin - 60)
    return SegmentError(
        f"the segment cannot be read, character {place + 1}: {words}\n  {line[first : first + 100]}\n"
        f"  {' ' * (place - begin - first)}^"
    )


class _Builder:
    """From lark's tree to the segment, checked against the vocabulary."""

    def __init__(self, source: str, vocabulary: Vocabulary) -> None:
        self._source, self._vocabulary = source, vocabulary
        self._conditions = 0

    def build(self, node: _Node, depth: int = 1) -> Segment:
        place = int(node.meta.start_pos or 0)
        if depth > MAX_DEPTH:
            raise self._at(place, f"more than {MAX_DEPTH} conditions stand within each other")
        children = cast("list[Any]", node.children)
        match node.data:
            case "any_of":
                return AnyOf(tuple(self.build(child, depth + 1) for child in children))
            case "all_of":
                return AllOf(tuple(self.build(child, depth + 1) for child in children))
            case "negation":
                return Not(self.build(children[1], depth + 1))
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise self._at(place, f"more than {MAX_CONDITIONS} conditions")
        build: Callable[[list[Any]], Segment] = getattr(self, f"_{node.data}")
        return build(children)

    def _compare(self, children: list[Any]) -> Segment:
        name, sign, node = children
        field = self._field(name)
        words = _COMPARISONS.get(sign.lower(), sign.lower())
        comparison = Comparison("=" if words == "!=" else words)
        if comparison in _ORDERED and field.type not in (FieldType.NUMBER, FieldType.DATE):
            raise self._at(sign, f"{name} holds {_HOLDS[field.type]}, not before or after another; expected = or !=")
        if comparison in (Comparison.CONTAINS, Comparison.BEGINS) and field.type not in _TEXTS:
            raise self._at(sign, f"{name} holds {_HOLDS[field.type]}; only words contain or begin with others")
        found = Compare(field.name, comparison, self._operand(name, field, node, whole=comparison is Comparison.EQUAL))
        return Not(found) if words == "!=" else found

    def _among(self, children: list[Any]) -> Segment:
        name, *nodes = children
        field = self._field(name)
        return Among(field.name, tuple(self._operand(name, field, node) for node in nodes))

    def _not_among(self, children: list[Any]) -> Segment:
        return Not(self._among(children))

    def _empty(self, children: list[Any]) -> Segment:
        return Empty(self._field(children[0]).name)

    def _not_empty(self, children: list[Any]) -> Segment:
        return Not(self._empty(children))

    def _truth(self, children: list[Any]) -> Segment:
        name = children[0]
        field = self._field(name)
        if field.type is not FieldType.BOOLEAN:
            wanted = f"{name} = {_WANTED[field.type]}"
            raise self._at(name, f"{name} holds {_HOLDS[field.type]}, and is no condition alone; expected {wanted}")
        return Compare(field.name, Comparison.EQUAL, True)

    def _call(self, children: list[Any]) -> Segment:
        name, argument = children[0], children[1] if len(children) > 1 else None
        word = fold(name)
        if word in _ANNIVERSARY:
            return self._anniversary(name, argument)
        fact = _FACTS.get(word)
        if fact is None:
            near = _nearest(word, [*_FACTS, *_ANNIVERSARY])
            raise self._at(name, f"there is no question {name}(){near}; there are {', '.join(Fact)}, anniversary")
        wanted, words = _ARGUMENTS[fact]
        if (argument.type if argument is not None else "") != wanted:
            raise self._at(
                argument if argument is not None else name, f"{name}() was not asked right; expected {words}"
            )
        if argument is None:
            return Known(fact)
        if wanted == "LENGTH":
            return Known(fact, length=_length(argument))
        return Known(fact, name=self._named(fact, argument))

    def _anniversary(self, name: Token, argument: Token | None) -> Segment:
        if argument is None or argument.type != "NAME":
            raise self._at(argument or name, f"{name}() was not asked right; expected a field of dates")
        field = self._field(argument)
        if field.type is not FieldType.DATE:
            raise self._at(argument, f"{argument} holds {_HOLDS[field.type]}; expected a field of dates")
        return Anniversary(field.name)

    def _named(self, fact: Fact, token: Token) -> str:
        name = token[1:-1].strip()
        known = self._vocabulary.purposes if fact is Fact.CONSENTED else self._vocabulary.campaigns
        if known is not None and name not in known:
            thing = "purpose" if fact is Fact.CONSENTED else "campaign"
            listed = ", ".join(sorted(known)) or "none"
            raise self._at(token, f"there is no {thing} {name!r}{_nearest(name, known)}; there are {listed}")
        return name

    def _field(self, name: Token) -> Field:
        word = fold(name)
        found = self._vocabulary.fields.get(word) or OWN.get(word)
        if found is None:
            known = sorted([*self._vocabulary.fields, "prenom", "nom", "langue"])
            raise self._at(
                name, f"there is no field {name}{_nearest(word, [*known, *OWN])}; there are {', '.join(known)}"
            )
        return found

    def _operand(self, name: Token, field: Field, node: _Node, *, whole: bool = True) -> Operand:
        token = cast("Token", node.children[0])
        if field.type not in _TOKENS.get(token.type, (FieldType.DATE,)):
            raise self._at(token, f"{name} holds {_HOLDS[field.type]}; expected {_WANTED[field.type]}")
        if token.type == "STRING":
            return self._words(token, field, whole=whole)
        if token.type == "NUMBER":
            return float(token) if "." in token else int(token)
        if token.type == "BOOLEAN":
            return token.lower() in _TRUE
        if token.type == "DATE":
            return self._date(token)
        sign, length = (cast("Token", node.children[1]), node.children[2]) if len(node.children) > 1 else ("", None)
        return Today(_length(cast("Token", length)) if length is not None else None, -1 if sign == "-" else 1)

    def _words(self, token: Token, field: Field, *, whole: bool) -> str:
        words = str(token[1:-1])
        if whole and field.choices and fold(words) not in map(fold, field.choices):
            known = ", ".join(field.choices)
            raise self._at(token, f"{words!r} is none of its words{_nearest(words, field.choices)}; there are {known}")
        return words

    def _date(self, token: Token) -> date:
        iso = "-".join(reversed(token.split("/"))) if "/" in token else str(token)
        try:
            return date.fromisoformat(iso)
        except ValueError:
            raise self._at(token, f"there is no day {token}; expected {_WANTED[FieldType.DATE]}") from None

    def _at(self, place: Token | int, words: str) -> SegmentError:
        return _at(self._source, int(place.start_pos or 0) if isinstance(place, Token) else place, words)


def _nearest(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else ""


def _length(token: Token) -> Length:
    digits = "".join(letter for letter in token if letter.isdigit())
    unit = token[len(digits) :].strip().lower()
    return Length(int(digits), _UNITS.get(unit[0], Unit.YEARS))
