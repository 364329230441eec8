"""When a campaign would end, what it costs and what it takes of each SIM's limits: a forecast, not a promise.

People whom a SIM of the pool has written to stay with it; the others are dealt out to the SIM that would be free first.
Then each SIM is followed, message by message and from opening to opening: its pace, the parts of a day and a month, the
different people of a day and a month. So each person has a time, and what keeps him back until then. What nobody can
know is left out: refusals, absent modems, other messages. Pure.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from gatewayd.domain.hours import Holiday, no_holidays, spell
from gatewayd.domain.purpose import Hours, Limits

SUBMISSION = 4.0
"""Seconds that a modem takes for a part, about."""
HOURS = "hours"
"""What keeps somebody back whose limits have room."""
_HORIZON = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class SimState:
    """A SIM as the campaign finds it: `left` of its limits, by their names; what is not there is unlimited."""

    name: str
    limits: Limits
    left: Mapping[str, int] = field(default_factory=dict)
    renews_at: Mapping[str, datetime] = field(default_factory=dict)
    price: float | None = None


class Dealt(NamedTuple):
    """A message that falls to a SIM: its place among all, its parts, whether its recipient counts as a new one."""

    place: int
    parts: int
    new: bool


class Leaving(NamedTuple):
    """When a message would leave (None: not within sight), and what keeps it until then: `hours`, a limit, or ""."""

    place: int
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Share:
    """What falls to one SIM.

    new     people who count against its limits; `left`: how many it may still meet; `waiting`: those beyond that
    """

    sim: str
    messages: int
    parts: int
    new: int
    left: int | None
    left_after: int | None
    waiting: int
    price: float | None
    ends_at: datetime | None
    by_deadline: int


def openings(
    hours: Sequence[Hours | None], at: datetime, tz: tzinfo, holiday: Holiday = no_holidays
) -> Iterator[tuple[datetime, datetime]]:
    """The spans from `at` on in which all of these are open."""
    moment, horizon = at, at + _HORIZON
    while moment < horizon:
        spells = [spell(one, moment, tz, holiday) for one in hours]
        closed = [one.until for one in spells if not one.open]
        if any(until is None for until in closed):
            return
        if closed:
            moment = max(until for until in closed if until is not None)
            continue
        end = min((one.until for one in spells if one.until is not None), default=horizon)
        yield moment, end
        moment = end


def deal(sims: Sequence[SimState], messages: Iterable[tuple[int, str | None, bool]]) -> dict[str, list[Dealt]]:
    """What falls to each SIM, in order, of messages of (parts, the SIM that knows him, whether he counts as new)."""
    dealt: dict[str, list[Dealt]] = {sim.name: [] for sim in sims}
    if not sims:
        return {}
    queue = [(0.0, place) for place in range(len(sims))]
    paces = [_parts_a_day(sim) for sim in sims]
    places = {sim.name: place for place, sim in enumerate(sims)}
    load = [0.0] * len(sims)
    for number, (parts, known, counts) in enumerate(messages):
        if known in places:
            place = places[known]
        else:
            busy, place = heapq.heappop(queue)
            while busy < load[place]:  # it was given somebody of its own meanwhile
                busy, place = heapq.heappushpop(queue, (load[place], place))
        dealt[sims[place].name].append(Dealt(number, parts, counts))
        load[place] += parts / paces[place]
        if known not in places:
            heapq.heappush(queue, (load[place], place))
    return dealt


def share(sim: SimState, dealt: Sequence[Dealt], leaving: Sequence[Leaving], deadline: datetime | None) -> Share:
    """What one SIM makes of what falls to it, each leaving at its time."""
    parts, new = sum(one.parts for one in dealt), sum(one.new for one in dealt)
    people = [sim.left[name] for name in ("recipients_per_day", "recipients_per_month") if name in sim.left]
    month = sim.left.get("recipients_per_month", min(people) if people else None)
    known = [one.at for one in leaving if one.at is not None]
    return Share(
        sim=sim.name,
        messages=len(dealt),
        parts=parts,
        new=new,
        left=month,
        left_after=None if month is None else max(0, month - new),
        waiting=0 if month is None else max(0, new - month),
        price=None if sim.price is None else round(sim.price * parts, 4),
        ends_at=max(known) if known and len(known) == len(dealt) else None,
        by_deadline=sum(deadline is None or at < deadline for at in known),
    )


def _seconds_a_part(limits: Limits) -> float:
    paces = [limits.gap + limits.jitter / 2 + SUBMISSION]
    if limits.per_minute:
        paces.append(60 / limits.per_minute)
    if limits.per_hour:
        paces.append(3600 / limits.per_hour)
    return max(paces)


def _parts_a_day(sim: SimState) -> float:
    day = 86_400 / _seconds_a_part(sim.limits)
    allowed = [sim.limits.per_day, sim.limits.recipients_per_day]
    month = [sim.limits.per_month, sim.limits.recipients_per_month]
    return min([day, *(one for one in allowed if one), *(one / 30 for one in month if one)])


_CALENDARS = ("per_day", "per_month", "recipients_per_day", "recipients_per_month")


class _Windows:
    """What is left of a SIM's days and months, as time passes."""

    def __init__(self, sim: SimState) -> None:
        limits = {name: getattr(sim.limits, name) for name in _CALENDARS if name in sim.left}
        self._allowed: dict[str, int] = {name: limit for name, limit in limits.items() if limit is not None}
        self._left = {name: sim.left[name] for name in self._allowed}
        self._renews = {name: at for name, at in sim.renews_at.items() if name in self._allowed}
        self.next = self._next()

    def enter(self, at: datetime) -> None:
        """Open again the windows that are over at this moment."""
        for name in self._renews:
            while at >= self._renews[name]:
                self._left[name] = self._allowed[name]
                self._renews[name] += timedelta(days=1 if name.endswith("day") else 30)
        self.next = self._next()

    def _next(self) -> datetime:
        """When the first of them is over."""
        return min(self._renews.values(), default=datetime.max.replace(tzinfo=UTC))

    def lacking(self, parts: int, new: bool) -> str:
        """The limit that has no room for a message; "" for none. One larger than a whole window goes when that is
        empty."""
        for name, left in self._left.items():
            wanted = int(new) if name.startswith("recipients") else parts
            if wanted > left and (left < self._allowed[name] or not left):
                return name
        return ""

    def take(self, parts: int, new: bool) -> None:
        for name in self._left:
            self._left[name] -= int(new) if name.startswith("recipients") else parts


