"""Which messages of another gateway were brought in: each once, in the transaction that makes it ours."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.store.engine import Database
from gatewayd.store.schema import imported

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
