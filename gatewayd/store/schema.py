"""The tables, and what the database itself refuses.

The transitions of a message are those of `domain.message.TRANSITIONS`: triggers made from that table abort every other
change, whoever asks for it. Names are the words of PRODUCT. Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.message import INITIAL_STATES, SETTLED_STATES, TRANSITIONS, WAITING_STATES, MessageState, Outcome
from gatewayd.errors import StoreError
from gatewayd.store.types import UtcTime

VERSION = 1
"""Of the schema; a database with a newer one is refused."""

metadata = sa.MetaData()


def _words(column: str, words: frozenset[str] | type[MessageState] | type[Outcome]) -> str:
    return f"{column} IN ({_quoted(words)})"


def _quoted(words: frozenset[str] | frozenset[MessageState] | type[MessageState] | type[Outcome]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(str(word) for word in words))


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
    sa.CheckConstraint(_words("state", MessageState), name="message_state"),
    sa.CheckConstraint("parts >= 1", name="message_parts"),
    sa.CheckConstraint("parts = 1 OR concat_reference BETWEEN 0 AND 65535", name="message_concat_reference"),
    sa.CheckConstraint("(state = 'sending') = (lease IS NOT NULL)", name="message_lease"),
)
is_ready: sa.TextClause = sa.text("state = 'queued' AND ready = 1")
# Written out, for SQLite uses a partial index only where it sees the same words.
is_waiting: sa.TextClause = sa.text(f"state IN ({_quoted(WAITING_STATES)})")
is_open: sa.TextClause = sa.text(f"state IN ({_quoted(frozenset(MessageState) - SETTLED_STATES)})")
waits_for_time: sa.TextClause = sa.text("state IN ('queued', 'scheduled') AND ready = 0")


def _partial(
    name: str, *columns: sa.ColumnElement[object], where: sa.ColumnElement[bool] | sa.TextClause, unique: bool = False
) -> None:
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


b = batches.c
_partial("batches_accepted_once", b.feed, b.fingerprint, where=b.accepted_at.is_not(None), unique=True)
_partial("batches_unreported", b.id, where=b.reported_at.is_(None))
c = messages.c
_partial("messages_ready", c.pool, c.purpose, c.sim_id, c.priority, c.id, where=is_ready)
_partial("messages_not_before", c.not_before, where=waits_for_time)
_partial("messages_expiring", c.expires_at, where=sa.and_(is_waiting, c.expires_at.is_not(None)))
_partial("messages_waiting_for", c.recipient, where=is_waiting)
_partial("messages_row", c.batch_id, c.row_number, where=c.batch_id.is_not(None), unique=True)
_partial("messages_open_in", c.batch_id, where=sa.and_(is_open, c.batch_id.is_not(None)))
sa.Index("messages_state", c.state, c.id)

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
    sa.CheckConstraint(_words("outcome", Outcome), name="attempt_outcome"),
    sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="attempt_ended"),
    sa.CheckConstraint("outcome IS NULL OR outcome = 'refused' OR on_wire_at IS NOT NULL", name="attempt_on_wire"),
    sa.CheckConstraint("part >= 1", name="attempt_part"),
)
a = attempts.c
sa.Index("attempts_of_message", a.message_id, a.part)
_partial("attempts_of_sim", a.sim_id, a.on_wire_at, where=a.on_wire_at.is_not(None))
_partial("attempts_one_running", a.message_id, where=a.outcome.is_(None), unique=True)
_partial("attempts_sent_once", a.message_id, a.part, where=a.outcome == "sent", unique=True)

sim_recipients = sa.Table(
    "sim_recipients",
    metadata,
    sa.Column("recipient", sa.Text, primary_key=True),
    sa.Column("sim_id", sa.Integer, sa.ForeignKey("sims.id"), primary_key=True),
    sa.Column("first_at", UtcTime, nullable=False),
    sa.Column("last_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("sim_recipients_recent", sim_recipients.c.sim_id, sim_recipients.c.last_at)

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


def create(connection: Connection) -> None:
    """Make the tables in an empty database; StoreError if it was made by a newer program."""
    present = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if present > VERSION:
        raise StoreError(f"the database has schema {present}, this program knows {VERSION}: install the newer program")
    if present == VERSION:
        return
    metadata.create_all(connection)
    for trigger in triggers():
        connection.exec_driver_sql(trigger)
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def triggers() -> list[str]:
    """The table of transitions, and what is never deleted, as triggers of SQLite."""
    illegal = " OR ".join(
        f"(OLD.state = '{state}' AND NEW.state NOT IN ({_quoted(following | {state})}))"
        for state, following in TRANSITIONS.items()
    )
    forever = [
        f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{table} are kept'); END"
        for table in ("attempts", "consents")
    ]
    return [
        "CREATE TRIGGER messages_begin BEFORE INSERT ON messages "
        f"WHEN NEW.state NOT IN ({_quoted(INITIAL_STATES)}) "
        "BEGIN SELECT RAISE(ABORT, 'a message does not begin in this state'); END",
        f"CREATE TRIGGER messages_transition BEFORE UPDATE OF state ON messages WHEN {illegal} "
        "BEGIN SELECT RAISE(ABORT, 'this state may not follow the present one'); END",
        *forever,
    ]
