"""People: what we hold about contacts, and what they said: consents with their wordings, and opt-outs."""

from __future__ import annotations

import sqlalchemy as sa

from gatewayd.store.schema.base import kept, known, metadata, partial, refuse
from gatewayd.store.types import UtcTime

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("given_name", sa.Text, nullable=False, server_default=""),
    sa.Column("family_name", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.Text, nullable=False, server_default=""),
    # One value with all of them, not a row each: a segment asks any of them, joined by and, or, not, so it reads every
    # contact once whatever is asked; an import compares and writes a contact at once; nothing is left of an erased one.
    sa.Column("fields", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    # An id that was told to somebody is never given again, even after its contact was erased.
    sqlite_autoincrement=True,
)
"""Whom we hold data about. `fields`: declared ones that have a value (a date as 2026-01-31); `source`: where from."""

wordings = sa.Table(
    "wordings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcTime, nullable=False),
    sa.UniqueConstraint("purpose", "version", "language", "sha256", name="wording_once"),
)
"""What people read or heard before they agreed, word for word, each wording once."""

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("given", sa.Boolean, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False, server_default=""),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcTime, nullable=False),
    # A record of which nobody said when it was agreed is of 1970, and counts for nothing.
    sa.Column("agreed_at", UtcTime, nullable=False, server_default="0"),
    sa.Column("wording_id", sa.Integer, sa.ForeignKey("wordings.id")),
    sa.Column("evidence_sha256", sa.Text, nullable=False, server_default=""),
)
"""What was said, when it was said (`agreed_at`, of a withdrawal too), and when it was recorded."""
c = consents.c
# All that the gate asks is in it, so that it reads no row.
sa.Index("consents_latest", c.recipient, c.purpose, c.agreed_at, c.id, c.given)

questions = sa.Table(
    "questions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("wording_id", sa.Integer, sa.ForeignKey("wordings.id"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("deadline", UtcTime, nullable=False),
    sa.Column("answer", sa.Text, nullable=False, server_default=""),
    sa.Column("answered_at", UtcTime),
    sa.CheckConstraint("answer IN ('', 'yes', 'no', 'stop', 'none')", name="question_answer"),
)
"""Whether somebody agrees, asked by SMS; `answer` is empty while one is waited for, `none` once it is too late."""
# One at a time: an answer does not say which question it answers.
partial("questions_open", questions.c.recipient, where=questions.c.answer == known("''"), unique=True)
sa.Index("questions_to", questions.c.recipient, questions.c.purpose, questions.c.asked_at)

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
partial("optouts_active", optouts.c.recipient, where=optouts.c.lifted_at.is_(None), unique=True)


def triggers() -> list[str]:
    """Records are added, and stay."""
    return [kept("consents"), *consent_triggers()]


def consent_triggers() -> list[str]:
    """What was said is not said again in other words."""
    said = "purpose, given, method, agreed_at, recorded_at, wording_id"
    return [
        refuse("consents_said", f"UPDATE OF {said} ON consents", "1", "what was agreed to is not rewritten"),
        refuse(
            "wordings_said", "UPDATE OF version, language, text, sha256 ON wordings", "1", "a wording is not rewritten"
        ),
        kept("wordings"),
    ]
