"""A person's word on an opt-out that was not certain: it was meant, or it was not.

`LIFT` ends the opt-out that this one message made, and no other: not one that was there before, that another message of
the same person asks for as well, or that came after a START. What was canceled stays canceled. Review and end are one
transaction. An opt-out that the person's START, or somebody, has ended waits for no word any more (`people.lift`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.engine import Connection

from gatewayd.domain.sender import e164
from gatewayd.errors import UsageError
from gatewayd.services.replies import OPT_OUT
from gatewayd.store import people
from gatewayd.store.engine import Database
from gatewayd.store.inbox import NOT_MEANT, Inbox


class Verdict(StrEnum):
    """What a person says of an opt-out that was not certain."""

    KEEP = "keep"
    LIFT = NOT_MEANT


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What came of it: the opt-out has ended, or it stands although it was to end, for `others` ask for it (numbers of
    incoming messages; none: it was recorded otherwise)."""

    number: str
    lifted: bool
    stands: bool = False
    others: tuple[int, ...] = ()


class Reviews:
    """Reviews in one database. UsageError: there is nothing to review under this number."""

    def __init__(self, database: Database, country: str) -> None:
        self._database, self._inbox, self._country = database, Inbox(database), country

    def decide(self, incoming_id: int, verdict: Verdict, *, by: str, at: datetime) -> Reviewed:
        """Record the verdict, and do what it says."""
        return self._database.write(lambda connection: self._decide(connection, incoming_id, verdict, by, at))

    def _decide(self, connection: Connection, incoming_id: int, verdict: Verdict, by: str, at: datetime) -> Reviewed:
        doubt = self._inbox.doubt(connection, incoming_id)
        if doubt is None:
            raise UsageError(f"there is no incoming message {incoming_id}")
        if doubt.kind != OPT_OUT:
            raise UsageError(f"incoming message {incoming_id} is no opt-out")
        if doubt.certain:
            raise UsageError(
                f"incoming message {incoming_id} asks for it beyond doubt; "
                "if the person wants messages again: gatewayd optouts remove NUMBER"
            )
        if doubt.verdict == people.ENDED:
            who = doubt.reviewed_by
            raise UsageError(f"incoming message {incoming_id} needs no review: its opt-out was ended by {who}")
        if doubt.reviewed_by is not None:
            raise UsageError(f"incoming message {incoming_id} was reviewed by {doubt.reviewed_by} already")
        self._inbox.note_review(connection, incoming_id, by=by, at=at, verdict=verdict)
        number = e164(doubt.sender, self._country) or ""
        if verdict is Verdict.KEEP or not doubt.holds or not number:
            return Reviewed(number, lifted=False)
        if not doubt.made_it or doubt.others:
            return Reviewed(number, lifted=False, stands=True, others=doubt.others)
        return Reviewed(number, lifted=people.lift(connection, number, by, at))
