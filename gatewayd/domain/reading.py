"""What an incoming text asks for: to be left alone, to be written to again, who writes, how to leave; or none of these.

A missed opt-out is unlawful, a false one is cheap and seen by a person; yet the sentences of ordinary life belong into
the inbox. So there are three tiers, and each reading names the rule that made it:

- certain: the message *is* a keyword, perhaps with what is to be stopped (`STOP`, `S.T.O.P !!`, `stop sms`,
  `STOP au 36105`, `STOP\\n--\\nMarie`);
- probable: a keyword with politeness, a name or a few words, or with a slip of the thumb (`stop merci`, `Stop. Marie`,
  `stpo`); a keyword as a sentence of its own; both STOP and START;
- mention: a sentence that asks for it (`arrêtez de m'envoyer des messages`, `please remove me`).

An opt-out which is not certain is to be reviewed. START lifts an opt-out only if it is the whole message. A reaction
that a handset writes (`A aimé « ... STOP au ... »`) quotes us and asks for nothing.

`read()` is pure, never raises, and takes a time linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from gatewayd.domain.folding import Clause, clauses, fold
from gatewayd.domain.keywords import Keywords, Label, Role, Sentence

__all__ = ["Keywords", "Kind", "Reading", "Tier", "read"]

MAX_CHARACTERS = 40_000  # more than 255 parts hold (TS 23.040, clause 9.2.3.24.1)
FEW_BEHIND, FEW_BEFORE = 5, 3  # strange words beside a keyword; who explains himself does so behind it
_GROUPS = 5  # of the digits of a number
_SHORTEST, _LONGEST = 4, 24  # letters of a keyword with spaces in strange places
_LONG_TEXT = 30  # words from which a keyword is no longer the point of the message
_SIGNED_WITHIN = 5  # words that a handset's `envoyé de mon ...` adds behind it


class Kind(StrEnum):
    """What the sender wants; `agreed` and `declined` only in answer to a question of ours; `notice`: a network or a
    program tells something, and no person wrote."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    CONTACT = "contact"
    HELP = "help"
    AGREED = "agreed"
    DECLINED = "declined"
    NOTICE = "notice"
    OTHER = "other"


class Tier(StrEnum):
    """How sure we are."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    MENTION = "mention"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text was read: `tier` is None for OTHER; `rule` is stable; `text` is what the rules saw, `version` that of
    the words they knew."""

    kind: Kind
    tier: Tier | None
    rule: str
    text: str
    version: str

    @property
    def decision(self) -> str:
        """What is recorded, so that it can be explained years later: the rule, and the version of its words."""
        return f"{self.rule}@{self.version}"

    @property
    def review(self) -> bool:
        """A person should look whether this opt-out was meant."""
        return self.kind is Kind.OPT_OUT and self.tier is not Tier.CERTAIN


class _Message:
    """A message for the rules: its clauses, and the labels of each."""

    def __init__(self, found: Sequence[Clause], labelled: Sequence[Sequence[Label]]) -> None:
        self.clauses = found
        self.labelled = labelled
        self.labels = [label for labels in labelled for label in labels]
        self.roles = frozenset(label.role for label in self.labels)
        self.words = [word for clause in found for word in clause.words]
        self.asks = any(clause.end == "?" for clause in found)


_Found = tuple[Kind, Tier, str] | None
_Rule = Callable[[_Message, Keywords], _Found]

_FIRM = frozenset({Role.STOP, Role.LEAVE})
_OUT = _FIRM | {Role.ALONE, Role.MISSPELT}
_COURTESY = frozenset({Role.POLITE, Role.CONTACT, Role.HELP})
_BESIDE = _COURTESY | {Role.TARGET, Role.NUMBER, Role.LINK, Role.START}
_JOINED = _OUT | _COURTESY | {Role.TARGET}  # what a link may lead to

