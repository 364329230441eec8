"""What incoming texts ask for: tables of variants and near misses, and what no way of writing may change.

The tables are tests/data/stop_variants.csv and near_misses.csv; `\\n` and `\\u200b` in them stand for the character.
"""

from __future__ import annotations

import csv
import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gatewayd.domain import keyword_patterns
from gatewayd.domain.folding import fold
from gatewayd.domain.keyword_tables import INTERNATIONAL, LANGUAGES, VERSION, Language
from gatewayd.domain.reading import Keywords, Kind, Reading, Tier, read
from gatewayd.errors import ConfigurationError

KEYWORDS = Keywords.for_languages()
BY_LANGUAGE = {code: Keywords.for_languages([code]) for code in LANGUAGES} | {"any": Keywords.for_languages([])}
DATA = Path(__file__).parents[2] / "data"

_ESCAPE = re.compile(r"\\u([0-9a-f]{4})|\\n")


def _rows(name: str) -> list[tuple[str, str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [(language, expected, _ESCAPE.sub(_character, text)) for language, expected, text in rows]


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else "\n"


VARIANTS = _rows("stop_variants.csv")
NEAR_MISSES = _rows("near_misses.csv")
ROWS = [text for _, _, text in VARIANTS + NEAR_MISSES]


def _decision(text: str, keywords: Keywords = KEYWORDS) -> tuple[Kind, Tier | None]:
    reading = read(text, keywords)
    return reading.kind, reading.tier


# --- the tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "tier", "text"), VARIANTS)
def test_variant_of_stop(language: str, tier: str, text: str) -> None:
    reading = read(text, KEYWORDS)
    assert (reading.kind, reading.tier) == (Kind.OPT_OUT, Tier(tier)), reading.rule
    assert reading.review == (tier != "certain")
    own = read(text, BY_LANGUAGE[language])
    assert own.kind is Kind.OPT_OUT, f"only {language} is configured"


@pytest.mark.parametrize(("language", "kind", "text"), NEAR_MISSES)
def test_near_miss(language: str, kind: str, text: str) -> None:
    reading = read(text, KEYWORDS)
    assert reading.kind == kind, reading.rule
    assert not reading.review
    assert (reading.tier is None) == (reading.kind is Kind.OTHER)
    assert read(text, BY_LANGUAGE[language]).kind == kind, f"only {language} is configured"


def test_the_tables_are_large_and_have_no_row_twice() -> None:
    assert len(VARIANTS) >= 220
    assert len(NEAR_MISSES) >= 220
    assert len(set(ROWS)) == len(ROWS)
    assert {language for language, _, _ in VARIANTS} == {*LANGUAGES, "any"}


# --- the rule is kept ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("STOP", "keyword"),
        ("STOP SMS", "keyword_with_target"),
        ("ST OP", "keyword_with_spaces"),
        ("stop merci", "keyword_with_politeness"),
        ("aret", "misspelt_keyword"),
        ("arrêt ?", "keyword_as_question"),
        ("arrêt ?!", "keyword_as_question"),
        ("STOP START", "stop_and_start"),
        ("Je voudrais reprendre mais mon mari préfère que vous fassiez stop", "stop_and_start"),
        ("cancel my subscription", "sentence_of_keywords"),
        ("stpo", "slip"),
        ("Stpo. Marie", "slip_and_few_words"),
        ("STOP Marie Dupont", "keyword_and_few_words"),
        ("Marie Dupont : STOP", "few_words_and_keyword"),
        ("Bonjour, je suis Marie Dupont, adhérente depuis 2012. STOP. Merci à vous", "keyword_as_sentence"),
        ("ne m'écrivez plus", "asks:fr"),
        ("How do I unsubscribe?", "leaves:en"),
        ("A aimé « Réunion samedi. STOP au 06 39 98 00 01 »", "reaction"),
        ("START", "keyword"),
        ("À samedi !", "none"),
    ],
)
def test_rule(text: str, rule: str) -> None:
    assert read(text, KEYWORDS).rule == rule


