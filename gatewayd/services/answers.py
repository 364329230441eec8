"""The texts that answer people: STOP and START are confirmed, CONTACT says who writes, AIDE says how to leave.

Each is a template over the organisation's fields, in its language or as the configuration has it, and goes out as GSM
7-bit: one SMS for a name of usual length. `fault` refuses a text that would not say who writes, or not how to leave.
`ANSWER` is the purpose of all of them. Its key cannot stand in a configuration, so that nothing else is ever sent
under it, and it has no hours: who writes at night is answered at night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache

from gatewayd.domain import template
from gatewayd.domain.purpose import Basis, Encoding, Purpose
from gatewayd.domain.template import Template
from gatewayd.domain.text import TextPlan, render
from gatewayd.errors import TextError

ANSWER = Purpose("@answer", "Answers", Basis.LEGAL_OBLIGATION, pool="", time_to_live=timedelta(days=1))
FIELDS = ("organisation", "contact", "notice")
"""What a text may name: who writes, the address for questions about data, and that of the privacy notice."""
MOST_PARTS = 4


class Kind(StrEnum):
    """Which answer: what was written."""

    STOP = "stop"
    START = "start"
    CONTACT = "contact"
    HELP = "help"


_FRENCH = {
    Kind.STOP: "{{ organisation }} : c'est noté, vous ne recevrez plus nos SMS. Pour les recevoir à nouveau, répondez "
    "START.",
    Kind.START: "{{ organisation }} : c'est noté, nous pouvons à nouveau vous écrire. Pour ne plus recevoir nos SMS, "
    "répondez STOP.",
    Kind.CONTACT: "{{ organisation }} vous écrit par SMS.{% if contact %} Contact : {{ contact }}.{% endif %}"
    "{% if notice %} Vos données : {{ notice }}{% endif %} Pour ne plus en recevoir, répondez STOP.",
    Kind.HELP: "{{ organisation }} : répondez STOP pour ne plus recevoir nos SMS, CONTACT pour savoir qui vous écrit."
    "{% if contact %} Contact : {{ contact }}.{% endif %}",
}
_ENGLISH = {
    Kind.STOP: "{{ organisation }}: noted, you will get no more texts from us. To get them again, reply START.",
    Kind.START: "{{ organisation }}: noted, we may write to you again. To get no more texts from us, reply STOP.",
    Kind.CONTACT: "{{ organisation }} sends you these texts.{% if contact %} Contact: {{ contact }}.{% endif %}"
    "{% if notice %} Your data: {{ notice }}{% endif %} To get no more of them, reply STOP.",
    Kind.HELP: "{{ organisation }}: reply STOP to get no more texts from us, CONTACT to know who writes."
    "{% if contact %} Contact: {{ contact }}.{% endif %}",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Who answers; `language` is fr or en, `texts` are the configuration's own, `unsaid` those that nobody is sent."""

    name: str
    privacy_contact: str = ""
    privacy_notice: str = ""
    language: str = "fr"
    texts: Mapping[Kind, str] = field(default_factory=dict)
    unsaid: frozenset[Kind] = frozenset()

    def text(self, kind: Kind) -> TextPlan:
        """The text, in its parts. TextError where `fault` finds one."""
        defaults = _FRENCH if self.language == "fr" else _ENGLISH
        fields = {"organisation": self.name, "contact": self.privacy_contact, "notice": self.privacy_notice}
        return render(_compiled(self.texts.get(kind) or defaults[kind]).render(fields), Encoding.GSM7)

    def fault(self, kind: Kind) -> str:
        """Why the text for `kind` cannot be sent; "" if it can."""
        try:
            planned = self.text(kind)
        except TextError as error:
            return str(error)
        source = self.texts.get(kind, "")
        if source and "organisation" not in _compiled(source).required and self.name not in source:
            return "it does not say who writes"
        if kind is not Kind.STOP and "STOP" not in planned.text:
            return "it does not say how to leave"
        return "" if len(planned.parts) <= MOST_PARTS else f"it needs {len(planned.parts)} SMS"


@cache
def _compiled(source: str) -> Template:
    return template.compile(source, FIELDS)
