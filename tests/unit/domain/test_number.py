"""Numbers: a table per kind of number, per reason of refusal, and per thing a spreadsheet does to them."""

from __future__ import annotations

import time

import pytest

from gatewayd.domain.number import FICTION, REASONS, Kind, parse, repair_excel
from gatewayd.errors import NumberError

NOWHERE_ELSE: frozenset[str] = frozenset()


def refusal(raw: str, country: str = "FR", allowed: frozenset[str] = NOWHERE_ELSE) -> str:
    with pytest.raises(NumberError) as refused:
        parse(raw, country=country, allowed_countries=allowed)
    assert refused.value.reason in REASONS
    return refused.value.reason


@pytest.mark.parametrize(
    "written",
    [
        "0639980001",
        "06 39 98 00 01",
        "06.39.98.00.01",
        "06-39-98-00-01",
        "06/39/98/00/01",
        "06\u201139\u201198\u201100\u201101",
        "06 \u2013 39 98 00 01",
        "06\u00a039\u00a098\u00a000\u00a001",
        "06\u202f39\u202f98\u202f00\u202f01",
        " 0639980001 ",
        "639980001",
        "33639980001",
        "+33639980001",
        "+33 6 39 98 00 01",
        "+33 (0)6 39 98 00 01",
        "+330639980001",
        "0033639980001",
        "0033 (0)6 39 98 00 01",
        "(06) 39 98 00 01",
    ],
)
def test_the_ways_people_write_a_french_mobile_number(written: str) -> None:
    assert parse(written, country="FR", allowed_countries=NOWHERE_ELSE) == "+33639980001"


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("07700 900123", "GB", "+447700900123"),
        ("7700900123", "GB", "+447700900123"),
        ("020 91 12345", "IE", "+353209112345"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("+1 416 555 0199", "CA", "+14165550199"),
        ("0491 570 006", "AU", "+61491570006"),
        ("0171 3920050", "DE", "+491713920050"),
        ("070-174 06 05", "SE", "+46701740605"),
        ("0692 12 34 56", "RE", "+262692123456"),
    ],
)
def test_mobile_numbers_of_other_countries_fiction_included(written: str, country: str, e164: str) -> None:
    assert parse(written, country=country, allowed_countries=NOWHERE_ELSE) == e164


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "missing"),
        (" \u00a0", "missing"),
        ("+", "letters"),
        ("pas de portable", "letters"),
        ("++33639980001", "letters"),
        ("06+39980001", "letters"),
        ("0639980001;ext=3", "letters"),
        ("tel:0639980001", "letters"),
        ("\uff10\uff16\uff13\uff19\uff19\uff18\uff10\uff10\uff10\uff11", "letters"),
        ("06 39 98 00", "invalid"),
        ("06 39 98", "invalid"),
        ("06 39 98 00 01 2", "invalid"),
        ("0639980001 / 0639980002", "invalid"),
        ("0000000000", "invalid"),
        ("+999123456789", "invalid"),
        ("9" * 60, "invalid"),
        ("0 " * 5000, "invalid"),
        ("01 99 00 12 34", "landline"),
        ("02 61 91 12 34", "landline"),
        ("03 53 01 12 34", "landline"),
        ("04 65 71 12 34", "landline"),
        ("05 36 49 12 34", "landline"),
        ("0899 12 34 56", "premium"),
        ("+979 123 456 789", "premium"),
        ("0820 12 34 56", "shared_cost"),
        ("+808 1234 5678", "shared_cost"),
        ("0800 12 34 56", "toll_free"),
        ("0806 12 34 56", "uan"),
        ("0937 12 34 56", "voip"),
        ("+881 6 12345678", "satellite"),
        ("+870 773 123456", "satellite"),
        ("+882 99 912345", "satellite"),
        ("+44 70 1234 5678", "personal"),
        ("+44 7640 123456", "pager"),
        ("3939", "short"),
        ("81111", "short"),
        ("118 218", "short"),
        ("36 111", "short"),
        ("+44 7700 900123", "foreign"),
        ("+1 212 555 0123", "foreign"),
        ("0692 12 34 56", "foreign"),
        ("+596 696 12 34 56", "foreign"),
    ],
)
def test_refused_with_its_own_reason(written: str, reason: str) -> None:
    assert refusal(written) == reason


