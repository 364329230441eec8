"""Campaigns: the table of states and its drawing, who must agree, windows, and the next run on every kind of night."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain import campaign
from gatewayd.domain.campaign import (
    TRANSITIONS,
    CampaignRules,
    CampaignState,
    Repeat,
    approvals_needed,
    check_approval,
    first_opening,
    next_run,
    too_many,
    window,
)
from gatewayd.domain.purpose import Hours
from gatewayd.errors import RefusedByRule, UsageError

PARIS = ZoneInfo("Europe/Paris")
WEEK = frozenset(range(1, 8))


def paris(*when: int) -> datetime:
    return datetime(*when, tzinfo=PARIS).astimezone(UTC)  # type: ignore[arg-type, misc]  # as many as a datetime takes


def test_each_state_of_the_drawing_is_one_and_each_one_is_drawn() -> None:
    drawing = (campaign.__doc__ or "").split("`to_test` until")[0]
    assert {state for state in CampaignState if state in drawing} == set(CampaignState)


def test_the_way_to_running_leads_by_test_and_approval() -> None:
    before = {state for state, following in TRANSITIONS.items() if CampaignState.SCHEDULED in following}
    assert before == {CampaignState.APPROVED}
    assert {s for s, following in TRANSITIONS.items() if CampaignState.APPROVED in following} == {CampaignState.TESTED}
    assert {state for state, following in TRANSITIONS.items() if not following} == campaign.ENDED


def test_what_may_be_canceled() -> None:
    lasting = set(CampaignState) - campaign.ENDED
    assert {state for state in CampaignState if CampaignState.CANCELED in TRANSITIONS[state]} == lasting


@pytest.mark.parametrize(
    ("approvals", "size", "needed"), [(0, 10_000, 0), (1, 500, 1), (1, 501, 2), (2, 1, 2), (3, 501, 3)]
)
def test_how_many_must_agree(approvals: int, size: int, needed: int) -> None:
    assert approvals_needed(size, CampaignRules(approvals=approvals, second_above=500)) == needed


def test_the_author_is_known_however_he_writes_his_name() -> None:
    for name in ("camille", "Camille", "  CAMILLE "):
        with pytest.raises(RefusedByRule):
            check_approval("Camille", name, [])
    check_approval("camille", "dominique", ["sacha"])


def test_a_threshold_is_passed_not_reached() -> None:
    assert not too_many(1, 20, 5)
    assert too_many(2, 20, 5)
    assert not too_many(20, 20, 0)


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        ("", None),
        ("09:00-12:00", Hours(WEEK, time(9), time(12))),
        ("mon-fri 9:00 - 12:30", Hours(frozenset(range(1, 6)), time(9), time(12, 30))),
        ("lun-ven 18:00-24:00", Hours(frozenset(range(1, 6)), time(18), time(0))),
        ("sat,dim 10:00-18:00", Hours(frozenset({6, 7}), time(10), time(18))),
        ("sat-mon 10:00-18:00", Hours(frozenset({6, 7, 1}), time(10), time(18))),
    ],
)
def test_windows(words: str, hours: Hours | None) -> None:
    assert window(words) == hours


@pytest.mark.parametrize("words", ["noon", "09:00", "25:00-26:00", "mun 09:00-10:00", "09:00-09:00", "9-12"])
def test_windows_that_are_none(words: str) -> None:
    with pytest.raises((UsageError, RefusedByRule)):
        window(words)


def test_the_first_moment_that_suits_all() -> None:
    office, evening = window("mon-fri 08:00-20:00"), window("19:00-22:00")
    assert first_opening([office, evening], paris(2026, 11, 27, 21, 0), PARIS) == paris(2026, 11, 30, 19, 0)
    assert first_opening([office, None], paris(2026, 11, 27, 9, 0), PARIS) == paris(2026, 11, 27, 9, 0)


def test_hours_that_never_meet() -> None:
    week, weekend = window("mon-fri 08:00-20:00"), window("sat,sun 08:00-20:00")
    assert first_opening([week, weekend], paris(2026, 1, 1), PARIS) is None
    assert first_opening([window("08:00-12:00"), window("12:00-20:00")], paris(2026, 1, 1), PARIS) is None


def test_holidays_are_left_out_of_what_suits() -> None:
    hours = [Hours(WEEK, time(8), time(20), holidays=False)]
    found = first_opening(hours, paris(2026, 12, 24, 21, 0), PARIS, lambda day: day == date(2026, 12, 25))
    assert found == paris(2026, 12, 26, 8, 0)


@pytest.mark.parametrize(
    ("repeat", "first", "after", "following"),
    [
        (Repeat.DAILY, (2026, 3, 28, 2, 30), (2026, 3, 28, 2, 30), (2026, 3, 29, 3, 30)),  # 02:30 is left out
        (Repeat.DAILY, (2026, 3, 28, 2, 30), (2026, 3, 29, 3, 30), (2026, 3, 30, 2, 30)),
        (Repeat.WEEKLY, (2026, 11, 24, 9, 0), (2026, 11, 24, 9, 0), (2026, 12, 1, 9, 0)),
        (Repeat.MONTHLY, (2026, 1, 31, 9, 0), (2026, 1, 31, 9, 0), (2026, 2, 28, 9, 0)),
        (Repeat.MONTHLY, (2026, 1, 31, 9, 0), (2026, 2, 28, 9, 0), (2026, 3, 31, 9, 0)),
        (Repeat.YEARLY, (2024, 2, 29, 9, 0), (2024, 2, 29, 9, 0), (2025, 2, 28, 9, 0)),
        (Repeat.YEARLY, (2024, 2, 29, 9, 0), (2027, 6, 1, 9, 0), (2028, 2, 29, 9, 0)),
    ],
)
def test_the_next_run(
    repeat: Repeat, first: tuple[int, ...], after: tuple[int, ...], following: tuple[int, ...]
) -> None:
    assert next_run(repeat, paris(*first), paris(*after), PARIS) == paris(*following)


def test_an_hour_that_comes_twice_is_kept_once_as_the_first() -> None:
    first = paris(2026, 10, 24, 2, 30)
    night = next_run(Repeat.DAILY, first, first, PARIS)
    assert night == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert night is not None
    assert next_run(Repeat.DAILY, first, night, PARIS) == paris(2026, 10, 26, 2, 30)


def test_what_runs_once_runs_once() -> None:
    assert next_run(Repeat.ONCE, paris(2026, 1, 1), paris(2026, 1, 1), PARIS) is None


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001  (the zone comes next)


@given(moments, st.timedeltas(timedelta(0), timedelta(days=900)), st.sampled_from([r for r in Repeat if r != "once"]))
def test_runs_follow_each_other_and_none_is_left_out(first: datetime, later: timedelta, repeat: Repeat) -> None:
    following = next_run(repeat, first, first + later, PARIS)
    assert following is not None
    assert following > first + later
    longest = {Repeat.DAILY: 2, Repeat.WEEKLY: 8, Repeat.MONTHLY: 32, Repeat.YEARLY: 367}[repeat]
    assert following - (first + later) <= timedelta(days=longest)
