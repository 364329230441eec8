"""The queue: messages, what came of each part, the SIMs that send them, and the files they came in."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from gatewayd.domain.message import (
    FINAL_STATES,
    INITIAL_STATES,
    SETTLED_STATES,
    TRANSITIONS,
    WAITING_STATES,
    MessageState,
    Outcome,
)
from gatewayd.store.faults import NO_BEGINNING, NO_TRANSITION
from gatewayd.store.schema.base import kept, known, metadata, one_of, partial, refuse
from gatewayd.store.types import UtcTime

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
    # EF_SMSS, the card's own memory of the last TP-MR: what it said, after which attempt; in which modem it is kept,
    # and when that modem writes it (domain.reference.Written).
    sa.Column("smss", sa.Integer),
    sa.Column("smss_after", sa.Integer),
    sa.Column("smss_kept_by", sa.Text, nullable=False, server_default=""),
    sa.Column("smss_written", sa.Text, nullable=False, server_default=""),
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
    sa.Column("report", sa.Text, nullable=False, server_default="due"),
    # What the file is, where it is no list, and which event its program was last told.
    sa.Column("kind", sa.Text, nullable=False, server_default=""),
    sa.Column("told", sa.Text, nullable=False, server_default=""),
)
"""Files. `report` is `due` while the one beside the file does not tell all of it, `writing` while it is being written:
a message that changes meanwhile makes it `due` again."""

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
    # It may start while its campaign may: `campaigns.may_send_until`.
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaigns.id")),
    # The question that this message asks: for it alone no consent is needed.
    sa.Column("asks", sa.Integer, sa.ForeignKey("questions.id")),
    sa.CheckConstraint(one_of("state", MessageState), name="message_state"),
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


def _state_in(states: Iterable[MessageState]) -> sa.ColumnElement[bool]:
    """As a constant, and as `one_of` writes it."""
    return sa.or_(*(messages.c.state == known(f"'{state}'") for state in sorted(states)))


READY = (messages.c.state == known("'queued'")) & (messages.c.ready == known("1"))
"""May be claimed."""
LATER = _state_in([MessageState.QUEUED, MessageState.SCHEDULED]) & (messages.c.ready == known("0"))
"""Waits for its `not_before`."""
WAITING = _state_in(WAITING_STATES)
OPEN = _state_in(set(MessageState) - SETTLED_STATES)
REMARKABLE_STATES = frozenset(
    {MessageState.HELD, MessageState.UNKNOWN, MessageState.FAILED, MessageState.BLOCKED, MessageState.UNDELIVERED}
)
REMARKABLE = _state_in(REMARKABLE_STATES)

b = batches.c
partial("batches_accepted_once", b.feed, b.fingerprint, where=b.accepted_at.is_not(None), unique=True)
OWING = b.report != known("'written'")
partial("batches_owing", b.id, where=OWING)
FILED = b.filed_as != known("''")
partial("batches_filed", b.filed_as, b.id, where=FILED)
c = messages.c
# The columns after the id let a claim pass over a message without reading its row.
partial("messages_ready", c.pool, c.purpose, c.sim_id, c.priority, c.id, c.parts, c.avoid_sim_id, where=READY)
partial("messages_later", c.not_before, where=LATER)
partial("messages_expiring", c.expires_at, where=WAITING & c.expires_at.is_not(None))
partial("messages_waiting_for", c.recipient, where=WAITING)
partial("messages_row", c.batch_id, c.row_number, where=c.batch_id.is_not(None), unique=True)
partial("messages_open_in", c.batch_id, where=OPEN & c.batch_id.is_not(None))
partial("messages_confirm_once", c.confirms, where=c.confirms.is_not(None), unique=True)
# Of no column that a message changes on its way: it is written once, and only for a campaign's.
partial("messages_of_campaign", c.campaign_id, where=c.campaign_id.is_not(None))
partial("messages_ask_once", c.asks, where=c.asks.is_not(None), unique=True)
# What the operator looks for; a message that simply passes is never in it.
partial("messages_remarkable", c.state, c.id, where=REMARKABLE)

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
    # At whose word it was sent again while nobody knew what had become of it.
    sa.Column("resent_by", sa.Text),
    sa.CheckConstraint(one_of("outcome", Outcome), name="attempt_outcome"),
    sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="attempt_ended"),
    sa.CheckConstraint("outcome IS NULL OR outcome = 'refused' OR on_wire_at IS NOT NULL", name="attempt_on_wire"),
    sa.CheckConstraint("part >= 1", name="attempt_part"),
)
a = attempts.c
sa.Index("attempts_of_message", a.message_id, a.part)
partial("attempts_of_sim", a.sim_id, a.on_wire_at, where=a.on_wire_at.is_not(None))
partial("attempts_one_running", a.message_id, where=a.outcome.is_(None), unique=True)

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


def triggers() -> list[str]:
    """What no constraint can say about messages and attempts."""
    return [
        *state_triggers(),
        *_attempt_triggers(),
        *_count_triggers(),
        *confirmation_triggers(),
        *question_triggers(),
        report_trigger(),
        kept("attempts"),
    ]


def state_triggers() -> list[str]:
    """The table of transitions."""
    legal = " ".join(
        f"WHEN '{state}' THEN {one_of('NEW.state', following | {state})}" for state, following in TRANSITIONS.items()
    )
    return [
        refuse("messages_begin", "INSERT ON messages", f"NOT {one_of('NEW.state', INITIAL_STATES)}", NO_BEGINNING),
        refuse("messages_transition", "UPDATE OF state ON messages", f"NOT CASE OLD.state {legal} END", NO_TRANSITION),
    ]


def _attempt_triggers() -> list[str]:
    sent = "SELECT 1 FROM attempts WHERE message_id = NEW.message_id AND part = NEW.part AND outcome = 'sent'"
    return [
        refuse(
            "attempts_begin", "INSERT ON attempts", "NEW.outcome IS NOT NULL OR NEW.on_wire_at IS NOT NULL",
            "an attempt begins before it is on the wire",
        ),
        refuse("attempts_sent_once", "INSERT ON attempts", f"EXISTS ({sent})", "this part is sent already"),
        refuse(
            "attempts_wire", "UPDATE OF on_wire_at ON attempts",
            "OLD.on_wire_at IS NOT NULL OR OLD.outcome IS NOT NULL", "the mark on the wire is made once",
        ),
        refuse(
            "attempts_outcome", "UPDATE OF outcome ON attempts",
            "OLD.outcome IN ('sent', 'refused') OR (OLD.outcome = 'unknown' AND NEW.outcome IS NULL)",
            "an outcome is not taken back",
        ),
    ]  # fmt: skip


def confirmation_triggers() -> list[str]:
    """A confirmation goes to whom opted out, and is never made out of another message."""
    theirs = "SELECT 1 FROM optouts WHERE id = NEW.confirms AND recipient = NEW.recipient"
    return [
        refuse(
            "messages_confirm", "INSERT ON messages", f"NEW.confirms IS NOT NULL AND NOT EXISTS ({theirs})",
            "this confirms the opt-out of somebody else",
        ),
        refuse(
            "messages_confirm_always", "UPDATE OF confirms, recipient ON messages",
            "NEW.confirms IS NOT NULL AND (OLD.confirms IS NOT NEW.confirms OR OLD.recipient <> NEW.recipient)",
            "a message does not become a confirmation",
        ),
    ]  # fmt: skip


def report_trigger() -> str:
    """What is learnt of a message after it has left makes the report beside its file say too little."""
    changes = f"OLD.state <> NEW.state AND {one_of('OLD.state', SETTLED_STATES - FINAL_STATES)}"
    due = "UPDATE batches SET report = 'due' WHERE id = NEW.batch_id AND report <> 'due';"
    return (
        "CREATE TRIGGER messages_reported AFTER UPDATE OF state ON messages "
        f"WHEN NEW.batch_id IS NOT NULL AND {changes} BEGIN {due} END"
    )


def question_triggers() -> list[str]:
    """A question goes to whom it is for, and no other message becomes one."""
    theirs = "SELECT 1 FROM questions WHERE id = NEW.asks AND recipient = NEW.recipient AND purpose = NEW.purpose"
    return [
        refuse(
            "messages_ask", "INSERT ON messages", f"NEW.asks IS NOT NULL AND NOT EXISTS ({theirs})",
            "this asks somebody else, or something else",
        ),
        refuse(
            "messages_ask_always", "UPDATE OF asks, purpose ON messages",
            "NEW.asks IS NOT NULL AND (OLD.asks IS NOT NEW.asks OR OLD.purpose <> NEW.purpose)",
            "a message does not become a question",
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
