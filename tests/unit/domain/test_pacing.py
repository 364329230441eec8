"""Pacing: no history, however it comes about, exceeds a limit, and no limit keeps a message for ever."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.domain.pacing import UNLIMITED, Budget, History, next_gap, widest_start
from gatewayd.domain.purpose import Limits

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


class Sim:
    """A SIM's history with a clock that the test moves."""

    def __init__(self, limits: Limits, at: datetime = START) -> None:
        self.now, self.monotonic = at, 1000.0
        self.history = History(limits, PARIS, now=at, monotonic=1000.0)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds

    def budget(self, parts: int = 1) -> Budget:
        return self.history.budget(self.now, self.monotonic, parts=parts)

    def send(self, *recipients: str) -> None:
        for recipient in recipients:
            self.history.record(recipient, self.now, self.monotonic)


def test_without_limits_everything_may_go_at_once() -> None:
    sim = Sim(Limits())
    sim.send(*"abc")
    assert sim.budget(parts=9) == Budget(0.0, "", UNLIMITED, UNLIMITED, None)


def test_the_minute_slides() -> None:
    sim = Sim(Limits(per_minute=2))
    sim.send("a")
    sim.wait(20)
    sim.send("b")
    assert (sim.budget().wait, sim.budget().why) == (40.0, "per_minute")
    sim.wait(40)
    assert sim.budget().wait == 0
    assert sim.budget().room == 1


def test_a_message_starts_only_when_all_its_parts_fit() -> None:
    sim = Sim(Limits(per_minute=4))
    sim.send("a")
    sim.wait(10)
    sim.send("b", "c")
    assert sim.budget(parts=1).wait == 0
    assert sim.budget(parts=2).wait == 50
    assert sim.budget(parts=3).wait == 60


def test_a_message_larger_than_the_limit_goes_when_the_window_is_empty() -> None:
    sim = Sim(Limits(per_minute=2, per_day=3))
    assert sim.budget(parts=4).wait == 0
    sim.send("a")
    assert sim.budget(parts=4).why == "per_day"
    assert sim.budget().max_parts == 2
    sim.wait(24 * 3600)
    assert sim.budget(parts=4).wait == 0


def test_the_day_ends_at_local_midnight() -> None:
    sim = Sim(Limits(per_day=1), datetime(2026, 7, 14, 21, 59, tzinfo=UTC))
    sim.send("a")
    assert (sim.budget().wait, sim.budget().why) == (60.0, "per_day")
    sim.wait(60)
    assert sim.budget().wait == 0


@pytest.mark.parametrize(
    ("billing_day", "now", "begin"),
    [
        (5, (2026, 3, 10), (2026, 3, 5)),
        (5, (2026, 3, 4), (2026, 2, 5)),
        (31, (2026, 2, 28), (2026, 2, 28)),
        (31, (2026, 2, 27), (2026, 1, 31)),
        (31, (2026, 3, 30), (2026, 2, 28)),
        (30, (2028, 2, 29), (2028, 2, 29)),
        (1, (2026, 1, 1), (2026, 1, 1)),
        (15, (2026, 1, 2), (2025, 12, 15)),
    ],
)
def test_the_month_begins_on_the_billing_day(
    billing_day: int, now: tuple[int, int, int], begin: tuple[int, int, int]
) -> None:
    start = widest_start(Limits(per_month=9, billing_day=billing_day), datetime(*now, 12, tzinfo=UTC), PARIS)
    assert start == datetime(*begin, tzinfo=PARIS).astimezone(UTC)


def test_the_widest_window_decides_what_is_loaded() -> None:
    day = datetime(2026, 3, 10, tzinfo=PARIS)
    assert widest_start(Limits(), START, PARIS) is None
    assert widest_start(Limits(per_minute=1), START, PARIS) == START - timedelta(minutes=1)
    assert widest_start(Limits(per_minute=1, per_hour=1), START, PARIS) == START - timedelta(hours=1)
    assert widest_start(Limits(per_hour=1, recipients_per_day=1), START, PARIS) == day
    just_after_midnight = day + timedelta(minutes=5)
    assert widest_start(Limits(per_hour=1, per_day=1), just_after_midnight, PARIS) == day - timedelta(minutes=55)


