"""The tables, and what the database itself refuses.

The transitions of a message are those of `domain.message.TRANSITIONS`: triggers made from that table abort every other
change, whoever asks for it. A message has one running attempt at most, a part is sent once at most, and what is said
about an attempt is never taken back. Names are the words of PRODUCT. Times are microseconds since 1970, UTC.

Each message passes through these tables with the commit waiting, and each page changed is enciphered: so an index is
partial wherever it can be, and leaves out what few ask for. A query uses a partial index only if it repeats its
condition in the same words: READY, LATER, WAITING and OPEN are those words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.message import INITIAL_STATES, SETTLED_STATES, TRANSITIONS, WAITING_STATES, MessageState, Outcome
from gatewayd.errors import StoreError
from gatewayd.store.faults import NO_BEGINNING, NO_TRANSITION
from gatewayd.store.types import UtcTime

VERSION = 2
"""Of the schema; a database with a newer one is refused, and one of an earlier version brought up to it."""

metadata = sa.MetaData()


def _quoted(words: Iterable[MessageState] | type[Outcome]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(str(word) for word in words))


def _in(column: str, words: Iterable[MessageState] | type[Outcome]) -> str:
    return f"{column} IN ({_quoted(words)})"


sims = sa.Table(
    "sims",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("iccid", sa.Text, nullable=False, unique=True),
    sa.Column("imsi", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("pool", sa.Text, nullable=False),
    sa.Column("imei", sa.Text, nullable=False),
    sa.Column("port", sa.Text, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("suspended_until", UtcTime),
    sa.Column("suspended_reason", sa.Text, nullable=False, server_default=""),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("claim", sa.Text, nullable=False, unique=True),
    sa.Column("filed_as", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("accepted_at", UtcTime),
    sa.Column("reported_at", UtcTime),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("pool", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("alphabet", sa.Text, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("concat_reference", sa.Integer),
    sa.Column("sim_id", sa.Integer, sa.ForeignKey("sims.id")),
    sa.Column("avoid_sim_id", sa.Integer, sa.ForeignKey("sims.id")),
    sa.Column("ready", sa.Boolean, nullable=False),
    sa.Column("not_before", UtcTime),
    sa.Column("expires_at", UtcTime),
    sa.Column("lease", sa.Text),
    sa.Column("lease_until", UtcTime),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("sent_at", UtcTime),
    sa.Column("delivered_at", UtcTime),
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id")),
    sa.Column("row_number", sa.Integer),
    # The opt-out whose confirmation this message is: the one opt-out that does not stop it.
    sa.Column("confirms", sa.Integer, sa.ForeignKey("optouts.id")),
    sa.CheckConstraint(_in("state", MessageState), name="message_state"),
    sa.CheckConstraint("parts >= 1", name="message_parts"),
    # A CHECK lets NULL pass: that there is a reference must be said.
    sa.CheckConstraint(
        "parts = 1 OR (concat_reference IS NOT NULL AND concat_reference BETWEEN 0 AND 65535)",
        name="message_concat_reference",
    ),
    sa.CheckConstraint("(state = 'sending') = (lease IS NOT NULL)", name="message_lease"),
    sa.CheckConstraint("(batch_id IS NULL) = (row_number IS NULL)", name="message_row"),
    # An id that was told to somebody is never given again, even after its message was erased.
    sqlite_autoincrement=True,
)

message_counts = sa.Table(
    "message_counts",
    metadata,
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("total", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many messages are in each state, kept by triggers: `status` asks often, and a million rows take a second."""


def _known(word: str) -> sa.ColumnElement[Any]:
    """A constant, not a parameter: a partial index is used only for a condition that is known beforehand."""
    return sa.literal_column(word)


def _state_in(states: Iterable[MessageState]) -> sa.ColumnElement[bool]:
    return messages.c.state.in_([_known(f"'{state}'") for state in sorted(states)])


READY = (messages.c.state == _known("'queued'")) & (messages.c.ready == _known("1"))
"""May be claimed."""
LATER = _state_in([MessageState.QUEUED, MessageState.SCHEDULED]) & (messages.c.ready == _known("0"))
"""Waits for its `not_before`."""
WAITING = _state_in(WAITING_STATES)
OPEN = _state_in(set(MessageState) - SETTLED_STATES)
REMARKABLE_STATES = frozenset(
    {MessageState.HELD, MessageState.UNKNOWN, MessageState.FAILED, MessageState.BLOCKED, MessageState.UNDELIVERED}
)
REMARKABLE = _state_in(REMARKABLE_STATES)


def _partial(
    name: str, *columns: sa.ColumnElement[object], where: sa.ColumnElement[bool], unique: bool = False
) -> None:
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


