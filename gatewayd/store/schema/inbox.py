"""What arrives: PDUs as modems gave them, and the messages made of them."""

from __future__ import annotations

import sqlalchemy as sa

from gatewayd.store.schema.base import known, metadata, partial
from gatewayd.store.types import UtcTime

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
    # What the person who looked at it said: keep, lift; ended: the opt-out is, by START or otherwise.
    sa.Column("verdict", sa.Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""What people wrote, whole; with how it was read, by which rule, and what came of it."""
i = incoming.c
sa.Index("incoming_from", i.sender, i.received_at)
partial("incoming_unfiled", i.id, where=i.filed_at.is_(None))
TO_REVIEW = (i.review == known("1")) & i.reviewed_at.is_(None)
partial("incoming_to_review", i.id, where=TO_REVIEW)

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
partial("arrivals_new", arrivals.c.kind, arrivals.c.id, where=arrivals.c.state == known("'new'"))
partial("arrivals_waiting", arrivals.c.sim_id, arrivals.c.sender, where=arrivals.c.state == known("'waiting'"))
QUARANTINED = arrivals.c.state == known("'quarantined'")
partial("arrivals_quarantined", arrivals.c.id, where=QUARANTINED)
