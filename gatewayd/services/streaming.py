"""What happens, told to programs that listen: from where each left off, in the order in which it happened.

    happenings  --those behind its place, a page at a time-->  listener  -->  its program

Nothing is kept for a listener but its place, which its program knows, too, and names when it comes back: so a daemon
that was started again goes on where the program was, and whoever reads slowly costs no memory. What is older than a day
is forgotten (`KEPT`); who comes back after that is told so, and looks for himself. So is he after a backup was brought
back, for the ids that he knows are given anew, to other things.

Where campaigns stand is told beside it when it has changed, and is no happening: it has no place.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gatewayd.clock import Clock
from gatewayd.domain.events import Happening
from gatewayd.errors import TooOften
from gatewayd.services.webhooks import Thing, Things, gives_reports
from gatewayd.store.campaign_figures import Figures
from gatewayd.store.campaigns import Campaign, Campaigns
from gatewayd.store.engine import Database
from gatewayd.store.happenings import Happenings, Interest, Occurrence

AT_ONCE = 100
MOST = 20
"""Listeners at a time."""
OF_A_FEED = frozenset(event for event in Happening if event.about in ("message", "campaign"))
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a program heard last: an id, and the mark of what had it then ("": whatever has it now)."""

    id: int
    mark: str = ""


class Streams:
    """All listeners of a gateway. `on`: whether what happens is recorded."""

    def __init__(self, database: Database, clock: Clock, *, on: bool) -> None:
        self.on, self._database, self._clock = on, database, clock
        self._open, self._ended, self._lock = 0, threading.Event(), threading.Lock()
        self._progress = Progress(database, clock)

    @property
    def ended(self) -> bool:
        """Whether the daemon stops: nobody listens any longer."""
        return self._ended.is_set()

    def end(self) -> None:
        """Let all listeners go."""
        self._ended.set()

    @contextmanager
    def listener(self, interest: Interest, after: Place | None, *, progress: bool) -> Iterator[Listener]:
        """One more. TooOften: there are too many."""
        with self._lock:
            if self._open >= MOST:
                raise TooOften(60, f"{MOST} programs listen already")
            self._open += 1
        try:
            yield Listener(self._database, self._clock, interest, after, self._progress if progress else None)
        finally:
            with self._lock:
                self._open -= 1


class Listener:
    """One program's place. `turn` belongs to one thread at a time; all may raise StorageUnavailable."""

    def __init__(
        self, database: Database, clock: Clock, interest: Interest, after: Place | None, progress: Progress | None
    ) -> None:
        self._happenings, self._things, self._clock = Happenings(database), Things(database), clock
        self._interest, self._after, self._progress = interest, after, progress
        self._place: int | None = None
        self._stood: dict[str, Standing] = {}
        self._moving: set[str] = set()

    def begin(self) -> bool:
        """Whether it goes on where it was; False: what happened since has been forgotten, and it begins with now."""
        after = self._after
        found = after is None or self._happenings.is_kept(after.id, after.mark)
        self._place = after.id if after is not None and found else self._happenings.last()
        return found

    def turn(self) -> list[tuple[Occurrence, Thing]]:
        """What happened since the last turn, at most AT_ONCE; nothing: it has been told all."""
        assert self._place is not None  # noqa: S101  (`begin` was called)
        now = self._clock.utc_now()
        self._happenings.note(now, gives_reports(now))
        found = self._happenings.following(self._place, self._interest, AT_ONCE)
        self._place = found[-1].id if found else self._place
        return [(what, thing) for what in found if (thing := self._things.of(what)) is not None]

    def standings(self) -> list[Standing]:
        """Campaigns that stand otherwise than they did when it was told last; those that have ended, once more."""
        if self._progress is None:
            return []
        moving = self._progress.moving()
        ended = [self._progress.of(name) for name in self._moving - moving.keys()]
        self._moving = set(moving)
        changed = [one for one in (*moving.values(), *ended) if self._stood.get(one.name) != one]
        self._stood |= {one.name: one for one in changed}
        return changed


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a campaign stands: how many messages it has in each state."""

    name: str
    state: str
    messages: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"name": self.name, "state": self.state, "messages": dict(self.messages)}


class Progress:
    """Of the campaigns that time moves, counted once in a while for all listeners."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._campaigns, self._figures, self._clock = Campaigns(database), Figures(database), clock
        self._at, self._found = float("-inf"), dict[str, Standing]()
        self._lock = threading.Lock()

    def moving(self) -> Mapping[str, Standing]:
        """By name."""
        with self._lock:
            if self._clock.monotonic() - self._at >= PROGRESS_SECONDS:
                self._at = self._clock.monotonic()
                self._found = {one.name: self._count(one) for one in self._campaigns.active()}
            return self._found

    def of(self, name: str) -> Standing:
        """One, as it is now."""
        return self._count(self._campaigns.get(name))

    def _count(self, campaign: Campaign) -> Standing:
        counts: Counter[str] = Counter()
        for group in self._figures.groups(campaign):
            counts[str(group.state)] += group.messages
        return Standing(campaign.name, str(campaign.state), counts)
