"""A message and its attempts: the states, and the one table of what may follow what.

    scheduled -> queued -> sending -> sent -> delivered
                    |         |         `---> undelivered     the network gave up
                    |         |`-> failed                     refused for good; the cause is kept
                    |         `--> unknown                    may have gone out: never resent by itself
                    |-> blocked      no consent, opt-out, forbidden number; the reason is kept
                    |-> held         waits for the operator
                    |-> canceled     by the operator, or by a STOP
                    `-> expired      waited longer than its time to live

The code asks `TRANSITIONS`; the database's trigger is generated from it; a test compares the two with this drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class MessageState(StrEnum):
    """Where a message stands (the words of PRODUCT; Twilio's and SMPP's where they have one)."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    HELD = "held"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """How the submission of one part ended; absent while it runs."""

    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


_S = MessageState
TRANSITIONS: Mapping[MessageState, frozenset[MessageState]] = MappingProxyType(
    {
        _S.SCHEDULED: frozenset({_S.QUEUED, _S.BLOCKED, _S.HELD, _S.CANCELED, _S.EXPIRED}),
        _S.QUEUED: frozenset({_S.SENDING, _S.BLOCKED, _S.HELD, _S.CANCELED, _S.EXPIRED}),
        _S.HELD: frozenset({_S.QUEUED, _S.BLOCKED, _S.CANCELED, _S.EXPIRED}),
        # Back to queued: nothing was written, or the network asked to wait. Blocked, or held, canceled, expired with
        # its campaign: the gate closed at the mark.
        _S.SENDING: frozenset(
            {_S.SENT, _S.FAILED, _S.UNKNOWN, _S.QUEUED, _S.BLOCKED, _S.HELD, _S.CANCELED, _S.EXPIRED}
        ),
        _S.SENT: frozenset({_S.DELIVERED, _S.UNDELIVERED}),
        # By a late answer, a report, the card, or somebody's word (queued: it never went, or is to be sent again).
        _S.UNKNOWN: frozenset({_S.SENT, _S.DELIVERED, _S.UNDELIVERED, _S.FAILED, _S.QUEUED, _S.CANCELED}),
        _S.DELIVERED: frozenset(),
        _S.UNDELIVERED: frozenset(),
        _S.FAILED: frozenset(),
        _S.BLOCKED: frozenset(),
        _S.CANCELED: frozenset(),
        _S.EXPIRED: frozenset(),
    }
)

INITIAL_STATES = frozenset({_S.SCHEDULED, _S.QUEUED, _S.HELD, _S.BLOCKED})
WAITING_STATES = frozenset({_S.SCHEDULED, _S.QUEUED, _S.HELD})
FINAL_STATES = frozenset(state for state, following in TRANSITIONS.items() if not following)
# Nothing more is done by gatewayd itself: a report about a file is complete when all its messages are here.
SETTLED_STATES = FINAL_STATES | {_S.SENT, _S.UNKNOWN}


RESENT = "resent"
_ENDED = frozenset({_S.BLOCKED, _S.CANCELED, _S.EXPIRED, _S.FAILED, _S.HELD, _S.UNKNOWN})


def told(state: MessageState, reason: str, *, sent: int, parts: int, resent: bool) -> str:
    """The reason as it is shown: of a message that stopped halfway with the parts that went out, `opt_out:1/3`; of one
    that was sent a second time, because nobody knew what had become of the first, `resent`."""
    if resent and state in (_S.SENT, _S.DELIVERED):
        return RESENT
    if state not in _ENDED or not 0 < sent < parts:
        return reason
    return f"{reason}:{sent}/{parts}" if reason else f"{sent}/{parts}"


def may_follow(present: MessageState, following: MessageState) -> bool:
    """Whether `following` may come after `present`; staying where one is, is no transition."""
    return following in TRANSITIONS[present]
