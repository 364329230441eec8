"""What the card remembers of the last submission, asked where the modem did not say: EF_SMSS, by AT+CRSM.

What it said before costs no question: it is the reference of the last answer. After whatever is no answer the card is
asked, before the line sends anything else (domain/reference.py judges, the reconciler settles). Not every modem keeps
this memory: it is believed of a modem and a SIM that were seen to, twice in a row under different references, and the
database remembers which. What the network refuses shows when the modem writes it, which is remembered beside. At the
first contradiction, or when the card does not answer, it is believed no more.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.reference import Written
from gatewayd.errors import ModemError
from gatewayd.modem.session import Session
from gatewayd.services.hand import Ending
from gatewayd.services.reconciler import Reconciler, Told

log = structlog.get_logger(__name__)

PROOFS = 2
"""Submissions after which the card must have said their reference, before it is believed for the first time."""
TRIES = 3
"""Questions without an answer, after which the card is left alone."""


class Evidence:
    """What one line knows of its SIM's memory. Belongs to the line's thread."""

    def __init__(self, reconciler: Reconciler, clock: Clock) -> None:
        self._reconciler, self._clock = reconciler, clock
        self._sim_id, self._imei = 0, ""
        self._kept: bool | None = None
        self._written, self._refused = Written.UNSEEN, False
        self._proven: set[int] = set()
        self._to_prove: int | None = None
        self._doubt_since: float | None = None
        self._failures = 0

    def attach(self, sim_id: int, imei: str) -> None:
        """This SIM is in this modem. StorageUnavailable."""
        known = bool(imei) and self._reconciler.card_kept_by(sim_id) == imei
        self._sim_id, self._imei, self._kept = sim_id, imei, True if known else None
        self._written = self._reconciler.card_written(sim_id) if known else Written.UNSEEN
        self._proven, self._to_prove, self._refused = set(), None, False
        # What the last life, or another phone, did with this SIM meanwhile: read before anything is sent.
        self._doubt_since = self._clock.monotonic() if known else None

    def heard(self, ending: Ending) -> None:
        """How a submission ended. Refused, or without an answer: the reference of the last answer is the last one used
        no longer."""
        if ending.event == "sent":
            proven = len(self._proven) >= PROOFS or ending.reference in self._proven
            self._to_prove = None if self._kept is False or proven else ending.reference
        elif ending.refused_at is not None or ending.event == "unknown":
            self._to_prove, self._refused = None, ending.refused_at is not None
            self._doubt_since = self._clock.monotonic() if self._kept else None

    @property
    def due(self) -> bool:
        """Whether the card is to be asked before the next submission."""
        return self._doubt_since is not None or self._to_prove is not None

    @property
    def in_doubt(self) -> bool:
        """Whether that is about what was submitted last: it must be recorded before."""
        return self._doubt_since is not None

    def ask(self, session: Session) -> Told:
        """Ask the card. ModemError, StorageUnavailable: ask again."""
        try:
            said = session.last_reference()
        except ModemError:
            self._failures += 1
            if self._failures >= TRIES:
                self._give_up(None)
            raise
        self._failures = 0
        if self._to_prove is not None:
            self._prove(said, self._to_prove)
            self._to_prove = None
            return Told()
        since = self._doubt_since
        if since is None:
            return Told()
        if said is None or said != session.last_reference():
            self._give_up(said)
            return Told()
        waited = timedelta(seconds=self._clock.monotonic() - since)
        told = self._reconciler.card_says(self._sim_id, said, written=self._written, waited=waited)
        if told.again is None:
            self._doubt_since = None
            self._learn(told.lesson, said)
        return told

    def _learn(self, lesson: Written, said: int) -> None:
        """Only from a refusal that was heard just now: another phone may have used a SIM that was away."""
        heard, self._refused = self._refused, False
        if not heard or lesson in (Written.UNSEEN, self._written):
            return
        if self._written is not Written.UNSEEN:
            self._give_up(said)
            return
        self._written = lesson
        self._reconciler.card_kept(self._sim_id, self._imei, lesson)
        log.info("sim.reference_written", sim_id=self._sim_id, when=str(lesson))

    def _prove(self, said: int | None, reference: int) -> None:
        if said != reference:
            self._give_up(said)
            return
        self._proven.add(reference)
        if self._kept is None and len(self._proven) >= PROOFS:
            self._kept = True
            self._reconciler.card_kept(self._sim_id, self._imei)
            log.info("sim.reference_kept", sim_id=self._sim_id)

    def _give_up(self, said: int | None) -> None:
        self._to_prove = self._doubt_since = None
        if self._kept:
            log.warning("sim.reference_not_kept", sim_id=self._sim_id, said=said)
            self._reconciler.card_kept(self._sim_id, "")
        self._kept, self._written = False, Written.UNSEEN
