"""Whoever the network shows: one person has one number."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.number import SEPARATORS, parse
from gatewayd.domain.sender import any_number, e164
from gatewayd.errors import NumberError

WHO = "+33639980001"


@pytest.mark.parametrize(
    "shown",
    [
        WHO, "33639980001", "0639980001", "639980001", "0033639980001", "+330639980001", "+0639980001",
        "+0033639980001",
    ],
)  # fmt: skip
def test_all_forms_of_a_number_are_one(shown: str) -> None:
    assert e164(shown, "FR") == WHO


@pytest.mark.parametrize("shown", ["+447700900123", "447700900123"])
def test_a_foreign_number_has_one_too(shown: str) -> None:
    assert e164(shown, "FR") == "+447700900123"


@pytest.mark.parametrize("shown", ["", "36180", "Orange", "+", "+1", "*100#", "+33 6", "1" * 40, "٠٦٣٩٩٨٠٠٠١"])
def test_what_is_no_number_has_none(shown: str) -> None:
    assert e164(shown, "FR") is None


@pytest.mark.parametrize(
    "written",
    [
        "+33 (0)6 39 98 00 01",
        "+33(0)639980001",
        "0033 (0)6 39 98 00 01",
        "06\u201139\u201198\u201100\u201101",
        "\u202a+33 6 39 98 00 01\u202c",
        "06\n39 98 00 01",
        "'0639980001",
    ],
)
def test_an_opt_out_holds_for_the_number_that_messages_go_to(written: str) -> None:
    assert any_number(written, "FR") == WHO


@pytest.mark.parametrize("written", ["0692 12 34 56", "+262 692 12 34 56", "+33 692 12 34 56", "0033 (0)692 12 34 56"])
def test_so_it_does_in_overseas_france(written: str) -> None:
    assert any_number(written, "FR") == "+262692123456"


@pytest.mark.parametrize("shown", ["+336399800010", "+33112", "+999999999999"])
def test_what_only_looks_like_a_number_is_left_as_the_network_gave_it(shown: str) -> None:
    assert e164(shown, "FR") in (shown, None)


_COUNTRIES = ("FR", "RE", "GB", "IT", "CH", "BE", "ES", "PT", "DE", "MC", "US")
_LINKS = st.sampled_from(["", *SEPARATORS])


@given(st.sampled_from(_COUNTRIES), st.sampled_from(["{}", "+{}", "00{}", "+{}(0)"]), st.data())
def test_whatever_may_be_written_to_is_the_number_that_opts_out(country: str, form: str, data: st.DataObject) -> None:
    number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    assert number is not None
    national = phonenumbers.national_significant_number(number)
    prefix = form.format(number.country_code) if form != "{}" else "0"
    written = prefix + "".join(data.draw(_LINKS) + digit for digit in national)
    try:
        recipient = parse(written, country="FR", allowed_countries=_COUNTRIES)
    except NumberError:
        return
    assert any_number(written, "FR") == recipient
