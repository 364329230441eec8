"""What another gateway left behind becomes ours: its queue, its black list, whom its SIMs wrote to, what people wrote
back, and the STOPs that nobody had heard.

Each waiting message is brought in once, however often the import is repeated, a few hundred in a transaction with their
fingerprints. It is judged as any other, and held until somebody releases it, unless it is to be queued.

What people wrote is read by the same rules as a message of today, in the order in which it came: the last word of each
sender counts. Who opted out certainly is opted out; what is doubtful is for a person to look at. Who has opted out
already, or said START here since, is left alone.

Whom a SIM wrote to stays its own, and counts among its distinct recipients. What people wrote may be kept in the inbox:
as it was read, answered by nobody, told to nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Protocol

from sqlalchemy.engine import Connection

from gatewayd.domain.message import MessageState
from gatewayd.domain.number import repair_excel
from gatewayd.domain.purpose import Purpose
from gatewayd.domain.reading import Kind
from gatewayd.errors import NumberError, RefusedByRule, TextError
from gatewayd.services.intake import NumberRules, message_of, plan_text
from gatewayd.services.replies import Reader, Reading
from gatewayd.store import imported
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.people import People

SOME = 300
"""Messages of one transaction."""
HELD = "approval"


@dataclass(slots=True)
class Judged:
    """Messages that may be brought in, by their fingerprints, and why the others may not."""

    good: dict[bytes, NewMessage] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Stops:
    """Who said STOP: certainly (when, and by which rule), or perhaps (with the text)."""

    certain: dict[str, tuple[datetime | None, str]] = field(default_factory=dict)
    doubtful: dict[str, tuple[datetime | None, str]] = field(default_factory=dict)


class Waited(Protocol):
    """A message that waits to be sent; `key` names it among all of its origin."""

    @property
    def key(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def ahead(self) -> int: ...
    @property
    def lives(self) -> timedelta | None: ...
    @property
    def not_before(self) -> datetime | None: ...


def judge(waiting: Iterable[Waited], purpose: Purpose, numbers: NumberRules, now: datetime, *, held: bool) -> Judged:
    """The waiting messages, as messages of this purpose: ahead or behind, for as long and from when they say."""
    found = Judged()
    for one in waiting:
        try:
            recipient = numbers.parse(repair_excel(one.number))
            planned = plan_text(one.text, purpose)
        except (NumberError, RefusedByRule) as error:
            found.refused.append((one.key, error.reason))
        except TextError as error:
            found.refused.append((one.key, str(error)))
        else:
            begins = one.not_before if one.not_before is not None and one.not_before > now else None
            message = message_of(purpose, recipient, planned, feed="import", now=now, begins=begins, lives=one.lives)
            found.good[_digest(one.key, recipient, one.text)] = _as_wished(message, one, held=held)
    return found


def _as_wished(message: NewMessage, one: Waited, *, held: bool) -> NewMessage:
    state, reason = (MessageState.HELD, HELD) if held else (MessageState.QUEUED, "")
    return replace(message, state=state, reason=reason, priority=max(0, message.priority - one.ahead))


def _digest(*said: str) -> bytes:
    return hashlib.sha256("\0".join(said).encode("utf-8", "replace")).digest()


def known(database: Database, good: dict[bytes, NewMessage]) -> int:
    """How many of these were brought in before."""
    return len(imported.known(database) & good.keys())


def bring_in(database: Database, good: dict[bytes, NewMessage], by: str) -> int:
    """Accept what was not brought in before; how many."""
    left, count = iter(good.items()), 0
    while some := dict(islice(left, SOME)):
        count += database.write(partial(_bring_in, outbox=Outbox(database), some=some, by=by))
    return count


def _bring_in(connection: Connection, *, outbox: Outbox, some: dict[bytes, NewMessage], by: str) -> int:
    new = imported.take(connection, some.keys())
    messages = [message for digest, message in some.items() if digest in new]
    if messages:
        outbox.accept(connection, messages, by=by)
    return len(messages)


def adopt(database: Database, sim_id: int, people: Iterable[imported.Wrote], *, by: str, at: datetime) -> int:
    """These people are this SIM's own; how many it did not know."""
    left, count = iter(people), 0
    while some := list(islice(left, SOME)):
        count += database.write(partial(imported.adopt, sim_id=sim_id, people=some, by=by, at=at))
    return count


def keep(database: Database, heard: Iterable[imported.Kept], *, by: str, at: datetime) -> int:
    """Keep what people wrote to the other gateway in the inbox, each once; how many are new."""
    left = iter({_digest("inbox", one.sender, str(one.received_at), one.text): one for one in heard}.items())
    count = 0
    while some := dict(islice(left, SOME)):
        count += database.write(partial(imported.keep, heard=some, by=by, at=at))
    return count


def stops(
    heard: Sequence[tuple[str, str, datetime | None]],
    read: Reader,
    e164: Callable[[str], str | None],
    people: People,
) -> Stops:
    """Sender, text and time of what people wrote: who wants no more, and is not known to."""
    last: dict[str, tuple[datetime | None, Reading, str]] = {}
    for sender, text, at in sorted(heard, key=lambda one: one[2] or datetime.min.replace(tzinfo=UTC)):
        reading, number = read(text), e164(sender)
        if number is not None and reading.kind in (Kind.OPT_OUT, Kind.OPT_IN):
            last[number] = (at, reading, text)
    found = Stops()
    for number, (at, reading, text) in last.items():
        if reading.kind is not Kind.OPT_OUT or _heard_of(people, number, at):
            continue
        (found.doubtful if reading.review else found.certain)[number] = (
            at,
            text if reading.review else reading.decision,
        )
    return found


def _heard_of(people: People, number: str, at: datetime | None) -> bool:
    """Whether an opt-out holds, or was lifted after that was written."""
    ours = people.optouts(active=False, recipient=number)
    return any(one.lifted_at is None or at is None or one.lifted_at > at for one in ours)
