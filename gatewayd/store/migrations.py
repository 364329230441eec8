"""The tables in a file: made in an empty one, and brought up to this program's schema in an older one.

A step leads from one version to the next, in one transaction with the number of the version: a crash leaves the file as
it was. Steps are never changed once a release has them; a database of each earlier version is opened in the tests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.message import MessageState
from gatewayd.errors import StoreError
from gatewayd.store.schema import audit, batches, message_counts, messages, metadata, people, queue, triggers
from gatewayd.store.schema.campaigns import (
    campaign_approvals,
    campaign_recipients,
    campaign_rows,
    campaign_triggers,
    campaigns,
)
from gatewayd.store.schema.feeds import receipts, tokens
from gatewayd.store.schema.handler import handler_calls, imported
from gatewayd.store.schema.inbox import arrivals, incoming
from gatewayd.store.schema.people import consents, contacts, questions, wordings
from gatewayd.store.schema.webhooks import deliveries, happenings, webhooks


def create(connection: Connection) -> None:
    """Make the tables in an empty database, or bring an older one up to this schema.

    StoreError if it was made by a newer program, or is of another one.
    """
    present = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if present > VERSION:
        raise StoreError(f"the database has schema {present}, this program knows {VERSION}: install the newer program")
    if present == 0:
        _make(connection)
    for version in range(present, VERSION) if present else ():
        STEPS[version](connection)
    if present != VERSION:
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _make(connection: Connection) -> None:
    if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
        raise StoreError("this is a database, but not one of gatewayd")
    metadata.create_all(connection)
    for trigger in triggers():
        connection.exec_driver_sql(trigger)
    connection.execute(sa.insert(message_counts), [{"state": str(state), "total": 0} for state in MessageState])


def _receiving(connection: Connection) -> None:
    """What came with receiving: two tables, and the confirmation of an opt-out."""
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN confirms INTEGER REFERENCES optouts (id)")
    metadata.create_all(connection, tables=[incoming, arrivals])
    next(index for index in messages.indexes if index.name == "messages_confirm_once").create(connection)
    for trigger in queue.confirmation_triggers():
        connection.exec_driver_sql(trigger)


def _evidence(connection: Connection) -> None:
    """What came with the card's memory of its last reference, and with resends that are told."""
    known = ("smss_kept_by TEXT NOT NULL DEFAULT ''", "smss_written TEXT NOT NULL DEFAULT ''")
    for column in ("smss INTEGER", "smss_after INTEGER", *known):
        connection.exec_driver_sql(f"ALTER TABLE sims ADD COLUMN {column}")
    connection.exec_driver_sql("ALTER TABLE attempts ADD COLUMN resent_by TEXT")


def _reports_kept_true(connection: Connection) -> None:
    """A report beside a file is owed again when a message changes after it has left; those already written are not."""
    connection.exec_driver_sql("ALTER TABLE batches ADD COLUMN report TEXT DEFAULT 'due' NOT NULL")
    connection.exec_driver_sql("UPDATE batches SET report = 'written' WHERE reported_at IS NOT NULL")
    connection.exec_driver_sql("DROP INDEX batches_unreported")
    next(index for index in batches.indexes if index.name == "batches_owing").create(connection)
    connection.exec_driver_sql(queue.report_trigger())


def _contacts(connection: Connection) -> None:
    """Contacts; and of consents when they were given, to which words, and the proof's hash."""
    metadata.create_all(connection, tables=[contacts, wordings])
    connection.exec_driver_sql("ALTER TABLE consents ADD COLUMN agreed_at BIGINT NOT NULL DEFAULT 0")
    connection.exec_driver_sql("ALTER TABLE consents ADD COLUMN wording_id INTEGER REFERENCES wordings (id)")
    connection.exec_driver_sql("ALTER TABLE consents ADD COLUMN evidence_sha256 TEXT NOT NULL DEFAULT ''")
    connection.exec_driver_sql("UPDATE consents SET agreed_at = recorded_at")
    first = "SELECT purpose, wording, min(recorded_at) FROM consents WHERE wording <> '' GROUP BY purpose, wording"
    for purpose, text, at in connection.exec_driver_sql(first).all():
        digest = hashlib.sha256(text.encode()).hexdigest()
        connection.exec_driver_sql(
            "INSERT INTO wordings (purpose, version, language, text, sha256, recorded_at) VALUES (?, '', '', ?, ?, ?)",
            (purpose, text, digest, at),
        )
    same = "wordings.purpose = consents.purpose AND wordings.text = consents.wording"
    connection.exec_driver_sql(f"UPDATE consents SET wording_id = (SELECT id FROM wordings WHERE {same})")  # noqa: S608  (our own words)
    connection.exec_driver_sql("ALTER TABLE consents DROP COLUMN wording")
    connection.exec_driver_sql("DROP INDEX consents_latest")
    next(index for index in consents.indexes if index.name == "consents_latest").create(connection)
    for trigger in people.consent_triggers():
        connection.exec_driver_sql(trigger)


def _for_a_person(connection: Connection) -> None:
    """What waits for a person's eye is found, and counted, without reading all that ever came in."""
    for table, name in ((incoming, "incoming_to_review"), (arrivals, "arrivals_quarantined")):
        next(index for index in table.indexes if index.name == name).create(connection, checkfirst=True)


