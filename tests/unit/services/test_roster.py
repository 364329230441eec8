"""Who may serve whose recipients."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatewayd.errors import ModemBusy
from gatewayd.services.roster import Roster, View


class Ticking:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def utc_now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def trusted(self) -> bool:
        return True


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def roster(clock: Ticking) -> Roster:
    roster = Roster(clock, grace=100)
    roster.enlist(1, "default", "a")
    roster.enlist(2, "default", "b")
    roster.enlist(3, "other", "c")
    return roster


def test_while_all_can_send_each_keeps_its_recipients(roster: Roster) -> None:
    assert roster.view(1) == View(frozenset(), last_resort=False)
    assert roster.view(3) == View(frozenset(), last_resort=True)


def test_a_suspended_sim_is_helped_at_once(roster: Roster) -> None:
    roster.unable(1, "suspended", at_once=True)
    assert roster.view(2) == View(frozenset({1}), last_resort=True)
    roster.able(1)
    assert roster.view(2) == View(frozenset(), last_resort=False)


def test_a_modem_that_left_has_a_grace(roster: Roster, clock: Ticking) -> None:
    roster.leave(1, "absent")
    clock.seconds = 60
    roster.unable(1, "still absent", at_once=False)
    clock.seconds = 99
    assert roster.view(2) == View(frozenset(), last_resort=False)
    clock.seconds = 100
    assert roster.view(2) == View(frozenset({1}), last_resort=True)


def test_a_sim_not_seen_since_the_start_has_the_same_grace(roster: Roster, clock: Ticking) -> None:
    roster.remember(4, "default")
    assert roster.view(1) == View(frozenset(), last_resort=False)
    clock.seconds = 100
    assert roster.view(1) == View(frozenset({4}), last_resort=False)
    roster.enlist(4, "default", "d")
    roster.remember(4, "default")
    assert roster.view(1) == View(frozenset(), last_resort=False)


def test_one_sim_has_one_line(roster: Roster) -> None:
    with pytest.raises(ModemBusy, match="already in use at a"):
        roster.enlist(1, "default", "z")
    roster.enlist(1, "default", "a")
    roster.leave(1, "absent")
    roster.enlist(1, "default", "z")
