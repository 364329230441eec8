"""Databases of earlier versions, as they were (tests/data/schema_N.sql), are brought up to what a new one is."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from gatewayd.store import migrations
from gatewayd.store.engine import Database
from gatewayd.store.inbox import Inbox
from gatewayd.store.people import People

DATA = Path(__file__).parents[1] / "data"
EARLIER = range(1, migrations.VERSION)


def shape(path: Path) -> set[tuple[str, ...]]:
    """Each object of a database, each column of its tables, and each trigger's words."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        objects = [tuple(row) for row in file.execute("SELECT type, name, sql FROM sqlite_master")]
        columns = [
            ("column", name, *(str(field) for field in column[1:4]))
            for kind, name, _ in objects
            if kind == "table"
            for column in file.execute(f"PRAGMA table_info({name})")
        ]
    made = {
        (kind, name, " ".join(sql.split()) if kind in ("trigger", "index") and sql else "")
        for kind, name, sql in objects
    }
    return made | set(columns)


@pytest.mark.parametrize("version", EARLIER)
def test_brought_up_to_the_present_schema(tmp_path: Path, version: int) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    with contextlib.closing(sqlite3.connect(old)) as file:
        file.executescript((DATA / f"schema_{version}.sql").read_text())
    for path in (old, new):
        Database.open(path).close()
    assert shape(old) == shape(new)


def test_each_earlier_version_is_kept() -> None:
    assert all((DATA / f"schema_{version}.sql").exists() for version in EARLIER)


REVIEWED = """
INSERT INTO sims (id, iccid, imsi, name, pool, imei, port, seen_at) VALUES (1, '1', '', 'a', '', '', '', 0);
INSERT INTO incoming (id, sim_id, sender, text, parts, complete, service_centre, received_at, kind, tier, rule, review)
    VALUES (1, 1, '+33639980001', 'Stop merci', 1, 1, '', 0, 'opt_out', 'probable', 'keyword', 1),
           (2, 1, '+33639980002', 'Stop merci', 1, 1, '', 0, 'opt_out', 'probable', 'keyword', 1);
INSERT INTO audit (seq, version, at, actor, event, subject, details, hash)
    VALUES (1, 1, '', 'marie', 'inbox.reviewed', '', '{"incoming":1,"verdict":"lift"}', zeroblob(32));
"""


def test_what_was_reviewed_before_is_told_by_the_audit_trail(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executescript((DATA / "schema_3.sql").read_text())
        file.executescript(REVIEWED)
    database = Database.open(path)
    found = {one.id: one.verdict for one in Inbox(database).list()}
    database.close()
    assert found == {1: "lift", 2: ""}


ENDED = """
INSERT INTO optouts (id, recipient, origin, recorded_by, recorded_at, lifted_at, lifted_by)
    VALUES (1, '+33639980001', 'sms', 'recipient', 0, 5000000, 'sms'),
           (2, '+33639980002', 'sms', 'recipient', 0, 6000000, 'marie'),
           (3, '+33639980003', 'sms', 'recipient', 0, NULL, '');
INSERT INTO incoming (id, sim_id, sender, text, parts, complete, service_centre, received_at, kind, tier, rule, review,
                      optout_id)
    SELECT 10 + id, 1, recipient, 'Stop merci', 1, 1, '', 0, 'opt_out', 'probable', 'keyword', 1, id FROM optouts;
"""


def test_an_opt_out_that_had_ended_before_needs_no_review(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executescript((DATA / "schema_3.sql").read_text())
        file.executescript(REVIEWED)
        file.executescript(ENDED)
    database = Database.open(path)
    found = {one.id: (one.verdict, one.reviewed_by, one.reviewed_at is not None) for one in Inbox(database).list()}
    database.close()
    assert {id: found[id] for id in (11, 12, 13)} == {
        11: ("ended", "recipient", True),
        12: ("ended", "marie", True),
        13: ("", "", False),
    }


def test_consents_of_before_keep_their_words_and_their_day(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    said = "INSERT INTO consents (recipient, purpose, given, method, wording, recorded_by, recorded_at)"
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executescript((DATA / "schema_2.sql").read_text())
        file.executescript(f"{said} VALUES ('+33639980001', 'news', 1, 'paper', 'Oui', 'Zoé', 5);")
        file.executescript(f"{said} VALUES ('+33639980002', 'news', 1, 'paper', '', 'Zoé', 6);")
    database = Database.open(path)
    people = People(database)
    (first,), (second,) = people.consents("+33639980001"), people.consents("+33639980002")
    database.close()
    assert (first.wording, first.agreed_at, len(first.wording_sha256)) == ("Oui", first.recorded_at, 64)
    assert (second.wording, second.wording_version) == ("", "")
