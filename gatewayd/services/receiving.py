"""Receiving: what the modems hand over is kept, then understood.

    keep          PDUs out of a modem's memory: on stable storage, and obeyed, when it returns; it may forget them
    handed_over   a report given to us directly, which nobody can read again: kept at once, or within LINGER of the last
                  ones, many in one commit; a crash loses what came in that tenth of a second
    run_once      one turn of the worker: keep what lingers, obey what is left, match reports

`keep` and `handed_over` come from the lines' and the modems' threads; `run_once` belongs to one worker, which `bell`
wakes. A STOP does not linger: the line that found it obeys before it sends anything else. StorageUnavailable loses
nothing: what is in a modem's memory stays there, what was handed over directly waits here.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.sender import e164
from gatewayd.errors import PduError
from gatewayd.modem.pdu import Deliver, StatusReport, decode
from gatewayd.services.reconciler import Reconciler
from gatewayd.services.replies import Replies
from gatewayd.store.inbox import MESSAGE, REPORT, UNREADABLE, Inbox, NewArrival

log = structlog.get_logger(__name__)

LINGER = 0.1
"""Seconds a direct report waits for others, if some came just before: a busy gateway makes one commit of many."""
MATCH = 0.5
"""Seconds between two matchings while reports keep coming: what is kept can wait, and matching many costs less."""
RETRY = 5.0
"""Seconds between two looks at reports that found no submission yet, and at parts that wait."""
_MOST_HELD = 100_000


class Receiver:
    """Shared by all lines of a gateway."""

    def __init__(self, inbox: Inbox, replies: Replies, reconciler: Reconciler, *, country: str, clock: Clock) -> None:
        self._inbox, self._replies, self.reconciler = inbox, replies, reconciler
        self._country, self._clock = country, clock
        self.bell = threading.Event()
        self._handed: deque[tuple[int, str, datetime]] = deque(maxlen=_MOST_HELD)
        self._lingering = False
        self._match_at = 0.0

    # -- from any thread

    def keep(self, sim_id: int, pdus: Sequence[str]) -> int:
        """Put PDUs on stable storage, each once, and obey them; how many were new.

        StorageUnavailable: what was kept is obeyed by the worker, and the modem may be read again.
        """
        now = self._clock.utc_now()
        new = self._inbox.keep([self._arrival(sim_id, pdu, now) for pdu in pdus])
        self._replies.run_once()
        self.bell.set()
        return new

    def handed_over(self, sim_id: int, pdu: str) -> None:
        """A PDU that no memory holds; kept with the next turn."""
        self._handed.append((sim_id, pdu, self._clock.utc_now()))
        if not self._lingering:
            self._lingering = True
            self.bell.set()

    # -- the worker

    def run_once(self) -> float:
        """One turn; in how many seconds the next one is due. StorageUnavailable."""
        kept = self._keep_handed()
        self._lingering = bool(kept)
        now = self._clock.monotonic()
        if kept == {REPORT} and now < self._match_at:
            return LINGER
        self._match_at = now + MATCH
        self._replies.run_once()
        self.reconciler.run_once()
        return LINGER if kept or self._handed else RETRY

    def close(self) -> None:
        """Keep what lingers. StorageUnavailable."""
        self._keep_handed()

    def _keep_handed(self) -> set[str]:
        """Keep what lingers; of which kinds it was."""
        held = list(self._handed)
        arrivals = [self._arrival(*one) for one in held]
        if arrivals:
            self._inbox.keep(arrivals)
        for _ in held:
            self._handed.popleft()
        return {arrival.kind for arrival in arrivals}

    def _arrival(self, sim_id: int, pdu: str, now: datetime) -> NewArrival:
        found = understood(sim_id, pdu, now, self._country)
        if found.kind == UNREADABLE:
            log.warning("incoming.unreadable", sim_id=sim_id, why=found.reason)
        return found


def understood(sim_id: int, pdu: str, now: datetime, country: str) -> NewArrival:
    """What kind of PDU this is, whose, and which part of a message."""
    fingerprint = _hash(_without_service_centre(pdu))
    try:
        found = decode(pdu, outgoing=False)
    except PduError as error:
        return NewArrival(sim_id, fingerprint, pdu, UNREADABLE, now, reason=str(error))
    if isinstance(found, Deliver | StatusReport) and found.timestamp is None:
        # Nothing but the day tells it from the same words that were said before.
        fingerprint = _hash(_without_service_centre(pdu) + now.date().isoformat().encode())
    if not isinstance(found, Deliver):
        return NewArrival(sim_id, fingerprint, pdu, REPORT, now)
    sender = e164(found.number, country) or found.number
    concat, part = found.concat, None
    if concat is not None and concat.parts > 1 and 1 <= concat.number <= concat.parts:
        # A reference of 16 bits and one of 8 are different references.
        part = (concat.reference | (1 << 16 if concat.wide else 0), concat.parts, concat.number)
    return NewArrival(sim_id, fingerprint, pdu, MESSAGE, now, sender, part)


def _hash(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()[:16]


def _without_service_centre(pdu: str) -> bytes:
    """The octets that are the same through whichever service centre a message came; all of it if it is no PDU."""
    try:
        octets = bytes.fromhex(pdu)
    except ValueError:
        return pdu.encode()
    return octets[octets[0] + 1 :] if octets and octets[0] < len(octets) - 1 else octets
