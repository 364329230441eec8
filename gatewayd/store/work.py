"""What passes between the queue and those who use it: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gatewayd.domain.consent import GateFacts
from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.purpose import Purpose
from gatewayd.errors import Cause
from gatewayd.store.gate import Stop


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to accept: checked, rendered, and not yet known to the database. `asks`: the question it asks."""

    recipient: str
    purpose: str
    feed: str
    pool: str
    priority: int
    text: str
    alphabet: str
    parts: int
    created_at: datetime
    not_before: datetime | None = None
    expires_at: datetime | None = None
    batch_id: int | None = None
    row_number: int | None = None
    campaign_id: int | None = None
    state: MessageState = MessageState.QUEUED
    reason: str = ""
    asks: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a line can take now.

    purposes       those that are open now and that the line's contract carries
    others_unable  SIMs of the pool whose own recipients this line may serve
    known_since    not None: only recipients this SIM wrote to since then
    max_parts      the largest message that may start
    last_resort    no other SIM of the pool can send: what avoided this SIM is taken again
    not_carrying   by purpose: SIMs of the pool whose contract keeps them from it, so that this line serves their
                   recipients
    alone          purposes that no other SIM of the pool can send: as `last_resort`
    """

    sim_id: int
    pool: str
    purposes: Mapping[str, Purpose]
    others_unable: frozenset[int]
    known_since: datetime | None
    max_parts: int
    last_resort: bool
    lease: str
    lease_seconds: float
    not_carrying: Mapping[str, frozenset[int]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Work:
    """One part, begun: `attempt.begun` is committed. `tries`: submissions of this message that were refused before."""

    message_id: int
    attempt_id: int
    recipient: str
    purpose: str
    text: str
    alphabet: str
    part: int
    parts: int
    concat_reference: int | None
    lease: str
    sim_id: int
    tries: int


@dataclass(frozen=True, slots=True)
class Finished:
    """How the submission of a part ended; `retry_at` and `avoid` say what becomes of a refused one."""

    work: Work
    outcome: Outcome
    at: datetime
    reference: int | None = None
    cause: Cause | None = None
    retry_at: datetime | None = None
    avoid: bool = False


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a start found: nothing written and queued again; on the wire without an answer, now unknown."""

    requeued: int
    unknown: int


class Resolution(StrEnum):
    """What the operator decides about an unknown outcome."""

    AS_SENT = "as_sent"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message as lists and shows give it; `sim` is the SIM's name."""

    id: int
    recipient: str
    purpose: str
    feed: str
    state: MessageState
    reason: str
    sim: str
    parts: int
    text: str
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingRecord:
    """A message that waits, and what the queue says about its turn.

    ready    it may be claimed; otherwise it waits for `not_before`, or is held
    sim_id   the SIM that its recipient knows; `begun`: it goes on with this one only, for a part of it is sent
    ahead    messages of the pool that are claimed before it, counted up to `AHEAD_COUNTED`
    stop     what keeps its campaign from sending now
    """

    state: MessageState
    reason: str
    recipient: str
    purpose: str
    pool: str
    parts: int
    ready: bool
    not_before: datetime | None
    expires_at: datetime | None
    sim_id: int | None
    begun: bool
    ahead: int
    facts: GateFacts
    stop: Stop | None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One submission of one part, as `messages show` gives it; `resolved_by`: who decided what became of an unknown,
    `resent_by`: at whose word it was sent again."""

    part: int
    sim: str
    begun_at: datetime
    on_wire_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    cause: str
    reference: int | None
    resolved_by: str | None = None
    resent_by: str | None = None