b = batches.c
_partial("batches_accepted_once", b.feed, b.fingerprint, where=b.accepted_at.is_not(None), unique=True)
_partial("batches_unreported", b.id, where=b.reported_at.is_(None))
c = messages.c
# The columns after the id let a claim pass over a message without reading its row.
_partial("messages_ready", c.pool, c.purpose, c.sim_id, c.priority, c.id, c.parts, c.avoid_sim_id, where=READY)
_partial("messages_later", c.not_before, where=LATER)
_partial("messages_expiring", c.expires_at, where=WAITING & c.expires_at.is_not(None))
_partial("messages_waiting_for", c.recipient, where=WAITING)
_partial("messages_row", c.batch_id, c.row_number, where=c.batch_id.is_not(None), unique=True)
_partial("messages_open_in", c.batch_id, where=OPEN & c.batch_id.is_not(None))
_partial("messages_confirm_once", c.confirms, where=c.confirms.is_not(None), unique=True)
# What the operator looks for; a message that simply passes is never in it.
_partial("messages_remarkable", c.state, c.id, where=REMARKABLE)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("message_id", sa.Integer, sa.ForeignKey("messages.id"), nullable=False),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("sim_id", sa.Integer, sa.ForeignKey("sims.id"), nullable=False),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("on_wire_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", sa.Text),
    sa.Column("cause", sa.Text, nullable=False, server_default=""),
    sa.Column("reference", sa.Integer),
    sa.Column("tp_status", sa.Integer),
    sa.Column("resolved_by", sa.Text),
    sa.Column("resolved_at", UtcTime),
    sa.CheckConstraint(_in("outcome", Outcome), name="attempt_outcome"),
    sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="attempt_ended"),
    sa.CheckConstraint("outcome IS NULL OR outcome = 'refused' OR on_wire_at IS NOT NULL", name="attempt_on_wire"),
    sa.CheckConstraint("part >= 1", name="attempt_part"),
)
a = attempts.c
sa.Index("attempts_of_message", a.message_id, a.part)
_partial("attempts_of_sim", a.sim_id, a.on_wire_at, where=a.on_wire_at.is_not(None))
_partial("attempts_one_running", a.message_id, where=a.outcome.is_(None), unique=True)

