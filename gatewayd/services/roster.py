"""Which SIMs of a pool can send now: what a line must know of the others before it takes their work.

A recipient keeps seeing the number that wrote first. Its SIM's messages go to another one only while its own is unable:
suspended, out of its day's or month's limit, or gone for longer than a short grace (a modem that restarts, a daemon
that has just started); and always for a purpose that its contract keeps it from. One lock, held for microseconds; no
I/O.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gatewayd.clock import Clock
from gatewayd.errors import ModemBusy

ABSENCE_GRACE = 120.0
"""Seconds for which a SIM that went away keeps its recipients."""


@dataclass(frozen=True, slots=True)
class View:
    """What one SIM sees of its pool: whose recipients it may serve, and whether nobody else can send at all.

    By purpose, where contracts differ: the SIMs that may not carry it, and the purposes for which nobody else is left.
    """

    others_unable: frozenset[int]
    last_resort: bool
    not_carrying: Mapping[str, frozenset[int]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()

    def others_can(self, purpose: str) -> bool:
        """Whether another SIM may send a message of this purpose now."""
        return not self.last_resort and purpose not in self.alone


@dataclass(slots=True)
class _Entry:
    pool: str
    able: bool
    why: str
    helpless_from: float  # monotonic: from then on the others may serve its recipients
    port: str
    carries: frozenset[str] | None  # None: nobody has asked it yet


class Roster:
    """All SIMs that are, or were, in this gateway. Shared by the lines."""

    def __init__(self, clock: Clock, *, grace: float = ABSENCE_GRACE) -> None:
        self._clock, self._grace = clock, grace
        self._lock = threading.Lock()
        self._entries: dict[int, _Entry] = {}

    def remember(self, sim_id: int, pool: str) -> None:
        """A SIM the store knows and no line has found yet."""
        with self._lock:
            if sim_id not in self._entries:
                helpless_from = self._clock.monotonic() + self._grace
                self._entries[sim_id] = _Entry(pool, False, "absent", helpless_from, port="", carries=None)

    def enlist(self, sim_id: int, pool: str, port: str, carries: Iterable[str] | None = None) -> None:
        """A line found this SIM at `port`; it carries these purposes (None: all). ModemBusy if another line has it: one
        module may show several ports."""
        with self._lock:
            present = self._entries.get(sim_id)
            if present is not None and present.port not in ("", port):
                raise ModemBusy(f"this SIM is already in use at {present.port}")
            carried = None if carries is None else frozenset(carries)
            self._entries[sim_id] = _Entry(pool, True, "", 0.0, port, carried)

    def able(self, sim_id: int) -> None:
        """It can send again."""
        with self._lock:
            entry = self._entries[sim_id]
            entry.able, entry.why = True, ""

    def unable(self, sim_id: int, why: str, *, at_once: bool) -> None:
        """It cannot send; the others may serve its recipients at once, or after the grace."""
        with self._lock:
            entry = self._entries[sim_id]
            helpless_from = self._clock.monotonic() + (0.0 if at_once else self._grace)
            if not entry.able:
                helpless_from = min(helpless_from, entry.helpless_from)
            entry.able, entry.why, entry.helpless_from = False, why, helpless_from

    def leave(self, sim_id: int, why: str) -> None:
        """Its line lost it; the SIM may turn up at any port."""
        self.unable(sim_id, why, at_once=False)
        with self._lock:
            self._entries[sim_id].port = ""

    def view(self, sim_id: int) -> View:
        """The pool as this SIM sees it now."""
        now = self._clock.monotonic()
        with self._lock:
            mine = self._entries[sim_id]
            others = {
                other: entry for other, entry in self._entries.items() if other != sim_id and entry.pool == mine.pool
            }
            helpless = frozenset(
                other for other, entry in others.items() if not entry.able and now >= entry.helpless_from
            )
            lacking = _lacking(mine.carries, others)
        alone = frozenset(key for key, lack in lacking.items() if len(helpless | lack) == len(others))
        return View(helpless, len(helpless) == len(others), lacking, alone)


def _lacking(mine: frozenset[str] | None, others: Mapping[int, _Entry]) -> dict[str, frozenset[int]]:
    """By purpose that I carry: the others who may not."""
    found: dict[str, frozenset[int]] = {}
    for other, entry in others.items():
        if mine is not None and entry.carries is not None and mine is not entry.carries:
            for key in mine - entry.carries:
                found[key] = found.get(key, frozenset()) | {other}
    return found
