"""What people said: consents and opt-outs."""

from __future__ import annotations

import sqlalchemy as sa

from gatewayd.store.schema.base import kept, metadata, partial
from gatewayd.store.types import UtcTime

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
partial("optouts_active", optouts.c.recipient, where=optouts.c.lifted_at.is_(None), unique=True)


def triggers() -> list[str]:
    """Records are added, and stay."""
    return [kept("consents")]
