"""A file is accepted wholly, once, and reported row by row."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.message import MessageState
from gatewayd.store.batches import Batch, Batches, StagedRow
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox, Work
from gatewayd.store.reports import settle
from gatewayd.store.schema import batch_rows
from tests.store.conftest import NOW
from tests.store.test_outbox import ALICE, BOB, EVENTS, sent, taken, wanted

GOOD = [
    StagedRow(1, ALICE, "", "Bonjour", "gsm7", 1),
    StagedRow(2, "", "invalid"),
    StagedRow(4, BOB, "", "long", "gsm7", 2),
]


def begun(batches: Batches, claim: str = "claim", fingerprint: str = "f") -> Batch:
    return batches.begin(name="a.csv", feed=".", fingerprint=fingerprint, claim=claim, now=NOW)


def accepted(batches: Batches) -> Batch:
    batch = begun(batches)
    batches.stage(batch.id, GOOD)
    assert batches.accept(batch.id, EVENTS, NOW, state=MessageState.QUEUED) == 2
    batches.filed({"claim": "a.csv"}, NOW)
    return begun(batches)


def test_staged_rows_are_no_messages(database: Database, outbox: Outbox) -> None:
    batches = Batches(database)
    batches.stage(begun(batches).id, GOOD)
    assert outbox.counts() == {}


def test_good_rows_become_messages_in_their_order(database: Database, outbox: Outbox, sim_id: int) -> None:
    accepted(Batches(database))
    works = [taken(outbox, sim_id), taken(outbox, sim_id)]
    assert [(work.recipient, work.text, work.parts) for work in works] == [(ALICE, "Bonjour", 1), (BOB, "long", 2)]
    assert works[0].concat_reference is None
    assert works[1].concat_reference in range(65536)


def test_every_row_is_reported(database: Database) -> None:
    batches = Batches(database)
    rows = list(batches.rows(accepted(batches).id))
    assert [(row.line, row.recipient, row.state, row.reason) for row in rows] == [
        (1, ALICE, MessageState.QUEUED, ""),
        (2, "", None, "invalid"),
        (4, BOB, MessageState.QUEUED, ""),
    ]


def test_accepting_twice_accepts_once(database: Database, outbox: Outbox) -> None:
    batches = Batches(database)
    batch = accepted(batches)
    assert batches.accept(batch.id, EVENTS, NOW, state=MessageState.QUEUED) == 2
    assert outbox.counts() == {"queued": 2}


def test_a_death_between_two_transactions_brings_each_row_in_once(
    database: Database, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, write, done = Batches(database), database.write, []
    monkeypatch.setattr("gatewayd.store.batches.SOME", 2)
    batch = begun(batches)
    rows = [
        StagedRow(line, f"+336399800{line:02}", "" if line % 3 else "invalid", "x", "gsm7", 1) for line in range(1, 9)
    ]
    batches.stage(batch.id, rows)

    def dies(change: Callable[[Connection], object]) -> object:
        done.append(write(change))
        if len(done) == 2:
            raise KeyboardInterrupt
        return done[-1]

    monkeypatch.setattr(database, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        batches.accept(batch.id, EVENTS, NOW, state=MessageState.QUEUED)
    monkeypatch.setattr(database, "write", write)
    assert outbox.counts() == {"queued": 4}
    again = begun(batches)
    assert (again.id, again.accepted_at) == (batch.id, NOW)
    assert batches.accept(batch.id, EVENTS, NOW, state=MessageState.QUEUED) == 6
    assert [one.recipient[-2:] for one in reversed(outbox.list())] == ["01", "02", "04", "05", "07", "08"]
    with database.read() as connection:
        assert set(connection.execute(sa.select(batch_rows.c.text)).scalars()) == {""}


def test_the_same_content_is_the_same_batch(database: Database) -> None:
    batches = Batches(database)
    batch = accepted(batches)
    assert begun(batches, claim="another").id == batch.id
    assert begun(batches, claim="third", fingerprint="other").id != batch.id


def test_the_same_content_staged_twice_is_accepted_once(database: Database, outbox: Outbox) -> None:
    batches = Batches(database)
    late = begun(batches, claim="late")
    batches.stage(late.id, GOOD)
    accepted(batches)
    assert batches.accept(late.id, EVENTS, NOW, state=MessageState.QUEUED) == 0
    assert outbox.counts() == {"queued": 2}


def test_what_was_staged_before_a_crash_is_forgotten(database: Database) -> None:
    batches = Batches(database)
    batches.stage(begun(batches).id, GOOD)
    again = begun(batches)
    assert list(batches.rows(again.id)) == []


def test_settled_when_the_last_message_has_ended(database: Database, outbox: Outbox, sim_id: int) -> None:
    batches = Batches(database)
    batch = accepted(batches)
    outbox.cancel(outbox.list(recipient=BOB)[0].id, NOW)
    work = taken(outbox, sim_id)
    assert batches.owing() == []
    outbox.mark_on_wire(work, EVENTS, NOW)
    outbox.turn(sent(work), None, NOW)
    assert [found.id for found in batches.owing()] == [batch.id]
    batches.writing(batch.id)
    batches.reported(batch.id, NOW)
    assert batches.owing() == []


def delivered(database: Database, outbox: Outbox, recipient: str) -> None:
    [message] = outbox.list(recipient=recipient)
    database.write(lambda at: settle(at, message.id, recipient, MessageState.DELIVERED, "", NOW, NOW))


def test_a_message_that_changes_after_it_has_left_makes_the_report_due(
    database: Database, outbox: Outbox, sim_id: int
) -> None:
    batches = Batches(database)
    batch = accepted(batches)
    work: Work | None = taken(outbox, sim_id)
    while work is not None:
        outbox.mark_on_wire(work, EVENTS, NOW)
        work = outbox.turn(sent(work), wanted(sim_id), NOW)
    batches.writing(batch.id)
    assert [found.report for found in batches.owing()] == ["writing"], "a crash now: it is still owed"
    batches.reported(batch.id, NOW)
    delivered(database, outbox, ALICE)
    assert [found.report for found in batches.owing()] == ["due"]
    batches.writing(batch.id)
    delivered(database, outbox, BOB)
    batches.reported(batch.id, NOW)
    assert [found.report for found in batches.owing()] == ["due"], "it changed while it was written"
    batches.writing(batch.id)
    batches.reported(batch.id, NOW)
    assert batches.owing() == []
