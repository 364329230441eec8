"""Whoever the network shows: one person has one number."""

from __future__ import annotations

import pytest

from gatewayd.domain.sender import e164

WHO = "+33639980001"


@pytest.mark.parametrize("shown", [WHO, "33639980001", "0639980001", "639980001", "0033639980001"])
def test_all_forms_of_a_number_are_one(shown: str) -> None:
    assert e164(shown, "FR") == WHO


@pytest.mark.parametrize("shown", ["+447700900123", "447700900123"])
def test_a_foreign_number_has_one_too(shown: str) -> None:
    assert e164(shown, "FR") == "+447700900123"


@pytest.mark.parametrize("shown", ["", "36180", "Orange", "+", "+1", "*100#", "+33 6", "1" * 40, "٠٦٣٩٩٨٠٠٠١"])
def test_what_is_no_number_has_none(shown: str) -> None:
    assert e164(shown, "FR") is None
