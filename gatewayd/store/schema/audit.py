"""The audit trail: a table that only grows, by the next number."""

from __future__ import annotations

import sqlalchemy as sa

from gatewayd.store.schema.base import kept, metadata, refuse

trail = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("length(hash) = 32", name="audit_hash"),
)
"""Entries with the very words that were hashed (domain/audit.py), times too; nothing here refers to another table, so
that people and messages can go while the trail stays whole."""


def triggers() -> list[str]:
    """Entries are added at the end: so INSERT OR REPLACE is refused too, even where `recursive_triggers` is off."""
    behind_the_last = "NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)"
    return [
        refuse("audit_next", "INSERT ON audit", behind_the_last, "an entry comes after the last one"),
        refuse("audit_final", "UPDATE ON audit", "1", "what is in the audit trail is not changed"),
        kept("audit"),
    ]
