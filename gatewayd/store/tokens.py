"""Tokens of the API: a record each, found by the SHA-256 of what is presented; ended, and never deleted.

Who creates or revokes one stands in the audit trail, in the same transaction.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.token import Scope
from gatewayd.errors import UsageError
from gatewayd.store import audit
from gatewayd.store.engine import Database, inserted_id
from gatewayd.store.schema import tokens
from gatewayd.store.statement import Statement

_t = tokens.c


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to keep. `purposes` empty: all of the configuration's."""

    name: str
    feed: str
    sha256: bytes
    scopes: frozenset[Scope]
    purposes: frozenset[str]
    per_minute: int
    messages_per_minute: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept, without itself."""

    id: int
    name: str
    feed: str
    sha256: bytes
    scopes: frozenset[Scope]
    purposes: frozenset[str]
    per_minute: int
    messages_per_minute: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    def valid(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


_FOUND = Statement(sa.select(*_t).where(_t.sha256 == sa.bindparam("sha256", type_=_t.sha256.type, required=True)))
_OF_ID = Statement(sa.select(*_t).where(_t.id == sa.bindparam("token", required=True)))
_USED = sa.update(tokens).where(_t.id == sa.bindparam("token")).values(last_used_at=sa.bindparam("now"))


class Tokens:
    """The tokens of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewToken, *, by: str, at: datetime) -> None:
        """Keep a token. UsageError: another one that is valid has this name."""
        scopes, purposes = _words(new.scopes), _words(new.purposes)
        values = {
            "name": new.name, "feed": new.feed, "sha256": new.sha256, "scopes": scopes,
            "purposes": purposes, "per_minute": new.per_minute,
            "messages_per_minute": new.messages_per_minute, "expires_at": new.expires_at,
            "created_at": at, "created_by": by,
        }  # fmt: skip

        def insert(connection: Connection) -> None:
            if self._live(connection, new.name) is not None:
                raise UsageError(f"there is a token {new.name!r} already; `gatewayd tokens revoke {new.name}` ends it")
            token = inserted_id(connection.execute(sa.insert(tokens), values))
            audit.append(
                connection, Event.TOKEN_CREATED, at, by=by, token=token, name=new.name, feed=new.feed,
                scopes=scopes, purposes=purposes or None,
            )  # fmt: skip

        self._database.write(insert)

    def revoke(self, name: str, *, by: str, at: datetime) -> None:
        """End a token. UsageError: there is none of this name that was not ended before."""

        def end(connection: Connection) -> None:
            token = self._live(connection, name)
            if token is None:
                raise UsageError(f"there is no token {name!r}; `gatewayd tokens list` shows them")
            connection.execute(sa.update(tokens).where(_t.id == token).values(revoked_at=at, revoked_by=by))
            audit.append(connection, Event.TOKEN_REVOKED, at, by=by, token=token, name=name)

        self._database.write(end)

    def _live(self, connection: Connection, name: str) -> int | None:
        query = sa.select(_t.id).where(_t.name == name, _t.revoked_at.is_(None))
        found: int | None = connection.execute(query).scalar()
        return found

    def find(self, sha256: bytes) -> Token | None:
        """The token with this hash, valid or not."""
        with self._database.read() as connection:
            row = _FOUND.first(connection, sha256=sha256)
        return None if row is None else _token(row)

    def get(self, token_id: int) -> Token | None:
        """One of those that were made, valid or not."""
        with self._database.read() as connection:
            row = _OF_ID.first(connection, token=token_id)
        return None if row is None else _token(row)

    def used(self, token_id: int, at: datetime) -> None:
        """It was used. StorageUnavailable."""
        self._database.write(lambda connection: connection.execute(_USED, {"token": token_id, "now": at}))

    def list(self) -> Sequence[Token]:
        """All of them, the newest first."""
        with self._database.read() as connection:
            return [_token(tuple(row)) for row in connection.execute(sa.select(*_t).order_by(_t.id.desc()))]


def _words(words: frozenset[Scope] | frozenset[str]) -> str:
    return " ".join(sorted(map(str, words)))


def _token(row: tuple[object, ...]) -> Token:
    fields = dict(zip(_t.keys(), row, strict=True))
    scopes: builtins.list[str] = str(fields["scopes"]).split()
    purposes = frozenset(str(fields["purposes"]).split())
    return Token(**{**fields, "scopes": frozenset(map(Scope, scopes)), "purposes": purposes})  # type: ignore[arg-type]  # a row of the table
