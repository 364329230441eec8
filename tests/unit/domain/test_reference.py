"""What the card's last reference says of a submission without an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gatewayd.domain.reference import FRESH, SETTLED, Verdict, judge

NONE, MINUTE = timedelta(0), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("before", "said", "verdict"),
    [
        (7, 8, Verdict.SENT),
        (255, 0, Verdict.SENT),
        (7, 7, Verdict.NOT_SENT),
        (7, 9, Verdict.UNKNOWN),
        (7, 6, Verdict.UNKNOWN),
        (0, 255, Verdict.UNKNOWN),
        (None, 8, Verdict.UNKNOWN),
    ],
)
def test_unchanged_one_more_or_anything_else(before: int | None, said: int, verdict: Verdict) -> None:
    assert judge(before, said, waited=SETTLED, age=SETTLED) is verdict


@pytest.mark.parametrize(
    ("waited", "age", "verdict"),
    [
        (NONE, NONE, Verdict.NOT_YET),
        (NONE, None, Verdict.NOT_YET),
        (NONE, -MINUTE, Verdict.NOT_YET),
        (SETTLED, None, Verdict.NOT_SENT),
        (NONE, timedelta(days=30), Verdict.NOT_SENT),
    ],
)
def test_nothing_originated_is_believed_when_the_network_has_given_up(
    waited: timedelta, age: timedelta | None, verdict: Verdict
) -> None:
    assert judge(7, 7, waited=waited, age=age) is verdict


@pytest.mark.parametrize(("age", "sent"), [(NONE, True), (FRESH, True), (FRESH + MINUTE, False), (None, False)])
def test_one_more_is_believed_while_it_is_fresh(age: timedelta | None, sent: bool) -> None:
    assert (judge(7, 8, waited=NONE, age=age) is Verdict.SENT) is sent


def test_a_clock_put_back_by_hours_proves_nothing() -> None:
    assert judge(7, 8, waited=NONE, age=timedelta(hours=-2)) is Verdict.UNKNOWN
