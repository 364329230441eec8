"""No query that a message passes through reads the whole queue: SQLite's own plan says so.

A partial index is used only when the query repeats its condition in constants. A parameter in its place is right in all
tests of behaviour, and reads a million rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gatewayd.domain.message import MessageState, Outcome
from gatewayd.store.batches import Batches
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Finished, Outbox, Resolution
from gatewayd.store.people import People
from tests.store.conftest import NOW
from tests.store.test_outbox import ALICE, BOB, EVENTS, new, taken, wanted

Seen = list[str]


@pytest.fixture
def seen(database: Database) -> Seen:
    """The statements that the writer and the first reader run from now on."""
    texts: Seen = []
    driver: Any = database.write(lambda connection: connection.connection.driver_connection)
    driver.set_trace_callback(texts.append)
    with database.read() as connection:
        reader: Any = connection.connection.driver_connection
        reader.set_trace_callback(texts.append)
    return texts


def scans(database: Database, seen: Seen) -> list[str]:
    """Of all statements seen: those that go through a whole table of the queue."""
    found = []
    own = {text for text in seen if text.lstrip().upper().startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH"))}
    with database.read() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(None)
        for text in own:
            for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {text}"):
                if step.startswith(("SCAN messages", "SCAN attempts", "SCAN batch_rows", "SCAN sim_recipients")):
                    found.append(f"{step}: {text}")
    return [one for one in found if "USING" not in one.split(":")[0]]


def send_one(outbox: Outbox, _people: People, sim_id: int) -> None:
    outbox.accept(None, [new(), new(BOB, parts=2)])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    again = outbox.turn(Finished(work, Outcome.SENT, NOW, 1), wanted(sim_id, others_unable=frozenset({9})), NOW)
    assert again is not None
    outbox.release(again, NOW, "test")


def known_recipients(outbox: Outbox, people: People, sim_id: int) -> None:
    send_one(outbox, people, sim_id)
    outbox.turn(None, wanted(sim_id, known_since=NOW - timedelta(days=1), last_resort=True), NOW)


def chores(outbox: Outbox, _people: People, sim_id: int) -> None:
    outbox.accept(None, [replace(new(), not_before=NOW, expires_at=NOW)])
    outbox.promote(NOW)
    outbox.expire(NOW)
    outbox.earliest_not_before(NOW)
    outbox.anything_ready()
    outbox.counts()
    outbox.list(states=[MessageState.UNKNOWN, MessageState.FAILED])
    outbox.history(sim_id, NOW)
    outbox.met(sim_id, NOW)


def crash(outbox: Outbox, _people: People, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new()])
    outbox.mark_on_wire(taken(outbox, sim_id), EVENTS, NOW)
    outbox.recover(NOW, "g/2/")
    outbox.resolve(message_id, Resolution.RESEND, NOW)


def opt_out(outbox: Outbox, people: People, _sim_id: int) -> None:
    outbox.accept(None, [new()])
    people.add_optout(ALICE, origin="sms", by="test", at=NOW)


def settled(outbox: Outbox, _people: People, _sim_id: int) -> None:
    batches = Batches(outbox._database)
    batch = batches.begin(name="f", feed=".", fingerprint="f", claim="c", now=NOW)
    batches.filed({"c": "f"}, NOW)
    batches.accept(batch.id, EVENTS, NOW, state=MessageState.QUEUED)
    list(batches.rows(batch.id))
    batches.owing()
    batches.writing(batch.id)
    batches.reported(batch.id, NOW)


@pytest.mark.parametrize("work", [send_one, known_recipients, chores, crash, opt_out, settled])
def test_nothing_reads_the_whole_queue(
    database: Database, people: People, sim_id: int, seen: Seen, work: Callable[[Outbox, People, int], None]
) -> None:
    work(Outbox(database), people, sim_id)
    assert any("messages" in text for text in seen)
    assert scans(database, seen) == []


def test_a_scan_would_be_seen(database: Database, seen: Seen) -> None:
    with database.read() as connection:
        connection.exec_driver_sql("SELECT id FROM messages WHERE reason = 'x'").all()
    assert len(scans(database, seen)) == 1


def test_the_claim_looks_at_the_head_of_each_lane(database: Database, sim_id: int, seen: Seen) -> None:
    outbox = Outbox(database)
    outbox.accept(None, [new()])
    assert taken(outbox, sim_id)
    [claim] = [text for text in seen if text.startswith("SELECT") and "UNION ALL" in text]
    with database.read() as connection:
        driver: Any = connection.connection.driver_connection
        steps = [step.replace("COVERING ", "") for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {claim}")]
    lane = "SEARCH messages USING INDEX messages_ready (pool=? AND purpose=? AND sim_id=?)"
    assert steps.count(lane) == 2 * len(wanted(sim_id).purposes), "one for those of no SIM, one for its own"
