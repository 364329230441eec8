"""GSM 7-bit alphabets (TS 23.038): tables, escapes, packing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain import gsm7
from gatewayd.domain.gsm7_tables import BASIC, ESCAPE, LOCKING, SINGLE
from gatewayd.errors import TextError

SEPTETS = st.binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets))
LANGUAGES = st.tuples(st.sampled_from(sorted(LOCKING)), st.sampled_from(sorted(SINGLE)))


def packed_bit_by_bit(septets: bytes, fill: int) -> bytes:
    """Clause 6.1.2.1 written out: septet n begins at bit 7n, the lowest bit first."""
    bits = "0" * fill + "".join(format(septet, "07b")[::-1] for septet in septets)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[place : place + 8][::-1], 2) for place in range(0, len(bits), 8))


@given(SEPTETS, st.integers(0, 6))
def test_pack_agrees_with_the_clause_written_out(septets: bytes, fill: int) -> None:
    packed = gsm7.pack(septets, fill=fill)
    assert packed == packed_bit_by_bit(septets, fill)
    assert gsm7.unpack(packed, len(septets), fill=fill) == septets


@pytest.mark.parametrize("count", [*range(10), 159, 160, 255, 256])
def test_pack_at_every_remainder(count: int) -> None:
    septets = bytes(range(128)) * 2
    assert gsm7.pack(septets[:count]) == packed_bit_by_bit(septets[:count], 0)


def test_pack_refuses_more_than_a_message_can_hold() -> None:
    with pytest.raises(TextError):
        gsm7.pack(bytes(257))


@pytest.mark.parametrize(("octets", "count"), [(b"", 1), (bytes(7), 9), (bytes(300), 257)])
def test_unpack_refuses_what_is_not_there(octets: bytes, count: int) -> None:
    with pytest.raises(ValueError, match="septets are not in"):
        gsm7.unpack(octets, count)


def test_eight_septets_are_seven_octets() -> None:
    assert gsm7.pack(gsm7.encode("hellohello")).hex() == "e8329bfd4697d9ec37"


def test_extension_characters_take_two_septets() -> None:
    assert gsm7.encode("a€[") == bytes((0x61, ESCAPE, 0x65, ESCAPE, 0x3C))
    assert gsm7.decode(gsm7.encode("\f^{}\\[~]|€")) == "\f^{}\\[~]|€"


def test_the_accents_of_french_that_cost_nothing() -> None:
    assert len(gsm7.encode("éèàùÇÉ")) == 6


@pytest.mark.parametrize("character", list("êçœ’âîôûëïÿ«»…`–\u00a0\t😀"))
def test_what_is_not_in_the_alphabet_is_refused_with_its_place(character: str) -> None:
    assert not gsm7.is_gsm7(character)
    with pytest.raises(TextError, match=f"U\\+{ord(character):04X} at 2"):
        gsm7.encode("ab" + character)


@pytest.mark.parametrize(
    ("septets", "shown"),
    [
        (bytes((0x61, ESCAPE)), "a "),  # an escape with nothing after it
        (bytes((ESCAPE, ESCAPE, 0x61)), " a"),  # reserved for another extension: a space
        (bytes((ESCAPE, 0x61)), "a"),  # not in the extension: the main table's character
        (bytes((ESCAPE, 0x00)), "@"),
        (bytes((ESCAPE, 0x65, ESCAPE, 0x65)), "€€"),
    ],
)
def test_escapes_that_the_tables_do_not_know(septets: bytes, shown: str) -> None:
    assert gsm7.decode(septets) == shown


def test_an_unknown_escape_shows_the_locking_table() -> None:
    assert gsm7.decode(bytes((ESCAPE, 0x04)), locking=1) == "€"


@given(SEPTETS, st.integers(0, 255), st.integers(0, 255))
def test_decoding_never_fails(septets: bytes, locking: int, single: int) -> None:
    assert len(gsm7.decode(septets, locking=locking, single=single)) <= len(septets)


@given(st.data(), LANGUAGES)
def test_what_is_encoded_is_read_again(data: st.DataObject, languages: tuple[int, int]) -> None:
    locking, single = languages
    letters = sorted((set(LOCKING[locking]) | set(SINGLE[single]) | {" "}) - {"\x1b"})
    text = data.draw(st.text(st.sampled_from(letters), max_size=80))
    septets = gsm7.encode(text, locking=locking, single=single)
    assert gsm7.decode(septets, locking=locking, single=single) == text


def test_unknown_languages_fall_back_on_the_default_tables() -> None:
    assert gsm7.decode(bytes(range(27)), locking=200, single=99) == BASIC[:27]
    assert gsm7.decode(bytes(range(27)), locking=2) == BASIC[:27]  # Spanish has no locking table


# What a language may use beside ASCII and its own block: signs of the default alphabet, the euro, the danda.
SHARED = set("£¥¿¡¤€\u0964\u0965\n\r\f\x1b§¢")
BLOCKS = {
    4: (0x0980, 0x09FF),
    5: (0x0A80, 0x0AFF),
    6: (0x0900, 0x097F),
    7: (0x0C80, 0x0CFF),
    8: (0x0D00, 0x0D7F),
    9: (0x0B00, 0x0B7F),
    10: (0x0A00, 0x0A7F),
    11: (0x0B80, 0x0BFF),
    12: (0x0C00, 0x0C7F),
    13: (0x0600, 0x06FF),
}


@pytest.mark.parametrize("language", sorted(BLOCKS))
def test_a_table_holds_letters_of_its_own_script(language: int) -> None:
    first, last = BLOCKS[language]
    foreign = {
        character
        for table in (LOCKING[language], SINGLE[language])
        for character in table
        if not character.isascii() and character not in SHARED and not first <= ord(character) <= last
    }
    assert foreign <= set()


def test_a_table_has_128_places() -> None:
    assert {len(table) for table in (*LOCKING.values(), *SINGLE.values())} == {128}


@pytest.mark.parametrize("language", sorted(LOCKING))
def test_a_letter_has_one_place_in_a_locking_table(language: int) -> None:
    letters = [character for character in LOCKING[language] if character != " "]
    assert len(letters) == len(set(letters))
    assert LOCKING[language][ESCAPE] == "\x1b"


@pytest.mark.parametrize("language", sorted(SINGLE))
def test_every_single_shift_table_has_the_euro_and_the_brackets(language: int) -> None:
    septets = bytes((ESCAPE, 0x65, ESCAPE, 0x3C, ESCAPE, 0x3D, ESCAPE, 0x3E, ESCAPE, 0x40))
    assert gsm7.decode(septets, single=language) == "€[~]|"


# Spot checks against annex A, a few in each table.
SPOTS_LOCKING = [
    (1, 0x07, "ı"), (1, 0x40, "İ"), (1, 0x60, "ç"), (3, 0x12, "ª"), (3, 0x15, "∞"), (4, 0x00, "\u0981"),
    (4, 0x7F, "\u09f1"), (5, 0x7F, "\u0af1"), (6, 0x00, "\u0901"), (6, 0x7F, "\u097f"), (7, 0x24, "\u0ca1"),
    (7, 0x2C, ","), (8, 0x7F, "\u0d79"), (9, 0x01, "\u0b02"), (10, 0x03, "\u0a05"), (11, 0x7B, "\u0bd7"),
    (12, 0x00, "\u0c01"), (13, 0x00, "\u0627"), (13, 0x3C, "\u069a"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "septet", "character"), SPOTS_LOCKING)
def test_places_in_locking_tables(language: int, septet: int, character: str) -> None:
    assert gsm7.decode(bytes((septet,)), locking=language) == character


SPOTS_SINGLE = [
    (1, 0x47, "Ğ"), (1, 0x69, "ı"), (2, 0x09, "ç"), (2, 0x75, "ú"), (3, 0x1F, "Ê"), (3, 0x7B, "ã"), (6, 0x1C, "\u0966"),
    (4, 0x19, "\u09e6"), (13, 0x1C, "\u06f0"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "septet", "character"), SPOTS_SINGLE)
def test_places_in_single_shift_tables(language: int, septet: int, character: str) -> None:
    assert gsm7.decode(bytes((ESCAPE, septet)), single=language) == character
