"""CMS and CME codes: each has a class and words in both languages, and doubt is kept as doubt."""

from __future__ import annotations

import pytest

from gatewayd.errors import CauseClass
from gatewayd.modem import causes

# reference: 3GPP TS 24.011 annex E-2, TS 23.040 clause 9.2.3.22, TS 27.005 clause 3.2.5
CLASSES = {
    CauseClass.MESSAGE: [1, 30, 69, 81, 95, 96, 97, 98, 99, 111, 195, 196, 198, 199, 304, 305],
    CauseClass.SIM: [8, 10, 21, 28, 29, 50, 193, 310, 311, 312, 313, 315, 316, 317, 318, 330],
    CauseClass.NETWORK: [17, 22, 27, 38, 41, 42, 47, 192, 194, 331, 512, 514],
    CauseClass.MODEM: [300, 301, 302, 314, 320, 322, 500, 515],
    CauseClass.UNKNOWN: [127, 197, 332, 513],
}


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in CLASSES.items() for code in codes])
def test_each_code_is_in_its_class(kind: CauseClass, code: int) -> None:
    assert causes.classify("cms", code, 3.0).kind is kind


@pytest.mark.parametrize("code", causes.TABLE)
def test_each_row_says_what_it_is_and_what_to_do_in_both_languages(code: str) -> None:
    english, french = causes.describe(code), causes.describe(code, "fr")
    assert all((*english, *french))
    assert english != french


@pytest.mark.parametrize(("seconds", "kind"), [(10.0, CauseClass.MODEM), (10.1, CauseClass.UNKNOWN)])
def test_an_unknown_error_is_doubt_only_when_the_network_had_time(seconds: float, kind: CauseClass) -> None:
    assert causes.classify("cms", 500, seconds).kind is kind
    assert causes.classify("cme", 100, seconds).kind is kind
    assert causes.classify_words("", "ERROR", seconds).kind is kind


def test_a_network_refusal_stays_one_however_late() -> None:
    assert causes.classify("cms", 38, 60).kind is CauseClass.NETWORK


def test_an_unlisted_network_cause_is_a_temporary_failure() -> None:
    assert causes.classify("cms", 60, 1).kind is CauseClass.NETWORK
    assert causes.classify("cms", 60, 1).code == "cms:60"


def test_an_unlisted_code_of_a_maker_is_doubt_once_a_pdu_was_written() -> None:
    assert causes.classify("cms", 777, 0).kind is CauseClass.MODEM
    assert causes.classify("cms", 777, 0.5).kind is CauseClass.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "words", "code"),
    [
        ("cms", "SMSC address unknown", "cms:330"),
        ("cms", "SIM busy", "cms:314"),
        ("cms", "(U)SIM busy", "cms:314"),
        ("cme", "sim not inserted", "cme:10"),
        ("cms", "Congestion", "cms:22"),
        ("cms", "words of nobody", "gatewayd:error"),
    ],
)
def test_words_are_codes(kind: str, words: str, code: str) -> None:
    assert causes.classify_words(kind, words, 1).code == code


def test_a_code_nobody_listed_describes_itself() -> None:
    assert causes.describe("cms:999")[0] == "cms:999"


def test_a_doubtful_outcome_advises_doubt_whatever_its_code() -> None:
    assert causes.describe("cms:500", "fr", doubtful=True)[1] == causes.describe("gatewayd:timeout", "fr")[1]
    assert causes.describe("cms:197", doubtful=True)[1] == causes.describe("cms:197")[1]
