"""What becomes of an unknown outcome: each way in one transaction, with all that follows from it.

    attempt  unknown --it went out------> sent       its message is sent, or its other parts go on
                     --it did not-------> refused    its message failed, or is queued again
                     --nobody can say---> unknown    sent again at somebody's word, and listed as that

Who settled it is kept (`resolved_by`), and so is at whose word it was sent again (`resent_by`): the one does not wipe
out the other. A resend that waits when the first one turns out to have gone out is called off; one that is on the wire
already stays what it is, a second one, and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.reference import Written
from gatewayd.store import audit, marks, reports
from gatewayd.store.engine import Database
from gatewayd.store.reports import Heard, Submitted
from gatewayd.store.schema import REMARKABLE, attempts, messages, sims
from gatewayd.store.work import Resolution

OPERATOR, PURPOSE = "operator", "purpose"
LATE_ANSWER, STATUS_REPORT, EF_SMSS = "late_answer", "status_report", "ef_smss"
"""Who may settle it."""

_m, _a, _s = messages.c, attempts.c, sims.c
_IS_UNKNOWN = _a.outcome == str(Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Refusal:
    """That a part did not go out, as its cause says it, and what follows: the message failed, or goes again."""

    code: str
    failed: bool
    retry_at: datetime | None = None
    avoid: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """The last that a SIM put on the wire, why it did not go out or is unknown, and the reference used before it: None
    where that is not known."""

    part: Submitted
    cause: str
    before: int | None

    @property
    def doubted(self) -> bool:
        """Whether nobody knows what became of it."""
        return self.part.outcome is Outcome.UNKNOWN and self.part.reference is None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A message that may have gone out, as it is listed; `since` its part was on the wire."""

    id: int
    recipient: str
    purpose: str
    sim: str
    part: int
    parts: int
    since: datetime
    cause: str
    sim_id: int
    resent: bool


def sent(connection: Connection, part: Submitted, reference: int | None, *, by: str, now: datetime) -> bool:
    """It went out, under this reference; False if it is not unknown any more."""
    if not _settle(connection, part, Outcome.SENT, by, now, reference=reference):
        return False
    running = (
        sa.select(_a.id, _m.lease)
        .join(messages, _m.id == _a.message_id)
        .where(_a.message_id == part.message_id, _a.part == part.part, _a.outcome.is_(None), _a.on_wire_at.is_(None))
    )
    for row in connection.execute(running).all():
        marks.put_back(connection, part.message_id, row.lease, attempt_id=row.id, at=now, code=marks.OVERTAKEN)
    state = marks.resolve_sent(connection, part.message_id, part.parts, reason="", sent_at=part.on_wire_at)
    audit.resolved(connection, part.message_id, part.recipient, state, now, how=by, sent_at=part.on_wire_at)
    return True


def refused(connection: Connection, part: Submitted, refusal: Refusal, *, by: str, now: datetime) -> bool:
    """It did not go out; False if it is not unknown any more. What was queued again meanwhile stays so."""
    if not _settle(connection, part, Outcome.REFUSED, by, now, cause=refusal.code):
        return False
    state = MessageState.FAILED if refusal.failed else MessageState.QUEUED
    audit.resolved(connection, part.message_id, part.recipient, state, now, how=by)
    change = sa.update(messages).where(_m.id == part.message_id, _m.state == str(MessageState.UNKNOWN))
    if refusal.failed:
        connection.execute(change.values(state=str(MessageState.FAILED), reason=refusal.code, ready=False))
        return True
    # Nobody's again if another SIM should take it; but one that has begun stays with its own.
    avoid = refusal.avoid and part.part == 1
    connection.execute(
        change.values(
            state=str(MessageState.QUEUED),
            reason=refusal.code,
            ready=refusal.retry_at is None,
            not_before=refusal.retry_at,
            tries=_m.tries + 1,
            **({"avoid_sim_id": _m.sim_id, "sim_id": None} if avoid else {}),
        )
    )
    return True


def send_again(connection: Connection, message_id: int, *, by: str, now: datetime) -> None:
    """Nobody knows, and it goes again at the word of `by`: the message must be unknown."""
    last = sa.select(sa.func.max(_a.id)).where(_a.message_id == message_id, _IS_UNKNOWN).scalar_subquery()
    connection.execute(sa.update(attempts).where(_a.id == last).values(resolved_by=by, resolved_at=now, resent_by=by))
    connection.execute(
        sa.update(messages)
        .where(_m.id == message_id, _m.state == str(MessageState.UNKNOWN))
        .values(state=str(MessageState.QUEUED), reason=PURPOSE if by == PURPOSE else OPERATOR, ready=True)
    )
    recipient = connection.execute(sa.select(_m.recipient).where(_m.id == message_id)).scalar_one()
    actor, how = (audit.GATEWAY, PURPOSE) if by == PURPOSE else (by, str(Resolution.RESEND))
    audit.resolved(connection, message_id, recipient, MessageState.QUEUED, now, how=how, by=actor)


def last_failed(connection: Connection, sim_id: int) -> Last | None:
    """See Last; None if it was sent. A resend that still waits may be called off by what it says."""
    last, *earlier = [*reports.newest(connection, sim_id, limit=2), None]
    if last is None or last.outcome not in (Outcome.UNKNOWN, Outcome.REFUSED):
        return None
    # After a clock that was put back, the last by the hour is not the last.
    later = sa.select(_a.id).where(_a.id > last.attempt_id, _a.sim_id == sim_id, _a.on_wire_at.is_not(None)).limit(1)
    if connection.execute(later).first() is not None:
        return None
    cause = connection.execute(sa.select(_a.cause).where(_a.id == last.attempt_id)).scalar_one()
    return Last(last, cause, _before(connection, sim_id, earlier[0]))


