"""Values of declared fields: what people write in French spreadsheets, and what no field holds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.field import Field, FieldType, Value, fold, fold_heading, plain_text, read_language
from gatewayd.errors import UsageError


def field(kind: str) -> Field:
    return Field("f", FieldType(kind), "test", choices=("Actif", "Honoraire") if kind == "choice" else ())


GOOD: list[tuple[str, str, Value]] = [
    ("date", "31/01/2026", "2026-01-31"),
    ("date", "1.2.2026", "2026-02-01"),
    ("date", "2026-01-31", "2026-01-31"),
    ("date", "31/01/2026 14:30", "2026-01-31"),
    ("date", "29/02/2024", "2024-02-29"),
    ("number", "12", 12),
    ("number", "-3", -3),
    ("number", "12,5", 12.5),
    ("number", "12.5", 12.5),
    ("number", "1 234,50", 1234.5),
    ("number", "1\u202f234", 1234),
    ("number", "1\u00a0234\u00a0567,25", 1234567.25),
    ("number", "1.234,50", 1234.5),
    ("number", "1.234.567", 1234567),
    ("number", "30 €", 30),
    ("number", "0", 0),
    ("boolean", "Oui", True),
    ("boolean", "x", True),
    ("boolean", "FAUX", False),
    ("boolean", "0", False),
    ("choice", "actif", "Actif"),
    ("choice", "HONORAIRE", "Honoraire"),
    ("text", " L'Haÿ-les-Roses ", "L'Haÿ-les-Roses"),
    ("text", "Saint-E\u0301tienne", "Saint-Étienne"),
    ("text", "=1+1", "=1+1"),
]
BAD = [
    ("date", "31/02/2026"), ("date", "31/01/26"), ("date", "45000"), ("date", "31/01/1600"), ("date", "2026-13-01"),
    ("date", "janvier 2026"), ("date", "٣١/٠١/٢٠٢٦"), ("date", "12/31/2026"),
    ("number", "1.234"), ("number", "douze"), ("number", "1e9"), ("number", "nan"), ("number", "inf"),
    ("number", "12,5,1"),
    ("number", "٣"), ("number", "1" * 17), ("number", "9999999999999999"), ("number", "1 23"), ("number", "0x10"),
    ("boolean", "peut-être"), ("boolean", "2"), ("choice", "bienfaiteur"),
    ("text", "a\x00b"), ("text", "a\u202eb"), ("text", "a\nb"), ("text", "x" * 501),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "cell", "value"), GOOD)
def test_what_people_write(kind: str, cell: str, value: Value) -> None:
    found = field(kind).read(cell)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("kind", "cell"), BAD)
def test_what_no_field_holds(kind: str, cell: str) -> None:
    with pytest.raises(UsageError):
        field(kind).read(cell)


@given(st.sampled_from(list(FieldType)), st.text(max_size=60))
def test_any_cell_is_a_value_or_a_sentence(kind: FieldType, cell: str) -> None:
    with suppress(UsageError):
        assert isinstance(field(kind).read(cell), str | int | float | bool)


@given(st.integers(-(10**12), 10**12))
def test_a_number_comes_back(number: int) -> None:
    assert field("number").read(f"{number:,}".replace(",", "\u202f")) == number


@pytest.mark.parametrize(("cell", "code"), [("fr", "fr"), ("Français", "fr"), ("ANGLAIS", "en"), ("Deutsch", "de")])
def test_languages(cell: str, code: str) -> None:
    assert read_language(cell) == code


def test_a_language_nobody_knows() -> None:
    with pytest.raises(UsageError, match="no language"):
        read_language("klingon")


def test_a_name_is_short() -> None:
    with pytest.raises(UsageError, match="longer than 100"):
        plain_text("x" * 101, 100)


@pytest.mark.parametrize(
    ("heading", "folded"),
    [
        ("Date d'adhésion", "date_d_adhesion"),
        ("Date d\u2019adhésion", "date_d_adhesion"),
        ("N°", "n"),
        ("Cœur", "coeur"),
        ("***", ""),
    ],
)
def test_headings(heading: str, folded: str) -> None:
    assert fold_heading(heading) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L\u2019Isle-Adam", "l'isle-adam"),
        ("Vœuil", "VOEUIL"),
        ("Saint\u2011Étienne", "saint-etienne"),
        ("a  b", "A B"),
    ],
)
def test_words_that_programs_write_differently_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)
