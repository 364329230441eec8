"""What happened and is to be told to other programs, and how far each of them has been told.

Rows of `happenings` are written by triggers, in the transaction of the fact: whoever changes a state, the CLI beside a
stopped daemon too, need not remember it. The triggers are there only while the configuration has webhooks (`arm` in
store/happenings.py); without any, nothing is paid for them. A row holds neither a number nor a text: what is told is
read from the thing itself when it is told.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from gatewayd.domain.events import TOLD_STATES, Happening
from gatewayd.domain.message import FINAL_STATES, MessageState
from gatewayd.store.schema.base import metadata, one_of, partial
from gatewayd.store.types import UtcTime

happenings = sa.Table(
    "happenings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # By which a receiver knows it: of chance, so that none comes again after a backup was brought back.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("subject", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    # Absent for `message.sent` until it is noted.
    sa.Column("final", sa.Boolean),
    # SQLite's own clock: the trigger knows no other. All that is decided is decided from `noted_at`.
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("noted_at", UtcTime),
    # When a message that went out is told once more, if no report has come.
    sa.Column("awaited_until", UtcTime),
    sa.CheckConstraint(one_of("event", Happening), name="happening_event"),
    sqlite_autoincrement=True,
)
h = happenings.c
UNNOTED = h.noted_at.is_(None)
AWAITED = h.awaited_until.is_not(None)
partial("happenings_unnoted", h.id, where=UNNOTED)
partial("happenings_awaited", h.awaited_until, where=AWAITED)
sa.Index("happenings_about", h.subject, h.event)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    # The last happening that it was told, or that is not for it.
    sa.Column("reached", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failing_since", UtcTime),
    sa.Column("trouble", sa.Text, nullable=False, server_default=""),
    sa.Column("told", sa.Integer, nullable=False, server_default="0"),
    sa.Column("told_at", UtcTime),
    sa.Column("gone_at", UtcTime),
    sqlite_with_rowid=False,
)
"""The endpoints of the configuration, and how each is."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("webhook", sa.Text, sa.ForeignKey("webhooks.name"), nullable=False),
    sa.Column("happening_id", sa.Integer, sa.ForeignKey("happenings.id"), nullable=False),
    # What it is about, so that nothing overtakes it that is about the same.
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("dead_at", UtcTime),
    sa.UniqueConstraint("webhook", "happening_id", name="delivery_once"),
    sqlite_autoincrement=True,
)
"""Those that an endpoint did not take: to be made again, or (`dead_at`) given up."""
d = deliveries.c
partial("deliveries_due", d.webhook, d.due_at, where=d.dead_at.is_(None))
sa.Index("deliveries_of", d.happening_id)


def telling_triggers() -> dict[str, str]:
    """What writes the happenings, by name."""
    new = _one_of_states("NEW", (*TOLD_STATES,))
    changed = f"OLD.state <> NEW.state AND {new} AND NOT (OLD.state = 'sending' AND NEW.state = 'queued')"
    return {
        name: f"CREATE TRIGGER {name} AFTER {event} BEGIN {statement}; END"
        for name, event, statement in (
            ("tell_message", f"INSERT ON messages WHEN {new}", _message()),
            ("tell_state", f"UPDATE OF state ON messages WHEN {changed}", _message()),
            # What is filed already came to another gateway (store/imported.py).
            ("tell_incoming", "INSERT ON incoming WHEN NEW.filed_at IS NULL", _tell(Happening.RECEIVED)),
            ("tell_optout", "INSERT ON optouts", _tell(Happening.OPTED_OUT)),
            (
                "tell_lifted",
                "UPDATE OF lifted_at ON optouts WHEN OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL",
                _tell(Happening.OPTOUT_LIFTED),
            ),
            (
                "tell_campaign",
                "UPDATE OF state ON campaigns WHEN OLD.state <> NEW.state AND NEW.state = 'finished'",
                _tell(Happening.CAMPAIGN_FINISHED),
            ),
        )
    }


_NOW = "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"


def _tell(event: Happening) -> str:
    return _insert(f"'{event}'", "''", "1")


def _message() -> str:
    """A message's state; whether `sent` is the last word of it is said when it is noted."""
    told = f"SELECT 1 FROM happenings WHERE subject = NEW.id AND event = '{Happening.SENT}' AND final = 1"  # noqa: S608  (our own words)
    reported = _one_of_states("NEW", (MessageState.DELIVERED, MessageState.UNDELIVERED))
    final = (
        f"CASE WHEN NEW.state = 'sent' THEN NULL WHEN {reported} THEN NOT EXISTS ({told}) "
        f"ELSE {_one_of_states('NEW', FINAL_STATES)} END"
    )
    return _insert("'message.' || NEW.state", "NEW.reason", final)


def _insert(event: str, reason: str, final: str) -> str:
    values = f"lower(hex(randomblob(12))), {event}, NEW.id, {reason}, {final}, {_NOW}"
    return f"INSERT INTO happenings (key, event, subject, reason, final, at) VALUES ({values})"  # noqa: S608  (our own words)


def _one_of_states(row: str, states: Iterable[MessageState]) -> str:
    return one_of(f"{row}.state", states)
