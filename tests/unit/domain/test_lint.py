"""What a text must tell its reader, in French and English."""

from __future__ import annotations

import pytest

from gatewayd.domain.lint import Sender, remarks, with_footer

SENDER = Sender("Amicale des Jardins", "rgpd@example.org", "https://example.org/donnees")
WHOLE = "Amicale des jardins. STOP : répondez STOP. Vos données : https://example.org/donnees"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (WHOLE, []),
        ("AMICALE DES JARDINS : pour ne plus recevoir, répondez ARRET. Données personnelles : CONTACT", []),
        ("Amicale des Jardins: reply STOP to leave. Privacy: reply CONTACT", []),
        ("Amicale des Jardins, écrire à rgpd@example.org", []),
        ("Bonjour", ["sender", "leave", "notice"]),
        ("Amicale des Jardins : arrêt de bus déplacé", ["notice"]),
        ("STOP. CONTACT", ["sender"]),
    ],
)
def test_what_is_missing(text: str, missing: list[str]) -> None:
    assert [one.about for one in remarks(text, SENDER)] == missing


def test_a_footer_ends_the_text_once() -> None:
    assert with_footer("Bonjour ", "Amicale. STOP") == "Bonjour\nAmicale. STOP"
    assert with_footer("Bonjour\namicale. stop", "Amicale. STOP") == "Bonjour\namicale. stop"
    assert with_footer("Bonjour", "") == "Bonjour"