_SIGNATURE = re.compile(r"\n *(?:--|- *\n)")
_MIXED = re.compile(r"[a-z]+|[0-9]+|[^a-z0-9]+")
_DIGITS_AS_LETTERS = str.maketrans("013457", "oieast")
# With a hyphen it is a word; `non stop` as a whole message is two.
_HYPHENATED = re.compile(r"\b(non|no|auto|full|pit|one)-(?=stop\b)")
_QUOTES = "«“„\"”»‟'’‘"
_REACTION_HEAD = 60


def read(text: str, keywords: Keywords) -> Reading:
    """What `text` asks for; see the module."""
    folded = _HYPHENATED.sub(r"\1", fold(text[:MAX_CHARACTERS]))
    seen = " ".join(folded.split())
    if _is_reaction(text[:MAX_CHARACTERS], keywords):
        return Reading(Kind.OTHER, None, "reaction", seen, keywords.version)
    found = [decided for message in _versions(folded, keywords) if (decided := _decided(message, keywords))]
    if not found:
        return Reading(Kind.OTHER, None, "none", seen, keywords.version)
    # A STOP anywhere is stronger than a START or a question beside it; of opt-outs, the first.
    return Reading(*min(found, key=lambda decided: decided[0] is not Kind.OPT_OUT), seen, keywords.version)


def _decided(message: _Message, keywords: Keywords) -> _Found:
    for rule in _RULES:
        if found := rule(message, keywords):
            return found
    return None


def _versions(folded: str, keywords: Keywords) -> Iterator[_Message]:
    """The message without its signature, then all of it: what stands in a signature may be meant all the same."""
    signature = _SIGNATURE.search(folded)
    if signature and (body := _message(folded[: signature.start()], keywords)).clauses:
        yield body
    whole = _message(folded, keywords)
    if unsigned := _without_trailer(whole):
        yield unsigned
    yield whole


def _message(folded: str, keywords: Keywords) -> _Message:
    found = [
        Clause(tuple(word for mixed in clause.words for word in _unmixed(mixed, keywords)), clause.end)
        for clause in clauses(folded)
    ]
    return _Message(found, [keywords.labels(clause.words) for clause in found])


def _unmixed(word: str, keywords: Keywords) -> Sequence[str]:
    """`st0p` is `stop`; `stop36105` and `h2o` are taken apart."""
    if word.isalpha() or word.isdigit():
        return (word,)
    written = word.translate(_DIGITS_AS_LETTERS)
    return (written,) if keywords.is_firm(written) else _MIXED.findall(word)


def _without_trailer(message: _Message) -> _Message | None:
    """Without the `envoyé de mon iPhone` at its end, if something stands before."""
    if Role.TRAILER not in message.roles:
        return None
    for place, labels in enumerate(message.labelled):
        for at, label in enumerate(labels):
            if label.role is not Role.TRAILER:
                continue
            before = tuple(word for kept in labels[:at] for word in kept.words)
            behind = sum(len(clause.words) for clause in message.clauses[place:]) - len(before) - len(label.words)
            if behind > _SIGNED_WITHIN or not (place or before):
                return None
            kept_clauses, kept_labels = list(message.clauses[:place]), list(message.labelled[:place])
            if before:
                kept_clauses.append(Clause(before, ","))
                kept_labels.append(labels[:at])
            return _Message(kept_clauses, kept_labels)
    return None


def _is_reaction(text: str, keywords: Keywords) -> bool:
    """`Liked “...”`, `👍 à « ... »`: what a handset sends when its owner taps our message."""
    stripped = text.strip()
    opening = next((at for at, character in enumerate(stripped[:_REACTION_HEAD]) if character in '«“„"”'), 0)
    if not opening or stripped[-1] not in _QUOTES or opening == len(stripped) - 1:
        return False
    head = " ".join(word for clause in clauses(fold(stripped[:opening])) for word in clause.words)
    return head in keywords.reactions and len(stripped[opening:].split()) > FEW_BEFORE


