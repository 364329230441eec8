"""What a text must tell its reader: who writes, how to leave, where the privacy notice is (CNIL, CPCE L34-5).

Words are looked for, not understood: a text may pass that says it badly. So these are remarks, and only a `marketing`
purpose is refused for want of them. None of it is legal advice. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatewayd.domain.field import fold

_LEAVE = re.compile(
    r"\bstop\b|\barret\b|ne plus (rien )?recevoir|desinscri|desabonn|se desinscrire|unsubscribe|opt.?out|to get no more"
)
_NOTICE = re.compile(r"\bcontact\b|confidentialite|donnees personnelles|vie privee|privacy|\brgpd\b|\bgdpr\b")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes."""

    name: str
    privacy_contact: str = ""
    privacy_notice: str = ""
    language: str = "fr"


@dataclass(frozen=True, slots=True)
class Remark:
    """What is missing, and what to write."""

    about: str
    words: str


def with_footer(text: str, footer: str) -> str:
    """The text, and below it the footer that its purpose defines, unless it ends so already."""
    text = text.rstrip()
    return text if not footer or fold(text).endswith(fold(footer)) else f"{text}\n{footer}"


def remarks(text: str, sender: Sender) -> list[Remark]:
    """What a text, with its footer, does not tell."""
    words = fold(text)
    found = []
    if fold(sender.name) not in words:
        found.append(Remark("sender", f"it does not say who writes: name {sender.name} in it, or in the footer"))
    contact = fold(sender.privacy_contact)
    if not _LEAVE.search(words) and not (contact and contact in words):
        found.append(
            Remark("leave", "it does not say how to leave: write STOP and what it does, as « STOP : répondez STOP »")
        )
    notice = fold(sender.privacy_notice).removeprefix("https://").removeprefix("http://")
    if not _NOTICE.search(words) and not (notice and notice in words):
        found.append(
            Remark("notice", "it does not lead to the privacy notice: write its address, or « répondez CONTACT »")
        )
    return found
