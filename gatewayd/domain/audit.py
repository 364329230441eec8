"""The audit trail: entries of which each seals all before it, and the check that finds the first that was touched.

    hash of entry n  =  SHA-256( hash of entry n-1  ||  canonical form of entry n );  before the first: 32 zero octets

The canonical form is JSON in UTF-8, keys sorted, no spaces, the time in RFC 3339 UTC with microseconds:

    {"actor":"camille","at":"2026-11-24T10:00:00.000000Z","details":{"message":17},"event":"message.canceled",
     "seq":41,"subject":"p:3f9a1c2e77b0d1c4","version":1}

It is never changed: another form would be another version, and each row says of which it is. A row keeps the very
words that were hashed, so that checking interprets nothing. `subject` is a keyed pseudonym: no entry holds a number or
a text.

The chain shows what was done to a part of it. It cannot show that somebody wrote all of it anew, or cut off its end:
that takes an anchor, the place and hash of an entry that was noted elsewhere.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from json.encoder import encode_basestring
from typing import NamedTuple, TypeAlias

VERSION = 1
Value: TypeAlias = str | int | bool | None
Details: TypeAlias = Mapping[str, Value]
details_of = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""Details in canonical form."""
_UTF8 = ("utf-8", "surrogateescape")
"""Octets that are no UTF-8 are somebody's work, and must not stop the check."""


class Event(StrEnum):
    """What an entry may tell. Names are for ever; `MEANINGS` says what each means."""

    STARTED = "daemon.started"
    STOPPED = "daemon.stopped"
    ACCEPTED = "message.accepted"
    LIST_ACCEPTED = "messages.accepted"
    BATCH_ACCEPTED = "batch.accepted"
    SENT = "message.sent"
    UNKNOWN = "message.unknown"
    FAILED = "message.failed"
    BLOCKED = "message.blocked"
    DELIVERED = "message.delivered"
    UNDELIVERED = "message.undelivered"
    RESOLVED = "message.resolved"
    HELD = "message.held"
    RELEASED = "message.released"
    CANCELED = "message.canceled"
    EXPIRED = "message.expired"
    CONSENT = "consent.recorded"
    WITHDRAWAL = "consent.withdrawn"
    ASKED = "consent.asked"
    DECLINED = "consent.declined"
    OPT_OUT = "optout.recorded"
    OPT_OUT_AGAIN = "optout.repeated"
    OPT_OUT_LIFTED = "optout.lifted"
    OPT_OUTS_IMPORTED = "optouts.imported"
    OPT_OUTS_EXPORTED = "optouts.exported"
    CONTACTS_IMPORTED = "contacts.imported"
    INBOX_IMPORTED = "inbox.imported"
    REVIEWED = "inbox.reviewed"
    RETRIED = "quarantine.retried"
    DISCARDED = "quarantine.discarded"
    SIM_IMPORTED = "sim.imported"
    SIM_SUSPENDED = "sim.suspended"
    SIM_LOCKED = "sim.locked"
    CAMPAIGN_CREATED = "campaign.created"
    CAMPAIGN_TEST = "campaign.test"
    CAMPAIGN_TESTED = "campaign.tested"
    CAMPAIGN_APPROVED = "campaign.approved"
    CAMPAIGN_STARTED = "campaign.started"
    CAMPAIGN_RUN = "campaign.run"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_CANCELED = "campaign.canceled"
    CAMPAIGN_FINISHED = "campaign.finished"
    TOKEN_CREATED = "token.created"  # noqa: S105  (an event)
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  (an event)
    WEBHOOK_REPLAYED = "webhook.replayed"
    WEBHOOK_TESTED = "webhook.tested"
    EXPORTED = "trail.exported"
    REVEALED = "trail.revealed"


