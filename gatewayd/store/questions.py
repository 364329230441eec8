"""Agreements asked for by SMS: who was asked what and why, until when an answer counts, and what was answered.

    open --yes--> a consent, with both messages as its proof
      |--no, stop--> ended; nothing is recorded that was not said
      `--deadline, or the message never left--> none

One question at a time is open for a number, for an answer does not say which question it answers. An answer counts only
if the question has left: somebody who writes OUI by chance agrees to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.message import MessageState, Outcome
from gatewayd.store.engine import Database, inserted_id
from gatewayd.store.people import Wording, wording_id
from gatewayd.store.schema import attempts, messages, questions, wordings
from gatewayd.store.schema.base import known

NEVER_LEFT = (MessageState.BLOCKED, MessageState.CANCELED, MessageState.EXPIRED, MessageState.FAILED)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether somebody agrees to a purpose; `state`, `text` and `sent_at` are those of the message that asks it, `left`
    tells that the person can have read it: its last part was on the wire, and was not refused."""

    id: int
    recipient: str
    purpose: str
    wording: str
    wording_version: str
    wording_language: str
    reason: str
    asked_by: str
    asked_at: datetime
    deadline: datetime
    answer: str
    answered_at: datetime | None
    message_id: int
    state: str
    text: str
    sent_at: datetime | None
    left: bool


_q, _w, _m, _a = questions.c, wordings.c, messages.c, attempts.c
_LEFT = sa.exists().where(
    _a.message_id == _m.id, _a.part == _m.parts, _a.on_wire_at.is_not(None),
    _a.outcome.is_distinct_from(str(Outcome.REFUSED)),
)  # fmt: skip
_QUESTION = (
    sa.select(
        _q.id, _q.recipient, _q.purpose, _w.text.label("wording"), _w.version.label("wording_version"),
        _w.language.label("wording_language"), _q.reason, _q.asked_by, _q.asked_at, _q.deadline, _q.answer,
        _q.answered_at, _m.id.label("message_id"), _m.state, _m.text, _m.sent_at,
        _LEFT.label("left"),
    )
    .select_from(questions.join(wordings, _w.id == _q.wording_id).join(messages, _m.asks == _q.id))
    .order_by(_q.id)
)  # fmt: skip
_OPEN = _q.answer == known("''")


def open_for(connection: Connection, recipient: str) -> Question | None:
    """The question that waits for this number's answer, whether it has left or not; its deadline may be over."""
    row = connection.execute(_QUESTION.where(_q.recipient == recipient, _OPEN)).first()
    return None if row is None else Question(**row._mapping)


def add(
    connection: Connection, recipient: str, purpose: str, wording: Wording, *, reason: str, by: str, at: datetime,
    deadline: datetime,
) -> int:  # fmt: skip
    """In the caller's transaction: a question; its message, which names it, comes next."""
    values = {
        "recipient": recipient, "purpose": purpose, "wording_id": wording_id(connection, purpose, wording, at),
        "reason": reason, "asked_by": by, "asked_at": at, "deadline": deadline,
    }  # fmt: skip
    return inserted_id(connection.execute(sa.insert(questions), values))


def end(connection: Connection, question_id: int, answer: str, at: datetime) -> None:
    """In the caller's transaction: what was answered, `yes`, `no`, `stop` or `none`."""
    change = sa.update(questions).where(_q.id == question_id, _OPEN)
    connection.execute(change.values(answer=answer, answered_at=at if answer != "none" else None))


def asked_since(connection: Connection, recipient: str, purpose: str, since: datetime) -> datetime | None:
    """When this was asked last since then, by a message that was not stopped on its way."""
    query = sa.select(sa.func.max(_q.asked_at, type_=_q.asked_at.type)).select_from(
        questions.join(messages, _m.asks == _q.id)
    )
    found: datetime | None = connection.execute(
        query.where(_q.recipient == recipient, _q.purpose == purpose, _q.asked_at > since, _m.state.not_in(NEVER_LEFT))
    ).scalar_one()
    return found


class Questions:
    """The questions of one database, for those who look at them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, recipient: str) -> Sequence[Question]:
        """All that were asked of a number, oldest first."""
        with self._database.read() as connection:
            return [Question(**row._mapping) for row in connection.execute(_QUESTION.where(_q.recipient == recipient))]
