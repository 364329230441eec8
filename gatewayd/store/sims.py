"""The SIMs this gateway has met, by ICCID: where each is plugged in today, and whether it rests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event, timestamp
from gatewayd.store import audit
from gatewayd.store.engine import Database, inserted_id
from gatewayd.store.schema import WAITING, messages, sim_recipients, sims

_LEFT_BEHIND = (
    sa.update(messages)
    .where(WAITING, messages.c.sim_id == sa.bindparam("moved"), messages.c.pool != sa.bindparam("to"))
    .values(sim_id=None)
)


@dataclass(frozen=True, slots=True)
class Sim:
    """A SIM as the store remembers it; `suspended_until` absent: it may send."""

    id: int
    iccid: str
    imsi: str
    name: str
    pool: str
    imei: str
    port: str
    seen_at: datetime
    suspended_until: datetime | None
    suspended_reason: str


_LIST = sa.select(*(sims.c[name] for name in Sim.__dataclass_fields__)).order_by(sims.c.id)


class Sims:
    """The register of SIMs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, *, iccid: str, imsi: str, name: str, pool: str, imei: str, port: str, now: datetime) -> int:
        """Note where a SIM is found; its id, which never changes. What waits for it in a pool that it has left is its
        own no more: nobody else would ever take it."""
        values = {"imsi": imsi, "name": name, "pool": pool, "imei": imei, "port": port, "seen_at": now}

        def note(connection: Connection) -> int:
            found = connection.execute(sa.select(sims.c.id, sims.c.pool).where(sims.c.iccid == iccid)).first()
            if found is None:
                result = connection.execute(sa.insert(sims).values(iccid=iccid, **values))
                return inserted_id(result)
            connection.execute(sa.update(sims).where(sims.c.id == found.id).values(**values))
            if found.pool != pool:
                connection.execute(_LEFT_BEHIND, {"moved": found.id, "to": pool})
            return int(found.id)

        return self._database.write(note)

    def suspend(self, sim_id: int, until: datetime | None, reason: str, now: datetime) -> None:
        """Let a SIM rest until then; None ends the rest."""
        values = {"suspended_until": until, "suspended_reason": reason if until is not None else ""}
        change = sa.update(sims).where(sims.c.id == sim_id).values(**values)

        def rest(connection: Connection) -> None:
            connection.execute(change)
            sim, end = audit.iccid(connection, sim_id), timestamp(until) if until is not None else None
            audit.append(connection, Event.SIM_SUSPENDED, now, sim=sim, until=end, reason=reason or None)

        self._database.write(rest)

    def locked(self, port: str, reason: str, now: datetime) -> None:
        """A SIM wants a PIN or a PUK, so that nobody knows which it is."""
        self._database.write(
            lambda connection: audit.append(connection, Event.SIM_LOCKED, now, port=port, reason=reason)
        )

    def suspended_until(self, sim_id: int) -> datetime | None:
        """When its rest ends; None if it does not rest."""
        with self._database.read() as connection:
            found: datetime | None = connection.execute(
                sa.select(sims.c.suspended_until).where(sims.c.id == sim_id)
            ).scalar()
            return found

    def put_right(self, sim_id: int, now: datetime, far_ahead: timedelta) -> None:
        """Whom this SIM met by a clock that was far ahead, it has met now: else they would count in every window until
        that time comes."""
        late = (sim_recipients.c.sim_id == sim_id) & (sim_recipients.c.last_at > now + far_ahead)
        with self._database.read() as connection:
            if connection.execute(sa.select(sim_recipients.c.recipient).where(late).limit(1)).first() is None:
                return
        change = sa.update(sim_recipients).where(late).values(last_at=now)
        self._database.write(lambda connection: connection.execute(change))

    def list(self) -> Sequence[Sim]:
        """All SIMs, in the order of their first appearance."""
        with self._database.read() as connection:
            return [Sim(**row._mapping) for row in connection.execute(_LIST)]
