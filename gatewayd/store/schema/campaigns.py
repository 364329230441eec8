"""Campaigns: what is sent to whom, who agreed to it, and what became of each person of the audience."""

from __future__ import annotations

import sqlalchemy as sa

from gatewayd.domain.campaign import TRANSITIONS, Audience, CampaignState, Missed, Repeat
from gatewayd.store.faults import NO_TRANSITION
from gatewayd.store.schema.base import kept, known, metadata, one_of, partial, refuse
from gatewayd.store.types import UtcTime

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("audience_kind", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("pool", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("window", sa.Text, nullable=False, server_default=""),
    sa.Column("start_at", UtcTime),
    sa.Column("deadline", UtcTime),
    sa.Column("repeat", sa.Text, nullable=False, server_default="once"),
    sa.Column("missed", sa.Text, nullable=False, server_default="hold"),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("test_begun_at", UtcTime),
    sa.Column("test_skipped", sa.Text, nullable=False, server_default=""),
    # Until when its messages may start, and the past (0) where they may not: what each claim asks, and nothing else.
    sa.Column("may_send_until", UtcTime, nullable=False, server_default="0"),
    # Its waiting messages are not all in the state that follows from its own yet.
    sa.Column("unsettled", sa.Boolean, nullable=False, server_default="0"),
    # The runs: which one, when it began and the next one does, and how far its audience has become messages.
    sa.Column("run", sa.Integer, nullable=False, server_default="0"),
    sa.Column("run_begun_at", UtcTime),
    sa.Column("next_run_at", UtcTime),
    sa.Column("releasing", sa.Boolean, nullable=False, server_default="0"),
    sa.Column("reached", sa.Integer, nullable=False, server_default="0"),
    sa.Column("ended_at", UtcTime),
    # From when on refusals and STOPs are counted against it.
    sa.Column("watched_since", UtcTime),
    sa.CheckConstraint(one_of("state", CampaignState), name="campaign_state"),
    sa.CheckConstraint(one_of("audience_kind", Audience), name="campaign_audience"),
    sa.CheckConstraint(one_of("repeat", Repeat), name="campaign_repeat"),
    sa.CheckConstraint(one_of("missed", Missed), name="campaign_missed"),
    sa.CheckConstraint("state = 'running' OR may_send_until = 0", name="campaign_sends"),
    sqlite_autoincrement=True,
)
ACTIVE = campaigns.c.state.in_([known(f"'{state}'") for state in ("paused", "running", "scheduled", "to_test")])
partial("campaigns_active", campaigns.c.id, where=ACTIVE)
partial("campaigns_unsettled", campaigns.c.id, where=campaigns.c.unsettled == known("1"))

campaign_approvals = sa.Table(
    "campaign_approvals",
    metadata,
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaigns.id"), primary_key=True),
    sa.Column("approved_by", sa.Text, primary_key=True),
    sa.Column("approved_at", UtcTime, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Who agreed, when, and to how many recipients."""

campaign_rows = sa.Table(
    "campaign_rows",
    metadata,
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaigns.id"), primary_key=True),
    sa.Column("row_number", sa.Integer, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("fields", sa.JSON, nullable=False, server_default="{}"),
    sqlite_with_rowid=False,
)
"""An audience that came as a file or as numbers. `reason`: why the row cannot be used; `number` then is as written."""

campaign_recipients = sa.Table(
    "campaign_recipients",
    metadata,
    sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaigns.id"), primary_key=True),
    sa.Column("recipient", sa.Text, primary_key=True),
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("message_id", sa.Integer, sa.ForeignKey("messages.id")),
    sa.CheckConstraint("(reason = '') = (message_id IS NOT NULL)", name="campaign_recipient"),
    sqlite_with_rowid=False,
)
"""What each person of the audience got in a run: a message, or the reason why not. Run 0 is the test."""

_FIXED = "name, purpose, template, audience_kind, audience, pool, created_by"


def campaign_triggers() -> list[str]:
    """The table of transitions; and what was tested and approved stays as it was."""
    steps = " ".join(
        f"WHEN '{state}' THEN {one_of('NEW.state', following | {state})}" for state, following in TRANSITIONS.items()
    )
    return [
        refuse("campaigns_begin", "INSERT ON campaigns", "NEW.state <> 'draft'", "a campaign begins as a draft"),
        refuse("campaigns_step", "UPDATE OF state ON campaigns", f"NOT CASE OLD.state {steps} END", NO_TRANSITION),
        refuse("campaigns_fixed", f"UPDATE OF {_FIXED} ON campaigns", "1", "a campaign is not changed, but made anew"),
        kept("campaign_approvals"),
    ]
