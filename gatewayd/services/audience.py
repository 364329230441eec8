"""From a campaign to what each person of its audience gets: a text of his own, or the reason why not.

The same judgement explains a campaign, tests its size and releases it; nothing is written here. A page of the audience
is judged at a time, so that 50,000 people need no more memory than 500. The gate is asked here so that people see its
answer beforehand; it decides again when each message starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from gatewayd.clock import Clock
from gatewayd.domain import number, template
from gatewayd.domain.campaign import Audience, CampaignRules
from gatewayd.domain.confidential import Confidential, tails
from gatewayd.domain.consent import GateFacts
from gatewayd.domain.field import Fields, FieldType, Value
from gatewayd.domain.lint import Sender, with_footer
from gatewayd.domain.purpose import Purpose
from gatewayd.domain.segment import Moment, Segment
from gatewayd.domain.template import Template
from gatewayd.domain.text import TextPlan
from gatewayd.errors import NumberError, RefusedByRule, TextError, UsageError
from gatewayd.services.allowance import Rules
from gatewayd.services.intake import NumberRules, plan_text
from gatewayd.store import people
from gatewayd.store.audiences import Addressee, Audiences
from gatewayd.store.campaigns import Campaign
from gatewayd.store.engine import Database

PAGE = 500
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
OWN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "given_name": ("given_name", "prenom"),
    "family_name": ("family_name", "nom"),
    "language": ("language", "langue"),
}
"""What every contact has, and how a template calls it."""


@dataclass(frozen=True, slots=True)
class House:
    """What campaigns must know of the settings."""

    sender: Sender
    sending: Rules
    numbers: NumberRules
    fields: Fields = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    rules: CampaignRules = field(default_factory=CampaignRules)

    @property
    def purposes(self) -> Mapping[str, Purpose]:
        return self.sending.purposes

    def purpose(self, key: str) -> Purpose:
        """RefusedByRule: the configuration has no such purpose (any more)."""
        found = self.purposes.get(key)
        if found is None:
            known = ", ".join(sorted(self.purposes)) or "none"
            raise RefusedByRule("no_purpose", f"there is no purpose {key!r}; the configuration has: {known}")
        return found

    def segment(self, words: str, campaigns: Sequence[str] | None = None) -> Segment:
        """A segment by its name in the configuration, or as it is written. SegmentError."""
        from gatewayd.domain.segment_language import Vocabulary, parse  # noqa: PLC0415  (the parser, where it is wanted)

        vocabulary = Vocabulary(self.fields, self.purposes, campaigns)
        return parse(self.segments.get(words.strip(), words), vocabulary)

    def moment(self, now: datetime) -> Moment:
        """When a segment is asked."""
        return Moment(now, now.astimezone(self.sending.tz).date())

    def template_fields(self) -> set[str]:
        """What a template may ask of a contact."""
        return {*self.fields, *(name for names in OWN_FIELDS.values() for name in names)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody gets: `reason` is empty where there is a plan."""

    place: int
    number: str
    reason: str
    plan: TextPlan | None = None


