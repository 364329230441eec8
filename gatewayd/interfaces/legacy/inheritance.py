"""What another gateway has left behind, whichever it was: values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that was not sent; `key` names it among all of its origin."""

    key: str
    number: str
    text: str
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that somebody wrote, and when it came, if that is known."""

    sender: str
    text: str
    at: datetime | None


@dataclass(slots=True)
class Inheritance:
    """All of it; `yaml` suggests lines of the configuration, `notes` say what was left out, `history` what was sent."""

    waiting: list[Waiting] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    optouts: list[str] = field(default_factory=list)
    yaml: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
