"""What a SIM may send next: parts per minute, hour, day and month, distinct recipients, and the pause in between.

    minute, hour    slide, and are measured by the monotonic clock: a wall clock put right changes nothing in them
    day, month      are calendar windows in local time; a month begins on the billing day (short months: the last)

A window is never opened twice, wherever the wall clock jumps:

    back       the later window stays until the clock has caught up. If its whole length passes before that by the
               monotonic clock, the window of the day takes over, with what was counted in it
    ahead      another day begins, and the one that was left binds as well until it ends by the monotonic clock: there
               is room where both have room. One that a jump began binds for a day at least

A history is loaded from the store when a SIM is found, so a restart forgets nothing; entries dated in the future (the
clock was wrong when they were made) count as of now. The store knows no monotonic clock: what binds besides the window
of the day is taken over from the history before (`after`), and ends with the process.

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
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import islice, product

from gatewayd.domain.purpose import Limits

UNLIMITED = 1 << 30
"""Stands for "as many parts as one likes" where an integer is wanted."""
_SLIP = 60.0
"""Seconds by which the two clocks may differ: beyond, the wall clock has jumped."""
_LONGEST_DAY = 25 * 3600.0
_LONGEST_MONTH = (31 * 24 + 1) * 3600.0


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
        after: History | None = None,
    ) -> History:
        """A history from the (time, recipient) of each part sent since `widest_start`, in any order.

        `met` has the recipients that were written to, refused or not, with the last time: they count as recipients.
        `after`: the history of the same SIM that this one replaces; its windows bind on if the clock has jumped.
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
        for mine, former in product(history._calendars, after._calendars if after is not None else ()):
            if mine.period is former.period:
                mine.follow(former, monotonic)
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
        for calendar_ in self._calendars:
            for window in calendar_.windows:
                free = calendar_.room(window)
                max_parts = min(max_parts, free)
                if parts > free:
                    waits.append((calendar_.seconds_left(window, now, monotonic), f"per_{calendar_.period}"))
                if calendar_.people_spent(window):
                    known_since = window.since if known_since is None else max(known_since, window.since)
        wait, why = max(waits, default=(0.0, ""))
        return Budget(wait, why, min(room, max_parts), max_parts, known_since)

    def remaining(self, now: datetime, monotonic: float) -> list[Remaining]:
        """Each limit with what is used of it."""
        self._roll(now, monotonic)
        left = [Remaining(f"per_{s.period}", s.allowed, s.used(monotonic), None) for s in self._sliding]
        for window in self._calendars:
            left.extend(window.remaining(now, monotonic))
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


@dataclass(slots=True)
class _Window:
    """One day or month: what was counted in it. `binds_until`: its end by the monotonic clock, as it was seen when the
    window began; `last`: when it was last added to, by the same clock."""

    since: datetime
    until: datetime
    binds_until: float
    last: float = 0.0
    parts: int = 0
    people: set[str] = field(default_factory=set)

    def binds(self, monotonic: float) -> bool:
        """Whether it says anything although the wall clock has left it."""
        return self.binds_until - monotonic > _SLIP and bool(self.parts or self.people)


