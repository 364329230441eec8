"""What other programs are told: the names of events, and which one is the last of a message. Rules only.

    {"type": "message.delivered", "timestamp": "2026-11-24T08:00:07.312Z", "data": {"id": 17, ..., "final": true}}

`timestamp` is when it happened; `data` has the keys that the API and `--json` have for such a thing. Each change of a
message's state is an event, but for `scheduled` (nothing has happened yet) and `sending` (a moment); `queued` is told
when a message is accepted, released, due, or to be sent again, and not each time that the network asks to wait.

Of a message's events exactly one has `"final": true`, and after it nothing is awaited any more:

    delivered, undelivered, failed, blocked, canceled, expired    always
    sent                      where its SIM's modem is known to give no reports; elsewhere not when it goes out, but
                              once more when the time for a report has passed and none has come
    unknown, held, queued     never: somebody or something decides later

A SIM that was known to give no reports may give one after all: that is told, and is not final a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from gatewayd.domain.message import FINAL_STATES, MessageState


class Happening(StrEnum):
    """An event's name: what it is about, and what happened to it."""

    QUEUED = "message.queued"
    SENT = "message.sent"
    DELIVERED = "message.delivered"
    UNDELIVERED = "message.undelivered"
    FAILED = "message.failed"
    UNKNOWN = "message.unknown"
    BLOCKED = "message.blocked"
    HELD = "message.held"
    CANCELED = "message.canceled"
    EXPIRED = "message.expired"
    RECEIVED = "incoming.received"
    OPTED_OUT = "optout.made"
    OPTOUT_LIFTED = "optout.lifted"
    CAMPAIGN_FINISHED = "campaign.finished"
    SIM_TROUBLE = "sim.trouble"
    SIM_WELL = "sim.well"

    @property
    def about(self) -> str:
        """`message`, `incoming`, `optout`, `campaign` or `sim`."""
        return self.split(".", 1)[0]


TOLD_STATES: Mapping[MessageState, Happening] = MappingProxyType(
    {
        state: Happening(f"message.{state}")
        for state in MessageState
        if state not in (MessageState.SCHEDULED, MessageState.SENDING)
    }
)
"""The states whose beginning is an event."""

HEARD_BY = timedelta(hours=27)
"""After it went out: a status report that has not come by then belongs to nothing any more (services/reconciler.py)."""


TROUBLES = frozenset({"absent", "busy", "locked", "duplicate", "silent", "network", "modem", "suspended"})
"""What keeps a SIM from sending that is no waiting: not the hour, a limit, the disk."""
TROUBLE_AFTER = timedelta(minutes=1)
"""A trouble, or its end, that lasts so long is told; a modem that wavers is not."""


def happening(present: MessageState | None, following: MessageState) -> Happening | None:
    """What is told of this change; `present` is None for a message that was just accepted."""
    if present is MessageState.SENDING and following is MessageState.QUEUED:
        return None
    return TOLD_STATES.get(following) if following is not present else None


def is_final(state: MessageState, *, sent_at: datetime | None, gives_reports: bool, now: datetime) -> bool:
    """Whether nothing more is to be heard of a message in this state."""
    if state is not MessageState.SENT:
        return state in FINAL_STATES
    return not gives_reports or (sent_at is not None and now - sent_at >= HEARD_BY)
