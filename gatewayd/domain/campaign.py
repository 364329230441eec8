"""A campaign: its states, who may let it go, and when it may write; rules only.

    draft ---> to_test ---> tested ---> approved ---> scheduled ---> running ---> finished
      `----- skipped ---------^                           |           |   ^
                                                          `--------> paused
    canceled: at any time before it is finished; what is out is out

`to_test` until each trusted number has received the test and one of them has tried STOP and START. Nobody approves
what he wrote himself; above a size, two people must. Template, purpose and audience are never changed: what was tested
and approved is what is sent. The database's trigger is generated from `TRANSITIONS`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType

from gatewayd.domain.hours import Holiday, next_opening, no_holidays
from gatewayd.domain.purpose import Hours
from gatewayd.domain.segment import Length, Unit
from gatewayd.errors import RefusedByRule, UsageError


class CampaignState(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    TO_TEST = "to_test"
    TESTED = "tested"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELED = "canceled"


_S = CampaignState
TRANSITIONS: Mapping[CampaignState, frozenset[CampaignState]] = MappingProxyType(
    {
        _S.DRAFT: frozenset({_S.TO_TEST, _S.TESTED, _S.CANCELED}),
        _S.TO_TEST: frozenset({_S.TO_TEST, _S.TESTED, _S.CANCELED}),
        _S.TESTED: frozenset({_S.TO_TEST, _S.APPROVED, _S.CANCELED}),
        _S.APPROVED: frozenset({_S.SCHEDULED, _S.RUNNING, _S.CANCELED}),
        # Paused: its hour passed while gatewayd was off, and the campaign says that it then waits.
        _S.SCHEDULED: frozenset({_S.RUNNING, _S.PAUSED, _S.FINISHED, _S.CANCELED}),
        _S.RUNNING: frozenset({_S.PAUSED, _S.FINISHED, _S.CANCELED}),
        _S.PAUSED: frozenset({_S.RUNNING, _S.FINISHED, _S.CANCELED}),
        _S.FINISHED: frozenset(),
        _S.CANCELED: frozenset(),
    }
)
ENDED = frozenset(state for state, following in TRANSITIONS.items() if not following)
STARTED = frozenset({_S.SCHEDULED, _S.RUNNING, _S.PAUSED})


class Audience(StrEnum):
    """Where its recipients come from."""

    SEGMENT = "segment"
    FILE = "file"
    NUMBERS = "numbers"


class Repeat(StrEnum):
    """How often the audience is asked for anew: a birthday is a segment of each day."""

    ONCE = "once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


class Missed(StrEnum):
    """What becomes of a start that passed while gatewayd was off."""

    HELD = "hold"
    SENT = "send"


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """What the configuration asks of campaigns.

    approvals       people who must agree, none of them the author; 0 for who is alone
    second_above    recipients above which two people must agree
    pause_after     messages after which refusals and STOPs are judged
    """

    trusted_numbers: tuple[str, ...] = ()
    approvals: int = 1
    second_above: int = 500
    pause_after: int = 20
    pause_at_refused_percent: int = 20
    pause_at_stop_percent: int = 5


def may_follow(name: str, present: CampaignState, following: CampaignState) -> None:
    """RefusedByRule: a campaign in this state cannot go there."""
    if following not in TRANSITIONS[present]:
        raise RefusedByRule("state", f"campaign {name} is {present}, and cannot become {following}")


def approvals_needed(size: int, rules: CampaignRules) -> int:
    """How many people must agree to a campaign of this size."""
    if rules.approvals == 0:
        return 0
    return max(rules.approvals, 2 if size > rules.second_above else 1)


def check_approval(author: str, approver: str, already: Collection[str]) -> None:
    """RefusedByRule: the author himself, or somebody who has agreed before."""
    if same_person(author, approver):
        raise RefusedByRule("own_campaign", f"{approver} wrote this campaign: somebody else must approve it")
    if any(same_person(one, approver) for one in already):
        raise RefusedByRule("approved_before", f"{approver} has approved it already: another person must")


def same_person(one: str, other: str) -> bool:
    """Whether two names are written by the same hand."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def too_many(part: int, whole: int, percent: int) -> bool:
    """Whether `part` passes its threshold; a percent of 0 sets none."""
    return percent > 0 and part * 100 > whole * percent


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FRENCH = dict(zip(("lun", "mar", "mer", "jeu", "ven", "sam", "dim"), _DAYS, strict=True))
_WINDOW = re.compile(r"(?:([a-z,-]+)\s+)?([0-2]?[0-9]:[0-5][0-9])\s*-\s*([0-2]?[0-9]:[0-5][0-9])")


