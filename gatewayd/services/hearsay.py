"""What is still to be heard of a message that went out, or may have: for those who look at it. Pure but for the store.

A SIM whose modem gives no reports is known by what it sent: of its last parts, sent long enough ago, none has one. Its
messages stay `sent`, and nothing is said to be awaited for them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatewayd.services.encoding import VALIDITY
from gatewayd.services.reconciler import IN_TIME, LATE, WINDOW
from gatewayd.store.reports import Heard
from gatewayd.store.unknowns import Unresolved

LONG_AGO = timedelta(hours=1)
"""A report has come by then, for some of several people."""
ENOUGH = 5
"""Parts without a report, after which none is expected of this SIM."""


def gives_none(heard: Heard) -> bool:
    """Whether reports are known not to come for what this SIM sends."""
    return heard.reported == 0 and heard.sent >= ENOUGH


def in_words(heard: Heard) -> str:
    """Of the last parts that a SIM sent: `18 of 20`, `none seen`, or "" where too few were sent to tell."""
    if gives_none(heard):
        return "none seen"
    return f"{heard.reported} of {heard.sent}" if heard.reported else ""


def awaited(sent_at: datetime, heard: Heard, now: datetime) -> str:
    """What is to be heard of a message that is `sent`."""
    if gives_none(heard):
        return "none: this SIM's modem was never seen to give any; whether it arrived stays unsaid"
    if now - sent_at > WINDOW:
        return f"none came in {VALIDITY // timedelta(hours=1)} hours: whether it arrived is not known"
    return "awaited"


@dataclass(frozen=True, slots=True)
class Way:
    """What may settle an unknown message by itself, and until when; afterwards somebody must decide."""

    words: str
    until: datetime | None = None


def way_of(message: Unresolved, heard: Heard, resending: Collection[str], now: datetime) -> Way:
    """`resending`: the purposes that have what is unknown sent again."""
    if message.purpose in resending and not message.resent:
        return Way("late answer, report; then it is sent again", message.since + IN_TIME)
    if now < message.since + LATE:
        if gives_none(heard):
            return Way("late answer", message.since + LATE)
        return Way("late answer, report", message.since + WINDOW)
    if now < message.since + WINDOW and not gives_none(heard):
        return Way("report", message.since + WINDOW)
    return Way("you")
