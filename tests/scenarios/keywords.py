"""A reader of a few words, for scenarios that are not about words."""

from __future__ import annotations

from dataclasses import dataclass

_KINDS = {"STOP": "opt_out", "ARRET": "opt_out", "START": "opt_in", "CONTACT": "contact", "AIDE": "help"}


@dataclass(frozen=True, slots=True)
class Read:
    kind: str
    tier: str
    rule: str
    review: bool


def read(text: str) -> Read:
    words = text.upper().split()
    kind = _KINDS.get(words[0], "other") if words and len(words) <= 3 else "other"
    certain = len(words) == 1
    return Read(kind, "certain" if certain else "probable", words[0] if kind != "other" else "", not certain)
