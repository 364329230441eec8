"""The texts that answer people: they say who writes and how to leave, in one SMS, and no other can be configured."""

from __future__ import annotations

import pytest

from gatewayd.domain.text import Alphabet
from gatewayd.services.answers import Answers, Kind

NAME, WHERE = "Amicale des Jardins", "rgpd@example.org"


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", Kind)
def test_the_defaults_say_who_writes_in_one_sms(kind: Kind, language: str) -> None:
    answers = Answers(NAME, WHERE, language=language)
    planned = answers.text(kind)
    assert planned.text.startswith(NAME)
    assert (planned.alphabet, len(planned.parts)) == (Alphabet.GSM7, 1)
    assert answers.fault(kind) == ""
    assert ("START" if kind is Kind.STOP else "STOP") in planned.text


def test_what_is_not_known_leaves_no_gap() -> None:
    assert "Contact" not in Answers(NAME).text(Kind.CONTACT).text
    assert "  " not in Answers(NAME).text(Kind.CONTACT).text
    assert "https://example.org" in Answers(NAME, WHERE, "https://example.org").text(Kind.CONTACT).text


def test_a_text_of_its_own() -> None:
    answers = Answers(NAME, WHERE, texts={Kind.HELP: "{{ organisation }} ({{ contact }}). STOP : rien de plus."})
    assert answers.text(Kind.HELP).text == f"{NAME} ({WHERE}). STOP : rien de plus."
    assert answers.fault(Kind.HELP) == ""
    assert answers.text(Kind.STOP) == Answers(NAME, WHERE).text(Kind.STOP)


def test_the_name_may_be_written_out() -> None:
    assert Answers(NAME, texts={Kind.STOP: f"{NAME} : noté."}).fault(Kind.STOP) == ""


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (Kind.STOP, "C'est noté.", "who writes"),
        (Kind.STOP, "{% if contact %}{{ organisation }}{% endif %}", "who writes|empty"),
        (Kind.START, "{{ organisation }} : c'est noté.", "how to leave"),
        (Kind.CONTACT, "{{ organisation }} vous écrit.", "how to leave"),
        (Kind.HELP, "{{ organisation }} {{ prenom }} STOP", "prenom"),
        (Kind.HELP, "{{ organisation", "template"),
        (Kind.HELP, "{{ organisation }} STOP " + "x" * 700, "5 SMS"),
        (Kind.HELP, "{{ organisation }} STOP \x1a", "control character"),
    ],
)
def test_a_text_that_would_not_do_is_refused(kind: Kind, text: str, words: str) -> None:
    fault = Answers(NAME, texts={kind: text}).fault(kind)
    assert any(word in fault for word in words.split("|"))