def test_the_text_as_the_rules_saw_it() -> None:
    assert read("  Arrêtez\u200b\r\n SVP !", KEYWORDS).text == "arretez svp !"


def test_a_signature_is_left_aside_but_not_overlooked() -> None:
    assert _decision("STOP\n--\nMarie Dupont\nAtelier couture, salle des fêtes") == (Kind.OPT_OUT, Tier.CERTAIN)
    assert read("À samedi !\n--\nSTOP", KEYWORDS).kind is Kind.OPT_OUT
    assert _decision("--\nSTOP") == (Kind.OPT_OUT, Tier.CERTAIN)
    assert read("START\n--\nSTOP", KEYWORDS).kind is Kind.OPT_OUT
    assert _decision("Envoyé de mon iPhone") == (Kind.OTHER, None)


def test_what_a_handset_adds_is_no_longer_than_five_words() -> None:
    five = "téléphone portable tout neuf bleu"
    assert _decision(f"STOP\nEnvoyé de mon {five}") == (Kind.OPT_OUT, Tier.CERTAIN)
    assert _decision(f"STOP\nEnvoyé de mon {five} et") == (Kind.OPT_OUT, Tier.PROBABLE)
    assert _decision(f"START\nEnvoyé de mon {five}") == (Kind.OPT_IN, Tier.CERTAIN)
    assert _decision(f"START\nEnvoyé de mon {five} et") == (Kind.OTHER, None)


def test_a_quoted_text_is_a_reaction_only_behind_the_words_of_one() -> None:
    ours = "Amicale : réunion samedi. Répondez STOP pour ne plus recevoir nos SMS"
    assert read(f"A adoré “{ours}”", KEYWORDS).rule == "reaction"
    assert read(f"Liked “{ours}”", KEYWORDS).rule == "reaction"
    assert read(f"Je vous cite : “{ours}”", KEYWORDS).kind is Kind.OPT_OUT
    assert read("A aimé « STOP »", KEYWORDS).kind is Kind.OPT_OUT


# --- START -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["start svp", "Je veux START", "start ou pas", "start demain", "OUI", "yes", "ok start"]
)
def test_start_counts_only_as_the_whole_message(text: str) -> None:
    assert read(text, KEYWORDS).kind is not Kind.OPT_IN


@given(st.sampled_from(["START", "reprendre", "unstop", "réactiver"]), st.sampled_from(ROWS))
def test_start_with_anything_else_lifts_nothing(keyword: str, text: str) -> None:
    assume(any(map(str.isalnum, fold(text))) and read(text, KEYWORDS).kind is not Kind.OPT_IN)
    for together in (f"{keyword} {text}", f"{text} {keyword}"):
        assert read(together, KEYWORDS).kind is not Kind.OPT_IN


@given(st.permutations(["STOP", "START"]), st.sampled_from([" ", ", ", ". ", " / ", "\n", " ou ", " et "]))
def test_stop_and_start_is_an_opt_out_to_be_reviewed(words: list[str], between: str) -> None:
    reading = read(between.join(words), KEYWORDS)
    assert (reading.kind, reading.review) == (Kind.OPT_OUT, True)


# --- what no way of writing may change -------------------------------------------------------------------------------

_SILENT = st.characters(categories=["P", "S", "Z"]).filter(lambda found: not any(map(str.isalnum, fold(found))))
_PUNCTUATION = st.text(st.one_of(_SILENT, st.sampled_from("!?.,;:-_*'\"«»()[]🙏😡❤️\u200b\ufeff \n\t")), max_size=12)


@given(_PUNCTUATION, st.sampled_from(["STOP", "stop", "Stop", "ARRÊT", "désabonner", "unsubscribe"]), _PUNCTUATION)
def test_a_keyword_wrapped_in_any_punctuation(before: str, keyword: str, after: str) -> None:
    reading = read(before + keyword + after, KEYWORDS)
    assert reading.kind is Kind.OPT_OUT
    if keyword.lower() in {"stop", "désabonner", "unsubscribe"} or "?" not in fold(after):
        assert reading.tier is Tier.CERTAIN


