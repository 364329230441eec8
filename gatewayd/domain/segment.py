"""Who is in an audience: a segment, as a tree of conditions, and what it says of one person.

    ville in ("Lyon", "Villeurbanne") and not paye and adhesion < 2026-01-01 and consented("events")

`segment_language.py` reads such words; `store/segments.py` asks the database the same question. `matches()` is the rule
itself: what the database answers must be what it says, which a test compares for random people and segments.

There are two answers, yes and no. An empty field fulfils no comparison, and `!=`, `not in` and `not` are the contrary
of `=`, `in` and what follows them: who has no town does not live in Lyon. So it is with a value that was kept when its
field was declared otherwise: a text is no number, and more than none. Words are compared without their capitals,
accents and double spaces. Pure: the day and the moment come with the question.
"""

from __future__ import annotations

import calendar
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from gatewayd.domain.field import Value, fold


class Unit(StrEnum):
    """Of a length of time; months and years end on the last day where the same day does not exist."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time, by the calendar."""

    count: int
    unit: Unit

    def after(self, day: date, sign: int = 1) -> date:
        """The day so long after (or, with -1, before) another; never beyond the calendar's own ends."""
        try:
            return self._after(day, sign)
        except (OverflowError, ValueError):
            return date.max if sign > 0 else date.min

    def _after(self, day: date, sign: int) -> date:
        if self.unit in (Unit.DAYS, Unit.WEEKS):
            return day + sign * timedelta(days=self.count * (7 if self.unit is Unit.WEEKS else 1))
        months = day.year * 12 + day.month - 1 + sign * self.count * (12 if self.unit is Unit.YEARS else 1)
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True, slots=True)
class Today:
    """The day of the question, or one so long before or after it."""

    shift: Length | None = None
    sign: int = 1

    def on(self, today: date) -> date:
        return today if self.shift is None else self.shift.after(today, self.sign)


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
Operand: TypeAlias = str | int | float | bool | date | Today
"""What a field is compared with; what it holds is a `Value`, a date as 2026-01-31."""


class Comparison(StrEnum):
    """Of a field with a value; `!=` is read as the contrary of `=`."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    BEGINS = "begins"


class Fact(StrEnum):
    """What is known of a person besides the fields."""

    CONSENTED = "consented"
    OPTED_OUT = "opted_out"
    WRITTEN_SINCE = "written_since"
    REPLIED_SINCE = "replied_since"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of them."""

    conditions: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    conditions: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    condition: Segment


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against a value of its kind; an empty field fulfils nothing."""

    field: str
    comparison: Comparison
    value: Operand


@dataclass(frozen=True, slots=True)
class Among:
    """A field equals one of the values."""

    field: str
    values: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is known of a field."""

    field: str


@dataclass(frozen=True, slots=True)
class Anniversary:
    """Day and month of a date are today's; one of 29 February is kept on the 28th in other years."""

    field: str


@dataclass(frozen=True, slots=True)
class Known:
    """A fact: `name` of a purpose or campaign, or `length` of the time looked back, where the fact has one."""

    fact: Fact
    name: str = ""
    length: Length | None = None


Segment: TypeAlias = AllOf | AnyOf | Not | Compare | Among | Empty | Anniversary | Known


@dataclass(frozen=True, slots=True)
class Moment:
    """When the question is asked: the moment (aware), and the local day."""

    now: datetime
    today: date

    def since(self, length: Length) -> datetime:
        """So long ago, at this hour."""
        days = (self.today - length.after(self.today, -1)).days
        return self.now - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Person:
    """What `matches` asks of.

    fields      those that hold something, names and language among them
    consents    purposes agreed to
    received    campaigns of which something was sent
    """

    fields: Mapping[str, Value]
    consents: frozenset[str] = frozenset()
    opted_out: bool = False
    written_at: datetime | None = None
    replied_at: datetime | None = None
    received: frozenset[str] = field(default=frozenset())


def anniversaries(today: date) -> frozenset[str]:
    """The `month-day` kept today: the 28th of February is also the 29th's, where there is none."""
    kept = {today.isoformat()[5:]}
    if kept == {"02-28"} and not calendar.isleap(today.year):
        kept.add("02-29")
    return frozenset(kept)


def matches(segment: Segment, person: Person, moment: Moment) -> bool:
    """Whether a person is in the segment."""
    match segment:
        case AllOf(conditions):
            return all(matches(one, person, moment) for one in conditions)
        case AnyOf(conditions):
            return any(matches(one, person, moment) for one in conditions)
        case Not(condition):
            return not matches(condition, person, moment)
        case Known():
            return _known(segment, person, moment)
        case _:
            return _of_field(segment, person.fields.get(segment.field), moment)


def _of_field(condition: Compare | Among | Empty | Anniversary, held: Value | None, moment: Moment) -> bool:
    if isinstance(condition, Empty):
        return held is None
    if held is None:
        return False
    match condition:
        case Compare(_, comparison, operand):
            return _holds(operand, held) and _COMPARE[comparison](_as(operand, held), comparable(operand, moment))
        case Among(_, operands):
            return any(_holds(one, held) and _as(one, held) == comparable(one, moment) for one in operands)
        case Anniversary():
            return _holds(Today(), held) and str(held)[5:] in anniversaries(moment.today)


def _holds(operand: Operand, held: Value) -> bool:
    """Whether a field holds something of the kind that it is compared with."""
    match operand:
        case bool():
            return isinstance(held, bool)
        case int() | float():
            return isinstance(held, int | float) and not isinstance(held, bool)
        case str():
            return isinstance(held, str)
        case _:
            return isinstance(held, str) and _DAY.fullmatch(held) is not None


def comparable(operand: Operand, moment: Moment) -> Value:
    """What a field is compared with, as fields hold it; words as `fold` writes them."""
    if isinstance(operand, Today):
        return operand.on(moment.today).isoformat()
    if isinstance(operand, date):
        return operand.isoformat()
    return fold(operand) if isinstance(operand, str) else operand


def _as(operand: Operand, held: Value) -> Value:
    return fold(str(held)) if isinstance(operand, str) else held


_COMPARE: Mapping[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.EQUAL: operator.eq,
    Comparison.LESS: operator.lt,
    Comparison.AT_MOST: operator.le,
    Comparison.MORE: operator.gt,
    Comparison.AT_LEAST: operator.ge,
    Comparison.CONTAINS: operator.contains,
    Comparison.BEGINS: str.startswith,
}


def _known(known: Known, person: Person, moment: Moment) -> bool:
    match known.fact:
        case Fact.CONSENTED:
            return known.name in person.consents
        case Fact.OPTED_OUT:
            return person.opted_out
        case Fact.RECEIVED:
            return known.name in person.received
        case Fact.WRITTEN_SINCE:
            return _since(person.written_at, known.length, moment)
        case Fact.REPLIED_SINCE:
            return _since(person.replied_at, known.length, moment)


def _since(at: datetime | None, length: Length | None, moment: Moment) -> bool:
    return at is not None and length is not None and at >= moment.since(length)