@pytest.mark.parametrize(
    "written", ["15", "17", "18", "112", "114", "115", "119", "116000", "+112", "+33112", "0112", "0033 112", "911"]
)
def test_emergency_numbers_are_refused_whatever_is_allowed(written: str) -> None:
    with pytest.raises(NumberError, match="emergency"):
        parse(written, country="FR", allowed_countries={"FR", "US"}, allowed_kinds=frozenset(Kind))


@pytest.mark.parametrize(("country", "written"), [("GB", "999"), ("US", "911"), ("DE", "110"), ("AU", "000")])
def test_emergency_numbers_of_other_countries(country: str, written: str) -> None:
    assert refusal(written, country) == "emergency"


def test_the_library_alone_would_take_letters_and_foreign_digits() -> None:
    assert refusal("+1412535abcd", "US") == "letters"
    assert refusal("०६३९९८०००१") == "letters"


@pytest.mark.parametrize(
    ("written", "allowed", "e164"),
    [
        ("+44 7700 900123", "GB", "+447700900123"),
        ("0692 12 34 56", "RE", "+262692123456"),
        ("692123456", "RE", "+262692123456"),
        ("+33 692 12 34 56", "RE", "+262692123456"),
        ("0639 03 12 34", "YT", "+262639031234"),
        ("0690 00 12 34", "GP", "+590690001234"),
        ("0694 20 12 34", "GF", "+594694201234"),
        ("0696 12 34 56", "MQ", "+596696123456"),
    ],
)
def test_a_listed_country_is_no_longer_foreign(written: str, allowed: str, e164: str) -> None:
    assert refusal(written) == "foreign"
    assert parse(written, country="FR", allowed_countries={allowed}) == e164


@pytest.mark.parametrize(
    ("kind", "written", "result"), [("landline", "01 99 00 12 34", "+33199001234"), ("short", "3939", "3939")]
)
def test_a_listed_kind_passes(kind: str, written: str, result: str) -> None:
    assert parse(written, country="FR", allowed_countries=(), allowed_kinds={kind}) == result


def test_every_fiction_range_is_recognised_at_both_ends() -> None:
    for prefix, length, kind in FICTION:
        for fill in "09":
            number = "+" + prefix.ljust(length, fill)
            allowed = {"FR", "GB", "IE"}
            assert parse(number, country="FR", allowed_countries=allowed, allowed_kinds={kind}) == number


@pytest.mark.parametrize(
    ("cell", "typed"),
    [
        ("06 39 98 00 01", "06 39 98 00 01"),
        ("06.39.98.00.00", "06.39.98.00.00"),
        ("639980001.0", "639980001"),
        ("33639980001,00", "33639980001"),
        ("3,3639980001E+10", "33639980001"),
        ("3.3639980001e10", "33639980001"),
        ("+3,3639980001E10", "33639980001"),
        ("6,3998000100E+08", "639980001"),
        ("'0639980001", "0639980001"),
        ("'+33639980001", "+33639980001"),
        ('="0639980001"', "0639980001"),
        ("06 39 00 00 00", "06 39 00 00 00"),
        ("0639000000", "0639000000"),
        ("", ""),
    ],
)
def test_what_a_spreadsheet_did_is_undone(cell: str, typed: str) -> None:
    assert repair_excel(cell) == typed


@pytest.mark.parametrize(
    "cell", ["3,36E+10", "3.36E+10", "6,3998E+08", "3E+10", "3,36399800012E+10", "33600000000", "33639000000.0"]
)
def test_lost_digits_are_never_invented(cell: str) -> None:
    with pytest.raises(NumberError) as refused:
        repair_excel(cell)
    assert refused.value.reason == "excel_precision"


def test_a_hundred_thousand_numbers_in_less_than_five_seconds() -> None:
    begun = time.process_time()
    for count in range(10_000):
        written = f"06 39 98 {count // 100:02} {count % 100:02}"
        parse(repair_excel(written), country="FR", allowed_countries=NOWHERE_ELSE)
    assert time.process_time() - begun < 0.5
