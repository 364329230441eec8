"""The machine's clock is believed once it can be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd import clock


class Hand(clock.SystemClock):
    """Its monotonic part is moved by hand."""

    at = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def timesyncd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "timesync"
    monkeypatch.setattr(clock, "_TIMESYNCD", place)
    monkeypatch.setattr(clock, "_SYNCHRONISED", place / "synchronized")
    return place


def test_where_nobody_synchronises_the_clock_is_believed(timesyncd: Path) -> None:
    assert not timesyncd.exists()
    assert clock.SystemClock().trusted()
    assert not clock.SystemClock(earliest=datetime(9000, 1, 1, tzinfo=UTC)).trusted()


def test_it_is_doubted_until_it_was_synchronised_and_never_again(timesyncd: Path) -> None:
    timesyncd.mkdir()
    hand = Hand()
    assert not hand.trusted()
    (timesyncd / "synchronized").touch()
    hand.at += clock.LOOK_AGAIN
    assert hand.trusted()
    (timesyncd / "synchronized").unlink()
    hand.at += clock.LOOK_AGAIN
    assert hand.trusted()


def test_a_daemon_that_comes_up_later_is_noticed(timesyncd: Path) -> None:
    hand = Hand()
    assert hand.trusted()
    timesyncd.mkdir()
    hand.at += clock.LOOK_AGAIN
    assert not hand.trusted()
