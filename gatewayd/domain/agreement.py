"""Is this answer to our question a yes, a no, or neither? Pure.

A consent must be unambiguous: only a message that says nothing else counts, in one of seven languages, with politeness
at most (`OUI`, `Oui merci`, `yes please`, `j'accepte`). `OK`, `oui mais ...`, `oui ?` and a thumb are neither, and wait
for a person's eye in the inbox.
"""

from __future__ import annotations

from gatewayd.domain.folding import clauses, fold

YES, NO = "yes", "no"
LONGEST = 60
"""Characters: who writes more says more."""

_POLITE = frozenset({
    "merci", "svp", "stp", "bonjour", "bonsoir", "madame", "monsieur", "please", "thanks", "thank", "you", "danke",
    "bitte", "gracias", "grazie", "prego", "obrigado", "obrigada", "dank", "bedankt", "alstublieft", "por", "favor",
    "per", "favore",
})  # fmt: skip
_YES = frozenset({
    "oui", "yes", "ja", "si", "sim", "j accepte", "oui j accepte", "je suis d accord", "oui je suis d accord",
    "i agree", "yes i agree", "ich stimme zu", "ja ich stimme zu", "acepto", "si acepto", "accetto", "si accetto",
    "aceito", "sim aceito", "ik ga akkoord", "ja ik ga akkoord",
})  # fmt: skip
_NO = frozenset({
    "non", "no", "nein", "nao", "nee", "je refuse", "non je refuse", "je n accepte pas", "i refuse", "i do not agree",
    "i don t agree", "no gracias", "no grazie", "nao obrigado", "nao obrigada", "nein danke", "nee bedankt",
})  # fmt: skip


def read(text: str) -> str:
    """`yes`, `no`, or "" for anything else."""
    if len(text) > LONGEST:
        return ""
    found = clauses(fold(text))
    if any(clause.end == "?" for clause in found):
        return ""
    words = [word for clause in found for word in clause.words]
    bare = " ".join(word for word in words if word not in _POLITE)
    if bare in _YES:
        return YES
    return NO if bare in _NO or " ".join(words) in _NO else ""