@dataclass(slots=True)
class _Line:
    """Messages that wait in order, and what kept back the first of them since one of them moved."""

    waiting: deque[Dealt] = field(default_factory=deque)
    why: str = ""
    moves: bool = True

    def keep(self, why: str) -> None:
        """The first reason counts: when it is over, others may follow from it."""
        if self.moves:
            self.why, self.moves = why, False

    def leave(self, at: datetime) -> Leaving:
        self.moves = True
        return Leaving(self.waiting.popleft().place, at, self.why)


def follow(
    sim: SimState, dealt: Iterable[Dealt], spans: Iterable[tuple[datetime, datetime]], start: datetime
) -> list[Leaving]:
    """When each message leaves a SIM. Where only those whom it knows may be written to, they overtake the new ones."""
    windows, pace = _Windows(sim), _seconds_a_part(sim.limits)
    lines = (_Line(), _Line())
    for one in dealt:
        lines[one.new].waiting.append(one)
    found: list[Leaving] = []
    at = start
    for begin, end in spans:
        if begin > at:
            _keep(lines, HOURS)
        at = max(at, begin)
        while at < end:
            if at >= windows.next:
                windows.enter(at)
            line = _first(lines, windows)
            if line is not None:
                one = line.waiting[0]
                windows.take(one.parts, one.new)
                found.append(line.leave(at))
                at += timedelta(seconds=pace * one.parts)
            elif lines[0].waiting or lines[1].waiting:
                at = min(end, windows.next)
            else:
                return found
    _keep(lines, HOURS)
    return found + [Leaving(one.place, None, line.why) for line in lines for one in line.waiting]


def _keep(lines: Iterable[_Line], why: str) -> None:
    for line in lines:
        line.keep(why)


def _first(lines: Sequence[_Line], windows: _Windows) -> _Line | None:
    """The line whose first message goes next; of each that cannot, why is noted."""
    known, new = lines
    ahead = (new, known) if known.waiting and new.waiting and new.waiting[0] < known.waiting[0] else (known, new)
    for line in ahead:
        if line.waiting:
            why = windows.lacking(line.waiting[0].parts, line.waiting[0].new)
            if not why:
                return line
            line.keep(why)
    return None
