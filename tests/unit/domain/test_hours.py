"""Hours: windows over midnight, public holidays, and the two nights when the clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.hours import is_open, next_opening, spell
from gatewayd.domain.purpose import Hours

PARIS = ZoneInfo("Europe/Paris")
OFFICE = Hours(days=frozenset({1, 2, 3, 4, 5, 6}), since=time(8), until=time(20), holidays=False)
NIGHT = Hours(since=time(22), until=time(6))
LABOUR_DAY = date(2026, 5, 1)


def paris(*when: int, fold: int = 0) -> datetime:
    return datetime(*when, tzinfo=PARIS, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]  # the test names them


def labour_day(day: date) -> bool:
    return day == LABOUR_DAY


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (paris(2026, 4, 30, 7, 59), False),
        (paris(2026, 4, 30, 8, 0), True),
        (paris(2026, 4, 30, 19, 59), True),
        (paris(2026, 4, 30, 20, 0), False),
        (paris(2026, 5, 1, 12, 0), False),  # a holiday
        (paris(2026, 5, 2, 12, 0), True),  # a Saturday
        (paris(2026, 5, 3, 12, 0), False),  # a Sunday
    ],
)
def test_office_hours(when: datetime, expected: bool) -> None:
    assert is_open(OFFICE, when, PARIS, labour_day) is expected


def test_no_hours_means_any_time() -> None:
    assert is_open(None, paris(2026, 5, 3, 3, 0), PARIS, labour_day)


@pytest.mark.parametrize(("hour", "expected"), [(21, False), (22, True), (23, True), (0, True), (5, True), (6, False)])
def test_a_window_over_midnight(hour: int, expected: bool) -> None:
    assert is_open(NIGHT, paris(2026, 4, 28, hour), PARIS) is expected


def test_the_small_hours_belong_to_the_evening_before() -> None:
    fridays = Hours(days=frozenset({5}), since=time(22), until=time(6))
    assert is_open(fridays, paris(2026, 4, 25, 5), PARIS), "Saturday morning is Friday's night"
    assert not is_open(fridays, paris(2026, 4, 24, 5), PARIS), "Friday morning is Thursday's"


def test_a_night_stops_where_the_holiday_begins() -> None:
    nights = Hours(since=time(22), until=time(6), holidays=False)
    assert is_open(nights, paris(2026, 4, 30, 23, 59), PARIS, labour_day)
    assert not is_open(nights, paris(2026, 5, 1, 0, 0), PARIS, labour_day)


def test_until_midnight_and_the_whole_day() -> None:
    evening = Hours(since=time(18), until=time(0))
    assert is_open(evening, paris(2026, 4, 28, 23, 59), PARIS)
    assert not is_open(evening, paris(2026, 4, 29, 0, 0), PARIS)
    assert all(is_open(Hours(), paris(2026, 4, 28, hour), PARIS) for hour in range(24))


def test_next_opening_skips_holiday_and_sunday() -> None:
    assert next_opening(OFFICE, paris(2026, 4, 30, 20), PARIS, labour_day) == paris(2026, 5, 2, 8)
    assert next_opening(OFFICE, paris(2026, 5, 2, 20), PARIS, labour_day) == paris(2026, 5, 4, 8)
    open_now = paris(2026, 5, 4, 9)
    assert next_opening(OFFICE, open_now, PARIS, labour_day) == open_now


def test_hours_that_never_open() -> None:
    assert next_opening(OFFICE, paris(2026, 5, 4, 9), PARIS, lambda _day: True) is None
    assert next_opening(Hours(days=frozenset()), paris(2026, 5, 4, 9), PARIS) is None


def test_spring_night_begins_late_where_the_hour_does_not_exist() -> None:
    early = Hours(since=time(2, 30), until=time(6))
    assert not is_open(early, paris(2026, 3, 29, 1, 59), PARIS)
    assert next_opening(early, paris(2026, 3, 29, 1, 0), PARIS) == paris(2026, 3, 29, 3, 30)


def test_autumn_night_is_quiet_in_both_readings_of_the_hour() -> None:
    late = Hours(since=time(20), until=time(2, 30))
    assert is_open(late, paris(2026, 10, 25, 2, 29), PARIS)
    assert not is_open(late, paris(2026, 10, 25, 2, 30), PARIS)
    assert not is_open(late, paris(2026, 10, 25, 2, 15, fold=1), PARIS), "02:15 comes back, the window does not"


moments = st.integers(0, 2 * 366 * 86400).map(lambda seconds: paris(2026, 1, 1) + timedelta(seconds=seconds))
nights_of_change = st.sampled_from([paris(2026, 3, 29, 0), paris(2026, 10, 25, 0)]).flatmap(
    lambda night: st.integers(0, 8 * 3600).map(lambda seconds: night + timedelta(seconds=seconds))
)
times = st.times().map(lambda t: t.replace(second=0, microsecond=0, fold=0))
some_hours = st.builds(
    Hours,
    days=st.frozensets(st.integers(1, 7)),
    since=times,
    until=times,
    holidays=st.booleans(),
)


@given(some_hours, moments | nights_of_change)
def test_open_only_where_every_reading_of_the_clock_says_so(hours: Hours, at: datetime) -> None:
    if not is_open(hours, at, PARIS, labour_day):
        return
    local = at.astimezone(PARIS)
    now, today = local.time(), local.date()
    yesterday = today - timedelta(days=1)
    over_midnight = hours.until <= hours.since
    from_today = today.isoweekday() in hours.days and now >= hours.since and (over_midnight or now < hours.until)
    from_yesterday = over_midnight and yesterday.isoweekday() in hours.days and now < hours.until
    assert from_today or from_yesterday
    assert hours.holidays or not labour_day(today)


@given(some_hours, moments | nights_of_change, st.floats(0, 1))
def test_a_spell_holds_from_end_to_end(hours: Hours, at: datetime, share: float) -> None:
    found = spell(hours, at, PARIS, labour_day)
    assert found.covers(at)
    until = found.until or at + timedelta(days=30)
    between = at + (until - at) * share
    if between < until:
        assert is_open(hours, between, PARIS, labour_day) is found.open
    opening = next_opening(hours, at, PARIS, labour_day)
    assert opening is None or is_open(hours, opening, PARIS, labour_day)
