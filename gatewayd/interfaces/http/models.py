"""What requests hold and what answers tell, as pydantic models: the OpenAPI document is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import MessageClass
from gatewayd.domain.reading import Kind
from gatewayd.store.outbox import Resolution

MOST_AT_ONCE = 10_000
LARGEST_ID = 2**63 - 1
NUMBER, MOMENT = "+33639980001", "2026-11-24T08:00:00.123Z"

Id = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The id of the message.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
Cursor = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="`next` of the page before: goes on behind it.")]
Number = Annotated[
    str, Field(min_length=1, max_length=40, description="As people write it, or in E.164.", examples=["06 39 98 00 01"])
]
Words = Annotated[
    str, Field(min_length=1, max_length=5000, description="The text.", examples=["La réunion est à 18 h."])
]
PurposeKey = Annotated[
    str, Field(min_length=1, max_length=40, description="Why: a purpose of the configuration.", examples=["events"])
]


Moment = Annotated[str, Field(examples=[MOMENT])]
Occasion = Annotated[str | None, Field(description="Null: not yet, or never.", examples=[MOMENT])]


class Body(BaseModel):
    """A request: strict types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Draft(Body):
    """One message of many."""

    recipient: Number
    text: Words


class NewMessage(Body):
    """A message to send."""

    purpose: PurposeKey
    recipient: Number
    text: Words


class NewMessages(Body):
    """Many messages of one purpose."""

    purpose: PurposeKey
    messages: Annotated[list[Draft], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Resolve(Body):
    """What became of a message that may have gone out: `as_sent`, the recipient has it; `resend`, it goes again."""

    outcome: Annotated[Resolution, Field(strict=False)]


class Accepted(BaseModel):
    """A message that was accepted: it is on stable storage. `GET /v1/messages/{id}` tells what becomes of it."""

    id: int = Field(examples=[17])
    purpose: str = Field(examples=["events"])
    feed: str = Field(examples=["adhesion"])
    state: MessageState = Field(examples=["queued"])
    parts: int = Field(examples=[1], description="In how many SMS.")
    alphabet: str = Field(examples=["gsm7"])
    created_at: Moment


class AcceptedOne(BaseModel):
    """An accepted message of many; `index` is its place in the request, from 0."""

    index: int
    id: int
    parts: int


class Refusal(BaseModel):
    """A message of many that was refused; `reason` is for programs."""

    index: int
    reason: str = Field(examples=["no_consent"])
    detail: str


class AcceptedMany(BaseModel):
    """What became of each."""

    accepted: int
    refused: int
    messages: list[AcceptedOne]
    refusals: list[Refusal]
    interrupted_at: int | None = Field(
        None,
        description="Only where the gateway stopped, or its disk filled up: the index from which on none of those that "
        "are not in `refusals` was accepted. Send these again, with another key.",
    )


class Message(BaseModel):
    """A message, with the keys of `gatewayd messages list --json`."""

    id: int = Field(examples=[17])
    recipient: str = Field(examples=[NUMBER])
    purpose: str = Field(examples=["events"])
    feed: str = Field(examples=["adhesion"])
    state: MessageState = Field(examples=["delivered"])
    reason: str | None = Field(description="Why it is in this state, where that needs a reason.")
    sim: str | None = Field(examples=["accueil"])
    parts: int = Field(examples=[1])
    text: str = Field(examples=["La réunion est à 18 h."])
    created_at: Moment
    sent_at: Occasion
    delivered_at: Occasion


class Messages(BaseModel):
    """A page of messages, the newest first; `next` is the cursor of the following one, null at the end."""

    messages: list[Message]
    next: int | None


class Incoming(BaseModel):
    """What somebody wrote, and how it was read."""

    id: int
    sender: str = Field(examples=[NUMBER])
    sim: str = Field(examples=["accueil"])
    text: str = Field(examples=["STOP"])
    parts: int
    complete: bool = Field(description="False: parts of it never came.")
    sent_at: Occasion
    received_at: Moment
    kind: Kind = Field(examples=["opt_out"])
    tier: str | None = Field(description="How certain that is.")
    rule: str
    review: bool = Field(description="A person should look at it.")
    reviewed_at: Occasion
    reviewed_by: str | None
    verdict: str | None = Field(
        description="`keep`: the opt-out was meant; `lift`: it was not; `ended`: by START or by hand, before that."
    )
    canceled: int = Field(description="Messages that waited for this number, and wait no more.")


class Inbox(BaseModel):
    """A page of what people wrote, the newest first; `next` is the cursor of the following one, null at the end."""

    messages: list[Incoming]
    next: int | None


class Health(BaseModel):
    """Whether all of it works."""

    status: Literal["ok", "unwell"]


class Limited(BaseModel):
    """A limit, and what is left of it; `renews_at` is null where its window slides."""

    limit: str = Field(examples=["per_day"])
    allowed: int
    used: int
    left: int
    renews_at: Occasion


class Heard(BaseModel):
    """Of the last parts that it sent, how many have a status report."""

    sent: int
    reported: int


class Sim(BaseModel):
    """A SIM, with the keys of `gatewayd sims list --json`."""

    name: str = Field(examples=["accueil"])
    pool: str = Field(examples=["default"])
    iccid: str | None = Field(examples=["8933000000000000001"])
    imsi: str | None
    line_allows: list[MessageClass] | None = Field(description="What its contract allows; null: nobody said.")
    state: str = Field(description="`ok`, `absent`, or what keeps it from sending.", examples=["ok"])
    port: str | None
    seen_at: Occasion
    reports: Heard
    suspended_until: Occasion
    limits: list[Limited]


class SimList(BaseModel):
    """The SIMs that were ever found, then those that are listed and were not."""

    sims: list[Sim]


class Fault(BaseModel):
    """Where a request is not as documented."""

    at: str = Field(examples=["body.recipient"])
    detail: str


class Problem(BaseModel):
    """A refusal (RFC 9457). Programs decide by `type`, and `reason` where there is one; `detail` is for people."""

    type: str = Field(examples=["urn:gatewayd:problem:refused-by-rule"])
    title: str = Field(examples=["A rule forbids this"])
    status: int = Field(examples=[422])
    detail: str = ""
    reason: str = Field("", examples=["opt_out"])
    errors: list[Fault] = Field(default=[], description="Of `invalid-request`.")
    refusals: list[Refusal] = Field(default=[], description="Of `nothing-accepted`.")


def next_of(ids: Sequence[int], limit: int) -> int | None:
    """The cursor behind a page with these ids, which has room for `limit`; None at the end."""
    return ids[-1] if len(ids) == limit and ids[-1] > 1 else None
