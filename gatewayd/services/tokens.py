"""Who calls the API: tokens are made, shown once, and judged at each request.

A token that nobody knows goes the same way as a known one (hash, look-up, comparison in constant time), so that the
time of the answer tells nothing. Its last use is noted once a minute at most. Each token has two rates of its own,
buckets of a minute's requests and of a minute's messages that fill steadily; wrong tokens have one too, for each peer,
so that a program gone wild is told to wait. Whoever finds a full bucket may take more than it holds, and is then in
debt: no call is too large for ever. Rates are kept in memory: a restart fills the buckets.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gatewayd.clock import Clock
from gatewayd.domain import token as words
from gatewayd.domain.token import Scope
from gatewayd.errors import OutOfScope, StorageUnavailable, TooOften, UnknownToken, UsageError
from gatewayd.store.engine import Database
from gatewayd.store.tokens import NewToken, Tokens

log = structlog.get_logger(__name__)

PER_MINUTE = 600
MESSAGES_PER_MINUTE = 10_000
FAILURES_PER_MINUTE = 10
_NOTED_EVERY = 60.0
_MOST_PEERS = 1000
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a token, and what it may do. `by`: how the audit trail names it."""

    token_id: int
    name: str
    feed: str
    scopes: frozenset[Scope]
    purposes: frozenset[str]
    messages_per_minute: int
    by: str

    @property
    def person(self) -> str:
        """Who writes and agrees to campaigns: the token, wherever it is used from."""
        return f"token:{self.name}"

    def needs(self, *scopes: Scope) -> None:
        """OutOfScope: none of these scopes is the token's."""
        if self.scopes.isdisjoint(scopes):
            raise OutOfScope(f"the token {self.name} does not allow this: it needs the scope {' or '.join(scopes)}")

    def may_send_for(self, purpose: str) -> None:
        """OutOfScope: the token may not send, or not for this purpose."""
        self.needs(Scope.SUBMIT)
        self.is_for(purpose)

    def is_for(self, purpose: str) -> None:
        """OutOfScope: the token is for other purposes."""
        if self.purposes and purpose not in self.purposes:
            allowed = ", ".join(sorted(self.purposes))
            raise OutOfScope(f"the token {self.name} is not for the purpose {purpose!r}; it is for: {allowed}")


class TokenDesk:
    """Makes and ends tokens, for an operator. `folders`: feeds of the drop folder, which are no token's."""

    def __init__(
        self, database: Database, clock: Clock, *, purposes: Collection[str], folders: Collection[str] = ()
    ) -> None:
        self._tokens, self._clock, self._purposes, self._folders = Tokens(database), clock, purposes, folders

    def create(
        self,
        name: str,
        *,
        scopes: Collection[Scope],
        purposes: Collection[str] = (),
        feed: str = "",
        per_minute: int = PER_MINUTE,
        messages_per_minute: int = MESSAGES_PER_MINUTE,
        days: int | None = None,
        by: str,
    ) -> str:
        """A new token: this is the only time that it is seen. UsageError."""
        strange = sorted(set(purposes) - set(self._purposes))
        if strange:
            raise UsageError(f"there is no purpose {strange[0]!r}; the configuration has: {', '.join(self._purposes)}")
        its_feed = words.named(feed or name, "feed")
        if its_feed in self._folders:
            raise UsageError(f"{its_feed!r} is a folder of the drop folder, whose messages it would see; give a --feed")
        token, now = words.written(secrets.token_bytes(words.OCTETS)), self._clock.utc_now()
        new = NewToken(
            name=words.named(name, "token"),
            feed=its_feed,
            sha256=words.sha256(token),
            scopes=frozenset(scopes),
            purposes=frozenset(purposes),
            per_minute=per_minute,
            messages_per_minute=messages_per_minute,
            expires_at=now + timedelta(days=days) if days is not None else None,
        )
        self._tokens.add(new, by=by, at=now)
        log.info("token.created", name=name, feed=new.feed)
        return token

    def revoke(self, name: str, *, by: str) -> None:
        """End a token: from the commit on it opens nothing. UsageError."""
        self._tokens.revoke(name, by=by, at=self._clock.utc_now())
        log.info("token.revoked", name=name)