def _keyword(message: _Message, _keywords: Keywords) -> _Found:
    """Nothing but keywords, what they stop, and politeness."""
    labels, roles = message.labels, message.roles
    if not roles & _OUT or not roles <= _OUT | _BESIDE or not all(map(_links_hold, message.labelled)):
        return None
    if not roles & _FIRM and any(label.role is Role.NUMBER and len(label.words[0]) < 5 for label in labels):
        return None  # `fin 18`, `arrêt 2`
    tier, rule = Tier.PROBABLE, ""
    if Role.START in roles:
        rule = "stop_and_start"
    elif not roles & (_FIRM | {Role.ALONE}):
        rule = "misspelt_keyword"
    elif roles & _COURTESY:
        rule = "keyword_with_politeness"
    elif not roles & _FIRM and message.asks:
        rule = "keyword_as_question"
    elif Role.LINK in roles and Role.STOP not in roles:
        rule = "sentence_of_keywords"  # `cancel my subscription`: to which of our things?
    else:
        tier, rule = Tier.CERTAIN, "keyword" if roles <= _OUT else "keyword_with_target"
    return Kind.OPT_OUT, tier, rule


def _links_hold(labels: Sequence[Label]) -> bool:
    """Each `au`, `les`, `to` stands behind a keyword and leads to what is stopped: `stop à 18 h` does not."""
    keyword_seen = False
    for place, label in enumerate(labels):
        if label.role is Role.LINK and not (keyword_seen and _leads_on(labels[place + 1 : place + 1 + _GROUPS])):
            return False
        keyword_seen = keyword_seen or label.role in _OUT
    return True


def _leads_on(labels: Sequence[Label]) -> bool:
    """Does a link before `labels` lead to what is stopped? A number has three digits at least, perhaps in groups."""
    if not labels:
        return False
    if labels[0].role is not Role.NUMBER:
        return labels[0].role in _JOINED | {Role.LINK}
    digits = takewhile(lambda label: label.role is Role.NUMBER, labels)
    return sum(len(label.words[0]) for label in digits) >= 3


def _squeezed(message: _Message, keywords: Keywords) -> _Found:
    """A keyword with spaces in strange places, or without: `ST OP`, `des inscription`, `stopstop`."""
    squeezed = "".join(message.words)
    one_word = len(message.words) == 1 and not squeezed.startswith("stopstop")
    if one_word or not _SHORTEST <= len(squeezed) <= _LONGEST:
        return None
    if keywords.is_firm(squeezed) or not squeezed.replace("stop", ""):
        return Kind.OPT_OUT, Tier.CERTAIN, "keyword_with_spaces"
    return None


def _slip(message: _Message, keywords: Keywords) -> _Found:
    """One word that is nearly a keyword, with politeness, or as a sentence of its own among few words."""
    strange = [label.words[0] for label in message.labels if label.role is Role.UNKNOWN]
    beside = _COURTESY | {Role.TARGET, Role.NUMBER, Role.UNKNOWN}
    if len(strange) == 1 and message.roles <= beside and keywords.is_slip(strange[0]):
        return Kind.OPT_OUT, Tier.PROBABLE, "slip"
    if len(message.clauses) < 2 or len(message.words) > FEW_BEFORE + 1 or message.asks:
        return None
    first = message.labelled[0]
    if len(first) == 1 and (first[0].role is Role.MISSPELT or keywords.is_slip(first[0].words[0])):
        return Kind.OPT_OUT, Tier.PROBABLE, "slip_and_few_words"
    return None


def _few_words(message: _Message, keywords: Keywords) -> _Found:
    """It begins or ends with a keyword, and has at most a few words more: `stop Marie Dupont`, `ça va, stop`."""
    if not message.roles & _FIRM:
        return None
    known = _FIRM | _COURTESY | {Role.TARGET}
    others = [word for label in message.labels if label.role not in known for word in label.words]
    strange = sum(len(word) > 1 for word in others)  # the j of `j'en veux plus` is no word of its own
    if strange > FEW_BEHIND or message.asks:
        return None
    first = next((clause for clause in map(_plain, message.labelled) if clause), [])
    last = next((clause for clause in map(_plain, reversed(message.labelled)) if clause), [])
    if not first or (not keywords.events.isdisjoint(message.words) and Role.LEAVE in {label.role for label in first}):
        return None
    if first[0].role in _FIRM and (len(first) == 1 or first[1].role is not Role.LINK):
        return Kind.OPT_OUT, Tier.PROBABLE, "keyword_and_few_words"
    if strange <= FEW_BEFORE and last[-1].role in _FIRM and (len(last) == 1 or not _turns(last[-2], keywords)):
        return Kind.OPT_OUT, Tier.PROBABLE, "few_words_and_keyword"
    return None