class Judge:
    """Judges the audience of one campaign, as it is at one moment; `numbers`: the tails of everybody's."""

    def __init__(self, house: House, campaign: Campaign, numbers: AbstractSet[str] = frozenset()) -> None:
        self._house, self.purpose = house, house.purpose(campaign.purpose)
        self._everybody = numbers
        self.template: Template = template.compile(campaign.template)
        self._needed = sorted(self.template.required - self.template.asked)
        self._used = self.template.required | self.template.optional
        self._checked: dict[str, str] = {}

    def page(self, persons: Sequence[Addressee]) -> list[Verdict]:
        """What each of these gets; each text is checked against all the others of the page."""
        values = [self.values(person.fields) for person in persons]
        others = Confidential(f"{self.template.source}\n{self.purpose.footer}", self._everybody)
        for person, own in zip(persons, values, strict=True):
            others.learn(person.number, [own[name] for name in self._used if name in own])
        return [self._one(person, own, others) for person, own in zip(persons, values, strict=True)]

    def values(self, fields: Mapping[str, Value]) -> dict[str, str]:
        """A person's fields as a template writes them; what is empty is not there, unless an `if` asks for it."""
        found: dict[str, str] = {}
        for name, value in fields.items():
            declared = self._house.fields.get(name)
            words = _written(value, declared.type if declared else FieldType.TEXT, self._house.sender.language)
            found.update(dict.fromkeys(OWN_FIELDS.get(name, (name,)), words) if words else {})
        return dict.fromkeys(self.template.asked, "") | found

    def text(self, values: Mapping[str, str]) -> TextPlan:
        """Raises TextError, RefusedByRule."""
        return plan_text(with_footer(self.template.render(values), self.purpose.footer), self.purpose)

    def _one(self, person: Addressee, own: Mapping[str, str], others: Confidential) -> Verdict:
        reason = person.refusal or self._number(person.number)
        if not reason:
            missing = next((name for name in self._needed if not own.get(name)), None)
            reason = f"missing_field:{missing}" if missing is not None else ""
        if reason:
            return Verdict(person.place, person.number, reason)
        try:
            planned = self.text(own)
        except (RefusedByRule, TextError) as error:
            return Verdict(person.place, person.number, error.reason)
        reason = others.fault(planned.text, person.number, own)
        return Verdict(person.place, person.number, reason, None if reason else planned)

    def _number(self, recipient: str) -> str:
        """Why nothing may be sent to such a number. A hundred neighbours share their answer."""
        prefix = recipient[:-2]
        if prefix not in self._checked:
            try:
                self._house.numbers.parse(recipient)
            except NumberError as error:
                self._checked[prefix] = error.reason
            else:
                self._checked[prefix] = ""
        return self._checked[prefix]


class AudienceReader:
    """The audience of one campaign as it is (or was, `at` a moment), judged a page at a time."""

    def __init__(
        self, database: Database, house: House, campaign: Campaign, clock: Clock, *, at: datetime | None = None
    ) -> None:
        self._store, self.campaign, self._clock = Audiences(database), campaign, clock
        self.judge = Judge(house, campaign, tails(self._store.numbers(campaign)))
        self.moment = house.moment(at or clock.utc_now())
        self.segment = house.segment(campaign.audience) if campaign.audience_kind is Audience.SEGMENT else None

    def size(self) -> int:
        """How many persons, those who get nothing included."""
        return self._store.size(self.campaign, self.segment, self.moment)

    def page(self, after: int, limit: int = PAGE) -> list[Verdict]:
        """What the next ones behind a place get; nothing behind the last."""
        persons = self._store.page(self.campaign, self.segment, self.moment, self._refusal, after=after, limit=limit)
        return self.judge.page(persons)

    def all(self) -> Iterator[Verdict]:
        """What each of them gets."""
        after = 0
        while page := self.page(after):
            yield from page
            after = page[-1].place

    def _refusal(self, connection: Connection, recipient: str, facts: GateFacts) -> str:
        return people.refusal(connection, self.judge.purpose, recipient, facts, self._clock.utc_now()) or ""


def read_numbers(raw: Iterable[tuple[int, str]], numbers: NumberRules) -> Iterator[tuple[str, str]]:
    """Each number of a line in E.164 with "", or as it was written with the reason why it cannot be used."""
    seen: dict[str, int] = {}
    for line, written in raw:
        try:
            found = numbers.parse(number.repair_excel(written))
        except NumberError as error:
            yield written[:40], error.reason
            continue
        yield found, f"duplicate:{seen[found]}" if found in seen else ""
        seen.setdefault(found, line)


def check_template(source: str, house: House, more: Sequence[str] = ()) -> Template:
    """A template whose every field is known, or has a default. UsageError tells the place."""
    try:
        return template.compile(source, house.template_fields() | set(more))
    except TextError as error:
        raise UsageError(f"this text cannot be used: {error}") from None


def _written(value: Value, kind: FieldType, language: str) -> str:
    if isinstance(value, bool):
        return ("oui" if language == "fr" else "yes") if value else ""
    if kind is FieldType.DATE and language == "fr" and _DAY.fullmatch(str(value)):
        return "/".join(reversed(str(value).split("-")))
    if isinstance(value, float) and language == "fr":
        return str(value).replace(".", ",")
    return str(value)