MEANINGS: Mapping[Event, str] = {
    Event.STARTED: "the daemon has started; what its last life left half done",
    Event.STOPPED: "the daemon was stopped; a start without it means that it was killed, or lost its power",
    Event.ACCEPTED: "a message was accepted",
    Event.LIST_ACCEPTED: "several messages were accepted in one step; the first id, and how many",
    Event.BATCH_ACCEPTED: "the good rows of a dropped file became messages; how many, and the digest of the file",
    Event.SENT: "the network has taken all parts of a message, at the time of the entry",
    Event.UNKNOWN: "a message may have gone out: nobody knows; `cause` says why",
    Event.FAILED: "a message was refused for good; `cause` says why",
    Event.BLOCKED: "a rule stopped a message at the last moment; `reason` says which",
    Event.DELIVERED: "the network says that a message has arrived",
    Event.UNDELIVERED: "the network says that a message has not arrived",
    Event.RESOLVED: "what had become of an unknown message was settled; `state` says what, `how` who knew",
    Event.HELD: "a waiting message was held",
    Event.RELEASED: "a held message was released",
    Event.CANCELED: "a message was canceled",
    Event.EXPIRED: "a message waited longer than it may, and never went out",
    Event.CONSENT: "an agreement to a purpose was recorded; `digest` seals the record with its proof",
    Event.WITHDRAWAL: "an agreement to a purpose was withdrawn",
    Event.ASKED: "somebody was asked by SMS whether he agrees to a purpose",
    Event.DECLINED: "somebody who was asked by SMS said no",
    Event.OPT_OUT: "somebody opted out; `canceled` waiting messages ended with that",
    Event.OPT_OUT_AGAIN: "somebody opted out who had done so before",
    Event.OPT_OUT_LIFTED: "an opt-out was ended",
    Event.OPT_OUTS_IMPORTED: "a list of opt-outs was brought in; each new one has an entry of its own",
    Event.OPT_OUTS_EXPORTED: "the opt-outs were written out, with their numbers",
    Event.CONTACTS_IMPORTED: "a list of people was brought in, `file` its SHA-256; each agreement of it has an entry",
    Event.RETRIED: "what could not be read was read again",
    Event.DISCARDED: "what could not be read was let go",
    Event.INBOX_IMPORTED: "what people wrote to another gateway was brought in; how many",
    Event.REVIEWED: "a person said whether an uncertain opt-out was meant",
    Event.SIM_IMPORTED: "to so many people another gateway had written from this SIM, which they stay with",
    Event.SIM_SUSPENDED: "a SIM was refused by the network, and rests",
    Event.SIM_LOCKED: "a SIM wants a PIN or a PUK, or refused the PIN",
    Event.CAMPAIGN_CREATED: "somebody wrote a campaign; `digest` seals its text, purpose and audience",
    Event.CAMPAIGN_TEST: "a campaign was sent to the trusted numbers",
    Event.CAMPAIGN_TESTED: "a campaign's test has passed, or `skipped` says why there was none",
    Event.CAMPAIGN_APPROVED: "somebody agreed to a campaign, for so many recipients; `digest` as when it was written",
    Event.CAMPAIGN_STARTED: "somebody let a campaign go",
    Event.CAMPAIGN_RUN: "a campaign's hour has come: its messages are made",
    Event.CAMPAIGN_PAUSED: "nothing more of a campaign starts for now; `reason` says why",
    Event.CAMPAIGN_RESUMED: "a campaign goes on",
    Event.CAMPAIGN_CANCELED: "nothing more of a campaign starts, for good",
    Event.CAMPAIGN_FINISHED: "all of a campaign has come to its end, or its deadline has passed",
    Event.TOKEN_CREATED: "somebody made a token for the API; `name`, `feed`, and what it may do",
    Event.TOKEN_REVOKED: "somebody ended a token of the API",
    Event.WEBHOOK_REPLAYED: "what an endpoint had not taken is sent again; `count` says how many",
    Event.WEBHOOK_TESTED: "a test was sent to an endpoint; `outcome` says what came back",
    Event.EXPORTED: "this trail was written out",
    Event.REVEALED: "this trail was written out with the numbers behind its pseudonyms",
}


class Row(NamedTuple):
    """An entry as it is kept: the words that were hashed, and the hash."""

    seq: int
    version: int
    at: str
    actor: str
    event: str
    subject: str
    details: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody (`actor`) did, to whom (`subject`, a pseudonym or ""), and when."""

    seq: int
    at: datetime
    actor: str
    event: str
    subject: str = ""
    details: Details = field(default_factory=dict)

    def sealed(self, previous: bytes) -> Row:
        """The row that follows the one with this hash."""
        details = details_of(dict(self.details))
        return sealed(Anchor(self.seq - 1, previous), self.at, self.actor, self.event, self.subject, details)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Which hash the entry of this number has."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


BEGINNING = Anchor(0, bytes(32))


def timestamp(at: datetime) -> str:
    """`2026-11-24T10:00:00.000000Z`: of one width, so that it sorts."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(timespec="microseconds")[:26] + "Z"


def canonical(row: Row) -> bytes:
    """The octets that the hash is made over, whatever hash the row has. ValueError: of an unknown version."""
    if row.version != VERSION:
        raise ValueError(f"version {row.version}")
    return _octets(row.seq, row.at, row.actor, row.event, row.subject, row.details)


def sealed(previous: Anchor, at: datetime, actor: str, event: str, subject: str, details: str) -> Row:
    """The row that follows; `details` in canonical form."""
    seq, told = previous.seq + 1, timestamp(at)
    digest = hashlib.sha256(previous.hash + _octets(seq, told, actor, event, subject, details)).digest()
    return Row(seq, VERSION, told, actor, event, subject, details, digest)