def test_recipients_spent_leave_those_already_written_to() -> None:
    sim = Sim(Limits(recipients_per_day=2, recipients_per_month=3, billing_day=5))
    sim.send("a", "b", "a")
    day = datetime(2026, 3, 10, tzinfo=PARIS)
    assert sim.budget().known_since == day
    assert sim.budget().wait == 0, "known recipients cost nothing"
    sim.wait(24 * 3600)
    assert sim.budget().known_since is None
    sim.send("c")
    assert sim.budget().known_since == datetime(2026, 3, 5, tzinfo=PARIS)
    sim.send("a")
    assert sim.budget().known_since == day + timedelta(days=1), "both are spent: the narrower window holds"


def test_the_gap_and_its_jitter() -> None:
    limits = Limits(gap=3, jitter=2)
    rng = random.Random(1)  # noqa: S311  (the test wants the same jitter each time)
    gaps = [next_gap(limits, rng) for _ in range(50)]
    assert 3 <= min(gaps) < max(gaps) <= 5
    assert next_gap(Limits(), rng) == 0
    sim = Sim(limits)
    sim.history.pause(4.5, sim.monotonic)
    assert (sim.budget().wait, sim.budget().why) == (4.5, "gap")
    sim.wait(4.5)
    assert sim.budget().wait == 0


def test_a_refused_part_is_given_back_by_the_calendar_only() -> None:
    sim = Sim(Limits(per_minute=1, per_day=1))
    sim.send("a")
    sim.history.refused(sim.now)
    assert sim.budget().why == "per_minute"
    sim.wait(60)
    assert sim.budget().wait == 0


def test_a_restart_forgets_nothing() -> None:
    limits = Limits(per_minute=3, per_hour=5, per_day=9, recipients_per_month=3, gap=2)
    sim = Sim(limits)
    sent = []
    for recipient in "aabbc":
        sim.send(recipient)
        sent.append((sim.now, recipient))
        sim.wait(17)
    loaded = History.load(limits, PARIS, reversed(sent), now=sim.now, monotonic=5.0)
    assert loaded.budget(sim.now, 5.0) == sim.budget()
    assert loaded.remaining(sim.now, 5.0) == sim.history.remaining(sim.now, sim.monotonic)


def test_the_gap_holds_over_a_restart() -> None:
    limits = Limits(per_day=9, gap=10)
    loaded = History.load(limits, PARIS, [(START - timedelta(seconds=4), "a")], now=START, monotonic=0.0)
    assert loaded.budget(START, 0.0).wait == 6


def test_entries_from_the_future_count_as_of_now() -> None:
    ahead = [(START + timedelta(days=400), "a"), (START + timedelta(hours=1), "b")]
    loaded = History.load(Limits(per_minute=2, per_day=2), PARIS, ahead, now=START, monotonic=0.0)
    assert loaded.budget(START, 0.0).why == "per_day"


def test_what_is_left() -> None:
    sim = Sim(Limits(per_minute=5, per_day=3, recipients_per_month=2))
    sim.send("a", "a")
    left = {entry.limit: (entry.left, entry.used, entry.allowed) for entry in sim.history.remaining(sim.now, 1000.0)}
    assert left == {"per_minute": (3, 2, 5), "per_day": (1, 2, 3), "recipients_per_month": (1, 1, 2)}


def test_a_limit_of_nothing_lets_nothing_through() -> None:
    for limits in (Limits(per_minute=0), Limits(per_day=0)):
        assert Sim(limits).budget().wait > 0
    assert Sim(Limits(recipients_per_day=0)).budget().known_since is not None


def test_a_clock_that_goes_back_reopens_no_day() -> None:
    sim = Sim(Limits(per_minute=1, per_day=2), datetime(2026, 3, 10, 0, 30, tzinfo=PARIS).astimezone(UTC))
    sim.send("a", "b")
    sim.now -= timedelta(hours=1)
    assert sim.budget().why == "per_day"
    sim.wait(2 * 3600)
    assert sim.budget().why == "per_day", "caught up: the day that was counted is still the same"
    sim.wait(24 * 3600)
    assert sim.budget().wait == 0


def test_a_clock_that_was_years_ahead_blocks_a_day_at_most() -> None:
    sim = Sim(Limits(per_day=2))
    sim.now += timedelta(days=3650)
    sim.send("a", "b")
    sim.now -= timedelta(days=3650)
    for _ in range(24):
        assert sim.budget().why == "per_day"
        sim.wait(3600)
    sim.wait(24 * 3600)
    assert sim.budget().wait == 0


