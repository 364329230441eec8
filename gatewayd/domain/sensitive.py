"""Does the name of a field sound like data that are nobody's business (GDPR article 9)? Pure: a name in, a kind out.

Names are compared without case and accents, word by word: whole words, beginnings of words (`syndicat`, `syndiqué`,
`syndicale`), and a few words only where nothing else stands beside them: `origine` alone is refused, for in a list of
people it is theirs; `origine_du_contact` says whose it is. A name that is refused wrongly costs its administrator a
line (the ground, in words); one that passes wrongly is unlawful: so `sante_publique` is refused as `sante` is.

It reads names, not minds: what people put into a field called `remarques` it cannot know.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Kind:
    """`words`: whole words; `stems`: beginnings; `alone`: words that count if no other stands beside them."""

    name: str
    words: str
    stems: str = ""
    alone: str = ""
    phrases: str = ""


_KINDS = (
    _Kind(
        "health",
        "sante health maladie maladies malade ill illness disease diseases sick vih hiv sida aids sanguin blood diet "
        "enceinte grossesse pregnant pregnancy cancer diabete diabetes diabetique diabetic asthme asthma invalide "
        "disabled handi pmr apa aah",
        "handicap medica medecin medical allerg diagnos patholog vaccin hospitalis invalidit disabilit psychi depressi "
        "addict",
        phrases="regime_alimentaire groupe_sanguin affection_longue_duree",
    ),
    _Kind(
        "religion or belief",
        "culte foi faith kosher casher kasher halal juif juive juifs jew jewish athee athees atheist islam laique "
        "paroisse parish diocese church mosque mosquee synagogue",
        "relig confession croyan belief believ catholi protestan musulman muslim chretien judai bouddh buddh hindou "
        "hindu agnosti philosoph conviction evangeli baptis baptem",
        alone="christian temple eglise",
    ),
    _Kind(
        "union membership", "cgt cfdt cftc unionised unionized unionist", "syndicat syndiqu syndical",
        alone="union unions", phrases="trade_union labor_union labour_union union_member union_membership",
    ),
    _Kind(
        "politics", "", "politi", alone="parti opinion opinions militant militante",
        phrases="intention_vote vote_intention voting_intention",
    ),
    _Kind(
        "origin", "", "ethni racial",
        alone="race races origine origines origin origins",
        phrases="pays_origine country_origin origine_nationale national_origin couleur_peau skin_color skin_colour",
    ),
    _Kind(
        "sexual orientation", "lgbt lgbtq lgbtqi gay gays queer", "sexuel sexual homosex heterosex bisex lesbi "
        "transgenre transgender",
        alone="orientation orientations trans", phrases="vie_intime sex_life",
    ),
    _Kind(
        "genetic or biometric data", "adn dna fingerprint fingerprints", "geneti biometri",
        phrases="empreintes_digitales empreinte_digitale",
    ),
)  # fmt: skip

# A word of the lists that means another thing beside one of these.
_HARMLESS = {
    "politi": {"confidentialite", "privacy", "cookies"},  # politique de confidentialité acceptée
    "syndicat": {"initiative", "copropriete"},
}
_LINKS = frozenset({"d", "de", "du", "des", "la", "le", "les", "l", "of", "the", "a", "au", "et", "and"})


def kind_of(name: str) -> str | None:
    """Which kind of sensitive data a field of this name would hold, in words; None for an ordinary name."""
    words = [word for word in _words(name) if word not in _LINKS]
    return next((kind.name for kind in _KINDS if _sounds_like(kind, words)), None)


def _sounds_like(kind: _Kind, words: list[str]) -> bool:
    joined = f"_{'_'.join(words)}_"
    if any(f"_{phrase}_" in joined for phrase in kind.phrases.split()):
        return True
    if len(words) == 1 and words[0] in kind.alone.split():
        return True
    whole, stems = frozenset(kind.words.split()), tuple(kind.stems.split())
    return any(
        (word in whole or (bool(stems) and word.startswith(stems))) and not _is_harmless(word, words) for word in words
    )


def _is_harmless(word: str, beside: list[str]) -> bool:
    return any(word.startswith(stem) and not others.isdisjoint(beside) for stem, others in _HARMLESS.items())


def _words(name: str) -> list[str]:
    """Small words without accents: `Santé publique`, `sante_publique` and `SantePublique` are the same two."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])", " ", name)
    plain = unicodedata.normalize("NFKD", spaced).casefold()
    return re.findall(r"[a-z]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
