"""A message of another gateway keeps what it asked for, as far as it is done here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.domain.reading import Kind
from gatewayd.errors import UsageError
from gatewayd.interfaces.legacy import inheritance
from gatewayd.interfaces.legacy.inheritance import Waiting, bounded
from gatewayd.services.inheriting import judge, stops
from gatewayd.services.intake import NumberRules
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage
from gatewayd.store.people import People

NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
EVENTS = Purpose("events", "Activités", Basis.CONSENT)
LATER = NOW + timedelta(days=30)


def message(one: Waiting, *, held: bool = False) -> NewMessage:
    (found,) = judge([one], EVENTS, NumberRules("FR"), NOW, held=held).good.values()
    return found


@pytest.mark.parametrize("ahead", [1, 0, -1])
def test_its_place_in_the_queue(ahead: int) -> None:
    assert message(Waiting("a", "0639980001", "x", ahead=ahead)).priority == EVENTS.priority - ahead


@pytest.mark.parametrize(
    ("lives", "until"),
    [(None, EVENTS.time_to_live), (timedelta(hours=1), timedelta(hours=1)), (timedelta(weeks=63), EVENTS.time_to_live)],
)
def test_how_long_it_may_wait_is_never_longer_than_the_purpose_allows(
    lives: timedelta | None, until: timedelta
) -> None:
    assert message(Waiting("a", "0639980001", "x", lives=lives)).expires_at == NOW + until


def test_when_it_is_due() -> None:
    found = message(Waiting("a", "0639980001", "x", lives=timedelta(hours=1), not_before=LATER), held=True)
    assert (found.state, found.not_before, found.expires_at) == (MessageState.HELD, LATER, LATER + timedelta(hours=1))
    assert message(Waiting("a", "0639980001", "x", not_before=NOW - timedelta(days=1))).not_before is None


def test_more_than_anybody_can_have_meant_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inheritance, "MOST", 2)
    assert list(bounded("ab", "inbox")) == ["a", "b"]
    with pytest.raises(UsageError, match="inbox has more than 2"):
        list(bounded("abc", "inbox"))


@dataclass(frozen=True)
class Stop:
    """How each text is read here."""

    kind: str = Kind.OPT_OUT
    tier: str | None = "certain"
    decision: str = "keyword@1"
    review: bool = False


@pytest.mark.parametrize(("days", "still"), [(-1, False), (1, True)])
def test_a_stop_counts_unless_the_person_has_said_start_here_since(tmp_path: Path, days: int, *, still: bool) -> None:
    """`days` after START here."""
    database, number = Database.open(tmp_path / "x.db"), "+33639980001"
    known = People(database)
    known.add_optout(number, origin="sms", by="recipient", at=NOW - timedelta(days=5))
    assert stops([(number, "STOP", NOW)], lambda _: Stop(), str, known).certain == {}, "an opt-out holds"
    known.remove_optout(number, by="sms", at=NOW)
    found = stops([(number, "STOP", NOW + timedelta(days=days))], lambda _: Stop(), str, known)
    assert (number in found.certain) == still
    assert stops([(number, "STOP", None)], lambda _: Stop(), str, known).certain == {}, "nobody knows when"
    database.close()