def next_run(repeat: Repeat, first: datetime, after: datetime, tz: tzinfo) -> datetime | None:
    """The first moment behind `after` at which a campaign that began at `first` runs again; None: it runs once.

    It keeps its local time and its day of the month (in short months the last). An hour that a night of change leaves
    out is read as the one behind it, one that comes twice as the first of the two.
    """
    begin = first.astimezone(tz).replace(tzinfo=None)
    if repeat is Repeat.ONCE:
        return None
    count = max(0, _periods(repeat, begin, after.astimezone(tz).replace(tzinfo=None)) - 1)
    while True:
        count += 1
        moment = _instant(_later(repeat, begin, count), tz)
        if moment > after:
            return moment


def _periods(repeat: Repeat, begin: datetime, until: datetime) -> int:
    """About how many have passed, never more."""
    days = {Repeat.DAILY: 1, Repeat.WEEKLY: 7, Repeat.MONTHLY: 31, Repeat.YEARLY: 366}[repeat]
    return max(0, (until - begin).days // days)


def _later(repeat: Repeat, begin: datetime, count: int) -> datetime:
    if repeat in (Repeat.DAILY, Repeat.WEEKLY):
        return begin + timedelta(days=count * (7 if repeat is Repeat.WEEKLY else 1))
    day = Length(count, Unit.MONTHS if repeat is Repeat.MONTHLY else Unit.YEARS).after(begin.date())
    return datetime.combine(day, begin.time())


def _instant(wall: datetime, tz: tzinfo) -> datetime:
    moment = wall.replace(tzinfo=tz).astimezone(UTC)
    if moment.astimezone(tz).replace(tzinfo=None) == wall:
        return moment
    return max(wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))


def window(words: str) -> Hours | None:
    """`mon-fri 09:00-12:00`, `lun-ven 9:00-12:00` or `09:00-12:00`; nothing is any time. UsageError, RefusedByRule."""
    if not words.strip():
        return None
    found = _WINDOW.fullmatch(words.strip().lower())
    if found is None:
        raise UsageError(f"the window {words!r} cannot be read; expected days and hours, as mon-fri 09:00-12:00")
    since, until = _time(found[2]), _time(found[3])
    if since == until:
        raise RefusedByRule("window", f"the window {words!r} never opens: it ends when it begins")
    return Hours(_days(found[1]) if found[1] else frozenset(range(1, 8)), since, until)


def _time(words: str) -> time:
    hour, minute = (int(part) for part in words.split(":"))
    if hour == 24 and minute == 0:
        return time(0, 0)
    if hour > 23:
        raise UsageError(f"there is no hour {words}")
    return time(hour, minute)


def _days(words: str) -> frozenset[int]:
    found: set[int] = set()
    for word in words.split(","):
        first, _, last = word.partition("-")
        begin, end = _day(first), _day(last or first)
        found.update(day % 7 + 1 for day in range(begin, end + (1 if begin <= end else 8)))
    return frozenset(found)


def _day(word: str) -> int:
    word = _FRENCH.get(word, word)
    if word not in _DAYS:
        raise UsageError(f"there is no day {word!r}; expected mon, tue ... or lun, mar ...")
    return _DAYS.index(word)


def first_opening(
    hours: Collection[Hours | None], at: datetime, tz: tzinfo, holiday: Holiday = no_holidays
) -> datetime | None:
    """The first moment from `at` on at which all of these are open; None if there is none within a year."""
    moment, last = at, at
    for _ in range(1000):  # each turn moves by an opening; a year has fewer of them
        for one in hours:
            opening = next_opening(one, moment, tz, holiday)
            if opening is None or (opening - at).days > 400:
                return None
            moment = opening
        if moment == last and all(next_opening(one, moment, tz, holiday) == moment for one in hours):
            return moment
        last = moment
    return None
