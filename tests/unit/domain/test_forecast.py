"""Forecasts: who falls to which SIM, and when the last message leaves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.forecast import HOURS, SUBMISSION, Dealt, Leaving, Share, SimState, deal, follow, openings, share
from gatewayd.domain.purpose import Hours, Limits

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
ALWAYS = [(NOON, NOON + timedelta(days=400))]
DAYTIME = Hours(frozenset(range(1, 8)), time(8), time(20))


def sim(name: str = "a", price: float | None = None, left: dict[str, int] | None = None, **limits: float) -> SimState:
    return SimState(name, Limits(**limits), left or {}, {}, price)  # type: ignore[arg-type]  # the test names them


def foretold(
    state: SimState, messages: int, parts: int = 1, *, new: bool = False, deadline: datetime | None = None,
    spans: Iterable[tuple[datetime, datetime]] = ALWAYS, start: datetime = NOON,
) -> Share:  # fmt: skip
    dealt = [Dealt(place, parts, new) for place in range(messages)]
    return share(state, dealt, follow(state, dealt, spans, start), deadline)


def test_new_people_go_to_whoever_is_free_first() -> None:
    dealt = deal([sim("slow", per_minute=1), sim("quick", per_minute=4)], [(1, None, True)] * 50)
    assert (len(dealt["quick"]), len(dealt["slow"])) == (40, 10)


def test_whom_a_sim_knows_stays_with_it() -> None:
    dealt = deal([sim("a"), sim("b")], [(1, "a", False)] * 10 + [(2, None, True)] * 10)
    assert {name: (len(each), sum(one.parts for one in each)) for name, each in dealt.items()} == {
        "a": (13, 16), "b": (7, 14),
    }  # fmt: skip  # and the others even out


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, "a", "b", "gone"]), st.booleans()), max_size=60))
def test_everybody_falls_to_somebody(messages: list[tuple[int, str | None, bool]]) -> None:
    dealt = deal([sim("a"), sim("b")], messages)
    places = sorted(one.place for each in dealt.values() for one in each)
    assert places == list(range(len(messages)))
    assert [(one.parts, one.new) for one in sorted(dealt["a"] + dealt["b"])] == [(p, new) for p, _, new in messages]


def test_pace_and_price() -> None:
    found = foretold(sim(price=0.05, per_minute=6), 60, 2)
    assert found.ends_at == NOON + timedelta(minutes=20) - timedelta(seconds=20)  # when the last one starts
    assert found.price == 6.0


def test_without_limits_a_modem_takes_its_time() -> None:
    assert foretold(sim(), 10).ends_at == NOON + timedelta(seconds=9 * SUBMISSION)


def test_a_spent_day_waits_for_the_next() -> None:
    tomorrow = NOON + timedelta(hours=12)
    state = SimState("a", Limits(per_day=10), {"per_day": 5}, {"per_day": tomorrow})
    found = foretold(state, 20)
    assert found.ends_at is not None
    assert tomorrow + timedelta(days=1) <= found.ends_at < tomorrow + timedelta(days=1, hours=1)


def test_each_knows_when_and_what_keeps_him_back() -> None:
    evening, midnight = datetime(2026, 11, 24, 17, 0, tzinfo=UTC), datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
    state = SimState("a", Limits(per_day=2, per_minute=1), {"per_day": 1}, {"per_day": midnight})
    spans = list(openings([DAYTIME], evening, PARIS))
    found = follow(state, [Dealt(place, 1, False) for place in range(4)], spans, evening)
    morning = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
    assert found == [
        Leaving(0, evening, ""),
        Leaving(1, morning, "per_day"),  # for the hours ended later than the limit
        Leaving(2, morning + timedelta(minutes=1), "per_day"),
        Leaving(3, morning + timedelta(days=1), "per_day"),
    ]


def test_before_the_hours_it_is_the_hours_that_are_waited_for() -> None:
    night = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    state = SimState("a", Limits(per_day=0), {"per_day": 0}, {})
    spans = list(openings([DAYTIME], night, PARIS))
    (found,) = follow(sim(), [Dealt(0, 1, False)], spans, night)
    assert found == Leaving(0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC), HOURS)
    assert follow(state, [Dealt(0, 1, False)], ALWAYS, NOON) == [Leaving(0, None, "per_day")]


def test_whom_a_sim_knows_overtakes_those_beyond_its_limit() -> None:
    renews = {"recipients_per_month": NOON + timedelta(days=9)}
    state = SimState("a", Limits(recipients_per_month=9), {"recipients_per_month": 1}, renews)
    dealt = [Dealt(0, 1, True), Dealt(1, 1, True), Dealt(2, 1, False)]
    found = {one.place: (one.at, one.why) for one in follow(state, dealt, ALWAYS, NOON)}
    assert found[0] == (NOON, "")
    assert found[2] == (NOON + timedelta(seconds=SUBMISSION), "")
    assert found[1] == (NOON + timedelta(days=9), "recipients_per_month")


def test_a_message_larger_than_a_day_goes_when_the_day_is_empty() -> None:
    tomorrow = NOON + timedelta(hours=12)
    state = SimState("a", Limits(per_day=2), {"per_day": 1}, {"per_day": tomorrow})
    assert follow(state, [Dealt(0, 3, False)], ALWAYS, NOON) == [Leaving(0, tomorrow, "per_day")]


@given(
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=40), st.integers(0, 6), st.integers(0, 6),
    st.integers(0, 6),
)  # fmt: skip
def test_no_window_ever_holds_more_than_its_limit(
    messages: list[tuple[int, bool]], per_day: int, people: int, left: int
) -> None:
    midnight = NOON.replace(hour=23)
    renews = {"per_day": midnight, "recipients_per_day": midnight}
    lefts = {"per_day": min(left, per_day), "recipients_per_day": people}
    state = SimState("a", Limits(per_day=per_day, recipients_per_day=people), lefts, renews)
    dealt = [Dealt(place, parts, new) for place, (parts, new) in enumerate(messages)]
    found = follow(state, dealt, [(NOON, NOON + timedelta(days=50))], NOON)
    assert sorted(one.place for one in found) == list(range(len(messages)))
    days: dict[object, list[Dealt]] = {}
    for one in found:
        if one.at is not None:
            days.setdefault((one.at - midnight).days, []).append(dealt[one.place])
    for each in days.values():
        assert sum(one.new for one in each) <= people
        assert sum(one.parts for one in each) <= per_day or len(each) == 1


def test_people_beyond_the_months_limit_wait_for_the_next() -> None:
    renews = {"recipients_per_month": NOON + timedelta(days=9)}
    state = SimState("a", Limits(recipients_per_month=250), {"recipients_per_month": 37}, renews)
    found = foretold(state, 100, new=True)
    assert (found.left, found.left_after, found.waiting) == (37, 0, 63)
    assert found.ends_at is not None
    assert found.ends_at > NOON + timedelta(days=9)


def test_what_leaves_before_the_deadline() -> None:
    assert foretold(sim(per_minute=1), 100, deadline=NOON + timedelta(minutes=30)).by_deadline == 30


def test_hours_are_kept() -> None:
    evening = NOON.replace(hour=18, minute=59)  # 19:59 in Paris
    found = foretold(sim(per_minute=1), 2, spans=openings([DAYTIME, None], evening, PARIS), start=evening)
    assert found.ends_at == datetime(2026, 11, 25, 7, 0, tzinfo=UTC)


def test_hours_that_never_meet_end_never() -> None:
    never = [DAYTIME, Hours(frozenset(range(1, 8)), time(20), time(22))]
    assert list(openings(never, NOON, PARIS))[:1] == []
    assert foretold(sim(), 2, spans=openings(never, NOON, PARIS)).ends_at is None
