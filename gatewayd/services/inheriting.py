"""What another gateway left behind becomes ours: its queue, its black list, and the STOPs that nobody had heard.

Each waiting message is brought in once, however often the import is repeated, a few hundred in a transaction with their
fingerprints. It is judged as any other, and held until somebody releases it, unless it is to be queued.

What people wrote is read by the same rules as a message of today, in the order in which it came: the last word of each
sender counts. Who opted out certainly is opted out; what is doubtful is for a person to look at. Who has opted out
already, or said START here since, is left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice

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


def judge(
    waiting: Sequence[tuple[str, str, str, int]], purpose: Purpose, numbers: NumberRules, now: datetime, *, held: bool
) -> Judged:
    """Key, number and text of each waiting message, as messages of this purpose; and how far before others it goes."""
    found = Judged()
    for key, number, text, ahead in waiting:
        try:
            recipient = numbers.parse(repair_excel(number))
            message = message_of(purpose, recipient, plan_text(text, purpose), feed="import", now=now)
        except (NumberError, RefusedByRule) as error:
            found.refused.append((key, error.reason))
        except TextError as error:
            found.refused.append((key, str(error)))
        else:
            state, reason = (MessageState.HELD, HELD) if held else (MessageState.QUEUED, "")
            digest = hashlib.sha256("\0".join((key, recipient, text)).encode("utf-8", "replace")).digest()
            found.good[digest] = replace(message, state=state, reason=reason, priority=max(0, message.priority - ahead))
    return found


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
