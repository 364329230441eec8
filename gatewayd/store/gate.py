"""Whether a campaign's message may start now: asked at the claim and again at the mark on the wire.

A campaign that is paused, canceled, or outside its window stops by one column of one row: from that commit on nothing
of it starts, however many of its messages wait, as it is with a STOP. Those that wait are put into the state that
follows later, a chunk at a time (`campaigns.py`); one that a line meets before that ends here. A message that is no
campaign's asks for nothing: its lookup is by NULL.

What has begun to go out, in parts, goes out whole.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.campaign import CampaignState
from gatewayd.domain.message import MessageState
from gatewayd.store.schema import campaigns, messages

PAUSED = "campaign_paused"
WINDOW = "campaign_window"
CANCELED = "campaign_canceled"
HOLDS = (PAUSED, WINDOW)
"""Why a campaign holds its messages: it alone lets them go on."""

_c = campaigns.c
MAY_SEND_UNTIL = (
    sa.select(_c.may_send_until)
    .where(_c.id == messages.c.campaign_id)
    .correlate(messages)
    .scalar_subquery()
    .label("may_send_until")
)
"""None: the message is no campaign's."""


class Stop(NamedTuple):
    """The campaign that keeps its messages from starting now, the reason that a message then has, and its window."""

    campaign: str
    state: MessageState
    reason: str
    window: str


def stop_of(connection: Connection, message_id: int, now: datetime) -> Stop | None:
    """What keeps this message from starting; None: it is no campaign's, or its campaign may send."""
    query = sa.select(_c.name, _c.state, _c.window).join(messages, messages.c.campaign_id == _c.id)
    row = connection.execute(query.where(messages.c.id == message_id, _c.may_send_until <= now)).first()
    return None if row is None else Stop(row.name, *following(CampaignState(row.state)), row.window)


def stopped(connection: Connection, message_id: int) -> tuple[MessageState, str]:
    """The state of a message that may not start, and why."""
    query = sa.select(_c.state).join(messages, messages.c.campaign_id == _c.id).where(messages.c.id == message_id)
    return following(CampaignState(connection.execute(query).scalar_one()))


def following(state: CampaignState) -> tuple[MessageState, str]:
    """Of a waiting message whose campaign may not send now."""
    if state is CampaignState.RUNNING:
        return MessageState.HELD, WINDOW
    if state is CampaignState.PAUSED:
        return MessageState.HELD, PAUSED
    if state is CampaignState.FINISHED:
        return MessageState.EXPIRED, "time_to_live"
    return MessageState.CANCELED, CANCELED