def test_a_clock_that_runs_ahead_and_is_put_back_opens_no_second_day() -> None:
    sim = Sim(Limits(per_day=2, recipients_per_month=2))
    sim.send("a", "b")
    for _ in range(3):
        sim.now += timedelta(days=365)
        budget = sim.budget()
        assert (budget.why, budget.room) == ("per_day", 0)
        assert budget.known_since is not None, "nor a month"
        sim.wait(600)
    sim.now -= timedelta(days=3 * 365)
    assert sim.budget().why == "per_day"
    sim.wait(26 * 3600)
    assert sim.budget().wait == 0


def test_a_clock_put_forward_gives_the_room_that_both_days_have() -> None:
    sim = Sim(Limits(per_day=5))
    sim.send("a", "b")
    sim.now += timedelta(days=3)
    assert sim.budget().room == 3
    sim.send("c")
    assert sim.history.remaining(sim.now, sim.monotonic)[0].left == 2
    sim.wait(15 * 3600)  # past the midnight of the day that was left
    assert sim.budget().room == 4


def test_a_history_that_is_read_anew_keeps_what_binds() -> None:
    limits = Limits(per_day=2)
    sim = Sim(limits)
    sim.send("a", "b")
    sim.now += timedelta(days=365)
    sim.history = History.load(limits, PARIS, [], now=sim.now, monotonic=sim.monotonic, after=sim.history)
    assert sim.budget().why == "per_day"
    assert sim.history.remaining(sim.now, sim.monotonic)[0].renews_at == sim.now + timedelta(hours=13, minutes=59)


def test_a_clock_put_right_changes_nothing_in_the_minute() -> None:
    sim = Sim(Limits(per_minute=1))
    sim.send("a")
    sim.now += timedelta(days=365)
    assert sim.budget().wait == 60
    sim.now -= timedelta(days=700)
    assert sim.budget().wait == 60


@pytest.mark.parametrize("night", [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)])
def test_the_days_of_23_and_25_hours_have_one_quota(night: datetime) -> None:
    sim = Sim(Limits(per_day=10), night)
    hours = 0
    while sim.budget().wait == 0:
        sim.send("a")
        hours += 1
        sim.wait(3600)
    assert hours == 10
    sim.wait(sim.budget().wait)
    assert sim.now.astimezone(PARIS).date() == night.astimezone(PARIS).date() + timedelta(days=1)
    assert sim.now.astimezone(PARIS).hour == 0


small = st.none() | st.integers(1, 6)
some_limits = st.builds(
    Limits,
    per_minute=small,
    per_hour=small,
    per_day=st.none() | st.integers(1, 12),
    per_month=st.none() | st.integers(1, 25),
    recipients_per_day=small,
    recipients_per_month=st.none() | st.integers(1, 8),
    billing_day=st.integers(1, 31),
)
seconds_of_the_year = st.integers(0, 366 * 86400)
a_step = st.tuples(
    st.sampled_from([0, 0, 1, 7, 59, 60, 61, 600, 3599, 3600, 7200, 40000, 86400, 86400 * 9]),
    st.integers(1, 3),
    st.sampled_from("abcdefghijkl"),
)


def billing_month(day: date, billing_day: int) -> tuple[int, int]:
    """The month in which the billing month of `day` began, recounted the long way."""
    while True:
        tomorrow = day + timedelta(days=1)
        if day.day == billing_day or (day.day < billing_day and tomorrow.month != day.month):
            return day.year, day.month
        day -= timedelta(days=1)


def check_never_exceeded(limits: Limits, sent: list[tuple[float, datetime, str, int]]) -> None:
    """The naive recount over (monotonic, wall, recipient, parts of its message) of each part."""
    for length, allowed in ((60, limits.per_minute), (3600, limits.per_hour)):
        for at, _, _, parts in sent:
            within = sum(1 for other, *_ in sent if at - length < other <= at)
            assert allowed is None or within <= max(allowed, parts)
    days: dict[object, list[tuple[str, int]]] = defaultdict(list)
    months: dict[object, list[tuple[str, int]]] = defaultdict(list)
    for _, now, recipient, parts in sent:
        local = now.astimezone(PARIS).date()
        days[local].append((recipient, parts))
        months[billing_month(local, limits.billing_day)].append((recipient, parts))
    for windows, allowed, people in (
        (days, limits.per_day, limits.recipients_per_day),
        (months, limits.per_month, limits.recipients_per_month),
    ):
        for entries in windows.values():
            assert allowed is None or len(entries) <= max(allowed, entries[0][1])
            assert people is None or len({recipient for recipient, _ in entries}) <= people


