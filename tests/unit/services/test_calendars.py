"""The calendar of public holidays."""

from __future__ import annotations

from datetime import date

import pytest

from gatewayd.errors import UsageError
from gatewayd.services.calendars import public_holidays

ELEVEN = ["0101", "0406", "0501", "0508", "0514", "0525", "0714", "0815", "1101", "1111", "1225"]


def days_of_2026(country: str, subdivision: str | None = None) -> list[str]:
    is_holiday = public_holidays(country, subdivision)
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + n) for n in range(365)]
    return [f"{day:%m%d}" for day in days if is_holiday(day)]


def test_the_eleven_holidays_of_france() -> None:
    assert days_of_2026("FR") == ELEVEN


@pytest.mark.parametrize("name", ["Alsace-Moselle", "Alsace", "57"])
def test_alsace_moselle_has_two_more(name: str) -> None:
    assert days_of_2026("FR", name) == sorted([*ELEVEN, "0403", "1226"])


def test_an_unknown_place() -> None:
    with pytest.raises(UsageError):
        public_holidays("FR", "Atlantide")
    with pytest.raises(UsageError):
        public_holidays("ZZ")
