"""Everything that is held about one number: the contact, what was agreed to, opt-outs, questions, the last messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewayd.store.contacts import Contact, Contacts
from gatewayd.store.engine import Database
from gatewayd.store.inbox import Inbox, Incoming
from gatewayd.store.outbox import MessageRecord, Outbox
from gatewayd.store.people import Consent, OptOut, People
from gatewayd.store.questions import Question, Questions

LAST = 10
"""Messages of each direction that are shown."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """The contact, if the number is one; what was agreed to; opt-outs; the last messages, the newest first."""

    number: str
    contact: Contact | None
    consents: Sequence[Consent]
    optouts: Sequence[OptOut]
    questions: Sequence[Question]
    sent: Sequence[MessageRecord]
    received: Sequence[Incoming]

    @classmethod
    def of(cls, database: Database, number: str) -> Holdings:
        """As of now."""
        people = People(database)
        return cls(
            number,
            Contacts(database).get(number),
            people.consents(number),
            people.optouts(active=False, recipient=number),
            Questions(database).of(number),
            Outbox(database).list(recipient=number, limit=LAST),
            Inbox(database).list(sender=number, limit=LAST),
        )

    def __bool__(self) -> bool:
        return bool(self.contact or self.consents or self.optouts or self.sent or self.received)