def _octets(seq: int, at: str, actor: str, event: str, subject: str, details: str) -> bytes:
    quote = encode_basestring
    words = (
        f'{{"actor":{quote(actor)},"at":{quote(at)},"details":{details},"event":{quote(event)},'
        f'"seq":{seq},"subject":{quote(subject)},"version":1}}'
    )
    return words.encode(*_UTF8)


def chain(previous: bytes, row: Row) -> bytes:
    """The hash that the row must have after this one."""
    return hashlib.sha256(previous + canonical(row)).digest()


class Fault(StrEnum):
    """What was done to a trail."""

    EDITED = "edited"
    MISSING = "missing"
    INSERTED = "inserted"
    SWAPPED = "swapped"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"


_WORDS: Mapping[Fault, str] = {
    Fault.EDITED: "entry {seq} does not fit the one before it: one of the two was changed after it was written",
    Fault.MISSING: "entry {seq} is missing: it was deleted",
    Fault.INSERTED: "entry {seq} was put in afterwards",
    Fault.SWAPPED: "entry {seq} is not in its place: entries were moved",
    Fault.TRUNCATED: "entry {seq} is missing, and all after it: the end was cut off; an anchor knows of more",
    Fault.REWRITTEN: "entry {seq} is not the one that its anchor knows: the trail up to it was written anew, or comes "
    "from a backup that is older than the anchor",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that is not as it was written, and what was done."""

    seq: int
    fault: Fault

    def __str__(self) -> str:
        return _WORDS[self.fault].format(seq=self.seq)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the chain holds; `broken` None: to its end, and through every anchor."""

    head: Anchor
    broken: Broken | None = None


def verify(rows: Iterable[Row], anchors: Iterable[Anchor] = (), *, after: Anchor = BEGINNING) -> Verdict:
    """Check a trail, row by row, in constant memory; `after` is what stands before the first of them."""
    wanted: defaultdict[int, set[bytes]] = defaultdict(set)
    for anchor in anchors:
        wanted[anchor.seq].add(anchor.hash)
    rest = iter(rows)
    before = previous = after
    if _differs(wanted, after):
        return Verdict(after, Broken(after.seq, Fault.REWRITTEN))
    for row in rest:
        if row.seq != previous.seq + 1:
            fault = Fault.MISSING if row.seq > previous.seq else Fault.SWAPPED
            return Verdict(previous, Broken(previous.seq + 1, fault))
        if _hash(previous.hash, row) != row.hash:
            return Verdict(previous, _diagnosed(before, previous, row, rest))
        before, previous = previous, Anchor(row.seq, row.hash)
        if row.seq in wanted and _differs(wanted, previous):
            return Verdict(before, Broken(row.seq, Fault.REWRITTEN))
    cut = max(wanted, default=0) > previous.seq
    return Verdict(previous, Broken(previous.seq + 1, Fault.TRUNCATED) if cut else None)


def _differs(wanted: Mapping[int, set[bytes]], found: Anchor) -> bool:
    return any(one != found.hash for one in wanted.get(found.seq, ()))


def _hash(previous: bytes, row: Row, *, seq: int | None = None) -> bytes | None:
    """The hash that this row would have there; None if it is nothing that was ever hashed."""
    try:
        return chain(previous, row if seq is None else row._replace(seq=seq))
    except (TypeError, ValueError, AttributeError):
        return None


_MOST_DELETED = 100
"""Entries in a row whose deletion is recognised where those behind them were renumbered."""


def _diagnosed(before: Anchor, previous: Anchor, row: Row, rest: Iterator[Row]) -> Broken:
    """What was done where the chain breaks. That it is broken is certain; what was done is the likeliest."""
    if _hash(before.hash, row, seq=previous.seq) == row.hash:
        return Broken(previous.seq, Fault.INSERTED)  # with a hash that fits: what was pushed down does not
    following = next(rest, None)
    if following is None:
        return Broken(row.seq, Fault.EDITED)
    if _hash(row.hash, following) == following.hash:
        return Broken(row.seq, Fault.EDITED)  # its hash is its own: only its words were changed
    for deleted in range(1, _MOST_DELETED):
        if _hash(row.hash, following, seq=following.seq + deleted) == following.hash:
            return Broken(row.seq, Fault.MISSING)
    for moved in itertools.chain([following], rest):
        true = _hash(previous.hash, moved, seq=row.seq)
        if true is not None and true in (moved.hash, row.hash):
            # What belongs here stands further on. Entries that changed places left those between them where they were.
            near = moved is following
            between = row if near else following
            own = _hash(true, between, seq=row.seq + 1)
            swapped = own in (row.hash, moved.hash) if near else own == following.hash
            return Broken(row.seq, Fault.SWAPPED if swapped else Fault.INSERTED)
    return Broken(row.seq, Fault.EDITED)
