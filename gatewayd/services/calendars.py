"""Public holidays as a rule can ask for them: one function of a date.

The library `holidays` knows the law of each country; the domain only takes the function. Alsace and Moselle keep Good
Friday and 26 December: subdivision "Alsace-Moselle".
"""

from __future__ import annotations

import threading
from datetime import date
from functools import lru_cache

import holidays
from holidays.registry import EntityLoader

from gatewayd.domain.hours import Holiday
from gatewayd.errors import UsageError

# Moselle has the days of all three departements of the local law.
_SUBDIVISIONS = {"alsace-moselle": "57", "alsace": "57", "moselle": "57"}


def public_holidays(country: str, subdivision: str | None = None) -> Holiday:
    """Whether a date is a public holiday in `country` (ISO 3166, as "FR"); UsageError if the library knows neither.

    The calendars of the world are read at the first date that is asked for: most commands ask for none.
    """
    if country not in EntityLoader.get_country_codes():
        raise UsageError(f"no calendar of public holidays: the country {country} is not in it")
    part = _SUBDIVISIONS.get(subdivision.lower(), subdivision) if subdivision else None
    lock = threading.Lock()  # the library fills in a year when it is first asked for

    @lru_cache(maxsize=1)
    def calendar() -> holidays.HolidayBase:
        return holidays.country_holidays(country, subdiv=part)

    @lru_cache(maxsize=1024)
    def is_holiday(day: date) -> bool:
        with lock:
            return day in calendar()

    if part is not None:
        try:
            calendar()
        except NotImplementedError as error:
            raise UsageError(f"no calendar of public holidays: {error}") from error
    return is_holiday
