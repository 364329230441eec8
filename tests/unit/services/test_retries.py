"""What follows from a cause."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from gatewayd.errors import Cause, CauseClass
from gatewayd.services.retries import Retry, after, backoff

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
RNG = random.Random(3)  # noqa: S311  (the same jitter each time)


def retry(kind: CauseClass, tries: int = 1, *, others_can: bool = False) -> Retry:
    return after(Cause("cms:0", kind, "test"), tries, others_can=others_can, now=NOW, rng=RNG)


def seconds(kind: CauseClass, tries: int) -> float:
    at = retry(kind, tries).at
    assert at is not None
    return (at - NOW).total_seconds()


def test_the_network_is_given_half_a_minute_then_more_up_to_a_quarter_of_an_hour() -> None:
    assert 30 <= seconds(CauseClass.NETWORK, 1) <= 36
    assert 60 <= seconds(CauseClass.NETWORK, 2) <= 72
    assert 240 <= seconds(CauseClass.NETWORK, 4) <= 288
    assert seconds(CauseClass.NETWORK, 6) == seconds(CauseClass.NETWORK, 1000) == 900


def test_the_modem_is_given_seconds() -> None:
    assert 5 <= seconds(CauseClass.MODEM, 1) <= 6


def test_another_sim_takes_over_at_once() -> None:
    assert retry(CauseClass.SIM, others_can=True) == Retry(None, avoid=True)
    alone = retry(CauseClass.SIM)
    assert alone.avoid
    assert alone.at is not None
    assert alone.at > NOW


@pytest.mark.parametrize("kind", [CauseClass.MESSAGE, CauseClass.UNKNOWN])
def test_what_is_not_tried_again(kind: CauseClass) -> None:
    assert retry(kind) == Retry(None)


def test_two_lines_do_not_come_back_at_the_same_moment() -> None:
    assert len({backoff(1, RNG, first=30) for _ in range(20)}) == 20
