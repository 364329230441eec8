"""What a SIM may send next: parts per minute, hour, day and month, distinct recipients, and the pause in between.

    minute, hour    slide, and are measured by the monotonic clock: a wall clock put right changes nothing in them
    day, month      are calendar windows in local time; a month begins on the billing day (short months: the last)

A window is never opened twice: when the wall clock goes back, the later window stays until the clock has caught up. If
its whole length passes before that by the monotonic clock, the window of the day takes over, with what was counted in
it. A history is loaded from the store when a SIM is found, so a restart forgets nothing; entries dated in the future
(the clock was wrong when they were made) count as of now.

A message starts only where all its parts fit, so that it never stops halfway for a limit; one with more parts than the
limit itself goes when the window is empty, for else it would wait for ever. When the distinct recipients are spent, the
SIM may still write to those it already wrote to in that window: `Budget.known_since`.

Memory is bounded by the limits themselves; a submission costs O(1), amortised.
"""

from __future__ import annotations

import calendar
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import islice

from gatewayd.domain.purpose import Limits

UNLIMITED = 1 << 30
"""Stands for "as many parts as one likes" where an integer is wanted."""


class Period(StrEnum):
    """The windows in which limits are counted."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may start now.

    wait         seconds until the message asked about may start; 0 now
    why          the limit that asks for the longest wait ("gap", "per_minute", ... ), "" when there is none
    room         parts that may start at this moment, UNLIMITED where nothing limits them
    max_parts    the largest message worth claiming: the parts that the calendar windows leave
    known_since  not None: only recipients this SIM wrote to since then, for the distinct recipients are spent
    """

    wait: float
    why: str
    room: int
    max_parts: int
    known_since: datetime | None


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of one limit, for `sims list`; `renews_at`: when the calendar window ends, None where it slides."""

    limit: str
    allowed: int
    used: int
    renews_at: datetime | None

    @property
    def left(self) -> int:
        return max(0, self.allowed - self.used)


def counts_days(limits: Limits) -> bool:
    """Whether these limits depend on the date."""
    counted = (limits.per_day, limits.per_month, limits.recipients_per_day, limits.recipients_per_month)
    return any(limit is not None for limit in counted)


def next_gap(limits: Limits, rng: random.Random) -> float:
    """Seconds to leave after a submission: the gap, and up to `jitter` more."""
    return limits.gap + (rng.uniform(0.0, limits.jitter) if limits.jitter > 0 else 0.0)


def widest_start(limits: Limits, now: datetime, tz: tzinfo) -> datetime | None:
    """The beginning of the widest window in use, in UTC: a history is loaded from there; None if nothing is counted."""
    if limits.per_month is not None or limits.recipients_per_month is not None:
        return _span(Period.MONTH, now, tz, limits.billing_day)[0]
    starts = []
    if limits.per_day is not None or limits.recipients_per_day is not None:
        starts.append(_span(Period.DAY, now, tz, limits.billing_day)[0])
    if limits.per_hour is not None:
        starts.append(now - timedelta(hours=1))
    elif limits.per_minute is not None:
        starts.append(now - timedelta(minutes=1))
    return min(starts, default=None)


class History:
    """What one SIM sent, as far as its limits need to know. Not shared between threads."""

    def __init__(self, limits: Limits, tz: tzinfo, *, now: datetime, monotonic: float) -> None:
        self.limits = limits
        pairs = ((Period.MINUTE, limits.per_minute, 60.0), (Period.HOUR, limits.per_hour, 3600.0))
        self._sliding = [_Sliding(period, allowed, length) for period, allowed, length in pairs if allowed is not None]
        calendars = (
            (Period.DAY, limits.per_day, limits.recipients_per_day),
            (Period.MONTH, limits.per_month, limits.recipients_per_month),
        )
        self._calendars = [
            _Calendar(period, parts, people, limits.billing_day, tz)
            for period, parts, people in calendars
            if parts is not None or people is not None
        ]
        self._ready_at = monotonic
        self._roll(now, monotonic)

    @classmethod
    def load(
        cls,
        limits: Limits,
        tz: tzinfo,
        sent: Iterable[tuple[datetime, str]],
        *,
        met: Iterable[tuple[datetime, str]] = (),
        now: datetime,
        monotonic: float,
    ) -> History:
        """A history from the (time, recipient) of each part sent since `widest_start`, in any order.

        `met` has the recipients that were written to, refused or not, with the last time: they count as recipients.
        """
        history = cls(limits, tz, now=now, monotonic=monotonic)
        for at, recipient in sorted(sent):
            age = max(0.0, (now - at).total_seconds())
            for sliding in history._sliding:
                sliding.add(monotonic - age)
            for window in history._calendars:
                window.add(recipient, min(at, now), monotonic - age)
            history._ready_at = max(history._ready_at, monotonic - age + limits.gap)
        for at, recipient in met:
            for window in history._calendars:
                window.meet(recipient, at)
        return history

    def record(self, recipient: str, now: datetime, monotonic: float) -> None:
        """A part goes on the wire: it counts from this moment, whatever becomes of it."""
        self._roll(now, monotonic)
        for sliding in self._sliding:
            sliding.add(monotonic)
        for window in self._calendars:
            window.add(recipient, now, monotonic)

    def refused(self, at: datetime) -> None:
        """The network did not take the part recorded at `at`: the calendar windows give it back, the others do not."""
        for window in self._calendars:
            window.give_back(at)

    def pause(self, seconds: float, monotonic: float) -> None:
        """Nothing starts for so long: the gap after a submission."""
        self._ready_at = max(self._ready_at, monotonic + seconds)

    def gap_left(self, monotonic: float) -> float:
        """Seconds until the pause is over."""
        return max(0.0, self._ready_at - monotonic)

    def budget(self, now: datetime, monotonic: float, *, parts: int = 1) -> Budget:
        """What may start, for a message of `parts` parts."""
        self._roll(now, monotonic)
        waits = [(self._ready_at - monotonic, "gap")] if self._ready_at > monotonic else []
        room = max_parts = UNLIMITED
        for sliding in self._sliding:
            free = sliding.room(monotonic)
            room = min(room, free)
            if parts > free:
                waits.append((sliding.wait(parts, monotonic), f"per_{sliding.period}"))
        known_since: datetime | None = None
        for window in self._calendars:
            free = window.room()
            max_parts = min(max_parts, free)
            if parts > free:
                waits.append((max(0.0, (window.until - now).total_seconds()), f"per_{window.period}"))
            if window.people_spent():
                known_since = window.since if known_since is None else max(known_since, window.since)
        wait, why = max(waits, default=(0.0, ""))
        return Budget(wait, why, min(room, max_parts), max_parts, known_since)

    def remaining(self, now: datetime, monotonic: float) -> list[Remaining]:
        """Each limit with what is used of it."""
        self._roll(now, monotonic)
        left = [Remaining(f"per_{s.period}", s.allowed, s.used(monotonic), None) for s in self._sliding]
        for window in self._calendars:
            left.extend(window.remaining())
        return left

    def _roll(self, now: datetime, monotonic: float) -> None:
        for window in self._calendars:
            window.roll(now, monotonic)


class _Sliding:
    """The last `allowed` parts: more never matter, since the limit is theirs."""

    def __init__(self, period: Period, allowed: int, length: float) -> None:
        self.period, self.allowed, self._length = period, allowed, length
        self._times: deque[float] = deque(maxlen=max(1, allowed))

    def add(self, at: float) -> None:
        self._times.append(at)

    def used(self, monotonic: float) -> int:
        while self._times and self._times[0] <= monotonic - self._length:
            self._times.popleft()
        return len(self._times)

    def room(self, monotonic: float) -> int:
        used = self.used(monotonic)
        return max(0, self.allowed - used) if used else _when_empty(self.allowed)

    def wait(self, parts: int, monotonic: float) -> float:
        """Seconds until `parts` fit; asked only when they do not fit now."""
        if self.allowed <= 0:
            return self._length
        leaving = len(self._times) if parts > self.allowed else len(self._times) - (self.allowed - parts)
        last = next(islice(self._times, leaving - 1, None))
        return max(0.0, last + self._length - monotonic)


class _Calendar:
    """A day or a month of one SIM: parts counted, recipients kept while their number is limited."""

    def __init__(self, period: Period, parts: int | None, people: int | None, billing_day: int, tz: tzinfo) -> None:
        self.period = period
        self._parts_allowed, self._people_allowed = parts, people
        self._billing_day, self._tz = billing_day, tz
        self._longest = 25 * 3600.0 if period is Period.DAY else (31 * 24 + 1) * 3600.0
        self.since = self.until = datetime.min.replace(tzinfo=UTC)
        self._seen = self._last = 0.0
        self._parts = 0
        self._people: set[str] = set()

    def roll(self, now: datetime, monotonic: float) -> None:
        """Open the window of `now` if the present one is over."""
        if self.since <= now < self.until:
            self._seen = monotonic
            return
        went_back = now < self.since
        if went_back and monotonic - self._seen < self._longest:
            return
        self.since, self.until = _span(self.period, now, self._tz, self._billing_day)
        self._seen = monotonic
        if not went_back or self._last < monotonic - (now - self.since).total_seconds():
            self._parts = 0
            self._people.clear()

    def add(self, recipient: str, at: datetime, monotonic: float) -> None:
        if at < self.since and monotonic < self._seen:
            return
        self._parts += 1
        self._last = monotonic
        self.meet(recipient, self.since)

    def meet(self, recipient: str, at: datetime) -> None:
        if self._people_allowed is not None and at >= self.since:
            self._people.add(recipient)

    def give_back(self, at: datetime) -> None:
        if at >= self.since and self._parts:
            self._parts -= 1

    def room(self) -> int:
        if self._parts_allowed is None:
            return UNLIMITED
        return max(0, self._parts_allowed - self._parts) if self._parts else _when_empty(self._parts_allowed)

    def people_spent(self) -> bool:
        return self._people_allowed is not None and len(self._people) >= self._people_allowed

    def remaining(self) -> Iterator[Remaining]:
        if self._parts_allowed is not None:
            yield Remaining(f"per_{self.period}", self._parts_allowed, self._parts, self.until)
        if self._people_allowed is not None:
            yield Remaining(f"recipients_per_{self.period}", self._people_allowed, len(self._people), self.until)


def _when_empty(allowed: int) -> int:
    """An empty window takes a message of any size; a limit of nothing takes none."""
    return UNLIMITED if allowed > 0 else 0


def _span(period: Period, now: datetime, tz: tzinfo, billing_day: int) -> tuple[datetime, datetime]:
    """Begin and end, in UTC, of the local day or billing month that holds `now`."""
    today = now.astimezone(tz).date()
    if period is Period.DAY:
        return _midnight(today, tz), _midnight(today + timedelta(days=1), tz)
    begin = _billing_date(today.year, today.month, billing_day)
    if today < begin:
        previous = today.replace(day=1) - timedelta(days=1)
        return _midnight(_billing_date(previous.year, previous.month, billing_day), tz), _midnight(begin, tz)
    following = today.replace(day=28) + timedelta(days=4)
    return _midnight(begin, tz), _midnight(_billing_date(following.year, following.month, billing_day), tz)


def _billing_date(year: int, month: int, billing_day: int) -> date:
    return date(year, month, min(billing_day, calendar.monthrange(year, month)[1]))


def _midnight(day: date, tz: tzinfo) -> datetime:
    return datetime.combine(day, time(0, 0), tz).astimezone(UTC)
