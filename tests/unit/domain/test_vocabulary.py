"""Words of the configuration: what they change, which are refused, and how a decision is explained afterwards."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gatewayd.domain.keyword_tables import VERSION
from gatewayd.domain.keywords import Keywords
from gatewayd.domain.reading import Kind, Tier, read
from gatewayd.domain.vocabulary import RULES, Vocabulary, explain, faults
from gatewayd.modem.pdu import Indication

DATA = Path(__file__).parents[2] / "data"


def wrong(**words: tuple[str, ...]) -> list[str]:
    return [fault.wrong for fault in faults(Vocabulary(**words))]


def test_no_words_are_the_defaults() -> None:
    assert Vocabulary().version == VERSION
    assert wrong() == []


def test_words_of_its_own() -> None:
    words = Vocabulary(stop=("pouce",), start=("me revoilà",), contact=("c'est la mairie",), help=("S.O.S.",))
    keywords = words.keywords("Amicale")
    assert list(faults(words)) == []
    assert read("POUCE !", keywords).tier is Tier.CERTAIN
    assert read("pouce merci", keywords).tier is Tier.PROBABLE
    assert [read(text, keywords).kind for text in ("Me revoila", "c'est la mairie ?", "sos", "Pouce amicale")] == [
        Kind.OPT_IN,
        Kind.CONTACT,
        Kind.HELP,
        Kind.OPT_OUT,
    ]


def test_a_default_that_is_taken_out_means_nothing_and_is_no_slip_of_its_neighbours() -> None:
    keywords = Vocabulary(ordinary=("fin", "désabonner")).keywords()
    for text in ("Fin", "fin merci", "DESABONNER", "desabonner"):
        assert read(text, keywords).kind is Kind.OTHER
    assert read("désabonnement", keywords).kind is Kind.OPT_OUT
    assert read("STOP", keywords).kind is Kind.OPT_OUT


@pytest.mark.parametrize("text", ["Arrêtez", "arretez svp !", "ARRETEZ maintenant, merci", "résilier"])
def test_nor_do_the_patterns_of_sentences_take_it_for_one(text: str) -> None:
    keywords = Vocabulary(ordinary=("arrêtez", "résilier")).keywords()
    assert read(text, keywords).kind is Kind.OTHER
    assert read("Arrêtez les SMS", keywords).kind is Kind.OPT_OUT
    assert read(text, Vocabulary().keywords()).kind is Kind.OPT_OUT


def test_a_word_may_take_the_place_of_one_that_was_taken_out() -> None:
    words = Vocabulary(ordinary=("reprise",), start=("reprise du jardin",))
    assert list(faults(words)) == []
    assert read("Reprise", words.keywords()).kind is Kind.OTHER
    assert read("reprise du jardin", words.keywords()).kind is Kind.OPT_IN


@pytest.mark.parametrize(
    "word", ["bonjour", "Merci beaucoup", "oui", "samedi", "demain", "à demain", "association", "le", "bonjour merci"]
)
@pytest.mark.parametrize("name", ["stop", "start", "contact", "help"])
def test_an_ordinary_word_is_refused(name: str, word: str) -> None:
    (fault,) = faults(Vocabulary(languages=("en",), **{name: (word,)}))
    assert "ordinary word" in fault.wrong or "too short" in fault.wrong
    assert (fault.list, fault.place) == (name, 0)


@pytest.mark.parametrize(
    ("name", "word", "words"),
    [
        ("stop", "START", "read as START already"),
        ("stop", "reprendre", "read as START already"),
        ("stop", "Aide", "read as HELP already"),
        ("start", "stop", "read as STOP already"),
        ("start", "ne m'écrivez plus", "read as STOP already"),
        ("help", "contact", "read as CONTACT already"),
        ("stop", "36105", "no letters"),
        ("stop", "!!!", "no letters"),
        ("stop", "xy", "too short"),
        ("stop", "je vous prie de me laisser dormir", "whole sentence"),
        ("ordinary", "STOP", "must be heard"),
        ("ordinary", "banane", "no keyword of these languages"),
        ("ordinary", "?", "no keyword of these languages"),
    ],
)
def test_a_word_that_would_do_harm_is_refused(name: str, word: str, words: str) -> None:
    (found,) = wrong(**{name: (word,)})
    assert words in found


def test_a_word_stands_in_one_list() -> None:
    assert wrong(stop=("pouce",), help=("Pouce !",)) == ["`Pouce !` stands in `stop` too"]


def test_a_keyword_of_the_defaults_may_be_said_again() -> None:
    assert wrong(stop=("stop", "ne plus recevoir"), start=("start",), help=("info",)) == []


def test_the_version_marks_each_change_and_no_way_of_writing() -> None:
    versions = [
        Vocabulary(stop=("pouce",)).version,
        Vocabulary(stop=("plus de loto",)).version,
        Vocabulary(ordinary=("fin",)).version,
        Vocabulary(languages=("fr",)).version,
    ]
    assert len({*versions, VERSION}) == 5
    assert all(version.startswith(f"{VERSION}+") for version in versions)
    assert Vocabulary(stop=("a b c", "pouce")).version == Vocabulary(stop=("POUCE !", "A  b c")).version
    assert Vocabulary(stop=("pouce",)).version != Vocabulary(start=("pouce",)).version


def test_a_decision_names_rule_and_version_and_can_be_explained() -> None:
    own = Vocabulary(stop=("pouce",))
    assert read("STOP", Keywords.for_languages()).decision == f"keyword@{VERSION}"
    assert read("pouce", own.keywords()).decision == f"keyword@{own.version}"
    assert explain(f"asks:fr@{VERSION}") == f"{RULES['asks']} (fr; words of {VERSION})"
    assert explain("keyword") == RULES["keyword"]
    assert explain("of another time") == ""


def test_every_rule_can_be_explained() -> None:
    keywords, seen = Keywords.for_languages(), set()
    for name in ("stop_variants.csv", "near_misses.csv"):
        with (DATA / name).open(encoding="utf-8", newline="") as file:
            seen |= {read(row[2], keywords).rule for row in csv.reader(file)}
    assert [rule for rule in seen if not explain(rule)] == []
    # Which no text is by itself: a question must wait for it, a STOP have come before, or no person wrote.
    others = {"answer", "overtaken", *map(str, Indication)}
    assert RULES.keys() - {rule.partition(":")[0] for rule in seen} == others
