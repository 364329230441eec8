"""What people read before they agree: who writes, why, how often, how to leave, where their data go, for how long.

Three wordings ship, each in French and English: `marketing` (a shop's offers), `information` (news for whoever wants
them), `association` (its members). The purpose says how often; its own text may take the place of a shipped one. A
wording has a version: when the words change, so must it, for a consent is worth what was read. `question` is the short
form that is asked by SMS.

The words follow what the CNIL asks of a consent: free, specific (one purpose), informed, as easy to withdraw as to
give. They are no legal advice, and each organisation answers for its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from gatewayd.domain import template
from gatewayd.domain.purpose import Purpose, PurposeWording

FIELDS = frozenset({"organisation", "purpose", "frequency", "retention", "privacy_contact", "privacy_notice"})
"""What a wording may name."""

ByLanguage: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Who:
    """The organisation, as wordings name it."""

    name: str
    privacy_contact: str = ""
    privacy_notice: str = ""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A wording that comes with the program, by language."""

    version: str
    texts: ByLanguage
    questions: ByLanguage


_LEAVE_FR = (
    "Je peux retirer cet accord à tout moment et sans frais, en répondant STOP à un SMS"
    "{% if privacy_contact %} ou en écrivant à {{ privacy_contact }}{% endif %} ; cela ne change rien à ce qui a été "
    "envoyé avant. Mon numéro et cet accord sont conservés {{ retention }} après mon accord ou mon dernier SMS. Je "
    "peux demander à voir, rectifier ou effacer mes données, et saisir la CNIL."
    "{% if privacy_notice %} En savoir plus : {{ privacy_notice }}{% endif %}"
)
_LEAVE_EN = (
    "I may withdraw this agreement at any time and free of charge, by answering STOP to a text"
    "{% if privacy_contact %} or by writing to {{ privacy_contact }}{% endif %}; what was sent before stays lawful. My "
    "number and this agreement are kept for {{ retention }} after my agreement or my last text. I may ask to see, "
    "correct or erase my data, and complain to the data protection authority."
    "{% if privacy_notice %} More: {{ privacy_notice }}{% endif %}"
)
_QUESTION_END_FR = (
    " Répondez OUI pour accepter, NON pour refuser. Sans réponse, vous ne recevrez rien. STOP : plus aucun SMS."
    "{% if privacy_notice %} {{ privacy_notice }}{% endif %}"
)
_QUESTION_END_EN = (
    " Reply YES to agree, NO to refuse. Without an answer you get nothing. STOP: no more texts."
    "{% if privacy_notice %} {{ privacy_notice }}{% endif %}"
)

SHIPPED: Mapping[str, Shipped] = {
    "marketing": Shipped(
        "marketing-1",
        {
            "fr": "{{ organisation }} peut m'envoyer par SMS ses offres commerciales ({{ purpose }}), "
            "{{ frequency }} : j'accepte. Cet accord est libre : il n'est exigé pour aucun achat ni service. "
            + _LEAVE_FR,
            "en": "I agree to receive commercial offers from {{ organisation }} by text message ({{ purpose }}), "
            "{{ frequency }}. I am free to refuse: no purchase or service depends on it. " + _LEAVE_EN,
        },
        {
            "fr": "{{ organisation }} : voulez-vous recevoir nos offres par SMS, {{ frequency }} ?" + _QUESTION_END_FR,
            "en": "{{ organisation }}: do you want our offers by text, {{ frequency }}?" + _QUESTION_END_EN,
        },
    ),
    "information": Shipped(
        "information-1",
        {
            "fr": "{{ organisation }} peut m'envoyer par SMS des informations ({{ purpose }}), {{ frequency }} : "
            "j'accepte. Elles ne contiennent aucune publicité. " + _LEAVE_FR,
            "en": "I agree to receive information from {{ organisation }} by text message ({{ purpose }}), "
            "{{ frequency }}. It contains no advertising. " + _LEAVE_EN,
        },
        {
            "fr": "{{ organisation }} : voulez-vous recevoir nos informations par SMS, {{ frequency }} ?"
            + _QUESTION_END_FR,
            "en": "{{ organisation }}: do you want our information by text, {{ frequency }}?" + _QUESTION_END_EN,
        },
    ),
    "association": Shipped(
        "association-1",
        {
            "fr": "{{ organisation }} peut m'écrire par SMS au sujet de la vie de l'association ({{ purpose }}), "
            "{{ frequency }} : j'accepte. Mon adhésion n'en dépend pas. " + _LEAVE_FR,
            "en": "I agree that {{ organisation }} writes to me by text message about the life of the association "
            "({{ purpose }}), {{ frequency }}. My membership does not depend on it. " + _LEAVE_EN,
        },
        {
            "fr": "{{ organisation }} : voulez-vous recevoir par SMS les nouvelles de l'association, {{ frequency }} ?"
            + _QUESTION_END_FR,
            "en": "{{ organisation }}: do you want news of the association by text, {{ frequency }}?"
            + _QUESTION_END_EN,
        },
    ),
}  # fmt: skip


def languages(wording: PurposeWording, own: str) -> tuple[str, ...]:
    """In which languages a purpose's wording can be read; its own text is in the organisation's, `own`."""
    return (own,) if wording.text else tuple(SHIPPED[wording.shipped].texts)


def version(wording: PurposeWording) -> str:
    """The version of the words as they are now."""
    return wording.version or SHIPPED[wording.shipped].version


def text(purpose: Purpose, who: Who, language: str) -> str:
    """What people read, word for word. TextError: it cannot be filled."""
    wording = _of(purpose)
    source = wording.text or SHIPPED[wording.shipped].texts[language]
    return _filled(source, purpose, who, language)


def question(purpose: Purpose, who: Who, language: str) -> str:
    """What is asked by SMS, word for word. TextError."""
    wording = _of(purpose)
    source = wording.question or SHIPPED[wording.shipped or "information"].questions[language]
    return _filled(source, purpose, who, language)


def _of(purpose: Purpose) -> PurposeWording:
    assert purpose.wording is not None  # noqa: S101  (asked by those who have looked)
    return purpose.wording


def _filled(source: str, purpose: Purpose, who: Who, language: str) -> str:
    values = {
        "organisation": who.name, "purpose": purpose.label, "frequency": _of(purpose).frequency,
        "retention": duration(purpose.retention_days, language), "privacy_contact": who.privacy_contact,
        "privacy_notice": who.privacy_notice,
    }  # fmt: skip
    return _compiled(source).render(values)


@lru_cache(maxsize=64)
def _compiled(source: str) -> template.Template:
    return template.compile(source, FIELDS)


_UNITS = {"fr": (("an", "ans"), ("mois", "mois"), ("jour", "jours")),
          "en": (("year", "years"), ("month", "months"), ("day", "days"))}  # fmt: skip


def duration(days: int, language: str) -> str:
    """Days as people say them: 1095 is `3 ans`."""
    years, months, single = _UNITS[language]
    lengths = ((365, years), (30, months), (1, single))
    length, unit = next((length, unit) for length, unit in lengths if days % length == 0)
    count = days // length
    return f"{count} {unit[0] if count == 1 else unit[1]}"
