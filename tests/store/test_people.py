"""Consents and opt-outs: records that are added, and what they stop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gatewayd.domain.consent import GateFacts
from gatewayd.domain.message import MessageState
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People
from tests.store.conftest import NOW
from tests.store.test_outbox import ALICE, BOB, new, state

LATER = NOW + timedelta(days=1)


def facts(database: Database, people: People, recipient: str = ALICE, purpose: str = "news") -> GateFacts:
    with database.read() as connection:
        return people.facts(connection, recipient, purpose)


def test_nothing_is_known_of_a_stranger(database: Database, people: People) -> None:
    assert facts(database, people) == GateFacts(opted_out=False, consent=False)


@pytest.mark.parametrize("history", [[True], [True, False], [False, True], [True, False, True, False]])
def test_the_latest_word_on_a_consent_decides(database: Database, people: People, history: list[bool]) -> None:
    for given in history:
        people.record_consent(ALICE, "news", method="paper", recorded_by="t", at=NOW, given=given, wording="Oui")
    assert facts(database, people).consent is history[-1]
    assert [consent.given for consent in people.consents(ALICE)] == history, "no record is changed or lost"


def test_a_consent_is_for_one_purpose_and_one_person(database: Database, people: People) -> None:
    people.record_consent(ALICE, "news", method="paper", recorded_by="t", at=NOW)
    assert not facts(database, people, purpose="fees").consent
    assert not facts(database, people, recipient=BOB).consent


def test_an_opt_out_cancels_all_that_waits_for_that_number(outbox: Outbox, people: People) -> None:
    ids = outbox.accept(None, [new(), new(), new(), new(BOB)])
    outbox.hold(ids[1])
    assert people.add_optout(ALICE, origin="sms", by="t", at=NOW) == 3
    assert [state(outbox, i) for i in ids[:3]] == [(MessageState.CANCELED, "opt_out")] * 3
    assert state(outbox, ids[3])[0] is MessageState.QUEUED


def test_one_opt_out_holds_at_a_time(database: Database, people: People) -> None:
    people.add_optout(ALICE, origin="sms", by="t", at=NOW)
    people.add_optout(ALICE, origin="by letter", by="t", at=LATER)
    assert [optout.origin for optout in people.optouts()] == ["sms"]
    assert facts(database, people).opted_out


def test_lifting_keeps_the_record(database: Database, people: People) -> None:
    people.add_optout(ALICE, origin="sms", by="t", at=NOW)
    assert people.remove_optout(ALICE, by="camille", at=LATER)
    assert not people.remove_optout(ALICE, by="camille", at=LATER)
    assert not facts(database, people).opted_out
    assert people.optouts() == []
    [kept] = people.optouts(active=False)
    assert (kept.lifted_at, kept.lifted_by) == (LATER, "camille")
    people.add_optout(ALICE, origin="sms", by="t", at=LATER)
    assert len(people.optouts(active=False)) == 2
