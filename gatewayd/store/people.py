"""What people said: consents and opt-outs, as records that are added and never changed in place.

The latest record of a consent decides. One opt-out at most is active for a number; recording it cancels, in the same
transaction, all that waits for that number on any SIM: once it is committed, nothing starts towards it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.consent import OPT_OUT, GateFacts
from gatewayd.domain.message import MessageState
from gatewayd.store.engine import Database, inserted_id
from gatewayd.store.schema import WAITING, consents, messages, optouts
from gatewayd.store.statement import Statement

LIFTED = "opt_out_lifted"
"""Why a confirmation that still waited is canceled."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A recorded agreement (`given`), or its withdrawal."""

    id: int
    recipient: str
    purpose: str
    given: bool
    method: str
    wording: str
    evidence: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class OptOut:
    """A recipient's "no more"; `lifted_at` absent while it holds."""

    id: int
    recipient: str
    origin: str
    recorded_by: str
    recorded_at: datetime
    lifted_at: datetime | None
    lifted_by: str


def gate_facts(
    recipient: sa.ColumnElement[str],
    purpose: sa.ColumnElement[str],
    confirms: sa.ColumnElement[Any] = messages.c.confirms,
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """What the gate asks (an active opt-out, the latest word on consent), as columns of a query.

    An opt-out does not stop the one message that confirms it; a later opt-out of the same person does.
    """
    opted_out = (
        sa.select(sa.literal_column("1"))
        .where(
            optouts.c.recipient == recipient,
            optouts.c.lifted_at.is_(None),
            optouts.c.id.is_distinct_from(confirms),
        )
        .correlate(messages)
        .exists()
    )
    consented = (
        sa.select(consents.c.given)
        .where(consents.c.recipient == recipient, consents.c.purpose == purpose)
        .order_by(consents.c.id.desc())
        .limit(sa.literal_column("1"))
        .correlate(messages)
        .scalar_subquery()
    )
    return opted_out.label("opted_out"), consented.label("consent")


_FACTS = Statement(
    sa.select(*gate_facts(sa.bindparam("recipient", required=True), sa.bindparam("purpose", required=True), sa.null()))
)
_CANCEL_WAITING = (
    sa.update(messages)
    .where(WAITING, messages.c.recipient == sa.bindparam("to"), messages.c.confirms.is_(None))
    .values(state=str(MessageState.CANCELED), reason=OPT_OUT)
)
_CANCEL_CONFIRMATION = (
    sa.update(messages)
    .where(WAITING, messages.c.recipient == sa.bindparam("to"), messages.c.confirms.is_not(None))
    .values(state=str(MessageState.CANCELED), reason=LIFTED)
)


def facts(connection: Connection, recipient: str, purpose: str) -> GateFacts:
    """What the gate asks, in one query, in the caller's transaction."""
    row = _FACTS.first(connection, recipient=recipient, purpose=purpose)
    assert row is not None  # noqa: S101  (a SELECT without FROM has one row)
    return GateFacts(opted_out=bool(row[0]), consent=bool(row[1]))


@dataclass(frozen=True, slots=True)
class OptedOut:
    """What an opt-out did: the record that holds, whether it is a new one, how many waiting messages were canceled."""

    id: int
    new: bool
    canceled: int


def opt_out(connection: Connection, recipient: str, origin: str, by: str, at: datetime) -> OptedOut:
    """In the caller's transaction: record a "no more", if none holds yet, and cancel what waits for the number."""
    active = sa.select(optouts.c.id).where(optouts.c.recipient == recipient, optouts.c.lifted_at.is_(None))
    found = connection.execute(active).scalar()
    if found is None:
        values = {"recipient": recipient, "origin": origin, "recorded_by": by, "recorded_at": at}
        optout_id = inserted_id(connection.execute(sa.insert(optouts), values))
    else:
        optout_id = int(found)
    return OptedOut(optout_id, found is None, connection.execute(_CANCEL_WAITING, {"to": recipient}).rowcount)


def lift(connection: Connection, recipient: str, by: str, at: datetime) -> bool:
    """In the caller's transaction: end the opt-out that holds, and its confirmation if that still waits."""
    ended = connection.execute(
        sa.update(optouts)
        .where(optouts.c.recipient == recipient, optouts.c.lifted_at.is_(None))
        .values(lifted_at=at, lifted_by=by)
    )
    connection.execute(_CANCEL_CONFIRMATION, {"to": recipient})
    return ended.rowcount > 0


class People:
    """Consents and opt-outs of all recipients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def facts(self, connection: Connection, recipient: str, purpose: str) -> GateFacts:
        """See `facts`."""
        return facts(connection, recipient, purpose)

    def record_consent(
        self,
        recipient: str,
        purpose: str,
        *,
        method: str,
        recorded_by: str,
        at: datetime,
        given: bool = True,
        wording: str = "",
        evidence: str = "",
    ) -> int:
        """Add a consent, or (`given` False) its withdrawal; returns the record's id."""
        values = {
            "recipient": recipient, "purpose": purpose, "given": given, "method": method, "wording": wording,
            "evidence": evidence, "recorded_by": recorded_by, "recorded_at": at,
        }  # fmt: skip
        result = self._database.write(lambda connection: connection.execute(sa.insert(consents), values))
        return inserted_id(result)

    def consents(self, recipient: str) -> Sequence[Consent]:
        """All records about a number, oldest first."""
        query = sa.select(consents).where(consents.c.recipient == recipient).order_by(consents.c.id)
        with self._database.read() as connection:
            return [Consent(**row._mapping) for row in connection.execute(query)]

    def add_optout(self, recipient: str, *, origin: str, by: str, at: datetime) -> int:
        """Record a "no more", if none holds yet, and cancel what waits for the number; returns how many messages."""
        return self._database.write(lambda connection: opt_out(connection, recipient, origin, by, at).canceled)

    def add_optouts(self, recipients: Sequence[str], *, origin: str, by: str, at: datetime) -> tuple[int, int]:
        """A whole list in one transaction: how many are new, and how many waiting messages were canceled."""

        def add(connection: Connection) -> tuple[int, int]:
            done = [opt_out(connection, recipient, origin, by, at) for recipient in recipients]
            return sum(one.new for one in done), sum(one.canceled for one in done)

        return self._database.write(add)

    def remove_optout(self, recipient: str, *, by: str, at: datetime) -> bool:
        """Lift the opt-out that holds; the record stays. False if there was none."""
        return self._database.write(lambda connection: lift(connection, recipient, by, at))

    def optouts(self, *, active: bool = True) -> Sequence[OptOut]:
        """All opt-outs, or those that hold, oldest first."""
        query = sa.select(optouts).order_by(optouts.c.id)
        if active:
            query = query.where(optouts.c.lifted_at.is_(None))
        with self._database.read() as connection:
            return [OptOut(**row._mapping) for row in connection.execute(query)]