@settings(max_examples=300, deadline=None)
@given(some_limits, seconds_of_the_year, st.lists(a_step, max_size=60))
def test_no_history_exceeds_a_limit(limits: Limits, at: int, steps: list[tuple[int, int, str]]) -> None:
    sim = Sim(limits, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at))
    sent: list[tuple[float, datetime, str, int]] = []
    for seconds, parts, recipient in steps:
        sim.wait(seconds)
        budget = sim.budget(parts)
        known = {name for _, now, name, _ in sent if budget.known_since is not None and now >= budget.known_since}
        if budget.wait > 0 or (budget.known_since is not None and recipient not in known):
            continue
        assert parts <= budget.room
        assert parts <= budget.max_parts
        for _ in range(parts):
            sim.send(recipient)
            sent.append((sim.monotonic, sim.now, recipient, parts))
    check_never_exceeded(limits, sent)


@settings(max_examples=200, deadline=None)
@given(some_limits, st.lists(a_step, max_size=40))
def test_waiting_as_told_is_enough(limits: Limits, steps: list[tuple[int, int, str]]) -> None:
    sim = Sim(limits)
    for seconds, parts, recipient in steps:
        sim.wait(seconds)
        for _ in range(4):  # one limit may end where another still holds
            sim.wait(sim.budget(parts).wait)
        assert sim.budget(parts).wait == 0
        for _ in range(parts):
            sim.send(recipient)


@settings(max_examples=200, deadline=None)
@given(
    some_limits,
    st.lists(st.tuples(a_step, st.sampled_from([0, 0, 0, -3600, -86400, -86400 * 40])), max_size=40),
)
def test_a_step_back_never_gives_anything_back(limits: Limits, steps: list[tuple[tuple[int, int, str], int]]) -> None:
    sim = Sim(limits)
    for (seconds, parts, recipient), jump in steps:
        sim.wait(seconds)
        if sim.budget(parts).wait == 0:
            for _ in range(parts):
                sim.send(recipient)
        before = sim.history.remaining(sim.now, sim.monotonic)
        sim.now += timedelta(seconds=jump)
        after = sim.history.remaining(sim.now, sim.monotonic)
        assert all(mine.used >= yours.used for mine, yours in zip(after, before, strict=True))


HOUR, DAY = 3600.0, 86400.0
some_jumps = st.lists(
    st.tuples(
        st.sampled_from([60.0, 600.0, HOUR, 6 * HOUR, 13 * HOUR, DAY, 3 * DAY]),
        st.one_of(
            st.just(0.0),
            st.floats(-400 * DAY, 400 * DAY),
            st.sampled_from([-365 * DAY, -DAY, -HOUR, 50.0, 70.0, HOUR, 12 * HOUR, DAY, 365 * DAY]),
        ),
        st.booleans(),
    ),
    max_size=40,
)


def most_within(times: list[float], seconds: float) -> int:
    """The largest number of times in a span that is shorter than this."""
    return max((sum(1 for other in times if at - seconds < other <= at) for at in times), default=0)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 86400), some_jumps)
def test_wherever_the_clock_jumps_no_quota_is_opened_twice(at: int, jumps: list[tuple[float, float, bool]]) -> None:
    """By the time that has really passed: a span shorter than a day touches two days, and has two quotas at most.

    The SIM sends whatever it may; between two sends the clock jumps, and its history may be read anew. Of months, the
    one left, the one arrived in and the one after it may fall into one span.
    """
    limits = Limits(per_day=3, per_month=7, recipients_per_month=5)
    sim = Sim(limits, START + timedelta(seconds=at))
    sent: list[tuple[float, datetime, str]] = []
    for seconds, jump, read_anew in jumps:
        sim.wait(seconds)
        sim.now += timedelta(seconds=jump)
        if read_anew:
            since = widest_start(limits, sim.now, PARIS)
            known = [(now, name) for _, now, name in sent if since is not None and now >= since]
            sim.history = History.load(limits, PARIS, known, now=sim.now, monotonic=sim.monotonic, after=sim.history)
        while (budget := sim.budget()).wait == 0 and budget.known_since is None:
            sim.send(str(len(sent)))
            sent.append((sim.monotonic, sim.now, str(len(sent))))
    times = [monotonic for monotonic, *_ in sent]
    assert most_within(times, 23 * HOUR) <= 2 * 3
    assert most_within(times, 27 * DAY) <= 3 * 5
