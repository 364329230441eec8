"""Which SIMs of a pool can send now: what a line must know of the others before it takes their work.

A recipient keeps seeing the number that wrote first. Its SIM's messages go to another one only while its own is unable:
suspended, out of its day's or month's limit, or gone for longer than a short grace (a modem that restarts, a daemon
that has just started). One lock, held for microseconds; no I/O.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gatewayd.clock import Clock
from gatewayd.errors import ModemBusy

ABSENCE_GRACE = 120.0
"""Seconds for which a SIM that went away keeps its recipients."""


@dataclass(frozen=True, slots=True)
class View:
    """What one SIM sees of its pool: whose recipients it may serve, and whether nobody else can send at all."""

    others_unable: frozenset[int]
    last_resort: bool


@dataclass(slots=True)
class _Entry:
    pool: str
    able: bool
    why: str
    helpless_from: float  # monotonic: from then on the others may serve its recipients
    port: str


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
                self._entries[sim_id] = _Entry(pool, able=False, why="absent", helpless_from=helpless_from, port="")

    def enlist(self, sim_id: int, pool: str, port: str) -> None:
        """A line found this SIM at `port`. ModemBusy if another line has it: one module may show several ports."""
        with self._lock:
            present = self._entries.get(sim_id)
            if present is not None and present.port not in ("", port):
                raise ModemBusy(f"this SIM is already in use at {present.port}")
            self._entries[sim_id] = _Entry(pool, able=True, why="", helpless_from=0.0, port=port)

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
            pool = self._entries[sim_id].pool
            others = [
                (other, entry) for other, entry in self._entries.items() if other != sim_id and entry.pool == pool
            ]
            helpless = frozenset(other for other, entry in others if not entry.able and now >= entry.helpless_from)
            return View(helpless, last_resort=len(helpless) == len(others))
