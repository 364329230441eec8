"""The words of a segment: what they mean, and how mistakes are shown."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.field import Field, FieldType
from gatewayd.domain.segment import (
    AllOf,
    Among,
    Anniversary,
    AnyOf,
    Compare,
    Comparison,
    Empty,
    Fact,
    Known,
    Length,
    Not,
    Segment,
    Today,
    Unit,
)
from gatewayd.domain.segment_language import MAX_CONDITIONS, MAX_LENGTH, Vocabulary, parse
from gatewayd.errors import SegmentError

FIELDS = {
    "ville": Field("ville", FieldType.TEXT, "où"),
    "paye": Field("paye", FieldType.BOOLEAN, "cotisation"),
    "adhesion": Field("adhesion", FieldType.DATE, "quand"),
    "enfants": Field("enfants", FieldType.NUMBER, "combien"),
    "statut": Field("statut", FieldType.CHOICE, "lequel", choices=("actif", "honoraire")),
}
WORDS = Vocabulary(FIELDS, ["events"], ["relance"])
PAID = Compare("paye", Comparison.EQUAL, True)


def read(words: str) -> Segment:
    return parse(words, WORDS)


LENGTHS = {
    Unit.DAYS: ("3 days", "3 jours"),
    Unit.WEEKS: ("3 weeks", "3 semaines"),
    Unit.MONTHS: ("3 months", "3 mois"),
    Unit.YEARS: ("3 years", "3 ans"),
}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("paye", PAID),
        ("not paye", Not(PAID)),
        ("paye = non", Compare("paye", Comparison.EQUAL, False)),
        ('ville = "Lyon"', Compare("ville", Comparison.EQUAL, "Lyon")),
        ("Ville != 'Lyon'", Not(Compare("ville", Comparison.EQUAL, "Lyon"))),
        ('ville in ("Lyon", "Vénissieux")', Among("ville", ("Lyon", "Vénissieux"))),
        ("ville pas dans («Lyon»)", Not(Among("ville", ("Lyon",)))),
        ('ville commence "saint"', Compare("ville", Comparison.BEGINS, "saint")),
        ("ville est vide", Empty("ville")),
        ("ville is not empty", Not(Empty("ville"))),
        ('prénom = "Anne"', Compare("given_name", Comparison.EQUAL, "Anne")),
        ('statut contains "act"', Compare("statut", Comparison.CONTAINS, "act")),
        ("enfants >= 2.5", Compare("enfants", Comparison.AT_LEAST, 2.5)),
        ("enfants > -3", Compare("enfants", Comparison.MORE, -3)),
        ("adhesion < 2026-01-01", Compare("adhesion", Comparison.LESS, date(2026, 1, 1))),
        ("adhesion < 01/02/2026", Compare("adhesion", Comparison.LESS, date(2026, 2, 1))),
        ("adhesion <= today", Compare("adhesion", Comparison.AT_MOST, Today())),
        (
            "adhesion < aujourd'hui - 2 ans",
            Compare("adhesion", Comparison.LESS, Today(Length(2, Unit.YEARS), -1)),
        ),
        ("anniversaire(adhesion)", Anniversary("adhesion")),
        ('consented("events")', Known(Fact.CONSENTED, "events")),
        ('received("relance")', Known(Fact.RECEIVED, "relance")),
        ("opted_out()", Known(Fact.OPTED_OUT)),
        ("écrit_depuis(2 semaines)", Known(Fact.WRITTEN_SINCE, length=Length(2, Unit.WEEKS))),
        *(
            (f"written_since({words})", Known(Fact.WRITTEN_SINCE, length=Length(3, unit)))
            for unit, each in LENGTHS.items()
            for words in each
        ),
        ("paye or paye and not paye", AnyOf((PAID, AllOf((PAID, Not(PAID)))))),
        ("(paye ou paye) ET paye", AllOf((AnyOf((PAID, PAID)), PAID))),
    ],
)
def test_what_words_mean(words: str, meant: Segment) -> None:
    assert read(words) == meant


@pytest.mark.parametrize(
    ("words", "place", "said"),
    [
        ('vile = "Lyon"', 1, "no field vile, did you mean ville?"),
        ("paye et ville = 3", 17, 'expected "words" in quotes'),
        ('ville < "Lyon"', 7, "expected = or !="),
        ("enfants contains 3", 9, "only words contain"),
        ("ville", 1, "no condition alone"),
        ("paye et", 8, "the end cannot stand here"),
        ('(ville = "Lyon"', 16, "expected )"),
        ("paye paye", 6, "`paye` cannot stand here"),
        ("paye et; drop table contacts", 8, "`;` cannot stand here"),
        ("adhesion = 2026-02-30", 12, "no day 2026-02-30"),
        ("adhesion = 3", 12, "expected a date"),
        ('consented("fees")', 11, "there are events"),
        ('received("x")', 10, "there is no campaign 'x'; there are relance"),
        ("consented()", 1, "was not asked right"),
        ("written_since(events)", 15, "expected a time"),
        ("anniversary(ville)", 13, "a field of dates"),
        ("import(3 days)", 1, "there is no question import()"),
        ('statut = "actfi"', 10, "did you mean actif?"),
        ("not " * 30 + "paye", 81, "within each other"),
        (" or ".join(["paye"] * (MAX_CONDITIONS + 1)), 801, f"more than {MAX_CONDITIONS}"),
    ],
)
def test_a_mistake_is_shown_at_its_place(words: str, place: int, said: str) -> None:
    with pytest.raises(SegmentError) as refused:
        read(words)
    sentence, line, caret = str(refused.value).split("\n")
    assert said in sentence
    assert f"character {place}:" in sentence
    assert (line + " ")[caret.index("^")] == (words + " ")[place - 1]


def test_the_caret_stands_in_its_line_of_several() -> None:
    with pytest.raises(SegmentError) as refused:
        read('paye\n  and vile = "Lyon"')
    assert str(refused.value).split("\n")[1:] == ['    and vile = "Lyon"', "        ^"]


@pytest.mark.parametrize("words", ["", "   ", "x" * (MAX_LENGTH + 1)])
def test_nothing_and_too_much_are_refused(words: str) -> None:
    with pytest.raises(SegmentError):
        read(words)


def test_brackets_without_end_are_read_in_time() -> None:
    assert read("(" * 900 + "paye" + ")" * 900) == PAID


PIECES = st.sampled_from(
    ["(", ")", "=", "<", "-", '"', "é", " ", "\n", "31", " and ", " non ", "paye", "ville in", "3 jours"]
)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=30))
def test_any_words_are_read_or_refused(words: str) -> None:
    with contextlib.suppress(SegmentError):
        read(words)
