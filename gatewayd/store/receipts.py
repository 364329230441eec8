"""Receipts: what was answered to a request with an idempotency key, kept in the transaction of what it did.

So either both are there, or neither is; a request that comes again is answered from here. A key belongs to its token.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.store.engine import Database
from gatewayd.store.schema import receipts
from gatewayd.store.statement import Statement

CHORE = 2_000
"""Receipts that are let go in one transaction."""

_r = receipts.c
_FOUND = Statement(
    sa.select(_r.request_sha256, _r.answer).where(
        _r.token_id == sa.bindparam("token", type_=_r.token_id.type, required=True),
        _r.key == sa.bindparam("key", type_=_r.key.type, required=True),
    )
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and the hash of the request that it was given to."""

    request_sha256: bytes
    answer: bytes


class Receipts:
    """The receipts of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, token_id: int, key: str) -> Kept | None:
        """What was answered to this key."""
        with self._database.read() as connection:
            row = _FOUND.first(connection, token=token_id, key=key)
        return None if row is None else Kept(row[0], zlib.decompress(row[1]))

    @staticmethod
    def add(connection: Connection, token_id: int, key: str, kept: Kept, at: datetime) -> None:
        """Keep an answer in place of what was told before, in the caller's transaction."""
        values = {
            "token_id": token_id, "key": key, "request_sha256": kept.request_sha256,
            "answer": zlib.compress(kept.answer, 6), "made_at": at,
        }  # fmt: skip
        told = upsert(receipts).values(values)
        change = {"answer": told.excluded.answer, "made_at": told.excluded.made_at}
        connection.execute(told.on_conflict_do_update(index_elements=[_r.token_id, _r.key], set_=change))

    def forget(self, before: datetime) -> int:
        """Let go what was made before; how many."""
        some = sa.select(_r.token_id, _r.key).where(_r.made_at < before).limit(CHORE)
        old = sa.delete(receipts).where(sa.tuple_(_r.token_id, _r.key).in_(some))
        total, gone = 0, CHORE
        while gone == CHORE:
            gone = self._database.write(lambda connection: connection.execute(old).rowcount)
            total += gone
        return total
