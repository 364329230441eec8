"""When a campaign would end, what it costs and what it takes of each SIM's limits: a forecast, not a promise.

People whom a SIM of the pool has written to stay with it; the others are dealt out to the SIM that would be free first.
Then each SIM is followed from opening to opening: its pace, the parts of a day and a month, the different people of a
day and a month. What nobody can know is left out: refusals, absent modems, other messages. Pure.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from gatewayd.domain.hours import Holiday, no_holidays, spell
from gatewayd.domain.purpose import Hours, Limits

SUBMISSION = 4.0
"""Seconds that a modem takes for a part, about."""
_HORIZON = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class SimState:
    """A SIM as the campaign finds it: `left` of its limits, by their names; what is not there is unlimited."""

    name: str
    limits: Limits
    left: Mapping[str, int] = field(default_factory=dict)
    renews_at: Mapping[str, datetime] = field(default_factory=dict)
    price: float | None = None


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


def deal(sims: Sequence[SimState], messages: Iterable[tuple[int, str | None, bool]]) -> dict[str, tuple[int, int, int]]:
    """Messages, parts and new people of each SIM, for messages of (parts, the SIM that knows him, new to its month)."""
    dealt = {sim.name: [0, 0, 0] for sim in sims}
    if not sims:
        return {}
    queue = [(0.0, place) for place in range(len(sims))]
    paces = {sim.name: _parts_a_day(sim) for sim in sims}
    places = {sim.name: place for place, sim in enumerate(sims)}
    load = [0.0] * len(sims)
    for parts, known, counts in messages:
        if known in places:
            place = places[known]
        else:
            busy, place = heapq.heappop(queue)
            while busy < load[place]:  # it was given somebody of its own meanwhile
                busy, place = heapq.heappushpop(queue, (load[place], place))
        share = dealt[sims[place].name]
        share[0] += 1
        share[1] += parts
        share[2] += counts
        load[place] += parts / paces[sims[place].name]
        if known not in places:
            heapq.heappush(queue, (load[place], place))
    return {name: (share[0], share[1], share[2]) for name, share in dealt.items()}


def share(
    sim: SimState, dealt: tuple[int, int, int], spans: Iterable[tuple[datetime, datetime]], tz: tzinfo,
    deadline: datetime | None,
) -> Share:  # fmt: skip
    """What one SIM makes of what falls to it."""
    messages, parts, new = dealt
    people = [sim.left[name] for name in ("recipients_per_day", "recipients_per_month") if name in sim.left]
    month = sim.left.get("recipients_per_month", min(people) if people else None)
    ends_at, by_deadline = _follow(sim, dealt, spans, tz, deadline)
    return Share(
        sim=sim.name,
        messages=messages,
        parts=parts,
        new=new,
        left=month,
        left_after=None if month is None else max(0, month - new),
        waiting=0 if month is None else max(0, new - month),
        price=None if sim.price is None else round(sim.price * parts, 4),
        ends_at=ends_at,
        by_deadline=by_deadline,
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


class _Windows:
    """What is left of a SIM's days and months, as time passes."""

    def __init__(self, sim: SimState, tz: tzinfo) -> None:
        self._sim, self._tz = sim, tz
        self._left: dict[str, float] = {name: float(count) for name, count in sim.left.items()}
        self._renews = dict(sim.renews_at)

    def enter(self, at: datetime) -> None:
        """Open again the windows that are over at this moment."""
        for name in ("per_day", "recipients_per_day", "per_month", "recipients_per_month"):
            renews = self._renews.get(name)
            allowed = getattr(self._sim.limits, name)
            if name not in self._left or allowed is None or renews is None:
                continue
            while at >= renews:
                self._left[name] = float(allowed)
                renews += timedelta(days=1) if name.endswith("day") else timedelta(days=30)
            self._renews[name] = renews

    def next(self, at: datetime) -> datetime:
        """When the next of them is over."""
        return min(
            (renews for renews in self._renews.values() if renews > at), default=datetime.max.replace(tzinfo=UTC)
        )

    def room(self, parts: float, new: float) -> float:
        """Messages that fit, of so many parts and so many new people each."""
        rooms = [math.inf]
        for name, left in self._left.items():
            each = new if name.startswith("recipients") else parts
            if each > 0 and not name.endswith(("minute", "hour")):
                rooms.append(left / each)
        return min(rooms)

    def take(self, messages: float, parts: float, new: float) -> None:
        for name in self._left:
            self._left[name] -= messages * (new if name.startswith("recipients") else parts)


def _follow(
    sim: SimState, dealt: tuple[int, int, int], spans: Iterable[tuple[datetime, datetime]], tz: tzinfo,
    deadline: datetime | None,
) -> tuple[datetime | None, int]:  # fmt: skip
    """When the last message leaves (None: not within sight), and how many leave before the deadline."""
    waiting, by_deadline = float(dealt[0]), 0.0
    if not dealt[0]:
        return None, 0
    parts, new = dealt[1] / dealt[0], dealt[2] / dealt[0]
    seconds = _seconds_a_part(sim.limits) * parts
    windows = _Windows(sim, tz)
    for begin, end in spans:
        at = begin
        while at < end and waiting > 0:
            windows.enter(at)
            stop = min(end, windows.next(at))
            sent = min(waiting, windows.room(parts, new), (stop - at).total_seconds() / seconds)
            if deadline is None or at < deadline:
                until = sent if deadline is None else min(sent, (deadline - at).total_seconds() / seconds)
                by_deadline += until
            windows.take(sent, parts, new)
            waiting -= sent
            if waiting < 0.5:
                return at + timedelta(seconds=sent * seconds), min(dealt[0], round(by_deadline))
            at = stop
    return None, min(dealt[0], math.floor(by_deadline))
