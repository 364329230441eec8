"""What a configuration says of the keywords: the languages that are read, words added, defaults taken out.

A word that would do harm is refused before it can: one that people write without meaning it, one that already means
another thing, a default whose loss would make us deaf to STOP. `version` names the words in force. It is recorded with
each decision (`keyword@2026.1+3fa9c1`), and changes with each of them, so that the decision can be explained later by
the defaults of that version and the configuration of that time. `explain` says in words what a rule means.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from gatewayd.domain.folding import clauses, fold
from gatewayd.domain.keyword_tables import EVERYDAY
from gatewayd.domain.keywords import LANGUAGES, VERSION, Keywords, Role
from gatewayd.domain.reading import Kind, read

KINDS: Mapping[str, Kind] = MappingProxyType(
    {"stop": Kind.OPT_OUT, "start": Kind.OPT_IN, "contact": Kind.CONTACT, "help": Kind.HELP}
)
"""The lists of words that may be added, and what they ask for."""
ORDINARY = "ordinary"
MOST = 100
"""Words in a list."""
_MOST_WORDS = 5
_SHORTEST = 3
_KEYWORD = frozenset(
    {Role.STOP, Role.LEAVE, Role.ALONE, Role.MISSPELT, Role.START, Role.CONTACT, Role.HELP},
)
_EVERYDAY = frozenset({Role.ORDINARY, Role.POLITE, Role.TARGET, Role.LINK, Role.NUMBER})
_ASKED = {Kind.OPT_OUT: "STOP", Kind.OPT_IN: "START", Kind.CONTACT: "CONTACT", Kind.HELP: "HELP"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of the configuration; without any, the defaults in all languages."""

    languages: tuple[str, ...] = tuple(LANGUAGES)
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    ordinary: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """That of the defaults; with the mark of what the configuration changes, if it does."""
        return VERSION if _essence(self) == _essence(Vocabulary()) else f"{VERSION}+{_essence(self)}"

    def keywords(self, *names: str) -> Keywords:
        """The words, compiled; `names` are the organisation's own. ConfigurationError where `faults` finds any."""
        return Keywords.for_languages(
            self.languages,
            opt_out=self.stop,
            opt_in=self.start,
            contact=self.contact,
            help=self.help,
            ordinary=self.ordinary,
            names=names,
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """A word that cannot be used: its list, its place there, what is wrong, and what was expected."""

    list: str
    place: int
    wrong: str
    expected: str


def faults(vocabulary: Vocabulary) -> Iterator[Fault]:
    """The words that would do harm. Languages without a table are not its business."""
    defaults = Keywords.for_languages(vocabulary.languages, ordinary=filter_words(vocabulary.ordinary))
    seen: dict[tuple[str, ...], str] = {}
    for place, word in enumerate(vocabulary.ordinary):
        if found := _no_default(word, vocabulary.languages):
            yield Fault(ORDINARY, place, *found)
        seen[_phrase(word)] = ORDINARY
    for name, kind in KINDS.items():
        for place, word in enumerate(getattr(vocabulary, name)):
            phrase = _phrase(word)
            found = _harmful(word, kind, defaults)
            if found is None and seen.setdefault(phrase, name) != name:
                found = f"`{word}` stands in `{seen[phrase]}` too", "each word in one list"
            if found:
                yield Fault(name, place, *found)


def filter_words(words: Sequence[str]) -> tuple[str, ...]:
    """Those in which something can be read."""
    return tuple(word for word in words if _phrase(word))


def _harmful(word: str, kind: Kind, defaults: Keywords) -> tuple[str, str] | None:
    """Why this word may not ask for `kind`, and what was expected; None if it may."""
    phrase, asked = _phrase(word), _ASKED[kind]
    letters = "".join(phrase)
    expected = "a word or a few which nobody writes without meaning it"
    if not any(map(str.isalpha, letters)):
        return f"`{word}` has no letters", expected
    if letters.isascii() and len(letters) < _SHORTEST:
        return f"`{word}` is too short", f"{_SHORTEST} letters or more"
    if len(phrase) > _MOST_WORDS:
        return f"`{word[:40]}` is a whole sentence", f"{_MOST_WORDS} words at most"
    reading = read(word, defaults)
    if reading.kind not in (Kind.OTHER, kind):
        return f"`{word}` is read as {_ASKED[reading.kind]} already", f"a word that means {asked} and nothing else"
    if reading.kind is Kind.OTHER and _is_everyday(phrase):
        return f"`{word}` is an ordinary word: people would ask for {asked} without knowing it", expected
    return None


def _no_default(word: str, languages: Sequence[str]) -> tuple[str, str] | None:
    """Why this word cannot be taken out."""
    role = Keywords.for_languages(languages).role(_phrase(word))
    if role is Role.STOP:
        return f"`{word}` cannot be taken out: whoever writes STOP must be heard", "another word"
    if role not in _KEYWORD:
        return f"`{word}` is no keyword of these languages", "a keyword of the defaults, as it is (gatewayd inbox read)"
    return None


def _is_everyday(phrase: Sequence[str]) -> bool:
    """Whether people write this every day, in any of our languages."""
    if " ".join(phrase) in EVERYDAY or _everything().role(phrase) in _EVERYDAY:
        return True
    words = _everything()
    common = EVERYDAY | words.events | words.denies
    return all(word in common or words.role([word]) in _EVERYDAY for word in phrase)


@cache
def _everything() -> Keywords:
    return Keywords.for_languages()


def _phrase(word: str) -> tuple[str, ...]:
    return tuple(one for clause in clauses(fold(word)) for one in clause.words)


def _essence(vocabulary: Vocabulary) -> str:
    """The same for the same words, in whatever order and however written."""
    lists = [sorted(vocabulary.languages)]
    lists += [sorted(" ".join(_phrase(word)) for word in getattr(vocabulary, name)) for name in (*KINDS, ORDINARY)]
    return hashlib.sha256(repr(lists).encode()).hexdigest()[:6]


RULES: Mapping[str, str] = MappingProxyType(
    {
        "keyword": "the message is a keyword and nothing else",
        "keyword_with_target": "a keyword, and what is to be stopped",
        "keyword_with_spaces": "a keyword with spaces in strange places, or without any",
        "keyword_with_politeness": "a keyword and polite words",
        "keyword_as_question": "a keyword that is also an everyday word, with a question mark",
        "misspelt_keyword": "a usual misspelling of a keyword, and nothing else",
        "sentence_of_keywords": "keywords joined to a sentence",
        "stop_and_start": "both STOP and START: the stronger one holds",
        "slip": "one slip away from a keyword",
        "slip_and_few_words": "one slip away from a keyword, and a few words",
        "keyword_and_few_words": "begins with a keyword, and a few words follow",
        "few_words_and_keyword": "a few words, and ends with a keyword",
        "keyword_as_sentence": "a keyword stands as a sentence of its own",
        "asks": "a sentence asks to be left alone",
        "leaves": "a sentence asks to be taken off the list",
        "reaction": "a handset tells that somebody tapped our message",
        "answer": "it answers our question by SMS, whether this person agrees",
        "overtaken": "a START that was written before a STOP of this person, or in its second: the STOP holds",
        "mms_notification": "MMS notification: somebody sent a picture or a long text, and this SIM receives none",
        "wap_push": "WAP push: a link or settings for a telephone, which nobody opens here",
        "voice_mail": "the operator tells of this SIM's voice mail",
        "fax_waiting": "the operator tells of a fax",
        "e_mail_waiting": "the operator tells of an e-mail",
        "message_waiting": "the operator tells that something waits for this SIM",
        "octets": "octets for a program, and no text",
        "none": "no keyword, and no sentence that asks for anything",
    }
)
"""What each rule means to a person."""
_DECISION = re.compile(r"(?P<rule>[a-z_]+)(?::(?P<language>[a-z]+))?(?:@(?P<version>\S+))?")


def explain(decision: str) -> str:
    """A recorded rule in words: `a sentence asks to be left alone (fr; words of 2026.1)`."""
    found = _DECISION.fullmatch(decision)
    if found is None or found["rule"] not in RULES:
        return ""
    where = [found["language"], f"words of {found['version']}" if found["version"] else None]
    more = "; ".join(filter(None, where))
    return RULES[found["rule"]] + (f" ({more})" if more else "")
