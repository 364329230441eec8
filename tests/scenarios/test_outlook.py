"""Why a message waits, and when it may leave: what is foretold is what the lines then do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from gatewayd.cli.outlook import sentences, when
from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import Basis, Hours, Limits, MessageClass, Purpose
from gatewayd.services.outlook import Forecaster, Hindrance, Outlook
from tests.scenarios.world import EVENTS, PARIS, TUESDAY_NOON, FakeClock, World, number

DAYTIME = Purpose("daytime", "By day", Basis.CONTRACT, hours=Hours(since=time(8), until=time(20)))
NIGHT = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
EIGHT = datetime(2026, 3, 11, 7, 0, tzinfo=UTC)
ALL_WELL = {"a": "", "b": ""}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def build(*names: str, **how: object) -> World:
        worlds.append(World(tmp_path, *names, **how))  # type: ignore[arg-type]  # the test names them
        worlds[-1].settle()
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def outlook(world: World, message_id: int, lines: dict[str, str] | None = ALL_WELL) -> Outlook:  # never changed
    found = Forecaster(world.outbox, world.common.sims, world.rules, world.clock, lines).of(message_id)
    assert found is not None
    return found


def words(world: World, found: Outlook) -> str:
    return "; ".join(sentences(found, PARIS, world.clock.utc_now()))


def leaves_when_told(world: World, message: int) -> None:
    """Not a minute before, and then at once."""
    told = outlook(world, message).leaves_at
    assert told is not None
    world.advance((told - world.clock.utc_now()).total_seconds() - 60)
    assert world.state(message) == "queued"
    world.advance(61)
    assert world.state(message) == "sent"


def test_at_night_it_says_when_the_purpose_opens(make: Callable[..., World]) -> None:
    world = make("a", purposes=[DAYTIME], clock=FakeClock(NIGHT))
    (message,) = world.accept(number(1), purpose="daytime")
    found = outlook(world, message)
    assert (found.opens_at, found.leaves_at) == (EIGHT, EIGHT)
    assert words(world, found) == "outside the hours of `daytime`: they begin tomorrow at 08:00 (Europe/Paris)"
    leaves_when_told(world, message)
    assert Forecaster(world.outbox, world.common.sims, world.rules, world.clock, {}).of(message) is None


def test_what_expires_before_it_may_leave_is_told_so(make: Callable[..., World]) -> None:
    world = make("a", purposes=[DAYTIME], clock=FakeClock(NIGHT))
    (message,) = world.accept(number(1), purpose="daytime", expires_at=NIGHT + timedelta(hours=6))
    found = outlook(world, message)
    assert found.in_vain
    assert "expires before that, tomorrow at 05:30, and will not be sent" in words(world, found)


def test_a_limit_of_the_day_ends_at_midnight_and_the_hours_come_after_it(make: Callable[..., World]) -> None:
    world = make("a", purposes=[DAYTIME, EVENTS], limits=Limits(per_day=2))
    *_, third = world.accept(*[number(n) for n in range(3)])
    (fourth,) = world.accept(number(4), purpose="daytime")
    world.settle()
    found = outlook(world, third)
    assert found.hindrances == [Hindrance("per_day", "a", datetime(2026, 3, 10, 23, 0, tzinfo=UTC))]
    assert "SIM a: its limit per_day is reached until tomorrow at 00:00" in words(world, found)
    assert outlook(world, fourth).leaves_at == EIGHT
    leaves_when_told(world, third)


def test_spent_recipients_keep_back_whom_the_sim_does_not_know(make: Callable[..., World]) -> None:
    world = make("a", limits=Limits(recipients_per_month=1))
    world.accept(number(1))
    world.settle()
    stranger, known = world.accept(number(2), number(1))
    found = outlook(world, stranger)
    assert found.hindrances == [Hindrance("recipients_per_month", "a", datetime(2026, 3, 31, 22, 0, tzinfo=UTC))]
    told = "SIM a: recipients_per_month is reached until Wednesday 1 April at 00:00, it writes to nobody new"
    assert told in words(world, found)
    assert not outlook(world, known).hindrances
    assert outlook(world, known).leaves_at == world.clock.utc_now()


def test_a_free_sim_of_the_pool_is_enough(make: Callable[..., World]) -> None:
    world = make("a", "b", limits={"a": Limits(per_day=1), "b": Limits()})
    (message,) = world.accept(number(1))
    assert not outlook(world, message).hindrances
    assert not outlook(world, message, {"a": "absent", "b": ""}).hindrances
    found = outlook(world, message, {"a": "absent", "b": "silent"})
    assert [(one.why, one.what) for one in found.hindrances] == [("absent", "a"), ("silent", "b")]
    assert found.leaves_at is None
    assert "nothing is plugged in there" in words(world, found)


def test_a_suspended_sim_rests_until_it_is_told(make: Callable[..., World]) -> None:
    world = make("a")
    until = world.clock.utc_now() + timedelta(minutes=40)
    world.common.sims.suspend(world.common.sims.list()[0].id, until, "refused", world.clock.utc_now())
    (message,) = world.accept(number(1))
    assert outlook(world, message).hindrances == [Hindrance("suspended", "a", until)]
    assert outlook(world, message).leaves_at == until


def test_without_a_daemon_nobody_knows_when(make: Callable[..., World]) -> None:
    world = make("a", purposes=[DAYTIME], clock=FakeClock(NIGHT))
    (message,) = world.accept(number(1), purpose="daytime")
    found = outlook(world, message, None)
    assert [one.why for one in found.hindrances] == ["hours", "daemon"]
    assert (found.opens_at, found.leaves_at) == (EIGHT, None)


def test_a_clock_that_is_not_trusted_says_nothing_of_hours(make: Callable[..., World]) -> None:
    world = make("a", purposes=[DAYTIME, EVENTS], limits=Limits(per_day=9))
    world.clock.believed = False
    by_day, any_time = world.accept(number(1), purpose="daytime") + world.accept(number(2))
    assert [one.why for one in outlook(world, by_day).hindrances] == ["clock", "clock"]
    assert [(one.why, one.what) for one in outlook(world, any_time).hindrances] == [("clock", "a")]


def test_what_is_held_scheduled_or_tried_says_so(make: Callable[..., World]) -> None:
    world = make("a")
    later = world.clock.utc_now() + timedelta(minutes=10)
    held, scheduled, tried = (
        *world.accept(number(1)),
        *world.accept(number(2), state=MessageState.SCHEDULED, not_before=later),
        *world.accept(number(3), not_before=later, reason="cms:38"),
    )
    world.outbox.hold(held, world.clock.utc_now())
    assert words(world, outlook(world, held)) == "held by the operator: gatewayd messages release lets it go"
    assert "scheduled for today at 12:10" in words(world, outlook(world, scheduled))
    assert "tried before (cms:38); not tried again until today at 12:10" in words(world, outlook(world, tried))
    leaves_when_told(world, tried)


def test_what_no_sim_may_carry_or_nobody_allows_says_so(make: Callable[..., World]) -> None:
    marketing = Purpose("pub", "Pub", Basis.CONTRACT, MessageClass.MARKETING)
    members = Purpose("members", "Membres", Basis.CONSENT)
    elsewhere = Purpose("vip", "VIP", Basis.CONTRACT, pool="vip")
    world = make("a", purposes=[marketing, members, elsewhere, EVENTS])
    pub, asked, vip, gone = (
        world.accept(number(n), purpose=key)[0] for n, key in enumerate(["pub", "members", "vip", "events"])
    )
    world.rules = replace(world.rules, purposes={p.key: p for p in (marketing, members, elsewhere)})
    assert outlook(world, pub).hindrances == [Hindrance("line", "marketing")]
    assert outlook(world, asked).hindrances == [Hindrance("no_consent")]
    assert outlook(world, vip).hindrances == [Hindrance("no_sim", "vip")]
    assert outlook(world, gone).hindrances == [Hindrance("purpose", "events")]
    assert all(words(world, outlook(world, each)) for each in (pub, asked, vip, gone))


def test_a_message_that_waits_its_turn_says_how_many_go_before_it(make: Callable[..., World]) -> None:
    world = make("a")
    first, *_, last = world.accept(*[number(n) for n in range(5)])
    assert outlook(world, first).ahead == 0
    assert words(world, outlook(world, last)) == "it waits its turn: 4 go before it"


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (1, "today at 13:00"),
        (24, "tomorrow at 12:00"),
        (72, "on Friday 13 March at 12:00"),
        (24 * 300, "on Monday 4 January 2027 at 12:00"),
    ],
)
def test_a_time_in_plain_words(hours: float, told: str) -> None:
    assert when(TUESDAY_NOON + timedelta(hours=hours), PARIS, TUESDAY_NOON) == told
