"""Consents and opt-outs: records that are added, and what they stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy.engine import Connection

from gatewayd.domain.consent import GateFacts
from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.errors import StoreError
from gatewayd.store import questions
from gatewayd.store.engine import Database
from gatewayd.store.inbox import Inbox, NewIncoming
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import _FACTS, NewConsent, People, Wording
from tests.store.conftest import NOW
from tests.store.test_outbox import ALICE, BOB, new, state, taken, wanted

LATER = NOW + timedelta(days=1)


def facts(database: Database, people: People, recipient: str = ALICE, purpose: str = "news") -> GateFacts:
    with database.read() as connection:
        return people.facts(connection, recipient, purpose)


def test_nothing_is_known_of_a_stranger(database: Database, people: People) -> None:
    assert facts(database, people) == GateFacts(opted_out=False, agreed_at=None)


@pytest.mark.parametrize("history", [[True], [True, False], [False, True], [True, False, True, False]])
def test_the_latest_word_on_a_consent_decides(database: Database, people: People, history: list[bool]) -> None:
    for given in history:
        people.record_consent(ALICE, "news", method="paper", recorded_by="t", at=NOW, given=given, wording="Oui")
    assert facts(database, people).agreed_at == (NOW if history[-1] else None)
    assert [consent.given for consent in people.consents(ALICE)] == history, "no record is changed or lost"


def test_a_consent_is_for_one_purpose_and_one_person(database: Database, people: People) -> None:
    people.record_consent(ALICE, "news", method="paper", recorded_by="t", at=NOW)
    assert facts(database, people, purpose="fees").agreed_at is None
    assert facts(database, people, recipient=BOB).agreed_at is None


def test_what_was_said_last_decides_whenever_it_was_recorded(database: Database, people: People) -> None:
    people.record_consent(ALICE, "news", method="phone", recorded_by="t", at=LATER, given=False)
    old = NewConsent(ALICE, "news", "paper", NOW, "t", evidence="last year's list")
    people.record_consents([old], LATER + timedelta(days=1))
    assert facts(database, people).agreed_at is None
    people.record_consents([replace(old, agreed_at=LATER + timedelta(days=1))], LATER + timedelta(days=2))
    assert facts(database, people).agreed_at == LATER + timedelta(days=1)


def test_a_withdrawal_holds_whatever_the_clock_said_at_the_consent(database: Database, people: People) -> None:
    people.record_consent(ALICE, "news", method="paper", recorded_by="t", at=LATER)
    people.record_consent(ALICE, "news", method="phone", recorded_by="t", at=NOW, given=False)
    assert facts(database, people).agreed_at is None


def test_a_wording_is_kept_once_and_never_rewritten(database: Database, people: People) -> None:
    for number in (ALICE, BOB):
        people.record_consent(number, "news", method="paper", recorded_by="t", at=NOW, wording="Oui, j'accepte")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM wordings").scalar_one() == 1
    for change in ("UPDATE wordings SET text = 'x'", "DELETE FROM wordings", "UPDATE consents SET given = 0"):
        with pytest.raises(StoreError, match=r"rewritten|kept"):
            database.write(partial(Connection.exec_driver_sql, statement=change))


@pytest.mark.parametrize(("heard", "reason"), [(None, "consent_expired"), (29, None), (30, "consent_expired")])
def test_an_old_consent_counts_while_the_person_writes(
    database: Database, people: People, sim_id: int, heard: int | None, reason: str | None
) -> None:
    month = Purpose("news", "News", Basis.CONSENT, retention_days=30)
    now = NOW + timedelta(days=300)
    people.record_consent(ALICE, "news", method="paper", recorded_by="t", at=NOW)
    if heard is not None:
        wrote(database, sim_id, ALICE, now - timedelta(days=heard))
    with database.read() as connection:
        assert people.refusal(connection, month, ALICE, NOW + timedelta(days=29)) is None
        assert people.refusal(connection, month, ALICE, now) == reason


def test_the_gate_reads_no_row_of_consents(database: Database) -> None:
    with database.read() as connection:
        _FACTS.first(connection, recipient=ALICE, purpose="news")
        assert _FACTS._compiled is not None
        text, values = _FACTS._compiled.text, _FACTS._compiled.arguments({"recipient": ALICE, "purpose": "news"})
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()]
    assert any("SEARCH consents USING COVERING INDEX consents_latest" in step for step in plan), plan


def wrote(database: Database, sim_id: int, sender: str, at: datetime) -> None:
    new = NewIncoming(sim_id, sender, "Bonjour", 1, True, "", None, at, "other", "", "", False)
    database.write(lambda connection: Inbox(database).add(connection, new, []))


def test_an_opt_out_cancels_all_that_waits_for_that_number(outbox: Outbox, people: People) -> None:
    ids = outbox.accept(None, [new(), new(), new(), new(BOB)])
    outbox.hold(ids[1], NOW)
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


def test_a_long_list_lets_others_write_between(outbox: Outbox, people: People) -> None:
    """500 numbers a transaction: who sends, and a STOP, wait for one of them, not for the list."""
    listed = [f"+3363998{n:04}" for n in range(5000, 6201)]
    outbox.accept(None, [new(ALICE)])
    seen: list[int] = []

    def passing() -> Iterator[tuple[str, str]]:
        for place, number in enumerate([ALICE, *listed]):
            if place % 500 == 0:
                seen.append(len(people.optouts()))
            yield number, f"lettre {place}"

    assert people.add_optouts(passing(), origin="list", by="zoé", at=NOW) == (1202, 1)
    assert seen == [0, 500, 1000]
    assert people.add_optouts([(BOB, "x"), (BOB, "y")], origin="list", by="zoé", at=NOW) == (1, 0)
    assert people.add_optouts([(one, "x") for one in listed], origin="list", by="zoé", at=NOW) == (0, 0)
    assert [one.recipient for one in people.optouts(limit=1)] == [BOB]
    assert people.optouts(recipient=listed[-1])[0].origin == "lettre 1201", "each keeps how it was said"


def ask(connection: Connection) -> int:
    return questions.add(
        connection, ALICE, "news", Wording("Oui ?"), reason="form", by="t", at=NOW, deadline=NOW + timedelta(days=7)
    )


def test_a_question_is_put_to_whom_it_is_for_and_nothing_else_becomes_one(database: Database, outbox: Outbox) -> None:
    question = database.write(ask)
    for wrong in (new(BOB, purpose="news"), new(ALICE, purpose="events")):
        with pytest.raises(StoreError, match="somebody else, or something else"):
            outbox.accept(None, [replace(wrong, asks=question)])
    [other] = outbox.accept(None, [new(ALICE, purpose="news")])
    with pytest.raises(StoreError, match="does not become a question"):
        database.write(
            partial(
                Connection.exec_driver_sql,
                statement="UPDATE messages SET asks = ? WHERE id = ?",
                parameters=(question, other),
            )
        )
    outbox.accept(None, [replace(new(ALICE, purpose="news"), asks=question)])
    with pytest.raises(StoreError):
        outbox.accept(None, [replace(new(ALICE, purpose="news"), asks=question)])


def test_only_the_question_itself_needs_no_consent(
    database: Database, outbox: Outbox, people: People, sim_id: int
) -> None:
    question = database.write(ask)
    [asking] = outbox.accept(None, [replace(new(ALICE, purpose="news"), asks=question)])
    [other] = outbox.accept(None, [new(ALICE, purpose="news")])
    assert taken(outbox, sim_id).message_id == asking
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    assert state(outbox, other) == (MessageState.BLOCKED, "no_consent")
    assert facts(database, people).agreed_at is None


def test_one_question_at_a_time_waits_for_a_number(database: Database) -> None:
    first = database.write(ask)
    with pytest.raises(StoreError):
        database.write(ask)
    database.write(lambda one: questions.end(one, first, "none", NOW))
    assert database.write(ask) != first