def colliding(database: Database, clock: Clock, folders: Collection[str]) -> str:
    """What to say of a token that opens something, and whose feed is that of a folder which came later; "" if none is.
    StorageUnavailable."""
    for one in Tokens(database).list():
        if one.feed in folders and one.valid(clock.utc_now()):
            return (
                f"the drop folder {one.feed!r} has the name of the feed of the token {one.name!r}, which would see its"
                f" messages: give the folder another name, or end the token (gatewayd tokens revoke {one.name})"
            )
    return ""


class Gatekeeper:
    """Judges tokens at each request; used from any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._tokens, self._clock = Tokens(database), clock
        self._lock = threading.Lock()
        self._rates: dict[tuple[int, str], Bucket] = {}
        self._failures: dict[str, Bucket] = {}
        self._noted: dict[int, float] = {}

    def admit(self, presented: str, peer: str) -> Caller:
        """Who presents this token, from where (`uid:1000`, or an address). UnknownToken, TooOften."""
        digest, now = words.sha256(presented), self._clock.utc_now()
        found = self._tokens.find(digest)
        known = hmac.compare_digest(found.sha256 if found is not None else _NOBODY, digest)
        if found is None or not known or not found.valid(now):
            self._count_failure(peer)
            log.warning("api.unknown_token", peer=peer, token=found.name if found is not None else "")
            raise UnknownToken
        self._take(found.id, found.name, "requests", found.per_minute)
        by = f"token:{found.name}" + (f" {peer}" if peer.startswith("uid:") else "")
        scopes, messages = words.widened(found.scopes), found.messages_per_minute
        return Caller(found.id, found.name, found.feed, scopes, found.purposes, messages, by)

    def knows(self, presented: str) -> bool:
        """Whether this token is good, as far as that can be seen now; counts nothing."""
        try:
            found = self._tokens.find(words.sha256(presented))
        except StorageUnavailable:  # which `admit` will say
            return False
        return found is not None and found.valid(self._clock.utc_now())

    def holds(self, caller: Caller) -> bool:
        """Whether its token is still good, for who goes on for long."""
        found = self._tokens.get(caller.token_id)
        return found is not None and found.valid(self._clock.utc_now())

    def spend(self, caller: Caller, messages: int) -> None:
        """So many messages are to be judged for it. TooOften."""
        self._take(caller.token_id, caller.name, "messages", caller.messages_per_minute, messages)

    def _take(self, token_id: int, name: str, what: str, per_minute: int, count: int = 1) -> None:
        with self._lock:
            bucket, now = self._rates.get((token_id, what)), self._clock.monotonic()
            if bucket is None or bucket.per_minute != per_minute:
                bucket = self._rates[token_id, what] = Bucket(per_minute, now)
            wait = bucket.take(now, count)
        if wait > 0:
            raise TooOften(wait, f"the token {name} may make {per_minute} {what} a minute")

    def _count_failure(self, peer: str) -> None:
        with self._lock:
            if len(self._failures) >= _MOST_PEERS:
                self._failures.clear()
            now = self._clock.monotonic()
            wait = self._failures.setdefault(peer, Bucket(FAILURES_PER_MINUTE, now)).take(now)
        if wait > 0:
            raise TooOften(wait, "too many requests without a valid token")

    def due(self, caller: Caller) -> bool:
        """Whether its use is to be noted: once a minute."""
        moment = self._clock.monotonic()
        with self._lock:
            if moment - self._noted.get(caller.token_id, float("-inf")) < _NOTED_EVERY:
                return False
            self._noted[caller.token_id] = moment
            return True

    def note(self, caller: Caller) -> None:
        """It was used now: waits for the writer."""
        try:
            self._tokens.used(caller.token_id, self._clock.utc_now())
        except StorageUnavailable as error:  # it is still the right token
            log.warning("storage.unavailable", error=str(error))


class Bucket:
    """A minute's worth of something, which fills steadily."""

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute, self._left, self._at = per_minute, float(per_minute), now

    def take(self, now: float, count: int = 1) -> float:
        """Take so many, or more than it holds when it is full; seconds to wait until they are there, 0 if they were."""
        self._left = min(self.per_minute, self._left + (now - self._at) * self.per_minute / 60)
        self._at = now
        missing = min(count, self.per_minute) - self._left
        if missing > 0:
            return missing * 60 / self.per_minute
        self._left -= count
        return 0.0
