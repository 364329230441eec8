"""What was brought in from another gateway: each message once, in the transaction that makes it ours; and whom its SIMs
wrote to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.store import audit
from gatewayd.store.engine import Database
from gatewayd.store.schema import imported, incoming, sim_recipients

_FINGERPRINT = imported.c.fingerprint


def known(database: Database) -> set[bytes]:
    """The fingerprints of all."""
    with database.read() as connection:
        return set(connection.execute(sa.select(_FINGERPRINT)).scalars())


def take(connection: Connection, fingerprints: Collection[bytes]) -> set[bytes]:
    """Note these; those that are new. In the caller's transaction."""
    asked = sa.select(_FINGERPRINT).where(_FINGERPRINT.in_(list(fingerprints)))
    new = set(fingerprints) - set(connection.execute(asked).scalars())
    if new:
        connection.execute(sa.insert(imported), [{"fingerprint": one} for one in sorted(new)])
    return new


class Wrote(NamedTuple):
    """Somebody whom a SIM wrote to."""

    recipient: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What somebody wrote to another gateway, on a SIM that is ours now; how it was read, and by which rule."""

    sim_id: int
    sender: str
    text: str
    received_at: datetime
    kind: str
    tier: str
    rule: str


def keep(connection: Connection, *, heard: Mapping[bytes, Kept], by: str, at: datetime) -> int:
    """Those that are not in the inbox yet, by their fingerprints; how many. Nobody is told of them: they are filed."""
    new = [asdict(heard[one]) for one in take(connection, heard.keys())]
    rest = {"parts": 1, "complete": True, "service_centre": "", "review": False}
    rows = [{**one, **rest, "filed_at": one["received_at"]} for one in new]
    if rows:
        connection.execute(sa.insert(incoming), sorted(rows, key=lambda row: row["received_at"]))
        audit.append(connection, Event.INBOX_IMPORTED, at, by=by, count=len(rows))
    return len(rows)


def adopt(connection: Connection, *, sim_id: int, people: Sequence[Wrote], by: str, at: datetime) -> int:
    """Whom a SIM wrote to, first and last; how many it did not know. In the caller's transaction."""
    r = sim_recipients.c
    asked = sa.select(r.recipient).where(r.sim_id == sim_id, r.recipient.in_([number for number, _, _ in people]))
    new = len(people) - len(connection.execute(asked).all())
    insert = upsert(sim_recipients)
    change = insert.on_conflict_do_update(
        index_elements=[r.sim_id, r.recipient],
        set_={
            "first_at": sa.func.min(r.first_at, insert.excluded.first_at),
            "last_at": sa.func.max(r.last_at, insert.excluded.last_at),
        },
    )
    connection.execute(change, [{"sim_id": sim_id, **one._asdict()} for one in people])
    if new:
        audit.append(connection, Event.SIM_IMPORTED, at, by=by, sim=audit.iccid(connection, sim_id), count=new)
    return new
