"""When a purpose may write: local hours and public holidays, asked at the moment of sending.

A day's window runs from `since` to `until` in local time and belongs to the day on which it begins; 22:00 to 06:00 ends
the next morning. Where holidays are kept, none of the window may fall on one. On the two nights when the clock changes,
an hour that occurs twice, or not at all, is read in the more careful way: the window begins at the later reading and
ends at the earlier one.

The answer comes as a `Spell`, with the time until which it holds, so that a caller in a hurry need not ask again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from gatewayd.domain.purpose import Hours

Holiday = Callable[[date], bool]
"""Whether a date is a public holiday."""

# A year and a bit: whatever opens at all, opens within it, even where only one weekday without holidays is allowed.
_HORIZON_DAYS = 400
_DAY = timedelta(days=1)
_MIDNIGHT = time(0, 0)


@dataclass(frozen=True, slots=True)
class Spell:
    """Open or closed from `since` until just before `until`, in UTC; `until` None means for as long as can be seen."""

    open: bool
    since: datetime
    until: datetime | None

    def covers(self, at: datetime) -> bool:
        """Whether this answer holds at that moment: a clock that jumped may have left it on either side."""
        return self.since <= at and (self.until is None or at < self.until)


def no_holidays(_day: date) -> bool:
    """The calendar of a place without holidays."""
    return False


def spell(hours: Hours | None, at: datetime, tz: tzinfo, holiday: Holiday = no_holidays) -> Spell:
    """Whether `hours` are open at `at` (aware), and from when to when that answer holds; no hours means any time."""
    if hours is None:
        return Spell(open=True, since=at, until=None)
    for begin, end in _windows(hours, at, tz, holiday):
        if at < begin:
            return Spell(open=False, since=at, until=begin)
        if at < end:
            return Spell(open=True, since=begin, until=end)
    return Spell(open=False, since=at, until=None)


def is_open(hours: Hours | None, at: datetime, tz: tzinfo, holiday: Holiday = no_holidays) -> bool:
    """Whether a message may leave at `at`."""
    return spell(hours, at, tz, holiday).open


def next_opening(hours: Hours | None, at: datetime, tz: tzinfo, holiday: Holiday = no_holidays) -> datetime | None:
    """The first moment from `at` on when a message may leave, in UTC; None if there is none within a year."""
    present = spell(hours, at, tz, holiday)
    return at if present.open else present.until


def _windows(hours: Hours, at: datetime, tz: tzinfo, holiday: Holiday) -> Iterator[tuple[datetime, datetime]]:
    """The open windows that end after `at`, in order, in UTC."""
    today = at.astimezone(tz).date()
    for offset in range(-1, _HORIZON_DAYS):
        day = today + offset * _DAY
        if day.isoweekday() not in hours.days or (not hours.holidays and holiday(day)):
            continue
        last = day + _DAY if hours.until <= hours.since else day
        begin, end = _instant(day, hours.since, tz, later=True), _instant(last, hours.until, tz, later=False)
        if last > day and hours.until > _MIDNIGHT and not hours.holidays and holiday(last):
            end = _instant(last, _MIDNIGHT, tz, later=False)
        if at < end and begin < end:
            yield begin, end


def _instant(day: date, wall: time, tz: tzinfo, *, later: bool) -> datetime:
    """The UTC moment of a local time; of its two readings on a night of change, the later or the earlier one."""
    naive = datetime.combine(day, wall)
    readings = [naive.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return max(readings) if later else min(readings)
