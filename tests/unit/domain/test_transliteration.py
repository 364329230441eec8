"""What GSM 7-bit writes instead: each choice has its test."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.gsm7 import is_gsm7
from gatewayd.domain.gsm7_tables import BASIC, EXTENSION
from gatewayd.domain.text import to_gsm7


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # Accents: the bare letter, never another accent.
        ("êâîôû ëï ÿ", "eaiou ei y"),
        ("ça, garçon", "ca, garcon"),
        ("ÀÈÙÂÊ", "AEUAE"),
        ("áíóú ÁÍÓÚ", "aiou AIOU"),
        ("Łódź, Đặng, İstanbul, ı", "Lodz, Dang, Istanbul, i"),
        # What is in the alphabet stays.
        ("éèàùòìÉÇñÑäöüßæøå€[]{}", "éèàùòìÉÇñÑäöüßæøå€[]{}"),
        # Ligatures.
        ("cœur, ŒUVRE, ﬁn, ĳ", "coeur, OEUVRE, fin, ij"),
        # Quotes: French ones lose the space inside.
        ("l’été ‘a’ “b” „c”", 'l\'été \'a\' "b" "c"'),
        ("«\u00a0ça va\u202f» « oui » «non»", '"ca va" "oui" "non"'),
        ("`x´", "'x'"),
        # Dashes, dots, spaces.
        ("a – b — c ‑ d − e…", "a - b - c - d - e..."),
        ("Quoi\u202f? 10\u00a0€", "Quoi ? 10 €"),
        ("co\u00adopérative, a\u200bb", "coopérative, ab"),
        # Degrees and number signs.
        ("n° 12, N°3", "no 12, No3"),
        ("25°, 25 °C, 25\u00a0°C", "25 deg, 25 degC, 25 degC"),
        # Numbers that would be misread.
        ("1½ h, ½ h, m², №", "1 1/2 h, 1/2 h, m2, No"),
        # Signs.
        ("a ≤ b ≥ c ≠ d → e × f ÷ g ± h", "a <= b >= c != d -> e x f / g +/- h"),
        ("© ® ™ µ", "(c) (r) TM u"),
        ("• un\n• deux", "- un\n- deux"),
        # Emoji go, with one space and their modifiers.
        ("Bravo 🎉 à tous", "Bravo à tous"),
        ("Bravo 🎉!", "Bravo!"),
        ("🎉 Bravo", "Bravo"),
        ("Bravo 👩‍👩‍👧 👍🏽 ❤️", "Bravo"),
        ("Ouvert ✅\nFermé ❌", "Ouvert\nFermé"),
        ("1️⃣ Venez 🇫🇷", "1 Venez"),
        ("mot🎉mot", "motmot"),
        # Other scripts and currencies show that something is missing.
        ("Привет", "??????"),
        ("5 ₽", "5 ?"),
        # Greek capitals are in the alphabet, small letters are not.
        ("Ω ω", "Ω ?"),
    ],
)
def test_choices(text: str, written: str) -> None:
    assert to_gsm7(text) == written


def test_decomposed_accents_are_composed_first() -> None:
    assert to_gsm7(unicodedata.normalize("NFD", "élève, forêt")) == "élève, foret"


def test_plain_text_is_left_alone() -> None:
    alphabet = BASIC.replace("\x1b", "") + EXTENSION
    assert to_gsm7(alphabet) == alphabet


def test_control_characters_and_half_characters_are_left_to_render() -> None:
    assert to_gsm7("é\x00\x1b\x9f\ud800") == "é\x00\x1b\x9f\ud800"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_any_text_becomes_the_alphabet_and_stays_so(text: str) -> None:
    written = to_gsm7(text)
    assert all(map(is_gsm7, written))
    assert to_gsm7(written) == written


@pytest.mark.parametrize(
    "block", [range(0x00A0, 0x0180), range(0x0218, 0x021C), range(0x1E00, 0x1E9A), range(0x1EA0, 0x1EFA)]
)
def test_every_latin_letter_of_europe_has_a_letter(block: range) -> None:
    missing = [
        character
        for character in map(chr, block)
        if unicodedata.name(character, "").startswith("LATIN") and "?" in to_gsm7(character)
    ]
    assert missing == []