class _Calendar:
    """The days or months of one SIM that bind now: the last one is that of the wall clock, most often the only one.
    Parts are counted; recipients are kept while their number is limited."""

    def __init__(self, period: Period, parts: int | None, people: int | None, billing_day: int, tz: tzinfo) -> None:
        self.period = period
        self._parts_allowed, self._people_allowed = parts, people
        self._billing_day, self._tz = billing_day, tz
        self._longest = _LONGEST_DAY if period is Period.DAY else _LONGEST_MONTH
        self.windows: list[_Window] = []
        self._seen = 0.0
        self._looked: tuple[datetime, float] | None = None

    def roll(self, now: datetime, monotonic: float) -> None:
        """Open the window of `now` if the present one is over."""
        if len(self.windows) > 1:
            self.windows = [w for w in self.windows[:-1] if w.binds(monotonic)] + self.windows[-1:]
        jumped = self._jumped(now, monotonic)
        if not self.windows:
            self._open(now, monotonic)
            return
        present = self.windows[-1]
        if present.since <= now < present.until:
            self._seen = monotonic
        elif now >= present.until:
            self.windows = [window for window in self.windows if window.binds(monotonic)]
            self._open(now, monotonic, at_least=_LONGEST_DAY if jumped or self.windows else 0.0)
        elif monotonic - self._seen >= self._longest:
            self._take_over(present, now, monotonic)

    def _jumped(self, now: datetime, monotonic: float) -> bool:
        """Whether the wall clock was put forward since the last look."""
        before, self._looked = self._looked, (now, monotonic)
        return before is not None and (now - before[0]).total_seconds() - (monotonic - before[1]) > _SLIP

    def _open(self, now: datetime, monotonic: float, *, at_least: float = 0.0) -> _Window:
        since, until = _span(self.period, now, self._tz, self._billing_day)
        window = _Window(since, until, monotonic + max((until - now).total_seconds(), at_least))
        self.windows.append(window)
        self._seen = monotonic
        return window

    def _take_over(self, later: _Window, now: datetime, monotonic: float) -> None:
        """The clock was put back, and `later` has had its time: the window of `now`, with what was counted in it."""
        self.windows.remove(later)
        window = self._open(now, monotonic)
        if later.last >= monotonic - (now - window.since).total_seconds():
            window.parts, window.people, window.last = later.parts, later.people, later.last

    def follow(self, former: _Calendar, monotonic: float) -> None:
        """What binds in `former` besides the window that is open here."""
        present = self.windows[-1]
        kept = [window for window in former.windows if window.since != present.since and window.binds(monotonic)]
        if kept:
            present.binds_until = max(present.binds_until, monotonic + _LONGEST_DAY)
        self.windows[:0] = kept

    def add(self, recipient: str, at: datetime, monotonic: float) -> None:
        """Count a part, in each window that binds."""
        if at < self.windows[-1].since and monotonic < self._seen:
            return
        for window in self.windows:
            window.parts += 1
            window.last = monotonic
            if self._people_allowed is not None:
                window.people.add(recipient)

    def meet(self, recipient: str, at: datetime) -> None:
        """Somebody who was written to at that time."""
        for window in self.windows:
            if self._people_allowed is not None and at >= window.since:
                window.people.add(recipient)

    def give_back(self, at: datetime) -> None:
        """The part of that time was not taken."""
        for window in self.windows:
            if at >= window.since and window.parts:
                window.parts -= 1

    def room(self, window: _Window) -> int:
        """Parts that fit into a window."""
        if self._parts_allowed is None:
            return UNLIMITED
        return max(0, self._parts_allowed - window.parts) if window.parts else _when_empty(self._parts_allowed)

    def people_spent(self, window: _Window) -> bool:
        """Whether only those already written to may be written to."""
        return self._people_allowed is not None and len(window.people) >= self._people_allowed

    def seconds_left(self, window: _Window, now: datetime, monotonic: float) -> float:
        """Until a window binds no more."""
        if window is self.windows[-1]:
            return max(0.0, (window.until - now).total_seconds())
        return max(0.0, window.binds_until - _SLIP - monotonic)

    def remaining(self, now: datetime, monotonic: float) -> Iterator[Remaining]:
        """What is left in the fullest window."""
        if self._parts_allowed is not None:
            window = max(reversed(self.windows), key=lambda each: each.parts)
            yield Remaining(
                f"per_{self.period}", self._parts_allowed, window.parts, self._renews_at(window, now, monotonic)
            )
        if self._people_allowed is not None:
            window = max(reversed(self.windows), key=lambda each: len(each.people))
            used = len(window.people)
            renews_at = self._renews_at(window, now, monotonic)
            yield Remaining(f"recipients_per_{self.period}", self._people_allowed, used, renews_at)

    def _renews_at(self, window: _Window, now: datetime, monotonic: float) -> datetime:
        if window is self.windows[-1]:
            return window.until
        return now + timedelta(seconds=self.seconds_left(window, now, monotonic))


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
