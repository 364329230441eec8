"""What other programs have to do with: calls of the event handler that are owed, and messages of other gateways."""

from __future__ import annotations

import sqlalchemy as sa

from gatewayd.store.schema.base import metadata
from gatewayd.store.types import UtcTime

handler_calls = sa.Table(
    "handler_calls",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # What it is about, so that it is owed once, however often a crash has it told.
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("message_reference", sa.Text, nullable=False, server_default=""),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
)

imported = sa.Table(
    "imported",
    metadata,
    sa.Column("fingerprint", sa.LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
"""Messages that another gateway had not sent, and that were brought in: each once. It holds neither number nor text."""
