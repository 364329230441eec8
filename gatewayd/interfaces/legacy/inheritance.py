"""What another gateway has left behind, whichever it was: values.

`MOST` rows of a table, or files of a folder, are read at most: somebody who has more is told so, and nothing is done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple, TypeVar

from gatewayd.errors import UsageError

MOST = 1_000_000
_T = TypeVar("_T")


class Modem(NamedTuple):
    """What the other gateway called it, and the IMSI of its SIM where that was noted."""

    name: str
    imsi: str = ""

    def __str__(self) -> str:
        return self.name or self.imsi or "a modem without a name"


NOBODY = Modem("")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that was not sent; `key` names it among all of its origin. `ahead`: 1 before others of its class, -1
    behind them; `lives`: how long it may wait; `not_before`: when it is due."""

    key: str
    number: str
    text: str
    ahead: int = 0
    lives: timedelta | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that somebody wrote, when it came, if that is known, and to which modem."""

    sender: str
    text: str
    at: datetime | None
    modem: Modem = NOBODY


@dataclass(slots=True)
class Sent:
    """What one modem sent: how many SMS, and whom it wrote to first and last."""

    parts: int = 0
    people: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def add(self, number: str, at: datetime | None, parts: int = 1) -> None:
        """It sent this; the time counts where it is known."""
        self.parts += parts
        if at is not None:
            first, last = self.people.get(number, (at, at))
            self.people[number] = (min(first, at), max(last, at))


@dataclass(slots=True)
class Inheritance:
    """All of it; `yaml` suggests lines of the configuration, `notes` say what was left out, `told` how many messages
    asked for what is not done here."""

    waiting: list[Waiting] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    optouts: list[str] = field(default_factory=list)
    sent: dict[Modem, Sent] = field(default_factory=lambda: defaultdict(Sent))
    yaml: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)


def bounded(rows: Iterable[_T], what: str) -> Iterator[_T]:
    """All of them. UsageError: there are more than anybody can have meant."""
    left = iter(rows)
    yield from islice(left, MOST)
    if next(left, None) is not None:
        raise UsageError(f"{what} has more than {MOST:,} entries: make it smaller first")