def _before(connection: Connection, sim_id: int, previous: Submitted | None) -> int | None:
    """The reference that the SIM used last after `previous`: what the card said counts more than what we sent."""
    card = connection.execute(sa.select(_s.smss, _s.smss_after).where(_s.id == sim_id)).one()
    if card.smss is not None and card.smss_after == (previous.attempt_id if previous is not None else 0):
        return int(card.smss)
    return previous.reference if previous is not None and previous.outcome is Outcome.SENT else None


def note_card(connection: Connection, sim_id: int, reference: int | None) -> None:
    """What the card says now, after the last that this SIM put on the wire; None: it does not say."""
    last = reports.newest(connection, sim_id, limit=1)
    after = last[0].attempt_id if last else 0
    connection.execute(sa.update(sims).where(_s.id == sim_id).values(smss=reference, smss_after=after))


def overdue(connection: Connection, purposes: Sequence[str], before: datetime) -> Sequence[Unresolved]:
    """Messages of these purposes, unknown since before then, that nobody had sent again yet."""
    again = sa.exists().where(attempts.c.message_id == _m.id, attempts.c.resent_by.is_not(None))
    query = _UNRESOLVED.where(_m.purpose.in_(purposes), _a.on_wire_at <= before, sa.not_(again.correlate(messages)))
    return [Unresolved(**row._mapping) for row in connection.execute(query)]


PARTS_SENT = sa.case(
    (
        _m.parts > 1,
        sa.select(sa.func.count(sa.distinct(attempts.c.part)))
        .where(attempts.c.message_id == _m.id, attempts.c.outcome == str(Outcome.SENT))
        .correlate(messages)
        .scalar_subquery(),
    ),
    else_=0,
).label("parts_sent")
"""Of a message in several parts: how many went out."""
_first, _second = attempts.alias(), attempts.alias()
RESENT = (
    sa.exists()
    .where(
        _first.c.message_id == _m.id,
        _first.c.resent_by.is_not(None),
        _first.c.outcome != str(Outcome.REFUSED),
        _second.c.message_id == _m.id,
        _second.c.part == _first.c.part,
        _second.c.id > _first.c.id,
        _second.c.on_wire_at.is_not(None),
        _second.c.outcome != str(Outcome.REFUSED),
    )
    .correlate(messages)
    .label("resent")
)
"""A part of it was sent a second time, and the first may have gone out too."""
_LAST_UNKNOWN = (
    sa.select(sa.func.max(attempts.c.id))
    .where(attempts.c.message_id == _m.id, attempts.c.outcome == str(Outcome.UNKNOWN))
    .correlate(messages)
    .scalar_subquery()
)
_UNRESOLVED = (
    sa.select(
        _m.id, _m.recipient, _m.purpose, _s.name.label("sim"), _a.part, _m.parts, _a.on_wire_at.label("since"),
        _a.cause, _a.sim_id, RESENT,
    )
    .select_from(messages.join(attempts, _a.id == _LAST_UNKNOWN).join(sims, _s.id == _a.sim_id))
    .where(REMARKABLE, _m.state == str(MessageState.UNKNOWN))
    .order_by(_m.id)
)  # fmt: skip


class Unknowns:
    """The unknown outcomes of one database, for those who look at them. StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, limit: int) -> Sequence[Unresolved]:
        """The oldest first."""
        with self._database.read() as connection:
            return [Unresolved(**row._mapping) for row in connection.execute(_UNRESOLVED.limit(limit))]

    def heard(self, sim_id: int, before: datetime) -> Heard:
        """Of the last parts that this SIM sent before then: how many, and how many were reported on."""
        with self._database.read() as connection:
            return reports.heard(connection, sim_id, before)

    def kept_by(self, sim_id: int) -> str:
        """The IMEI of the modem that was seen to keep the card's memory of the last reference; "": none was."""
        with self._database.read() as connection:
            return str(connection.execute(sa.select(_s.smss_kept_by).where(_s.id == sim_id)).scalar_one())

    def written(self, sim_id: int) -> Written:
        """When that modem was seen to write it."""
        with self._database.read() as connection:
            return Written(connection.execute(sa.select(_s.smss_written).where(_s.id == sim_id)).scalar_one())

    def learn(self, sim_id: int, imei: str, written: Written = Written.UNSEEN) -> None:
        """This modem keeps it, and writes it so; "": none does."""
        change = sa.update(sims).where(_s.id == sim_id).values(smss_kept_by=imei, smss_written=str(written))
        self._database.write(lambda connection: connection.execute(change))


def _settle(
    connection: Connection,
    part: Submitted,
    outcome: Outcome,
    by: str,
    now: datetime,
    *,
    reference: int | None = None,
    cause: str = "",
) -> bool:
    values = {"outcome": str(outcome), "resolved_by": by, "resolved_at": now}
    if outcome is Outcome.SENT:
        values["reference"] = reference
    else:
        values["cause"] = cause
    change = sa.update(attempts).where(_a.id == part.attempt_id, _IS_UNKNOWN).values(**values)
    return connection.execute(change).rowcount == 1
