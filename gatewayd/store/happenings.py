"""What happened, in the order of its commits, and until when it is kept.

Triggers write it (store/schema/webhooks.py); `arm` makes or drops them: a gateway without webhooks pays nothing.
`note` gives each row the time by the gateway's own clock, and says of `message.sent` whether it is the last word: only
then may it be told, so that it is told the same each time. What is `sent` and waits for a report is told once more
when none can come any more (`tell_again`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.events import HEARD_BY, Happening, is_final
from gatewayd.domain.message import MessageState
from gatewayd.store.engine import CHUNK, Database
from gatewayd.store.schema import (
    AWAITED,
    UNNOTED,
    campaigns,
    deliveries,
    happenings,
    messages,
    telling_triggers,
    webhooks,
)

KEPT = HEARD_BY + timedelta(hours=1)
"""How long what was told to all is kept: a `sent` that was final is known when a report comes nevertheless."""
MARK = 8
"""Digits of a key that tell one happening from another of the same id."""
LOOKED_BACK = 100_000
"""Messages, the newest, among which is looked whether somebody was written to."""
NOTED_AT_ONCE = 1_000
_h, _m = happenings.c, messages.c

GivesReports: TypeAlias = Callable[[Connection, int], bool]
"""Whether this SIM's modem may be expected to give status reports."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened, to be told under this key; `subject` is the id of what it happened to."""

    id: int
    key: str
    event: Happening
    subject: int
    reason: str
    final: bool
    at: datetime
    noted_at: datetime

    @property
    def about(self) -> str:
        """What nothing may overtake that is about the same."""
        return f"{self.event.about}:{self.subject}"

    @property
    def place(self) -> str:
        """By which a listener says what he heard last: the id, and a mark of this one alone, for ids come again when a
        backup is brought back."""
        return f"{self.id}-{self.key[:MARK]}"


@dataclass(frozen=True, slots=True)
class Interest:
    """What is told to an endpoint; no purposes, no feeds: of all of them."""

    events: frozenset[Happening]
    purposes: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()

    @property
    def choosy(self) -> bool:
        """Whether it hears only of some feeds or purposes."""
        return bool(self.purposes or self.feeds)


COLUMNS = (_h.id, _h.key, _h.event, _h.subject, _h.reason, _h.final, _h.at, _h.noted_at)


def occurrence(row: sa.Row[*tuple[Any, ...]]) -> Occurrence:
    """Of a row that has COLUMNS."""
    values = {column.name: getattr(row, column.name) for column in COLUMNS}
    return Occurrence(**{**values, "event": Happening(row.event)})


def arm(connection: Connection, wanted: bool) -> None:
    """See to it that the triggers are there as this program wants them, or that there are none."""
    present: dict[str, str] = dict(
        connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tell\\_%' ESCAPE '\\'"
        ).all()
    )
    made = telling_triggers() if wanted else {}
    for name in present.keys() - {name for name, words in made.items() if present.get(name) == words}:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
        del present[name]
    for name in made.keys() - present.keys():
        connection.exec_driver_sql(made[name])


