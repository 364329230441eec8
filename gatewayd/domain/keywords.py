"""The keywords in use: the tables of some languages, the international words, and what the configuration adds.

`Keywords.for_languages()` compiles them once; the value is immutable and may be shared by threads. Everything that
looks something up in it takes a time linear in the words it is given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from functools import lru_cache

from gatewayd.domain.folding import clauses, fold
from gatewayd.domain.keyword_tables import INTERNATIONAL, LANGUAGES, NOT_A_SLIP, VERSION, Language
from gatewayd.errors import ConfigurationError

__all__ = ["LANGUAGES", "VERSION", "Keywords", "Label", "Role"]

GAP = 4  # words that `..` may stand for
_SHORT, _LONG = 6, 9  # letters from which a keyword may have one slip, two slips
_BEGINNING = 3  # letters by which `abc*` is found; no pattern begins with fewer
_PREFIX = 2  # letters without slips: `désabonner` and `réabonner`, `abmelden` and `anmelden` differ by them


_RUN = re.compile(r"(.)\1+")
_LONG_RUN = re.compile(r"(.)\1\1")


class Role(IntEnum):
    """What a phrase is in a message; of two roles of one phrase the first counts."""

    STOP = auto()
    LEAVE = auto()
    ORDINARY = auto()
    ALONE = auto()
    MISSPELT = auto()
    START = auto()
    CONTACT = auto()
    HELP = auto()
    POLITE = auto()
    TARGET = auto()
    TRAILER = auto()
    LINK = auto()
    NUMBER = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Label:
    """A phrase of a message and its role."""

    role: Role
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    words: frozenset[str]
    beginnings: tuple[str, ...]
    optional: bool = False

    def takes(self, word: str) -> bool:
        return word in self.words or word.startswith(self.beginnings)


_ANY_WORDS = _Step(frozenset(), ())


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sentence that asks to be left alone; `name` tells language and kind, `unless` lists words that undo it."""

    name: str
    steps: tuple[_Step, ...]
    opens: bool
    closes: bool
    denied: bool
    denies: frozenset[str]
    subjects: frozenset[str]
    unless: frozenset[str]

    def matches(self, sentence: Sentence, at: int) -> bool:
        """Does it hold of `sentence` from its word `at`?"""
        if (self.opens and at not in sentence.openings) or self._denied(sentence, at):
            return False
        places = {at}
        for step in self.steps:
            places = self._after(step, sentence.words, places)
            if not places:
                return False
        ends = places & sentence.endings if self.closes else places
        return bool(ends) and self.unless.isdisjoint(sentence.words[at:])

    def _after(self, step: _Step, words: Sequence[str], places: set[int]) -> set[int]:
        if step is _ANY_WORDS:
            return set(self._reach(words, places))
        after = {place + 1 for place in places if place < len(words) and step.takes(words[place])}
        return after | places if step.optional else after

    def _reach(self, words: Sequence[str], places: set[int]) -> Iterator[int]:
        for place in places:
            yield place
            for next_place in range(place, min(place + GAP, len(words))):
                if words[next_place] in self.denies:
                    break
                yield next_place + 1

    def _denied(self, sentence: Sentence, at: int) -> bool:
        """`n'arrêtez pas`, `don't stop`; and `vous ne m'écrivez plus`, which misses our messages."""
        if self.denied or at in sentence.starts:
            return False
        before = sentence.words[at - 1]
        if sentence.words[at] in self.denies:
            return before in self.subjects
        if before in self.denies:
            return True
        return before in self.subjects and at - 1 not in sentence.starts and sentence.words[at - 2] in self.denies


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of one sentence, and their labels; `starts` are those that begin a clause, `openings` and `endings` where
    it may be said to begin and end: with its politeness and without."""

    words: tuple[str, ...]
    labels: tuple[Label, ...]
    starts: frozenset[int]
    openings: frozenset[int]
    endings: frozenset[int]


class Keywords:
    """The words and patterns of some languages, ready to be looked up."""

    def __init__(
        self, tables: Iterable[tuple[str, Language]], *, ordinary: Iterable[str] = (), version: str = VERSION
    ) -> None:
        self.version = version
        self._phrases: dict[str, list[tuple[tuple[str, ...], Role]]] = {}
        self._patterns: dict[str, list[Pattern]] = {}
        self._beginnings: dict[str, list[Pattern]] = {}
        self.denies: set[str] = set()
        self.events: set[str] = set()
        self.reactions: set[str] = set()
        for code, table in tables:
            self._add_table(code, table)
        self._taken_out = frozenset(_split(_listed(ordinary)))
        for phrase in self._taken_out:
            others = [entry for entry in self._phrases.get(phrase[0], ()) if entry[0] != phrase]
            self._phrases[phrase[0]] = [*others, (phrase, Role.ORDINARY)]
        for entries in self._phrases.values():
            entries.sort(key=lambda entry: (-len(entry[0]), entry[1].value))
        self._firm = {
            first: entries[-1][1]
            for first, entries in self._phrases.items()
            if len(entries[-1][0]) == 1 and entries[-1][1] in (Role.STOP, Role.LEAVE, Role.ALONE)
        }
        self._collapsed = {collapse(word): role for word, role in self._firm.items()}
        self._slips = _slip_index(word for word, role in self._firm.items() if role is not Role.ALONE)

    @classmethod
    def for_languages(
        cls,
        codes: Collection[str] = tuple(LANGUAGES),
        *,
        opt_out: Collection[str] = (),
        opt_in: Collection[str] = (),
        contact: Collection[str] = (),
        help: Collection[str] = (),
        ordinary: Collection[str] = (),
        names: Collection[str] = (),
        version: str = VERSION,
    ) -> Keywords:
        """The keywords of the languages `codes` (ISO 639-1), and those the configuration adds.

        `ordinary` are taken out: they mean nothing any more. `names` are the organisation's own (`STOP Amicale des
        Jardins`). `version` is what these words are called. Raises ConfigurationError for a language without a table,
        a keyword without a letter, and one that would both leave and return.
        """
        for code in codes:
            if code not in LANGUAGES:
                raise ConfigurationError(f"no keywords for the language {code!r}", expected=", ".join(LANGUAGES))
        added = Language(
            alone=_listed(opt_out),
            start=_listed(opt_in),
            contact=_listed(contact),
            help=_listed(help),
            target=_listed(word for name in names for word in (name, *name.split()) if len(word) > 2),
        )
        tables = [("any", INTERNATIONAL), *((code, LANGUAGES[code]) for code in codes), ("own", added)]
        keywords = cls(tables, ordinary=ordinary, version=version)
        for phrase in _split(added.start):
            if keywords.labels(phrase)[0].role is not Role.START:
                raise ConfigurationError(f"{' '.join(phrase)!r} cannot lift an opt-out: it is known as another keyword")
        return keywords

    def labels(self, words: Sequence[str]) -> list[Label]:
        """The phrases of a clause, the longest first known ones; each word is in exactly one."""
        found: list[Label] = []
        at = 0
        while at < len(words):
            label = self._known(words, at)
            found.extend(self._guessed(words[at]) if label is None else [label])
            at += 1 if label is None else len(label.words)
        return found

    def role(self, phrase: Sequence[str]) -> Role:
        """What these words are, if a table has them as a phrase of their own; else UNKNOWN."""
        label = self._known(phrase, 0) if phrase else None
        return label.role if label is not None and label.words == tuple(phrase) else Role.UNKNOWN

    def pattern(self, sentence: Sentence) -> Pattern | None:
        """The first pattern that holds of the sentence. A word that was taken out asks for nothing by itself, whatever
        the patterns know; with what it is about (`arrêter les SMS`) it does."""
        if all(label.role is Role.POLITE or label.words in self._taken_out for label in sentence.labels):
            return None
        for at, word in enumerate(sentence.words):
            for pattern in self._patterns_at(word):
                if pattern.matches(sentence, at):
                    return pattern
        return None

    def is_slip(self, word: str) -> bool:
        """Is `word` one letter (in long words, two) from a keyword that hardly means anything else?"""
        if word in NOT_A_SLIP or word in self._phrases or len(word) > 20:
            return False
        for near in _deletions(word, 2 if len(word) >= _LONG - 2 else 1):
            for keyword in self._slips.get(near, ()):
                if _is_near(word, keyword):
                    return True
        return False

    def is_firm(self, squeezed: str) -> bool:
        """Are these letters, spaces taken out, a keyword: `des abonner`, `ST OP`?"""
        role = self._firm.get(squeezed)
        return role is not None and (role is not Role.ALONE or len(squeezed) >= 5)

    def _patterns_at(self, word: str) -> Iterator[Pattern]:
        yield from self._patterns.get(word, ())
        yield from self._beginnings.get(word[:_BEGINNING], ())

    def _known(self, words: Sequence[str], at: int) -> Label | None:
        for phrase, role in self._phrases.get(words[at], ()):
            if phrase == tuple(words[at : at + len(phrase)]):
                return Label(role, phrase)
        return None

    def _guessed(self, word: str) -> list[Label]:
        """A word that is in no list: a number, a drawn-out or glued keyword, or unknown."""
        if word.isdigit():
            return [Label(Role.NUMBER, (word,))]
        short = collapse(word)
        if (role := self._collapsed.get(short)) is not None:
            if _has_run(word):
                return [Label(role, (word,))]
            if role is not Role.ALONE:
                return [Label(Role.MISSPELT, (word,))]
        if word.startswith("stop") and (tail := self._known([word[4:]], 0)) is not None and len(tail.words[0]) > 2:
            return [Label(Role.STOP, ("stop",)), tail]
        return [Label(Role.UNKNOWN, (word,))]

    def _add_table(self, code: str, table: Language) -> None:
        for role, source in _roles(table):
            for phrase in _split(source):
                self._phrases.setdefault(phrase[0], []).append((phrase, role))
        self.denies.update(words(table.denies))
        self.events.update(words(table.events))
        self.reactions.update(" ".join(phrase) for phrase in _split(table.reactions))
        for kind, source in (("asks", table.asks), ("leaves", table.leaves)):
            unless = words(table.events) if kind == "leaves" else frozenset[str]()
            for line in source.strip().splitlines():
                self._add_pattern(_compiled(f"{kind}:{code}", line, table, unless))

    def _add_pattern(self, pattern: Pattern) -> None:
        first = pattern.steps[0]
        for word in first.words:
            self._patterns.setdefault(word, []).append(pattern)
        for beginning in first.beginnings:
            self._beginnings.setdefault(beginning[:_BEGINNING], []).append(pattern)


def collapse(word: str) -> str:
    """`word` with each run of one letter reduced to one: `stooop` -> `stop`."""
    return _RUN.sub(r"\1", word)


@lru_cache(maxsize=128)  # a table's lists are asked for by each of its patterns
def words(source: str) -> frozenset[str]:
    """The words of a comma-separated list that has no phrases."""
    return frozenset(phrase[0] for phrase in _split(source))


def _has_run(word: str) -> bool:
    return _LONG_RUN.search(word) is not None


def _split(source: str) -> Iterator[tuple[str, ...]]:
    for phrase in source.split(","):
        if phrase.strip():
            yield tuple(phrase.split())


def _listed(keywords: Iterable[str]) -> str:
    """Keywords of the configuration as a table has them."""
    found = []
    for keyword in keywords:
        folded = [word for clause in clauses(fold(keyword)) for word in clause.words]
        if not folded:
            raise ConfigurationError(f"the keyword {keyword!r} has no letters", expected="a word or a few")
        found.append(" ".join(folded))
    return ",".join(found)


def _roles(table: Language) -> Iterator[tuple[Role, str]]:
    yield Role.STOP, table.stop
    yield Role.LEAVE, table.leave
    yield Role.ORDINARY, table.ordinary
    yield Role.ALONE, table.alone
    yield Role.MISSPELT, table.misspelt
    yield Role.START, table.start
    yield Role.CONTACT, table.contact
    yield Role.HELP, table.help
    yield Role.POLITE, table.polite
    yield Role.TARGET, table.target
    yield Role.TRAILER, table.trailers
    yield Role.LINK, table.link


def _compiled(name: str, line: str, table: Language, unless: frozenset[str]) -> Pattern:
    parts = line.split()
    denied = parts[0] == "!"
    parts = parts[denied:]
    opens, closes = parts[0] == "^", parts[-1] == "$"
    steps = tuple(_ANY_WORDS if part == ".." else _step(part) for part in parts[opens : len(parts) - closes])
    if steps[0].optional or steps[0] is _ANY_WORDS or any(len(start) < _BEGINNING for start in steps[0].beginnings):
        raise ValueError(f"a pattern must begin with a word: {line!r}")
    return Pattern(name, steps, opens, closes, denied, words(table.denies), words(table.subjects), unless)


def _step(part: str) -> _Step:
    choices = part.removeprefix("?").split("|")
    whole = frozenset(choice for choice in choices if not choice.endswith("*"))
    return _Step(whole, tuple(choice[:-1] for choice in choices if choice.endswith("*")), part.startswith("?"))


def _slip_index(keywords: Iterable[str]) -> dict[str, list[str]]:
    """What is left of each keyword when letters are lost; two words one slip apart share such a rest."""
    index: dict[str, list[str]] = {}
    for keyword in keywords:
        if keyword == "stop" or len(keyword) >= _SHORT:
            for rest in _deletions(keyword, _slips_of(keyword)):
                index.setdefault(rest, []).append(keyword)
    return index


def _slips_of(keyword: str) -> int:
    return 2 if len(keyword) >= _LONG else 1


def _deletions(word: str, count: int) -> set[str]:
    found = {word}
    for _ in range(count):
        found |= {rest[:place] + rest[place + 1 :] for rest in found for place in range(len(rest))}
    return found


def _is_near(word: str, keyword: str) -> bool:
    if len(keyword) >= _SHORT and word[:_PREFIX] != keyword[:_PREFIX]:
        return False
    return _distance(word, keyword) <= _slips_of(keyword)


def _distance(one: str, other: str) -> int:
    """Letters to insert, delete, replace or swap with a neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]
