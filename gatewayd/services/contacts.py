"""Lists of people become contacts: planned, shown, and only then written, in one transaction.

`plan` judges each row and compares it with what is known: nothing is written. `carry_out` writes the contacts as they
were planned, or nothing (StoreError: somebody changed one meanwhile). Agreements follow, some hundreds in a
transaction: each has an entry of the audit trail, and a STOP must not wait for 50,000 of them. The same list twice
changes nothing the second time; after a crash between the two it records the rest.

Only declared fields are kept. An empty cell says nothing, and changes nothing; None takes a value away. A value whose
field is no longer declared goes with the next list that names its contact. Who opted out stays opted out, and no
consent of a list is recorded for him: his word is the later one, until a person says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from sqlalchemy.engine import Connection

from gatewayd.clock import Clock
from gatewayd.domain.audit import Event
from gatewayd.domain.field import LONGEST_NAME, Field, Value, plain_text, read_language
from gatewayd.domain.number import repair_excel
from gatewayd.errors import NumberError, UsageError
from gatewayd.services.intake import NumberRules
from gatewayd.store import audit
from gatewayd.store import contacts as store
from gatewayd.store.contacts import Contact, Contacts, Person
from gatewayd.store.engine import Database
from gatewayd.store.people import NewConsent, People

log = structlog.get_logger(__name__)

OWN: Mapping[str, Callable[[str], str]] = {
    "given_name": lambda cell: plain_text(cell, LONGEST_NAME),
    "family_name": lambda cell: plain_text(cell, LONGEST_NAME),
    "language": read_language,
}
"""What every contact has besides its number, and how it is read."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list: the cells that may hold its number, the best first, and the others by what they mean.

    `fault`: why the row cannot be read at all.
    """

    line: int
    numbers: Sequence[str]
    cells: Mapping[str, str | None]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be used: `reason` is one of `NumberError`'s, or `duplicate:3`; else `words` say it."""

    line: int
    number: str
    reason: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A contact who is known, and would be another: each difference as (what, before, after)."""

    old: Contact
    new: Person
    differences: Sequence[tuple[str, Value | None, Value | None]]


@dataclass(slots=True)
class Plan:
    """What a list would do. `numbers`: all of its good rows."""

    new: list[Person] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    opted_out: list[str] = field(default_factory=list)
    consents: list[NewConsent] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether anything would be written."""
        return bool(self.new or self.changed or self.consents)


class ContactLists:
    """Imports of one organisation, which declares these fields and writes to such numbers."""

    def __init__(self, database: Database, *, fields: Mapping[str, Field], numbers: NumberRules, clock: Clock) -> None:
        self._database, self._contacts, self._people = database, Contacts(database), People(database)
        self._fields, self._numbers, self._clock = fields, numbers, clock

    def plan(self, rows: Iterable[ListRow], consent: NewConsent | None = None) -> Plan:
        """Judge the rows, and compare; `consent` is what each person of the list agreed to, whose number it lacks."""
        found = Plan()
        listed = self._read(rows, found)
        numbers = list(listed)
        known = self._contacts.known(numbers)
        for number, values in listed.items():
            self._compare(known.get(number), number, values, found)
        opted_out = self._people.opted_out(numbers)
        found.opted_out = sorted(opted_out)
        if consent is not None:
            passed = opted_out | self._people.proven(consent.purpose, consent.evidence_sha256, numbers)
            found.consents = [replace(consent, recipient=number) for number in numbers if number not in passed]
        return found

    def carry_out(self, plan: Plan, source: str, *, by: str, sha256: str) -> None:
        """Write what was planned, from the list of this name and SHA-256. StoreError: contacts are not as they were;
        nothing was written."""
        at = self._clock.utc_now()

        def write(connection: Connection) -> None:
            store.write(connection, plan.new, [(one.old, one.new) for one in plan.changed], source, at)
            audit.append(
                connection, Event.CONTACTS_IMPORTED, at, by=by, file=sha256, new=len(plan.new),
                changed=len(plan.changed), consents=len(plan.consents),
            )  # fmt: skip

        self._database.write(write)
        self._people.record_list(plan.consents, at)
        log.info("contacts.imported", new=len(plan.new), changed=len(plan.changed), consents=len(plan.consents))

    def _read(self, rows: Iterable[ListRow], found: Plan) -> dict[str, dict[str, Value | None]]:
        """The values of each number; the first row of a number counts."""
        listed: dict[str, dict[str, Value | None]] = {}
        lines: dict[str, int] = {}
        for row in rows:
            raw = next((cell for cell in row.numbers if cell), "")
            try:
                number = self._number(row, raw, lines)
                listed[number] = self._values(row.cells)
                lines[number] = row.line
            except NumberError as error:
                found.rejected.append(Rejected(row.line, raw, error.reason))
            except UsageError as error:
                found.rejected.append(Rejected(row.line, raw, words=str(error)))
        return listed

    def _number(self, row: ListRow, raw: str, lines: Mapping[str, int]) -> str:
        if row.fault:
            raise NumberError(row.fault)
        number = self._numbers.parse(repair_excel(raw))
        if number in lines:
            raise NumberError(f"duplicate:{lines[number]}")
        return number

    def _values(self, cells: Mapping[str, str | None]) -> dict[str, Value | None]:
        """What the cells say, without those that say nothing. UsageError names the column."""
        values: dict[str, Value | None] = {}
        for name, cell in cells.items():
            if cell == "":
                continue
            try:
                values[name] = None if cell is None else self._read_cell(name, cell)
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from None
        return values

    def _read_cell(self, name: str, cell: str) -> Value:
        if name in OWN:
            return OWN[name](cell)
        if name not in self._fields:
            raise UsageError("the configuration declares no such field")
        return self._fields[name].read(cell)

    def _compare(self, old: Contact | None, number: str, values: Mapping[str, Value | None], found: Plan) -> None:
        before = {} if old is None else _flat(old)
        kept = {name: value for name, value in before.items() if name in OWN or name in self._fields}
        after = {name: value for name, value in {**kept, **values}.items() if value is not None}
        given_name, family_name, language = (str(after.get(name, "")) for name in OWN)
        fields = {name: value for name, value in after.items() if name not in OWN}
        new = Person(number, given_name, family_name, language, fields)
        differences = [
            (name, before.get(name), after.get(name))
            for name in {**before, **after}
            # Not by == alone, for which 1 is True.
            if (before.get(name), type(before.get(name))) != (after.get(name), type(after.get(name)))
        ]
        if old is None:
            found.new.append(new)
        elif differences:
            found.changed.append(Change(old, new, differences))
        else:
            found.unchanged += 1


def _flat(contact: Contact) -> dict[str, Value]:
    own = {name: getattr(contact, name) for name in OWN}
    return {name: value for name, value in own.items() if value} | dict(contact.fields)
