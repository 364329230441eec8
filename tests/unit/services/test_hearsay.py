"""What is still to be heard of a message, and of whom nothing is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.services.hearsay import awaited, gives_none, in_words, way_of
from gatewayd.store.reports import Heard
from gatewayd.store.unknowns import Unresolved

SINCE = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MUTE, HEARD = Heard(20, 0), Heard(20, 18)


def message(*, purpose: str = "events", resent: bool = False) -> Unresolved:
    return Unresolved(1, "+33639980001", purpose, "a", 1, 1, SINCE, "gatewayd:timeout", 1, resent)


@pytest.mark.parametrize(
    ("heard", "words"), [(Heard(0, 0), ""), (Heard(4, 0), ""), (Heard(5, 0), "none seen"), (HEARD, "18 of 20")]
)
def test_a_modem_that_never_reports_is_known_by_what_it_sent(heard: Heard, words: str) -> None:
    assert in_words(heard) == words
    assert gives_none(heard) is (words == "none seen")


@pytest.mark.parametrize(
    ("heard", "age", "word"),
    [(HEARD, MINUTE, "awaited"), (MUTE, MINUTE, "none: this SIM"), (HEARD, timedelta(days=3), "none came in 24 hours")],
)
def test_nothing_is_said_to_be_awaited_that_will_not_come(heard: Heard, age: timedelta, word: str) -> None:
    assert awaited(SINCE, heard, SINCE + age).startswith(word)


@pytest.mark.parametrize(
    ("heard", "age", "words", "until"),
    [
        (HEARD, MINUTE, "late answer, report", SINCE + timedelta(hours=26)),
        (HEARD, 2 * HOUR, "report", SINCE + timedelta(hours=26)),
        (HEARD, 27 * HOUR, "you", None),
        (MUTE, MINUTE, "late answer", SINCE + HOUR),
        (MUTE, 2 * HOUR, "you", None),
    ],
)
def test_who_may_settle_it_and_until_when(heard: Heard, age: timedelta, words: str, until: datetime | None) -> None:
    way = way_of(message(), heard, {"alert"}, SINCE + age)
    assert (way.words, way.until) == (words, until)


def test_an_alert_that_is_sent_again_by_itself_says_so_once() -> None:
    first = way_of(message(purpose="alert"), HEARD, {"alert"}, SINCE + MINUTE)
    assert (first.words, first.until) == ("late answer, report; then it is sent again", SINCE + 5 * MINUTE)
    again = way_of(message(purpose="alert", resent=True), HEARD, {"alert"}, SINCE + MINUTE)
    assert again.words == "late answer, report"
