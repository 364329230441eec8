"""Forecasts: who falls to which SIM, and when the last message leaves."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain.forecast import SUBMISSION, SimState, deal, openings, share
from gatewayd.domain.purpose import Hours, Limits

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
ALWAYS = [(NOON, NOON + timedelta(days=400))]
DAYTIME = Hours(frozenset(range(1, 8)), time(8), time(20))


def sim(name: str = "a", price: float | None = None, left: dict[str, int] | None = None, **limits: float) -> SimState:
    return SimState(name, Limits(**limits), left or {}, {}, price)  # type: ignore[arg-type]  # the test names them


def test_new_people_go_to_whoever_is_free_first() -> None:
    dealt = deal([sim("slow", per_minute=1), sim("quick", per_minute=4)], [(1, None, True)] * 50)
    assert dealt["quick"][0] == 40
    assert dealt["slow"][0] == 10


def test_whom_a_sim_knows_stays_with_it() -> None:
    dealt = deal([sim("a"), sim("b")], [(1, "a", False)] * 10 + [(2, None, True)] * 10)
    assert dealt == {"a": (13, 16, 3), "b": (7, 14, 7)}  # and the others even out


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, "a", "b", "gone"]), st.booleans()), max_size=60))
def test_everybody_falls_to_somebody(messages: list[tuple[int, str | None, bool]]) -> None:
    dealt = deal([sim("a"), sim("b")], messages)
    assert sum(share[0] for share in dealt.values()) == len(messages)
    assert sum(share[1] for share in dealt.values()) == sum(parts for parts, _, _ in messages)


def test_pace_and_price() -> None:
    found = share(sim(price=0.05, per_minute=6), (60, 120, 0), ALWAYS, PARIS, None)
    assert found.ends_at == NOON + timedelta(minutes=20)
    assert found.price == 6.0


def test_without_limits_a_modem_takes_its_time() -> None:
    found = share(sim(), (10, 10, 0), ALWAYS, PARIS, None)
    assert found.ends_at == NOON + timedelta(seconds=10 * SUBMISSION)


def test_a_spent_day_waits_for_the_next() -> None:
    tomorrow = NOON + timedelta(hours=12)
    state = SimState("a", Limits(per_day=10), {"per_day": 5}, {"per_day": tomorrow})
    found = share(state, (20, 20, 0), ALWAYS, PARIS, None)
    assert found.ends_at is not None
    assert tomorrow + timedelta(days=1) <= found.ends_at < tomorrow + timedelta(days=1, hours=1)


def test_people_beyond_the_months_limit_wait_for_the_next() -> None:
    renews = {"recipients_per_month": NOON + timedelta(days=9)}
    state = SimState("a", Limits(recipients_per_month=250), {"recipients_per_month": 37}, renews)
    found = share(state, (100, 100, 100), ALWAYS, PARIS, None)
    assert (found.left, found.left_after, found.waiting) == (37, 0, 63)
    assert found.ends_at is not None
    assert found.ends_at > NOON + timedelta(days=9)


def test_what_leaves_before_the_deadline() -> None:
    found = share(sim(per_minute=1), (100, 100, 0), ALWAYS, PARIS, NOON + timedelta(minutes=30))
    assert found.by_deadline == 30


def test_hours_are_kept() -> None:
    evening = NOON.replace(hour=18, minute=59)  # 19:59 in Paris
    spans = openings([DAYTIME, None], evening, PARIS)
    found = share(sim(per_minute=1), (2, 2, 0), spans, PARIS, None)
    assert found.ends_at == datetime(2026, 11, 25, 7, 1, tzinfo=UTC)


def test_hours_that_never_meet_end_never() -> None:
    never = [DAYTIME, Hours(frozenset(range(1, 8)), time(20), time(22))]
    assert list(openings(never, NOON, PARIS))[:1] == []
    assert share(sim(), (2, 2, 0), openings(never, NOON, PARIS), PARIS, None).ends_at is None
