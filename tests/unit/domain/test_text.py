"""Texts into parts: alphabets, limits, cuts, and what makes a text fit to be sent."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatewayd.domain.gsm7 import encode
from gatewayd.domain.purpose import Encoding
from gatewayd.domain.text import Alphabet, plan, render
from gatewayd.errors import TextError
from tests.unit.modem.vectors import Vector, load, name_of, text_of

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)
GSM7_TEXT = st.text(st.sampled_from("abc éèàùÇ@£$_ΔΩ§¿\n[]{}€|^~\\"), min_size=1, max_size=700)
FAMILY = "👩‍👩‍👧"  # 3 astral characters and 2 joiners: 8 units


@pytest.mark.parametrize("vector", load("segmentation"), ids=name_of)
def test_segmentation_vectors(vector: Vector) -> None:
    text, wide = text_of(vector), vector.get("reference_bits") == 16
    if vector.get("expect_error"):
        with pytest.raises(TextError):
            plan(text, wide_reference=wide)
        return
    planned = plan(text, wide_reference=wide)
    assert planned.alphabet == vector["alphabet"]
    assert "".join(planned.parts) == text
    assert list(planned.parts) == vector.get("expect_chunks", list(planned.parts))
    assert len(planned.parts) == vector.get("expect_parts", len(planned.parts))


@pytest.mark.parametrize(
    ("character", "count", "wide", "lengths"),
    [
        ("a", 160, False, [160]),
        ("a", 161, False, [153, 8]),
        ("a", 306, False, [153, 153]),
        ("a", 307, False, [153, 153, 1]),
        ("a", 160, True, [160]),
        ("a", 161, True, [152, 9]),
        ("€", 80, False, [80]),
        ("€", 81, False, [76, 5]),
        ("ж", 70, False, [70]),
        ("ж", 71, False, [67, 4]),
        ("ж", 71, True, [66, 5]),
        ("😀", 35, False, [35]),
        ("😀", 36, False, [33, 3]),
        ("😀", 36, True, [33, 3]),
    ],
)
def test_lengths_of_parts(character: str, count: int, wide: bool, lengths: list[int]) -> None:
    assert [len(part) for part in plan(character * count, wide_reference=wide).parts] == lengths


@given(st.one_of(ANY_TEXT, GSM7_TEXT), st.booleans())
@example("x" * 152 + "€" + "y" * 20, False)
@example("ж" * 66 + "😀" * 40, False)
def test_parts_are_the_text_and_fit(text: str, wide: bool) -> None:
    planned = plan(text, wide_reference=wide)
    assert "".join(planned.parts) == text == planned.text
    several = len(planned.parts) > 1
    if planned.alphabet is Alphabet.GSM7:
        sizes = [len(encode(part)) for part in planned.parts]
        room = (152 if wide else 153) if several else 160
        assert not planned.forcing
    else:
        sizes = [len(part.encode("utf-16-be")) // 2 for part in planned.parts]  # raises on half a pair
        room = (66 if wide else 67) if several else 70
        assert planned.forcing
    assert sum(sizes) == planned.units
    assert max(sizes) <= room
    assert min(sizes) > 0


@given(ANY_TEXT)
def test_keeping_sequences_together_costs_no_part(text: str) -> None:
    planned = plan("ж" + text)
    greedy, used = 1, 0
    for width in (2 if character > "\uffff" else 1 for character in planned.text):
        if used + width > 67:
            greedy, used = greedy + 1, 0
        used += width
    assert len(planned.parts) == (1 if planned.units <= 70 else greedy)


def test_a_family_is_not_divided_where_that_is_free() -> None:
    assert plan("ж" * 62 + FAMILY + "!" * 5).parts == ("ж" * 62, FAMILY + "!" * 5)


def test_a_family_is_divided_rather_than_paid_for() -> None:
    text = "ж" * 62 + FAMILY + "!" * 64
    parts = plan(text).parts
    assert len(parts) == 2
    assert parts[1][0] in FAMILY


@pytest.mark.parametrize("mark", ["\u0301", "\ufe0f", "\u200d😀", "\u20e3", "\U0001f3fd"])
def test_a_part_does_not_begin_with_what_belongs_to_the_last_letter(mark: str) -> None:
    parts = plan("ж" * 66 + "я" + mark + "fin").parts
    assert parts == ("ж" * 66, "я" + mark + "fin")


def test_a_sequence_longer_than_a_part_is_cut() -> None:
    parts = plan("ж" + "\u0301" * 200).parts
    assert [len(part) for part in parts] == [67, 67, 67]


def test_forcing_characters_in_order_each_once() -> None:
    assert plan("Forêt, cœur, forêt : l’été ça va é è à ù ò Ç").forcing == ("ê", "œ", "’", "ç")


def test_french_that_costs_nothing_more() -> None:
    planned = plan("Évènement à Ligné : où ? Là-bas, 10 € £5")
    assert planned.alphabet is Alphabet.GSM7
    assert planned.units == len(planned.text) + 1  # the euro takes two


def test_255_parts_and_no_more() -> None:
    assert len(plan("a" * 153 * 255).parts) == 255
    with pytest.raises(TextError, match="256 parts"):
        plan("a" * (153 * 255 + 1))


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(TextError):
        plan("")


def test_half_a_character_is_refused_with_its_place() -> None:
    with pytest.raises(TextError, match="at 2"):
        plan("ab\ud83d")


# --- render -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t", "\u00a0"])
def test_a_blank_text_is_refused(text: str, encoding: Encoding) -> None:
    with pytest.raises(TextError, match="empty"):
        render(text, encoding)


def test_a_text_of_which_gsm7_leaves_nothing_is_refused() -> None:
    assert render("🎉", Encoding.AUTO).parts == ("🎉",)
    with pytest.raises(TextError, match="empty"):
        render("🎉", Encoding.GSM7)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("character", list("\x00\x01\x08\x0e\x1a\x1b\x1f\x7f\x80\x9f"))
def test_control_characters_are_refused_with_their_place(character: str, encoding: Encoding) -> None:
    with pytest.raises(TextError, match=f"U\\+{ord(character):04X}, at 1"):
        render(f"a{character}b", encoding)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_lines_end_with_a_line_feed(end: str) -> None:
    assert render(f"a{end}b", Encoding.AUTO).text == "a\nb"


def test_a_tab_is_a_space() -> None:
    assert render("a\tb", Encoding.AUTO).text == "a b"


def test_decomposed_accents_cost_nothing() -> None:
    decomposed = unicodedata.normalize("NFD", "Élodie à l'été")
    assert plan(decomposed).alphabet is Alphabet.UCS2
    assert render(decomposed, Encoding.AUTO).alphabet is Alphabet.GSM7


def test_half_a_character_is_refused_whatever_the_encoding() -> None:
    for encoding in Encoding:
        with pytest.raises(TextError, match="surrogate"):
            render("é\udc00", encoding)


@given(ANY_TEXT, st.sampled_from(list(Encoding)))
def test_what_was_rendered_is_planned_the_same_again(text: str, encoding: Encoding) -> None:
    try:
        planned = render(text, encoding)
    except TextError:
        return
    assert plan(planned.text) == planned
    assert render(planned.text, encoding) == planned


@given(ANY_TEXT)
def test_gsm7_never_needs_ucs2(text: str) -> None:
    try:
        planned = render(text, Encoding.GSM7)
    except TextError:
        return
    assert planned.alphabet is Alphabet.GSM7
    assert planned.forcing == ()