def _audit(connection: Connection) -> None:
    """What came with the audit trail, which begins with the next entry."""
    metadata.create_all(connection, tables=[audit.trail])
    for trigger in audit.triggers():
        connection.exec_driver_sql(trigger)


def _campaigns(connection: Connection) -> None:
    """Campaigns, and which one a message is of."""
    metadata.create_all(connection, tables=[campaigns])
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN campaign_id INTEGER REFERENCES campaigns (id)")
    metadata.create_all(connection, tables=[campaign_approvals, campaign_rows, campaign_recipients])
    next(index for index in messages.indexes if index.name == "messages_of_campaign").create(connection)
    for trigger in campaign_triggers():
        connection.exec_driver_sql(trigger)


def _questions(connection: Connection) -> None:
    """Agreements asked for by SMS."""
    metadata.create_all(connection, tables=[questions])
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN asks INTEGER REFERENCES questions (id)")
    next(index for index in messages.indexes if index.name == "messages_ask_once").create(connection)
    for trigger in queue.question_triggers():
        connection.exec_driver_sql(trigger)


def _states_one_by_one(connection: Connection) -> None:
    """Conditions on states are written as `one_of` writes them now; the tables' own mean the same as they are."""
    names = ("messages_later", "messages_expiring", "messages_waiting_for", "messages_open_in", "messages_remarkable")
    for index in messages.indexes:
        if index.name in names:
            index.drop(connection)
            index.create(connection)
    for name in ("messages_begin", "messages_transition"):
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    for trigger in queue.state_triggers():
        connection.exec_driver_sql(trigger)


def _event_handler(connection: Connection) -> None:
    """Files of one message, and whom their programs are told by."""
    metadata.create_all(connection, tables=[handler_calls, imported])
    for column in ("kind", "told"):
        connection.exec_driver_sql(f"ALTER TABLE batches ADD COLUMN {column} TEXT DEFAULT '' NOT NULL")


def _feeds(connection: Connection) -> None:
    """Tokens of the API, and its receipts."""
    metadata.create_all(connection, tables=[tokens, receipts])


_SINCE_2: tuple[Callable[[Connection], None], ...] = (
    _evidence, _reports_kept_true, _contacts, _for_a_person, _audit, _campaigns, _questions,
    _states_one_by_one, _event_handler, _feeds,
)  # fmt: skip


def _from_2(connection: Connection) -> None:
    """What came after the second schema, a function each, in this order."""
    for change in _SINCE_2:
        change(connection)


def _verdicts(connection: Connection) -> None:
    """What the person said who looked at an opt-out; of before, the audit trail knows it."""
    known = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(incoming)")}
    if "verdict" not in known:  # where the table came with an earlier step, it came as it is now
        connection.exec_driver_sql("ALTER TABLE incoming ADD COLUMN verdict TEXT DEFAULT '' NOT NULL")
    said = sa.select(audit.trail.c.details).where(audit.trail.c.event == str(Event.REVIEWED))
    for details in map(json.loads, connection.execute(said).scalars().all()):
        change = sa.update(incoming).where(incoming.c.id == details["incoming"])
        connection.execute(change.values(verdict=details["verdict"]))


def _ended_doubts(connection: Connection) -> None:
    """Nobody has to look at an opt-out that has ended; of before, it says when and by whom."""
    ended = "FROM optouts WHERE optouts.id = incoming.optout_id AND lifted_at IS NOT NULL"
    who = f"SELECT CASE lifted_by WHEN 'sms' THEN 'recipient' ELSE lifted_by END {ended}"
    given = f"verdict = 'ended', reviewed_at = (SELECT lifted_at {ended}), reviewed_by = ({who})"
    connection.exec_driver_sql(
        f"UPDATE incoming SET {given} WHERE review = 1 AND reviewed_at IS NULL AND EXISTS (SELECT 1 {ended})"  # noqa: S608  (our own words)
    )


def _messages_of_tokens(connection: Connection) -> None:
    """How many messages a minute a token may send; where the table came with an earlier change, it has that already."""
    known = connection.exec_driver_sql("SELECT name FROM pragma_table_info('tokens')").scalars()
    if "messages_per_minute" not in known:
        connection.exec_driver_sql("ALTER TABLE tokens ADD COLUMN messages_per_minute INTEGER DEFAULT 10000 NOT NULL")


def _webhooks(connection: Connection) -> None:
    """What is to be told to other programs."""
    metadata.create_all(connection, tables=[happenings, webhooks, deliveries])


def _names_of_files(connection: Connection) -> None:
    """By which name a file was filed last; where the table came with an earlier step, it has the index already."""
    next(index for index in batches.indexes if index.name == "batches_filed").create(connection, checkfirst=True)


_SINCE_3: tuple[Callable[[Connection], None], ...] = (
    _verdicts, _ended_doubts, _messages_of_tokens, _webhooks, _names_of_files,
)  # fmt: skip


def _from_3(connection: Connection) -> None:
    """What came after the third schema, a function each, in this order."""
    for change in _SINCE_3:
        change(connection)


STEPS: Mapping[int, Callable[[Connection], None]] = {1: _receiving, 2: _from_2, 3: _from_3}
"""From each earlier version to the next one."""

VERSION = len(STEPS) + 1
"""Of the schema; a database with a newer one is refused, and one of an earlier version brought up to it."""
