"""What could not be read: PDUs put aside, until a person has them read again by a better program, or lets them go.

quarantined --retry--> new      it is understood as if it had just come
     `-------discard--> done    its octets stay, and nobody is asked about it any more
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.store import audit
from gatewayd.store.engine import Database
from gatewayd.store.inbox import NewArrival
from gatewayd.store.schema import QUARANTINED, arrivals, sims

_a = arrivals.c


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A PDU that was put aside, and why; `sim` as it is called today."""

    id: int
    sim_id: int
    sim: str
    pdu: str
    received_at: datetime
    reason: str


class Quarantine:
    """The PDUs that were put aside. All methods raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, ids: Sequence[int] = (), *, limit: int = 100) -> builtins.list[Quarantined]:
        """The newest first; with `ids` only these."""
        query = (
            sa.select(_a.id, _a.sim_id, sims.c.name, _a.pdu, _a.received_at, _a.reason)
            .join_from(arrivals, sims, sims.c.id == _a.sim_id)
            .where(QUARANTINED)
            .order_by(_a.id.desc())
            .limit(limit)
        )
        if ids:
            query = query.where(_a.id.in_(ids))
        with self._database.read() as connection:
            return [Quarantined(*row) for row in connection.execute(query)]

    def retry(self, arrival_id: int, now_read: NewArrival, *, by: str, at: datetime) -> bool:
        """It is to be understood as this; False if it is not in quarantine any more."""
        reference, total, place = now_read.part or (None, None, None)
        values = {"kind": now_read.kind, "sender": now_read.sender, "state": "new", "reason": ""}
        change = sa.update(arrivals).where(_a.id == arrival_id, QUARANTINED)
        change = change.values(**values, reference=reference, total=total, place=place)
        return self._change(change, Event.RETRIED, arrival_id, by, at)

    def discard(self, arrival_id: int, *, by: str, at: datetime) -> bool:
        """Nobody needs to look at it any more; False if it is not in quarantine."""
        change = sa.update(arrivals).where(_a.id == arrival_id, QUARANTINED)
        change = change.values(state="done", reason=f"discarded by {by}"[:200])
        return self._change(change, Event.DISCARDED, arrival_id, by, at)

    def _change(self, change: sa.Update, event: Event, arrival_id: int, by: str, at: datetime) -> bool:
        def made(connection: Connection) -> bool:
            if connection.execute(change).rowcount != 1:
                return False
            audit.append(connection, event, at, by=by, arrival=arrival_id)
            return True

        return self._database.write(made)
