"""The audit trail in the database: an entry in the transaction of its fact, or neither.

`append` is called wherever a fact is written, with the same connection. It chains to the last hash as it is in that
transaction, for the CLI is another process that writes too; the single writer makes the chain gapless. Numbers become
pseudonyms by what the writing connection carries, and whatever else looks like a number is masked, so that neither can
get in.

Reading takes a snapshot, a row at a time: the check of a million entries needs no memory.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Protocol, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import BEGINNING, Anchor, Event, Row, Value, details_of, sealed, timestamp
from gatewayd.domain.masking import is_digest, masked
from gatewayd.domain.message import MessageState
from gatewayd.store.schema import consents, contacts, incoming, messages, optouts, sims, trail
from gatewayd.store.statement import Statement

Pseudonym: TypeAlias = Callable[[str], str]
"""The word that stands for a number, under a key that the store does not know."""
PSEUDONYM = "pseudonym"
"""Under this key the writing connection carries it (`Connection.info`)."""
_GUESS = "audit head"
GATEWAY, RECIPIENT = "gatewayd", "recipient"
"""Actors that are no operator."""
_LONGEST = 200
_LOOKED_AT, _MARGIN = 1000, 40
"""Of longer words only the beginning is looked at, less the margin where half a number could stand."""

_t = trail.c
_HEAD = Statement(sa.select(_t.seq, _t.hash).order_by(_t.seq.desc()).limit(sa.literal_column("1")))
_LAST_HASH = sa.select(_t.hash).order_by(_t.seq.desc()).limit(sa.literal_column("1")).scalar_subquery()
_APPEND = Statement(
    sa.insert(trail).from_select(
        list(Row._fields),
        sa.select(*(sa.bindparam(name, type_=_t[name].type, required=True) for name in Row._fields)).where(
            sa.func.coalesce(_LAST_HASH, sa.literal_column("zeroblob(32)"))
            == sa.bindparam("previous", type_=_t.hash.type, required=True)
        ),
    )
)
"""Nothing is added if the last hash is another than the one that this entry was chained to."""
_ICCID = Statement(sa.select(sims.c.iccid).where(sims.c.id == sa.bindparam("sim_id")))
# As octets: what is no UTF-8, or of another type, is for the check to find, and not for the driver to fail on.
_ROWS = Statement(
    sa.select(
        _t.seq,
        _t.version,
        *(sa.cast(_t[name], sa.LargeBinary) for name in ("at", "actor", "event", "subject", "details", "hash")),
    )
    .where(_t.seq > sa.bindparam("after"), _t.seq <= sa.bindparam("until"))
    .order_by(_t.seq)
)
_LATEST = 2**62


def unlinkable() -> Pseudonym:
    """Words under a key that nobody keeps."""
    key = secrets.token_bytes(32)

    @lru_cache(maxsize=1024)
    def word(number: str) -> str:
        return "p:" + hmac.digest(key, number.encode("utf-8", "surrogatepass"), "sha256")[:8].hex()

    return word


def append(
    connection: Connection, event: Event, at: datetime, *, by: str = GATEWAY, number: str = "", **details: Value
) -> Anchor:
    """Add an entry, in the caller's transaction; `number` is whom it is about, details whose value is None are left
    out."""
    told = {
        name: _told(value) if isinstance(value, str) else value for name, value in details.items() if value is not None
    }
    return _append(connection, event, at, _told(by), number, details_of(told))


def expired(connection: Connection, which: Iterable[tuple[int, str]], reason: str, at: datetime) -> None:
    """Messages (id, recipient) that waited too long: an entry each."""
    for message_id, recipient in which:
        append(connection, Event.EXPIRED, at, number=recipient, message=message_id, reason=reason)


def _append(connection: Connection, event: Event, at: datetime, actor: str, number: str, details: str) -> Anchor:
    carried = connection.info
    subject = carried[PSEUDONYM](number) if number else ""
    # The last head of ours, as a guess: another process may have written since, or what we wrote was undone.
    previous: Anchor = carried.get(_GUESS) or head(connection)
    while True:
        row = sealed(previous, at, actor, event, subject, details)
        if _APPEND.run(connection, previous=previous.hash, **row._asdict()):
            break
        previous = head(connection)
    carried[_GUESS] = written = Anchor(row.seq, row.hash)
    return written


class Part(Protocol):
    """What is known of a part that was submitted."""

    @property
    def message_id(self) -> int: ...
    @property
    def recipient(self) -> str: ...
    @property
    def sim_id(self) -> int: ...


def sent(
    connection: Connection, at: datetime, recipient: str, message_id: int, parts: int, purpose: str, sim: str
) -> None:
    """All parts of a message are sent. Each message passes here: so its details are written without detours."""
    details = f'{{"message":{message_id},"parts":{parts},"purpose":{_quoted(purpose)},"sim":{_quoted(sim)}}}'
    _append(connection, Event.SENT, at, GATEWAY, recipient, details)


def ended(connection: Connection, event: Event, part: Part, at: datetime, cause: str) -> None:
    """A submission ended otherwise."""
    sim = iccid(connection, part.sim_id)
    append(connection, event, at, number=part.recipient, message=part.message_id, sim=sim, cause=cause)


def resolved(
    connection: Connection,
    message_id: int,
    recipient: str,
    state: MessageState,
    at: datetime,
    *,
    how: str,
    by: str = GATEWAY,
    sent_at: datetime | None = None,
) -> None:
    """What had become of an unknown message is known: by a report, a late answer, or an operator's word; if it is sent,
    when that was."""
    sent = timestamp(sent_at) if sent_at is not None and state is MessageState.SENT else None
    append(
        connection, Event.RESOLVED, at, by=by, number=recipient, message=message_id, state=str(state), how=how,
        sent_at=sent,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _quoted(words: str) -> str:
    return encode_basestring(_told(words))


@lru_cache(maxsize=1024)
def _told(words: str) -> str:
    if is_digest(words):
        return words
    seen = masked(words) if len(words) <= _LOOKED_AT else masked(words[:_LOOKED_AT])[:-_MARGIN]
    return seen[:_LONGEST]


def digest(connection: Connection, *words: str) -> str:
    """What shows later that words are still the same, and tells nobody without the key which they are."""
    return digest_under(connection.info[PSEUDONYM], *words)


def digest_under(pseudonym: Pseudonym, *words: str) -> str:
    """The same, to compare with what an entry has."""
    return pseudonym("\0".join(words)).removeprefix("p:")


def iccid(connection: Connection, sim_id: int) -> str:
    """The name of a SIM that is one everywhere and for ever."""
    known: dict[int, str] = connection.info.setdefault("iccids", {})
    if sim_id not in known:
        row = _ICCID.first(connection, sim_id=sim_id)
        known[sim_id] = str(row[0]) if row is not None else ""
    return known[sim_id]


def head(connection: Connection) -> Anchor:
    """The last entry."""
    row = _HEAD.first(connection)
    return BEGINNING if row is None else Anchor(int(row[0]), bytes(row[1]))


def at(connection: Connection, seq: int) -> Anchor:
    """The entry of this number; the beginning for 0."""
    row = next(rows(connection, after=seq - 1, until=seq), None) if seq > 0 else None
    return BEGINNING if row is None else Anchor(row.seq, row.hash)


def rows(connection: Connection, *, after: int = 0, until: int = _LATEST) -> Iterator[Row]:
    """Entries in their order, read as they are consumed."""
    for seq, version, at, actor, event, subject, details, digest in _ROWS.each(connection, after=after, until=until):
        yield Row(seq, version, _str(at), _str(actor), _str(event), _str(subject), _str(details), digest or b"")


def _str(octets: bytes | None) -> str:
    return str(octets or b"", "utf-8", "surrogateescape")


def about(connection: Connection, subject: str, events: Collection[Event]) -> list[Row]:
    """The entries of these kinds about somebody, the oldest first."""
    query = sa.select(*(_t[name] for name in Row._fields)).order_by(_t.seq)
    return [Row(*row) for row in connection.execute(query.where(_t.subject == subject, _t.event.in_(events)))]


def latest(connection: Connection, limit: int, *, event: str = "", subject: str = "") -> list[Row]:
    """The newest entries first."""
    query = sa.select(*(_t[name] for name in Row._fields)).order_by(_t.seq.desc()).limit(limit)
    if event:
        query = query.where(_t.event == event)
    if subject:
        query = query.where(_t.subject == subject)
    return [Row(*row) for row in connection.execute(query)]


def between(connection: Connection, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The numbers before the first entry and of the last one of a time; all between them belong to it, though a clock
    may have jumped."""
    after, last = 0, _LATEST
    if since is not None:
        first = connection.execute(sa.select(sa.func.min(_t.seq)).where(_t.at >= timestamp(since))).scalar()
        after = (first or _LATEST) - 1
    if until is not None:
        last = connection.execute(sa.select(sa.func.max(_t.seq)).where(_t.at < timestamp(until))).scalar() or 0
    return after, last


def numbers(connection: Connection) -> Iterator[str]:
    """All numbers that are still known."""
    known = sa.union(
        sa.select(messages.c.recipient), sa.select(consents.c.recipient), sa.select(optouts.c.recipient),
        sa.select(incoming.c.sender), sa.select(contacts.c.number),
    )  # fmt: skip
    return (str(row[0]) for row in connection.execute(known))