def _plain(labels: Sequence[Label]) -> list[Label]:
    return [label for label in labels if label.role is not Role.POLITE]


def _turns(label: Label, keywords: Keywords) -> bool:
    """Does this word, right before a keyword, make it another thing: `mon stop`, `pas stop`?"""
    return label.role in {Role.LINK, Role.ORDINARY} or label.words[-1] in keywords.denies


def _sentence(message: _Message, keywords: Keywords) -> _Found:
    """A keyword stands by itself between two pauses: `Bonjour, je suis Marie Dupont de Lyon. STOP. Merci`."""
    if not message.roles & _FIRM or len(message.words) > _LONG_TEXT:
        return None
    eventful = not keywords.events.isdisjoint(message.words)
    for clause, labels in zip(message.clauses, message.labelled, strict=True):
        roles = {label.role for label in labels}
        firm = roles & ({Role.STOP} if eventful else _FIRM)
        if firm and roles <= _FIRM | _COURTESY | {Role.TARGET, Role.NUMBER} and clause.end != "?":
            return Kind.OPT_OUT, Tier.PROBABLE, "keyword_as_sentence"
    return None


def _stop_and_start(message: _Message, _keywords: Keywords) -> _Found:
    if Role.START in message.roles and message.roles & _FIRM:
        return Kind.OPT_OUT, Tier.PROBABLE, "stop_and_start"
    return None


def _mention(message: _Message, keywords: Keywords) -> _Found:
    """A sentence asks for it."""
    for sentence in _sentences(message):
        if pattern := keywords.pattern(sentence):
            return Kind.OPT_OUT, Tier.MENTION, pattern.name
    return None


def _sentences(message: _Message) -> Iterator[Sentence]:
    words: list[str] = []
    labels: list[Label] = []
    starts: set[int] = set()
    for clause, labelled in zip(message.clauses, message.labelled, strict=True):
        starts.add(len(words))
        words += clause.words
        labels += labelled
        if clause.end != ",":
            yield _sentence_of(words, labels, starts)
            words, labels, starts = [], [], set()
    if words:
        yield _sentence_of(words, labels, starts)


def _sentence_of(words: Sequence[str], labels: Sequence[Label], starts: set[int]) -> Sentence:
    head, tail = _politeness(labels), _politeness(labels[::-1])
    ends = {len(words), len(words) - tail}
    return Sentence(
        tuple(words), tuple(labels), frozenset(starts), frozenset(starts | {head}), frozenset(starts | ends)
    )


def _politeness(labels: Sequence[Label]) -> int:
    """How many words of politeness these labels begin with."""
    count = 0
    for label in labels:
        if label.role is not Role.POLITE:
            break
        count += len(label.words)
    return count


def _start(message: _Message, _keywords: Keywords) -> _Found:
    if message.roles == {Role.START}:
        return Kind.OPT_IN, Tier.CERTAIN, "keyword"
    return None


def _question(message: _Message, _keywords: Keywords) -> _Found:
    """CONTACT or HELP, with or without politeness; of both, the first."""
    labels = _plain(message.labels)
    if not labels or not all(label.role in {Role.CONTACT, Role.HELP} for label in labels):
        return None
    polite = len(labels) < len(message.labels)
    kind = Kind.CONTACT if labels[0].role is Role.CONTACT else Kind.HELP
    return (kind, Tier.PROBABLE, "keyword_with_politeness") if polite else (kind, Tier.CERTAIN, "keyword")


# In this order: from what is certain to what is only mentioned.
_RULES: tuple[_Rule, ...] = (
    _keyword,
    _squeezed,
    _start,
    _question,
    _slip,
    _few_words,
    _sentence,
    _stop_and_start,
    _mention,
)
