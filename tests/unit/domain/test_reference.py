"""What the card's last reference says of a submission without an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gatewayd.domain.reference import FRESH, INTERRUPTED, SETTLED, Ended, Verdict, Written, ended, judge, lesson
from gatewayd.modem import causes

NONE, MINUTE = timedelta(0), timedelta(minutes=1)
CUT, DOUBTED = "gatewayd:restarted", "cms:332"
SENT, NOT_SENT, NOT_YET, UNKNOWN = Verdict.SENT, Verdict.NOT_SENT, Verdict.NOT_YET, Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("cause", "written", "as_before", "one_more"),
    [
        (INTERRUPTED, Written.UNSEEN, NOT_SENT, SENT),
        (INTERRUPTED, Written.SOONER, NOT_SENT, SENT),
        (INTERRUPTED, Written.ON_ACCEPTANCE, NOT_SENT, SENT),
        (CUT, Written.UNSEEN, UNKNOWN, UNKNOWN),
        (CUT, Written.SOONER, UNKNOWN, UNKNOWN),
        (CUT, Written.ON_ACCEPTANCE, UNKNOWN, SENT),
        (DOUBTED, Written.UNSEEN, UNKNOWN, UNKNOWN),
        (DOUBTED, Written.SOONER, UNKNOWN, UNKNOWN),
        (DOUBTED, Written.ON_ACCEPTANCE, UNKNOWN, UNKNOWN),
    ],
)
def test_the_table(cause: str, written: Written, as_before: Verdict, one_more: Verdict) -> None:
    def said(now: int) -> Verdict:
        return judge(7, now, cause=cause, written=written, waited=SETTLED, age=SETTLED)

    assert (said(7), said(8)) == (as_before, one_more)
    assert {said(6), said(9)} == {UNKNOWN}


def alone(before: int | None, said: int, *, waited: timedelta = SETTLED, age: timedelta | None = SETTLED) -> Verdict:
    return judge(before, said, cause=INTERRUPTED, written=Written.UNSEEN, waited=waited, age=age)


@pytest.mark.parametrize(("before", "said", "verdict"), [(255, 0, SENT), (0, 255, UNKNOWN), (None, 8, UNKNOWN)])
def test_it_counts_modulo_256(before: int | None, said: int, verdict: Verdict) -> None:
    assert alone(before, said) is verdict


@pytest.mark.parametrize(
    ("waited", "age", "verdict"),
    [
        (NONE, NONE, NOT_YET),
        (NONE, None, NOT_YET),
        (NONE, -MINUTE, NOT_YET),
        (SETTLED, None, NOT_SENT),
        (NONE, timedelta(days=30), NOT_SENT),
    ],
)
def test_as_before_is_believed_when_the_network_has_given_up(
    waited: timedelta, age: timedelta | None, verdict: Verdict
) -> None:
    assert alone(7, 7, waited=waited, age=age) is verdict


@pytest.mark.parametrize(("age", "sent"), [(NONE, True), (FRESH, True), (FRESH + MINUTE, False), (None, False)])
def test_one_more_is_believed_while_it_is_fresh(age: timedelta | None, sent: bool) -> None:
    assert (alone(7, 8, waited=NONE, age=age) is SENT) is sent


def test_a_clock_put_back_by_hours_proves_nothing() -> None:
    assert alone(7, 8, waited=NONE, age=timedelta(hours=-2)) is UNKNOWN


def test_every_cause_that_may_be_unknown_has_its_row() -> None:
    own = {code for code, one in causes.TABLE.items() if one.cause.kind == "unknown" and code.startswith("gatewayd:")}
    assert {code for code in own if ended(code) is Ended.DOUBTED} == set()
    assert {code for code in own if ended(code) is Ended.ALONE} == {INTERRUPTED}
    for code in ("cms:332", "cms:500", "cms:127", "cms:513", "cme:31", "gatewayd:error", "cms:999", ""):
        assert ended(code) is Ended.DOUBTED


@pytest.mark.parametrize(
    ("before", "said", "refused", "shown"),
    [
        (7, 7, "cms:1", Written.ON_ACCEPTANCE),
        (7, 8, "cms:1", Written.SOONER),
        (255, 0, "cms:193", Written.SOONER),
        (7, 9, "cms:1", Written.UNSEEN),
        (None, 7, "cms:1", Written.UNSEEN),
        (7, 7, "cms:38", Written.UNSEEN),  # a modem without coverage may say so itself
        (7, 7, "cms:331", Written.UNSEEN),
        (7, 7, "cme:1", Written.UNSEEN),
        (7, 7, "gatewayd:not-originated", Written.UNSEEN),
    ],
)
def test_what_a_refusal_shows(before: int | None, said: int, refused: str, shown: Written) -> None:
    assert lesson(before, said, refused=refused) is shown