def armed(connection: Connection) -> bool:
    """Whether what happens is recorded."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'tell_message'"
    return connection.exec_driver_sql(query).first() is not None


def wanted_by(interest: Interest) -> sa.ColumnElement[bool]:
    """Which happenings may be for an endpoint; whether those about people are, `written_to` says."""
    events = sorted(str(event) for event in interest.events)
    named = _h.event.in_(events)
    if not interest.choosy:
        return named
    of_message = sa.exists().where(_m.id == _h.subject, *_chosen(interest)).correlate(happenings)
    its_feed = sa.literal("campaign/").concat(campaigns.c.name)
    chosen = [campaigns.c.purpose.in_(sorted(interest.purposes))] if interest.purposes else []
    chosen += [its_feed.in_(sorted(interest.feeds))] if interest.feeds else []
    of_campaign = sa.exists().where(campaigns.c.id == _h.subject, *chosen).correlate(happenings)
    return sa.and_(
        named,
        sa.case(
            (_h.event.like("message.%"), of_message), (_h.event == str(Happening.CAMPAIGN_FINISHED), of_campaign),
            else_=sa.true(),
        ),
    )  # fmt: skip


def _chosen(interest: Interest) -> Iterable[sa.ColumnElement[bool]]:
    if interest.purposes:
        yield _m.purpose.in_(sorted(interest.purposes))
    if interest.feeds:
        yield _m.feed.in_(sorted(interest.feeds))


class Happenings:
    """Those of one database. All methods raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, now: datetime, gives_reports: GivesReports) -> int:
        """Let what happened since the last time be told; how many."""
        total = 0
        while self._unnoted():
            total += self._database.write(lambda connection: _note(connection, now, gives_reports))
        return total

    def _unnoted(self) -> bool:
        with self._database.read() as connection:
            return connection.execute(sa.select(_h.id).where(UNNOTED).limit(1)).first() is not None

    def following(self, after: int, interest: Interest, limit: int) -> list[Occurrence]:
        """Those behind this one that may be for an endpoint, in their order."""
        query = (
            sa.select(*COLUMNS)
            .where(_h.id > after, _h.noted_at.is_not(None), wanted_by(interest))
            .order_by(_h.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [occurrence(row) for row in connection.execute(query)]

    def last(self) -> int:
        """The newest; 0 if there is none."""
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_h.id), 0))).scalar_one())

    def is_kept(self, id: int, mark: str = "") -> bool:
        """Whether this one is there still, and so all that came after it; 0 is before all that are there. One of
        another mark is of a history that a backup has ended."""
        with self._database.read() as connection:
            key = connection.execute(sa.select(_h.key).where(_h.id == id)).scalar()
        return not id or (key is not None and str(key).startswith(mark))

    def written_to(self, people: Collection[str], interest: Interest) -> set[str]:
        """Whom of these a message of its feeds and purposes was written to, of late."""
        newest = sa.select(sa.func.max(_m.id)).scalar_subquery()
        query = (
            sa.select(_m.recipient)
            .where(_m.id > newest - LOOKED_BACK, _m.recipient.in_(sorted(people)), *_chosen(interest))
            .distinct()
        )
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    def add(self, event: Happening, subject: int, reason: str, now: datetime) -> None:
        """What no row of another table tells."""
        self._database.write(lambda connection: _add(connection, event, subject, reason, now))

    def last_of(self, events: Collection[Happening]) -> Mapping[int, Happening]:
        """Which of these was told last of each subject."""
        among = _h.event.in_([str(event) for event in events])
        latest = sa.select(sa.func.max(_h.id)).where(among).group_by(_h.subject)
        with self._database.read() as connection:
            rows = connection.execute(sa.select(_h.subject, _h.event).where(_h.id.in_(latest))).all()
        return {row.subject: Happening(row.event) for row in rows}

    def tell_again(self, now: datetime) -> int:
        """Of what went out and can be reported on no more: that nothing else will come; how many."""

        def tell(connection: Connection) -> int:
            overdue = sa.select(_h.id, _h.subject).where(AWAITED, _h.awaited_until <= now).limit(NOTED_AT_ONCE)
            rows = connection.execute(overdue).all()
            still = _in_state(connection, [row.subject for row in rows], MessageState.SENT)
            for row in rows:
                if row.subject in still:
                    _add(connection, Happening.SENT, row.subject, "", now)
            done = sa.update(happenings).where(_h.id.in_([row.id for row in rows]))
            connection.execute(done.values(awaited_until=None))
            return len(rows)

        with self._database.read() as connection:
            if connection.execute(sa.select(_h.id).where(AWAITED, _h.awaited_until <= now).limit(1)).first() is None:
                return 0
        return self._database.write(tell)

    def forget(self, now: datetime, interests: Mapping[str, Interest]) -> int:
        """Delete what has been told to all for long; how many."""

        def some(connection: Connection) -> int:
            last = sa.select(sa.func.max(_h.id)).where(_h.event.like("sim.%")).group_by(_h.subject)
            old = sa.select(_h.id).where(
                _h.noted_at < now - KEPT,
                _h.id < _first_untold(connection, interests),
                _h.awaited_until.is_(None),
                _h.id.not_in(sa.select(deliveries.c.happening_id)),
                _h.id.not_in(last),
            )
            return connection.execute(sa.delete(happenings).where(_h.id.in_(old.limit(CHUNK)))).rowcount

        total, gone = 0, CHUNK
        while gone == CHUNK:
            gone = self._database.write(some)
            total += gone
        return total


def _note(connection: Connection, now: datetime, gives_reports: GivesReports) -> int:
    ids = list(connection.execute(sa.select(_h.id).where(UNNOTED).order_by(_h.id).limit(NOTED_AT_ONCE)).scalars())
    open_ = (
        sa.select(_h.id, _m.state, _m.sim_id, _m.sent_at)
        .join(messages, _m.id == _h.subject)
        .where(_h.id.in_(ids), _h.final.is_(None))
    )
    known: dict[int, bool] = {}
    for row in connection.execute(open_).all():
        if row.sim_id is not None and row.sim_id not in known:
            known[row.sim_id] = gives_reports(connection, row.sim_id)
        final = is_final(
            MessageState.SENT, sent_at=row.sent_at, gives_reports=known.get(row.sim_id, True), now=now
        ) and row.state == str(MessageState.SENT)
        until = None if final else (row.sent_at or now) + HEARD_BY
        connection.execute(sa.update(happenings).where(_h.id == row.id).values(final=final, awaited_until=until))
    noted = sa.update(happenings).where(_h.id.in_(ids))
    connection.execute(noted.values(noted_at=now, final=sa.func.coalesce(_h.final, sa.false())))
    return len(ids)


def _add(connection: Connection, event: Happening, subject: int, reason: str, now: datetime) -> None:
    connection.execute(
        sa.insert(happenings).values(
            key=secrets.token_hex(12), event=str(event), subject=subject, reason=reason, final=True, at=now,
            noted_at=now,
        )
    )  # fmt: skip


def _in_state(connection: Connection, ids: Sequence[int], state: MessageState) -> set[int]:
    query = sa.select(_m.id).where(_m.id.in_(ids), _m.state == str(state))
    return set(connection.execute(query).scalars())


def _first_untold(connection: Connection, interests: Mapping[str, Interest]) -> int:
    """The first that an endpoint has still to be told."""
    first = int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_h.id), 0) + 1)).scalar_one())
    reached = sa.select(webhooks.c.name, webhooks.c.reached).where(webhooks.c.gone_at.is_(None))
    for row in connection.execute(reached).all():
        if row.name in interests:
            after = sa.select(sa.func.min(_h.id)).where(_h.id > row.reached, wanted_by(interests[row.name]))
            first = min(first, connection.execute(after).scalar() or first)
    return first
