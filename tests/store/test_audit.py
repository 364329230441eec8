"""The trail in the database: it only grows, it is written with the fact or not at all, and no number gets in."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import BEGINNING, Anchor, Event, Fault, Row, details_of, timestamp, verify
from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.errors import Cause, CauseClass, RefusedByRule, StoreError
from gatewayd.store import audit
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Finished, Outbox, Resolution
from gatewayd.store.people import People
from gatewayd.store.work import Work
from tests.store.conftest import KEY, NOW
from tests.store.test_outbox import ALICE, BOB, new, wanted

EVENTS = Purpose("events", "Events", Basis.CONTRACT)


def entries(database: Database) -> list[Row]:
    with database.read() as connection:
        return list(audit.rows(connection))


def told(database: Database) -> list[tuple[str, str]]:
    return [(row.event, row.actor) for row in entries(database)]


def last(database: Database) -> tuple[Row, dict[str, Any]]:
    row = entries(database)[-1]
    return row, json.loads(row.details)


def filled(database: Database, count: int) -> list[Row]:
    def append(connection: Connection) -> None:
        for number in range(count):
            audit.append(
                connection, Event.HELD, NOW + timedelta(seconds=number), by="zoé", number=ALICE, message=number
            )

    database.write(append)
    return entries(database)


def test_entries_are_chained_from_the_beginning(database: Database) -> None:
    rows = filled(database, 20)
    assert [row.seq for row in rows] == list(range(1, 21))
    verdict = verify(rows, [BEGINNING])
    assert verdict.broken is None
    with database.read() as connection:
        assert audit.head(connection) == verdict.head == audit.at(connection, 20)
        assert audit.at(connection, 0) == BEGINNING
        assert [row.seq for row in audit.rows(connection, after=5, until=7)] == [6, 7]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE seq = 2",
        "UPDATE audit SET seq = 9 WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 2, version, at, 'x', event, subject, details, hash FROM audit LIMIT 1",
        "REPLACE INTO audit SELECT 3, version, at, 'nobody', event, subject, details, hash FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 2, version, at, 'nobody', event, subject, details, hash FROM audit WHERE seq = 2 "
        "ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'",
        "UPDATE OR REPLACE audit SET seq = 1 WHERE seq = 2",
        "INSERT INTO audit SELECT 9, version, at, actor, event, subject, details, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 0, version, at, actor, event, subject, details, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT NULL, version, at, actor, event, subject, details, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 4, version, at, actor, event, subject, details, x'00' FROM audit WHERE seq = 2",
    ],
)
def test_nothing_is_changed_or_deleted_or_put_between(database: Database, statement: str) -> None:
    rows = filled(database, 3)
    with pytest.raises(StoreError):
        database.write(lambda connection: connection.exec_driver_sql(statement))
    assert entries(database) == rows


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR IGNORE INTO audit SELECT 2, version, at, 'x', event, subject, details, hash FROM audit LIMIT 1",
        "UPDATE OR IGNORE audit SET actor = 'x'",
    ],
)
def test_what_is_ignored_changes_nothing_either(database: Database, statement: str) -> None:
    rows = filled(database, 3)
    with pytest.raises(StoreError):
        database.write(lambda connection: connection.exec_driver_sql(statement))
    assert entries(database) == rows


def test_what_somebody_did_who_took_the_triggers_away_is_found(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.db")
    rows = filled(database, 50)
    database.close()
    attacks: dict[str, tuple[Fault, list[Anchor]]] = {
        "UPDATE audit SET actor = 'nobody' WHERE seq = 20": (Fault.EDITED, []),
        "UPDATE audit SET details = x'ff00' WHERE seq = 20": (Fault.EDITED, []),
        "UPDATE audit SET actor = x'c3' WHERE seq = 20": (Fault.EDITED, []),
        "DELETE FROM audit WHERE seq = 20": (Fault.MISSING, []),
        "DELETE FROM audit WHERE seq >= 20": (Fault.TRUNCATED, [Anchor(50, rows[-1].hash)]),
    }
    for number, (attack, (fault, anchors)) in enumerate(attacks.items()):
        copy = tmp_path / f"{number}.db"
        shutil.copyfile(tmp_path / "x.db", copy)
        with contextlib.closing(sqlite3.connect(copy)) as file, file:
            for name in ("audit_next", "audit_final", "audit_kept"):
                file.execute(f"DROP TRIGGER {name}")
            file.execute(attack)
        attacked = Database.open(copy)
        with attacked.read() as connection:
            broken = verify(audit.rows(connection), anchors).broken
        attacked.close()
        assert broken is not None, attack
        assert (broken.seq, broken.fault) == (20, fault), attack


# In the transaction of its fact.


def test_a_fault_between_fact_and_entry_undoes_the_fact(
    database: Database, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("between")

    with monkeypatch.context() as patch:
        patch.setattr(audit, "append", fails)
        with pytest.raises(RuntimeError):
            people.add_optout(ALICE, origin="sms", by="t", at=NOW)
    assert (people.optouts(), entries(database)) == ([], [])


def test_a_fault_after_the_entry_undoes_it_with_the_fact(database: Database) -> None:
    def fails(connection: Connection) -> None:
        audit.append(connection, Event.HELD, NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.write(fails)
    assert entries(database) == []
    filled(database, 1)
    assert verify(entries(database)).broken is None


def test_what_was_undone_is_not_built_upon_when_another_process_wrote_meanwhile(tmp_path: Path) -> None:
    ours, theirs = (Database.open(tmp_path / "x.db", key=KEY) for _ in range(2))

    def undone(connection: Connection) -> None:
        audit.append(connection, Event.HELD, NOW, by="ours", message=1)
        raise Undone

    for _ in range(3):
        filled(ours, 2)
        with pytest.raises(Undone):
            ours.write(undone)
        filled(theirs, 1)  # has the number that was undone
    filled(ours, 1)
    verdict = verify(entries(theirs))
    assert (verdict.broken, verdict.head.seq) == (None, 10)
    for database in (ours, theirs):
        database.close()


class Undone(Exception):
    """What a writing function did is not kept."""


def test_many_at_once_make_one_chain(database: Database) -> None:
    """Threads that share commits, some of whose work is undone in them."""

    def work(index: int) -> None:
        for number in range(20):

            def append(connection: Connection, number: int = number) -> None:
                audit.append(connection, Event.HELD, NOW, by=f"t{index}", message=number)
                if number % 5 == 4:
                    raise Undone

            if number % 5 == 4:
                with pytest.raises(Undone):
                    database.write(append)
            else:
                database.write(append)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = verify(entries(database))
    assert (verdict.broken, verdict.head.seq) == (None, 6 * 16)


# No number and no text.


def test_a_number_is_its_pseudonym_and_whatever_else_looks_like_one_is_masked(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.db", key=KEY, pseudonym=lambda number: f"p:{len(number):016x}")
    database.write(
        lambda connection: audit.append(
            connection, Event.OPT_OUT, NOW, by="+33 6 39 98 00 01", number=ALICE, origin="by phone, 06 39 98 00 01\nx",
            digest="0" * 64, edge="y" * 190 + " 06 39 98 00 01", long="x" * 5000, nothing=None, odd="\ud800",
            count=33639980001,
        )
    )  # fmt: skip
    row, details = last(database)
    assert (row.actor, row.subject) == ("[number]", "p:000000000000000c")
    assert details == {
        "origin": "by phone, [number]\\nx", "digest": "0" * 64, "edge": "y" * 190 + " [number]", "long": "x" * 200,
        "odd": "\\ud800", "count": 33639980001,
    }  # fmt: skip
    assert not re.search("63998", row.actor + row.subject + details["origin"])
    database.close()


@pytest.mark.parametrize("words", ["\\x00" * 30_000, "[SQL: " * 20_000, "0 " * 60_000, "+\\u0000" * 10_000])
def test_words_without_end_do_not_hold_the_writer(tmp_path: Path, words: str) -> None:
    database = Database.open(tmp_path / "x.db", key=KEY)
    begun = time.process_time()
    database.write(lambda connection: audit.append(connection, Event.OPT_OUT, NOW, number=ALICE, origin=words))
    assert time.process_time() - begun < 1.0
    database.close()


def test_half_a_number_where_long_words_are_cut_does_not_stay(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.db", key=KEY)
    spaced = "+" + (6 * " ").join("33639980001") + " x "
    words = (spaced * 13).ljust(990, "x") + " 06 39 98 00 01"
    database.write(lambda connection: audit.append(connection, Event.OPT_OUT, NOW, number=ALICE, origin=words))
    assert "06 39" not in last(database)[1]["origin"]
    database.close()


def test_without_a_pseudonym_the_words_are_of_this_life_only(tmp_path: Path) -> None:
    subjects = set()
    for name in ("x.db", "y.db"):
        database = Database.open(tmp_path / name)
        subjects |= {row.subject for row in filled(database, 2)}
        database.close()
    assert len(subjects) == 2
    assert all(re.fullmatch("p:[0-9a-f]{16}", subject) for subject in subjects)


# What leaves an entry.


def work_of(outbox: Outbox, sim_id: int) -> Work:
    work = outbox.turn(None, wanted(sim_id), NOW)
    assert work is not None
    return work


def on_wire(outbox: Outbox, sim_id: int) -> Work:
    work = work_of(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    return work


def test_a_message_has_one_entry_when_its_last_part_is_sent(database: Database, outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new(parts=2)], by="zoé")
    assert told(database) == [("message.accepted", "zoé")]
    at = NOW + timedelta(seconds=9)
    first = on_wire(outbox, sim_id)
    second = outbox.turn(Finished(first, Outcome.SENT, NOW, 7), None, NOW)
    assert second is not None
    outbox.mark_on_wire(second, EVENTS, NOW)
    outbox.turn(Finished(second, Outcome.SENT, at, 8), None, at)
    assert told(database)[1:] == [("message.sent", "gatewayd")]
    row, details = last(database)
    assert row.at == "2026-11-24T10:00:09.000000Z"
    assert details == {"message": message_id, "parts": 2, "purpose": "events", "sim": "89330000000000000010"}
    assert details_of(details) == row.details, "though it is not made by it"


CAUSE = Cause("cms:1", CauseClass.MESSAGE, "no such number")


@pytest.mark.parametrize(
    ("outcome", "cause", "event"),
    [(Outcome.UNKNOWN, None, "message.unknown"), (Outcome.REFUSED, CAUSE, "message.failed")],
)
def test_what_ends_otherwise_has_one_too(
    database: Database, outbox: Outbox, sim_id: int, outcome: Outcome, cause: Cause | None, event: str
) -> None:
    outbox.accept(None, [new()])
    work = on_wire(outbox, sim_id)
    outbox.turn(Finished(work, outcome, NOW, cause=cause), None, NOW)
    assert told(database)[1:] == [(event, "gatewayd")]
    assert last(database)[1]["sim"] == "89330000000000000010"


def test_what_is_blocked_at_the_claim_or_at_the_mark_has_one(
    database: Database, outbox: Outbox, people: People, sim_id: int
) -> None:
    outbox.accept(None, [new(purpose="news"), new(BOB)])
    work = work_of(outbox, sim_id)
    people.add_optout(BOB, origin="sms", by="t", at=NOW)
    with pytest.raises(RefusedByRule):
        outbox.mark_on_wire(work, EVENTS, NOW)
    blocked = [json.loads(row.details)["reason"] for row in entries(database) if row.event == "message.blocked"]
    assert blocked == ["no_consent", "opt_out"]


@pytest.mark.parametrize("resolution", Resolution)
def test_what_a_start_finds_unknown_and_what_the_operator_makes_of_it(
    database: Database, outbox: Outbox, sim_id: int, resolution: Resolution
) -> None:
    [message_id] = outbox.accept(None, [new()])
    on_wire(outbox, sim_id)
    outbox.recover(NOW, "boot/2")
    assert told(database)[1:] == []
    outbox.recover(NOW + timedelta(days=1), "boot/2")
    outbox.resolve(message_id, resolution, NOW + timedelta(days=2), by="zoé")
    assert told(database)[1:] == [("message.unknown", "gatewayd"), ("message.resolved", "zoé")]
    sent = {"state": "sent", "sent_at": timestamp(NOW)}
    state = sent if resolution is Resolution.AS_SENT else {"state": "queued"}
    assert last(database)[1] == {"message": message_id, "how": str(resolution), **state}


def test_many_accepted_at_once_are_one_entry(database: Database, outbox: Outbox) -> None:
    outbox.accept(None, [])
    outbox.accept(None, [new(), new(BOB)])
    row, details = last(database)
    assert (row.seq, row.event, row.subject) == (1, "messages.accepted", "")
    assert details == {"first": 1, "count": 2, "feed": "cli", "purpose": "events"}


def test_an_import_is_one_entry_and_one_for_each_new_opt_out(database: Database, people: People) -> None:
    people.add_optouts([(ALICE, "list"), (BOB, "list")], origin="list", by="zoé", at=NOW)
    assert [row.event for row in entries(database)] == ["optout.recorded", "optout.recorded", "optouts.imported"]
    people.add_optout(ALICE, origin="sms", by="zoé", at=NOW)
    assert last(database)[0].event == "optout.repeated"


def test_a_consent_is_sealed_with_its_proof(database: Database, people: People) -> None:
    digests = []
    for wording in ("Oui", "Oui", "Non"):
        people.record_consent(ALICE, "news", method="paper", recorded_by="zoé", at=NOW, wording=wording)
        digests.append(last(database)[1]["digest"])
    assert digests[0] == digests[1] != digests[2]
    people.record_consent(ALICE, "news", method="sms", recorded_by="zoé", at=NOW, given=False)
    assert told(database)[-2:] == [("consent.recorded", "zoé"), ("consent.withdrawn", "zoé")]


@pytest.mark.parametrize(
    ("change", "event"),
    [(Outbox.hold, "message.held"), (Outbox.cancel, "message.canceled")],
)
def test_the_operator_is_named(database: Database, outbox: Outbox, change: Callable[..., None], event: str) -> None:
    [message_id] = outbox.accept(None, [new()])
    change(outbox, message_id, NOW, by="zoé")
    assert told(database)[1:] == [(event, "zoé")]
    assert outbox.get(message_id) is not None
    assert MessageState(outbox.list()[0].state) in (MessageState.HELD, MessageState.CANCELED)


def test_a_time_is_a_run_of_entries_even_if_the_clock_jumped(database: Database) -> None:
    def append(connection: Connection) -> None:
        for hours in (0, 1, 30, 2, 3):
            audit.append(connection, Event.HELD, NOW + timedelta(hours=hours))

    database.write(append)
    with database.read() as connection:
        assert audit.between(connection, None, None) == (0, audit._LATEST)
        assert audit.between(connection, NOW + timedelta(hours=1), NOW + timedelta(hours=3)) == (1, 4)
        assert list(audit.rows(connection, after=audit.between(connection, NOW + timedelta(days=9), None)[0])) == []
        assert audit.between(connection, None, NOW) == (0, 0)


def test_numbers_are_those_still_known(database: Database, outbox: Outbox, people: People) -> None:
    outbox.accept(None, [new(ALICE), new(ALICE)])
    people.add_optout(BOB, origin="sms", by="t", at=NOW)
    with database.read() as connection:
        assert sorted(audit.numbers(connection)) == sorted([ALICE, BOB])
