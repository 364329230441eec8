"""The audit trail's own chores: that the daemon began and ended, and anchors that stand elsewhere.

An anchor is the place and hash of the last entry, as a line of the journal: at the start, hourly when the trail has
grown, and at the end. Whoever cuts off the end of the trail, or writes all of it anew, would have to change the journal
too. A crash loses nothing but an anchor; the next start writes one.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy.engine import Connection

from gatewayd import __version__
from gatewayd.clock import Clock
from gatewayd.domain.audit import Anchor, Event, Value
from gatewayd.store import audit
from gatewayd.store.engine import Database

log = structlog.get_logger(__name__)

HOURLY = timedelta(hours=1).total_seconds()


class Trail:
    """The trail of one daemon. StorageUnavailable from all of it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._last: Anchor | None = None
        self._running = False

    def started(self, *, requeued: int, unknown: int) -> None:
        """The daemon has started, and found what its last life left half done."""
        self._note(Event.STARTED, requeued=requeued, unknown=unknown)
        self._running = True

    def stopped(self) -> None:
        """The daemon ends, if it had started; the last anchor."""
        if self._running:
            self._note(Event.STOPPED)
            self.run_once()
            self._running = False

    def run_once(self) -> bool:
        """Tell the journal the last entry, if that is not the one it was told before."""
        with self._database.read() as connection:
            head = audit.head(connection)
        if head == self._last:
            return False
        log.info("audit.anchor", seq=head.seq, hash=head.hash.hex())
        self._last = head
        return True

    def _note(self, event: Event, **details: Value) -> None:
        def append(connection: Connection) -> None:
            audit.append(
                connection, event, self._clock.utc_now(), by=audit.GATEWAY, number="", version=__version__, **details
            )

        self._database.write(append)