@given(st.sampled_from(["", " ", ".", "-", "*", " . ", "\u200b", "\u00a0", "_"]), st.sampled_from(["STOP", "ARRET"]))
def test_letters_apart(between: str, keyword: str) -> None:
    assert _decision(between.join(keyword)) == (Kind.OPT_OUT, Tier.CERTAIN)


@given(st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_letters_drawn_out(times: list[int]) -> None:
    text = "".join(letter * count for letter, count in zip("stop", times, strict=True))
    assert read(text, KEYWORDS).kind is Kind.OPT_OUT


@given(st.sampled_from(ROWS))
def test_case_does_not_matter(text: str) -> None:
    assert _decision(text.upper()) == _decision(text) == _decision(text.lower()) == _decision(text.title())


@given(st.sampled_from(ROWS))
def test_accents_and_their_form_do_not_matter(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    assert _decision(decomposed) == _decision(text) == _decision(bare)


@given(st.sampled_from(ROWS), st.sampled_from(["\u200b", "\u00ad", "\u2060", "\ufe0f"]))
def test_invisible_characters_do_not_matter(text: str, invisible: str) -> None:
    assert _decision(invisible.join(text)) == _decision(text)


@given(st.sampled_from(ROWS), st.sampled_from(["\u00a0", "  ", "\u2003", "\t"]), st.sampled_from(["’", "`", "'", " "]))
def test_spaces_and_apostrophes_do_not_matter(text: str, space: str, apostrophe: str) -> None:
    assert _decision(f" {text.replace(' ', space).replace(chr(39), apostrophe)} ") == _decision(text)


@given(st.sampled_from(ROWS), st.sampled_from(["!", "!!!", ".", " 🙏", "\n"]))
def test_a_mark_at_the_end_does_not_matter(text: str, mark: str) -> None:
    assume("\n--" not in text and not text.endswith(("?", "»", "”", '"')))
    assert read(text + mark, KEYWORDS).kind == read(text, KEYWORDS).kind


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    reading = read(text, KEYWORDS)
    assert isinstance(reading, Reading)
    assert reading.rule
    assert (reading.tier is None) == (reading.kind is Kind.OTHER)
    assert read(text, KEYWORDS) == reading


@given(st.lists(st.sampled_from(sorted({word for text in ROWS for word in text.split()})), max_size=40))
def test_any_words_are_read(words: list[str]) -> None:
    assert read(" ".join(words), KEYWORDS).rule


@pytest.mark.parametrize("text", ["\ud800", "\x00STOP", "STOP\x1a", "\r\n", "٠١٢", "st\u0336op"])
def test_strange_characters(text: str) -> None:
    assert (read(text, KEYWORDS).kind is Kind.OPT_OUT) == ("op" in text.lower())


@pytest.mark.parametrize(
    "junk",
    [
        "x",
        "stop ",
        "S.",
        "a b ",
        "arretez de ",
        "ne me ",
        "é🙏 ",
        "au 123 ",
        "stop au 12 ",
        "\n-\n",
        "“",
        "no more ",
        "4b",
        "pas ",
    ],
)
def test_long_junk_is_read_in_time(junk: str) -> None:
    text = (junk * 10_000)[:10_000]
    begun = time.perf_counter()
    read(text, KEYWORDS)
    assert time.perf_counter() - begun < 2, "a hundred times what it should take"


def test_a_stop_at_the_end_of_a_long_text_is_found() -> None:
    assert read("bla " * 2_000 + "arrêtez de m'envoyer des messages", KEYWORDS).kind is Kind.OPT_OUT


# --- the configuration -----------------------------------------------------------------------------------------------


def test_the_configuration_adds_keywords() -> None:
    keywords = Keywords.for_languages(
        ["fr"], opt_out=["Pouce !"], opt_in=["Me revoilà"], contact=["C'est la mairie"], help=["S.O.S."]
    )
    assert _decision("POUCE", keywords) == (Kind.OPT_OUT, Tier.CERTAIN)
    assert _decision("pouce merci", keywords) == (Kind.OPT_OUT, Tier.PROBABLE)
    assert _decision("mon pouce va mieux", keywords) == (Kind.OTHER, None)
    assert _decision("me revoila !", keywords) == (Kind.OPT_IN, Tier.CERTAIN)
    assert _decision("C'est la mairie ?", keywords)[0] is Kind.CONTACT
    assert _decision("sos", keywords)[0] is Kind.HELP


def test_the_organisation_s_name_is_a_target() -> None:
    keywords = Keywords.for_languages(["fr"], names=["Amicale des Jardins"])
    for text in ("STOP Amicale des Jardins", "stop jardins", "stop à l'amicale"):
        assert _decision(text, keywords) == (Kind.OPT_OUT, Tier.CERTAIN)


def test_stop_is_understood_without_any_language() -> None:
    keywords = Keywords.for_languages([])
    assert _decision("stop", keywords) == (Kind.OPT_OUT, Tier.CERTAIN)
    assert _decision("START", keywords) == (Kind.OPT_IN, Tier.CERTAIN)
    assert _decision("baja", keywords) == (Kind.OTHER, None)
    assert _decision("baja", Keywords.for_languages(["es"])) == (Kind.OPT_OUT, Tier.CERTAIN)


def test_what_the_configuration_may_not_say() -> None:
    with pytest.raises(ConfigurationError, match="'xx'"):
        Keywords.for_languages(["xx"])
    with pytest.raises(ConfigurationError, match="letters"):
        Keywords.for_languages(["fr"], opt_out=["🛇"])
    with pytest.raises(ConfigurationError, match="lift"):
        Keywords.for_languages(["fr"], opt_in=["Stop"])
    with pytest.raises(ConfigurationError, match="lift"):
        Keywords.for_languages(["fr"], opt_out=["oui"], opt_in=["oui"])


def test_the_defaults_have_a_version() -> None:
    assert KEYWORDS.version == VERSION
    assert set(LANGUAGES) == {"fr", "en", "de", "es", "it", "pt", "nl"}


@pytest.mark.parametrize("code", ["any", *LANGUAGES])
def test_a_table_is_written_folded(code: str) -> None:
    table: Language = LANGUAGES.get(code, INTERNATIONAL)
    for name in Language.__dataclass_fields__:
        source = getattr(table, name)
        plain = re.sub(r"[^\w]+", " ", source).split()
        assert [word for word in plain if fold(word) != word] == [], name


def test_the_patterns_are_of_these_languages() -> None:
    names = {name for name in vars(keyword_patterns) if name.endswith(("_ASKS", "_LEAVES"))}
    assert len(names) == 2 * len(LANGUAGES)


@pytest.mark.parametrize(
    "word",
    [
        "top",
        "step",
        "shop",
        "stp",
        "abonner",
        "réabonnement",
        "inscription",
        "réinscription",
        "subscribe",
        "anmelden",
        "aanmelden",
        "suscribir",
        "iscrizione",
        "description",
        "stock",
        "spot",
        "start",
    ],
)
def test_a_common_word_or_an_opposite_is_no_slip(word: str) -> None:
    assert read(word, KEYWORDS).kind is not Kind.OPT_OUT


@given(st.sampled_from(["desabonnement", "desinscription", "unsubscribe", "abbestellen"]), st.data())
def test_one_wrong_letter_in_a_long_keyword_is_a_slip(keyword: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(2, len(keyword) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    for text in (keyword[:place] + keyword[place + 1 :], keyword[:place] + letter + keyword[place + 1 :]):
        assert read(text, KEYWORDS).kind is Kind.OPT_OUT
