"""The texts that answer people: STOP is confirmed, CONTACT says who writes, AIDE says how to leave.

Each says who writes, in the organisation's language, and goes out as GSM 7-bit: one SMS for a name of usual length.
`ANSWER` is the purpose of all of them. Its key cannot stand in a configuration, so that nothing else is ever sent
under it, and it has no hours: who writes at night is answered at night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from gatewayd.domain.purpose import Basis, Encoding, Purpose
from gatewayd.domain.text import TextPlan, render

ANSWER = Purpose("@answer", "Answers", Basis.LEGAL_OBLIGATION, pool="", time_to_live=timedelta(days=1))


class Kind(StrEnum):
    """Which answer."""

    STOPPED = "stopped"
    CONTACT = "contact"
    HELP = "help"


_FRENCH = {
    Kind.STOPPED: "{name} : c'est noté, vous ne recevrez plus nos SMS. Pour les recevoir à nouveau, répondez START.",
    Kind.CONTACT: "{name} vous écrit par SMS.{contact} Pour ne plus en recevoir, répondez STOP.",
    Kind.HELP: "{name} : répondez STOP pour ne plus recevoir nos SMS, CONTACT pour savoir qui vous écrit.{contact}",
}
_ENGLISH = {
    Kind.STOPPED: "{name}: noted, you will get no more texts from us. To get them again, reply START.",
    Kind.CONTACT: "{name} sends you these texts.{contact} To get no more of them, reply STOP.",
    Kind.HELP: "{name}: reply STOP to get no more texts from us, CONTACT to know who writes.{contact}",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Who answers; `language` is fr or en."""

    name: str
    privacy_contact: str = ""
    privacy_notice: str = ""
    language: str = "fr"

    def text(self, kind: Kind) -> TextPlan:
        """The text, in its parts."""
        known = ", ".join(filter(None, (self.privacy_contact, self.privacy_notice)))
        contact = f" Contact : {known}." if self.language == "fr" else f" Contact: {known}."
        pattern = (_FRENCH if self.language == "fr" else _ENGLISH)[kind]
        return render(pattern.format(name=self.name, contact=contact if known else ""), Encoding.GSM7)
