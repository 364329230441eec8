"""Everything that is held about one number, for `contacts show`: in tables for a person, as JSON for a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from gatewayd.cli import consents, context, output
from gatewayd.domain.field import Field, shown
from gatewayd.interfaces.shapes import consent_json, incoming_json, message_json
from gatewayd.store.contacts import Contact, Contacts, Person
from gatewayd.store.inbox import Inbox, Incoming
from gatewayd.store.outbox import MessageRecord, Outbox
from gatewayd.store.people import Consent, OptOut, People
from gatewayd.store.questions import Question, Questions

LAST = 10
"""Messages of each direction that are shown."""


@dataclass(frozen=True, slots=True)
class Held:
    """The contact, if the number is one; what was agreed to; opt-outs; the last messages, the newest first."""

    number: str
    contact: Contact | None
    consents: Sequence[Consent]
    optouts: Sequence[OptOut]
    questions: Sequence[Question]
    sent: Sequence[MessageRecord]
    received: Sequence[Incoming]

    @classmethod
    def of(cls, here: context.Context, number: str) -> Held:
        """As of now."""
        people = People(here.database)
        return cls(
            number,
            Contacts(here.database).get(number),
            people.consents(number),
            people.optouts(active=False, recipient=number),
            Questions(here.database).of(number),
            Outbox(here.database).list(recipient=number, limit=LAST),
            Inbox(here.database).list(sender=number, limit=LAST),
        )

    def __bool__(self) -> bool:
        return bool(self.contact or self.consents or self.optouts or self.sent or self.received)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "number": self.number,
            "contact": None if self.contact is None else contact_json(self.contact),
            "consents": [consent_json(one) for one in self.consents],
            "opt_outs": [consents.optout_json(one) for one in self.optouts],
            "questions": [consents.question_json(one) for one in self.questions],
            "messages": [message_json(one) for one in self.sent],
            "incoming": [incoming_json(one) for one in self.received],
        }

    def tables(self, here: context.Context) -> Iterator[Table | Text]:
        """For a person."""
        yield Text(self.number, style="bold")
        yield output.pairs(self._facts(here))
        if self.consents:
            yield consents.table(self.consents, here.settings.timezone)
        if self.sent or self.received:
            yield self._messages(here)

    def _facts(self, here: context.Context) -> Iterator[tuple[str, object]]:
        zone = here.settings.timezone
        if self.contact is None:
            yield "contact", "no: nothing but what follows is held about this number"
        else:
            yield "name", f"{self.contact.given_name} {self.contact.family_name}".strip()
            yield "language", self.contact.language
            for name, value in self.contact.fields.items():
                yield _label(here.settings.fields.get(name), name), shown(value)
            yield "from", f"{self.contact.source}, {output.local(self.contact.created_at, zone)}"
            yield "last change", output.local(self.contact.updated_at, zone)
        for one in self.optouts:
            since = f"{output.local(one.recorded_at, zone)} ({one.origin}, {one.recorded_by})"
            ended = f", lifted {output.local(one.lifted_at, zone)} by {one.lifted_by}" if one.lifted_at else ""
            yield "opted out", Text(since + ended, style="" if ended else "bold yellow")

    def _messages(self, here: context.Context) -> Table:
        zone = here.settings.timezone
        to = [(one.created_at, "to", one.state, one.purpose, one.text) for one in self.sent]
        came = [(one.received_at, "from", one.kind, "", one.text) for one in self.received]
        rows = [(output.local(at, zone), *rest) for at, *rest in sorted([*to, *came], key=lambda row: row[0])]
        return output.table(("TIME", "", "STATE", "PURPOSE", "TEXT"), rows)


def _label(field: Field | None, name: str) -> str:
    return f"{name} (no longer declared)" if field is None else field.label or name


def person_json(person: Person) -> dict[str, Any]:
    """What is kept of a person, for scripts."""
    return {
        "number": person.number,
        "given_name": person.given_name or None,
        "family_name": person.family_name or None,
        "language": person.language or None,
        "fields": dict(person.fields),
    }


def contact_json(one: Contact) -> dict[str, Any]:
    """A contact, for scripts."""
    return {
        "id": one.id,
        **person_json(one),
        "source": one.source,
        "created_at": output.rfc3339(one.created_at),
        "updated_at": output.rfc3339(one.updated_at),
    }
