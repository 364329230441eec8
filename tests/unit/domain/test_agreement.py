"""OUI is a yes, and hardly anything else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.agreement import LONGEST, read

YES = [
    "OUI", "Oui.", "oui !!", "O.U.I.", "OUI merci",
    "ＯＵＩ", "Oui, merci", "Bonjour oui", "j’accepte", "Oui, j'accepte.",
    "yes", "Yes please", "I agree", "ja", "Ja danke", "Sí", "si, gracias", "SIM", "sim obrigada", "ja bedankt",
]  # fmt: skip
NO = ["non", "NON MERCI", "Non.", "no", "No thank you", "nein danke", "não", "não obrigado", "nee bedankt", "je refuse"]
NEITHER = [
    "", "oui mais pas le dimanche", "oui ?", "Oui?!", "oui non", "non oui", "oui oui peut-être", "OK", "ok merci", "👍",
    "d'accord", "merci", "qui est-ce ?", "ouistiti", "ouïe", "inoui", "bien", "Oui\n-- \nMarie", "oui stop", "STOP",
    "pourquoi", "yes we can", "nonante", "si possible", "ja ja ja", "oui " * 20,
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), [*((t, "yes") for t in YES), *((t, "no") for t in NO)])
def test_a_plain_answer(text: str, answer: str) -> None:
    assert read(text) == answer


@pytest.mark.parametrize("text", NEITHER)
def test_what_is_neither_waits_for_a_person(text: str) -> None:
    assert read(text) == ""


@given(st.text(max_size=2 * LONGEST))
def test_it_never_fails(text: str) -> None:
    assert read(text) in ("", "yes", "no")


def test_who_writes_at_length_says_more_than_yes() -> None:
    assert read("oui " + "merci " * 9) == "yes"
    assert read("oui " + "merci " * 10) == ""