sim_recipients = sa.Table(
    "sim_recipients",
    metadata,
    sa.Column("sim_id", sa.Integer, sa.ForeignKey("sims.id"), primary_key=True),
    sa.Column("recipient", sa.Text, primary_key=True),
    sa.Column("first_at", UtcTime, nullable=False),
    sa.Column("last_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("sim_recipients_first", sim_recipients.c.recipient, sim_recipients.c.first_at)

batch_rows = sa.Table(
    "batch_rows",
    metadata,
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True),
    sa.Column("row_number", sa.Integer, primary_key=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    sa.Column("alphabet", sa.Text, nullable=False, server_default=""),
    sa.Column("parts", sa.Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("given", sa.Boolean, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("wording", sa.Text, nullable=False, server_default=""),
    sa.Column("evidence", sa.Text, nullable=False, server_default=""),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcTime, nullable=False),
)
sa.Index("consents_latest", consents.c.recipient, consents.c.purpose, consents.c.id)

optouts = sa.Table(
    "optouts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcTime, nullable=False),
    sa.Column("lifted_at", UtcTime),
    sa.Column("lifted_by", sa.Text, nullable=False, server_default=""),
)
_partial("optouts_active", optouts.c.recipient, where=optouts.c.lifted_at.is_(None), unique=True)

incoming = sa.Table(
    "incoming",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sim_id", sa.Integer, sa.ForeignKey("sims.id"), nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("service_centre", sa.Text, nullable=False),
    sa.Column("sent_at", UtcTime),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("review", sa.Boolean, nullable=False),
    sa.Column("reviewed_at", UtcTime),
    sa.Column("reviewed_by", sa.Text, nullable=False, server_default=""),
    sa.Column("optout_id", sa.Integer, sa.ForeignKey("optouts.id")),
    sa.Column("canceled", sa.Integer, nullable=False, server_default="0"),
    sa.Column("answer_id", sa.Integer, sa.ForeignKey("messages.id")),
    sa.Column("filed_at", UtcTime),
    sqlite_autoincrement=True,
)
"""What people wrote, whole; with how it was read, by which rule, and what came of it."""
i = incoming.c
sa.Index("incoming_from", i.sender, i.received_at)
_partial("incoming_unfiled", i.id, where=i.filed_at.is_(None))

arrivals = sa.Table(
    "arrivals",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sim_id", sa.Integer, sa.ForeignKey("sims.id"), nullable=False),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("pdu", sa.Text, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("sender", sa.Text, nullable=False, server_default=""),
    sa.Column("reference", sa.Integer),
    sa.Column("total", sa.Integer),
    sa.Column("place", sa.Integer),
    sa.Column("incoming_id", sa.Integer, sa.ForeignKey("incoming.id")),
    sa.Column("attempt_id", sa.Integer, sa.ForeignKey("attempts.id")),
    sa.UniqueConstraint("sim_id", "fingerprint", name="arrival_once"),
    sa.CheckConstraint("kind IN ('message', 'report', 'unreadable')", name="arrival_kind"),
    sa.CheckConstraint("state IN ('new', 'waiting', 'done', 'quarantined')", name="arrival_state"),
    sa.CheckConstraint("(total IS NULL) = (place IS NULL)", name="arrival_part"),
)
"""PDUs as a modem gave them, each once: `new` until they are understood, `waiting` for the other parts."""
_partial("arrivals_new", arrivals.c.kind, arrivals.c.id, where=arrivals.c.state == _known("'new'"))
_partial("arrivals_waiting", arrivals.c.sim_id, arrivals.c.sender, where=arrivals.c.state == _known("'waiting'"))


def create(connection: Connection) -> None:
    """Make the tables in an empty database, or those that an older one lacks.

    StoreError if it was made by a newer program, or is of another one.
    """
    present = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if present > VERSION:
        raise StoreError(f"the database has schema {present}, this program knows {VERSION}: install the newer program")
    if present == VERSION:
        return
    if present == 1:
        _from_1_to_2(connection)
        return
    if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
        raise StoreError("this is a database, but not one of gatewayd")
    metadata.create_all(connection)
    for trigger in triggers():
        connection.exec_driver_sql(trigger)
    connection.execute(sa.insert(message_counts), [{"state": str(state), "total": 0} for state in MessageState])
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _from_1_to_2(connection: Connection) -> None:
    """What came with receiving: two tables, and the confirmation of an opt-out."""
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN confirms INTEGER REFERENCES optouts (id)")
    metadata.create_all(connection, tables=[incoming, arrivals])
    next(index for index in messages.indexes if index.name == "messages_confirm_once").create(connection)
    for trigger in _confirmation_triggers():
        connection.exec_driver_sql(trigger)
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def triggers() -> list[str]:
    """What no constraint can say, as triggers of SQLite."""
    kept = [_kept(table) for table in ("attempts", "consents")]
    return [*_state_triggers(), *_attempt_triggers(), *_count_triggers(), *_confirmation_triggers(), *kept]


def _refuse(name: str, event: str, condition: str, sentence: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"


def _state_triggers() -> list[str]:
    """The table of transitions."""
    legal = " ".join(
        f"WHEN '{state}' THEN NEW.state IN ({_quoted(following | {state})})" for state, following in TRANSITIONS.items()
    )
    return [
        _refuse("messages_begin", "INSERT ON messages", f"NEW.state NOT IN ({_quoted(INITIAL_STATES)})", NO_BEGINNING),
        _refuse("messages_transition", "UPDATE OF state ON messages", f"NOT CASE OLD.state {legal} END", NO_TRANSITION),
    ]


def _attempt_triggers() -> list[str]:
    sent = "SELECT 1 FROM attempts WHERE message_id = NEW.message_id AND part = NEW.part AND outcome = 'sent'"
    return [
        _refuse(
            "attempts_begin", "INSERT ON attempts", "NEW.outcome IS NOT NULL OR NEW.on_wire_at IS NOT NULL",
            "an attempt begins before it is on the wire",
        ),
        _refuse("attempts_sent_once", "INSERT ON attempts", f"EXISTS ({sent})", "this part is sent already"),
        _refuse(
            "attempts_wire", "UPDATE OF on_wire_at ON attempts",
            "OLD.on_wire_at IS NOT NULL OR OLD.outcome IS NOT NULL", "the mark on the wire is made once",
        ),
        _refuse(
            "attempts_outcome", "UPDATE OF outcome ON attempts",
            "OLD.outcome IN ('sent', 'refused') OR (OLD.outcome = 'unknown' AND NEW.outcome IS NULL)",
            "an outcome is not taken back",
        ),
    ]  # fmt: skip


def _confirmation_triggers() -> list[str]:
    """A confirmation goes to whom opted out, and is never made out of another message."""
    theirs = "SELECT 1 FROM optouts WHERE id = NEW.confirms AND recipient = NEW.recipient"
    return [
        _refuse(
            "messages_confirm", "INSERT ON messages", f"NEW.confirms IS NOT NULL AND NOT EXISTS ({theirs})",
            "this confirms the opt-out of somebody else",
        ),
        _refuse(
            "messages_confirm_always", "UPDATE OF confirms, recipient ON messages",
            "NEW.confirms IS NOT NULL AND (OLD.confirms IS NOT NEW.confirms OR OLD.recipient <> NEW.recipient)",
            "a message does not become a confirmation",
        ),
    ]  # fmt: skip


def _count_triggers() -> list[str]:
    less = "UPDATE message_counts SET total = total - 1 WHERE state = OLD.state;"
    more = "UPDATE message_counts SET total = total + 1 WHERE state = NEW.state;"
    return [
        f"CREATE TRIGGER messages_counted AFTER INSERT ON messages BEGIN {more} END",
        "CREATE TRIGGER messages_recounted AFTER UPDATE OF state ON messages WHEN OLD.state <> NEW.state "
        f"BEGIN {less} {more} END",
        f"CREATE TRIGGER messages_discounted AFTER DELETE ON messages BEGIN {less} END",
    ]


def _kept(table: str) -> str:
    return f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{table} are kept'); END"
