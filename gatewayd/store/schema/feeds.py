"""What the API keeps: who may call it, and what it answered to requests that carry a key."""

from __future__ import annotations

import sqlalchemy as sa

from gatewayd.store.schema.base import metadata, partial
from gatewayd.store.types import UtcTime

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("purposes", sa.Text, nullable=False, server_default=""),
    sa.Column("per_minute", sa.Integer, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("last_used_at", UtcTime),
    sa.Column("revoked_at", UtcTime),
    sa.Column("revoked_by", sa.Text),
    sa.Column("messages_per_minute", sa.Integer, nullable=False, server_default="10000"),
    sa.CheckConstraint("length(sha256) = 32", name="token_sha256"),
    # An id stands in the receipts of its token, and is never given again.
    sqlite_autoincrement=True,
)
"""The token itself is nowhere: `sha256` is all that is kept of it. `scopes` and `purposes` are words with spaces
between them; no purpose: all."""

t = tokens.c
partial("tokens_named", t.name, where=t.revoked_at.is_(None), unique=True)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("token_id", sa.Integer, sa.ForeignKey("tokens.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_sha256", sa.LargeBinary, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)
"""What was answered to a request with an `Idempotency-Key`, deflated. That of a sent message names no number and no
text; others name whom they are about, until the key is forgotten."""

sa.Index("receipts_made", receipts.c.made_at)
