"""How far each endpoint has been told, what it did not take, and how it is.

    happenings  --in their order-->  told (`reached`)
                                `->  refused: a delivery that comes again when it is due  -->  told
                                                                                          `->  dead, for thirty days

`reached` moves in the transaction that records what became of a happening, after the endpoint has answered: a crash in
between tells it again, under the same key. What is about the same message does not overtake what was refused of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.webhooks import DEAD_KEPT, DEAD_MOST, LIFE
from gatewayd.errors import UsageError
from gatewayd.store import audit
from gatewayd.store.engine import Database
from gatewayd.store.happenings import COLUMNS, Interest, Occurrence, arm, armed, occurrence, wanted_by
from gatewayd.store.schema import deliveries, happenings, webhooks
from gatewayd.store.types import UtcTime

_w, _d, _h = webhooks.c, deliveries.c, happenings.c


@dataclass(frozen=True, slots=True)
class Condition:
    """How an endpoint is: `failing_since` absent while it answers well, `gone_at` absent until it says 410; so many
    `failures` in a row, none where somebody wants it to be tried now. And what there is: the `newest` happening, and
    when the first of what it refused is due."""

    name: str
    url: str
    reached: int
    failures: int
    failing_since: datetime | None
    trouble: str
    told: int
    told_at: datetime | None
    gone_at: datetime | None
    newest: int
    due_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether something that was refused is, by a clock that may have been put back since."""
        return self.due_at is not None and not now < self.due_at <= now + LIFE


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that an endpoint did not take, `tries` times; `dead_at` absent while it comes again."""

    id: int
    webhook: str
    tries: int
    trouble: str
    since: datetime
    due_at: datetime
    dead_at: datetime | None
    what: Occurrence


@dataclass(frozen=True, slots=True)
class Pending:
    """Something to be told; of what was refused before, `tries` times, since when it counts."""

    what: Occurrence
    since: datetime
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits for an endpoint, and what was given up."""

    pending: int
    dead: int


_CONDITION = sa.select(
    webhooks,
    sa.select(sa.func.coalesce(sa.func.max(_h.id), 0)).scalar_subquery().label("newest"),
    sa.select(sa.func.min(_d.due_at, type_=UtcTime))
    .where(_d.webhook == _w.name, _d.dead_at.is_(None))
    .correlate(webhooks)
    .scalar_subquery()
    .label("due_at"),
)
_OWN = (_d.id.label("delivery_id"), _d.webhook, _d.tries, _d.trouble, _d.since, _d.due_at, _d.dead_at)
_DELIVERY = sa.select(*_OWN, *COLUMNS).join_from(deliveries, happenings, _h.id == _d.happening_id)
_PENDING = _d.dead_at.is_(None)


class Webhooks:
    """Those of one database. All methods raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- the configuration

    def configure(self, urls: Mapping[str, str], *, listeners: bool = False) -> None:
        """From the commit on it is recorded what these endpoints are to be told, and nothing for any other; or all,
        for the `listeners` at the API. An endpoint that is new, or has another URL than the one that was gone, hears of
        what happens from now on."""
        recording = bool(urls) or listeners
        with self._database.read() as connection:
            known = connection.execute(sa.select(_w.name).limit(1)).first()
            if not urls and known is None and armed(connection) == recording:
                return

        def set_up(connection: Connection) -> None:
            arm(connection, recording)
            last = _last(connection)
            for name, url in urls.items():
                connection.execute(upsert(webhooks).values(name=name, url=url, reached=last).on_conflict_do_nothing())
                moved = sa.update(webhooks).where(_w.name == name, _w.url != url)
                back = {"gone_at": None, "reached": sa.case((_w.gone_at.is_not(None), last), else_=_w.reached)}
                connection.execute(moved.values(url=url, failures=0, failing_since=None, trouble="", **back))
            connection.execute(sa.delete(deliveries).where(_d.webhook.not_in(urls)))
            connection.execute(sa.delete(webhooks).where(_w.name.not_in(urls)))
            if not recording:
                connection.execute(sa.delete(happenings))

        self._database.write(set_up)

    # -- what is to be told

    def condition(self, name: str) -> Condition | None:
        """How an endpoint is; None before the daemon has met it."""
        with self._database.read() as connection:
            row = connection.execute(_CONDITION.where(_w.name == name)).first()
        return None if row is None else Condition(**row._mapping)

    def due(self, name: str, now: datetime, limit: int) -> list[Delivery]:
        """What is to be made again now, in the order of what happened."""
        earlier = deliveries.alias()
        before = sa.exists().where(
            earlier.c.webhook == name, earlier.c.dead_at.is_(None), earlier.c.about == _d.about,
            earlier.c.happening_id < _d.happening_id,
        )  # fmt: skip
        # No pause is so long: that hour is one of a clock that was put back since.
        is_due = sa.or_(_d.due_at <= now, _d.due_at > now + LIFE)
        query = _DELIVERY.where(_d.webhook == name, _PENDING, is_due, sa.not_(before.correlate(deliveries)))
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query.order_by(_d.happening_id).limit(limit))]

    # -- what became of it

    def told(self, name: str, what: Occurrence, now: datetime) -> None:
        """The endpoint has it."""

        def note(connection: Connection) -> None:
            connection.execute(sa.delete(deliveries).where(_d.webhook == name, _d.happening_id == what.id))
            well = {"failures": 0, "failing_since": None, "trouble": "", "told": _w.told + 1, "told_at": now}
            connection.execute(_past(name, what.id).values(**well))

        self._database.write(note)

    def dropped(self, name: str, what: Occurrence) -> None:
        """What it is about has been erased: nobody is told."""

        def note(connection: Connection) -> None:
            connection.execute(sa.delete(deliveries).where(_d.webhook == name, _d.happening_id == what.id))
            connection.execute(_past(name, what.id))

        self._database.write(note)

    def passed(self, name: str, until: int) -> None:
        """Up to this one nothing is for the endpoint."""
        self._database.write(lambda connection: connection.execute(_past(name, until)))

    def away(self, name: str, trouble: str, now: datetime) -> None:
        """The endpoint could not be told anything; what waits for it keeps its place."""
        self._database.write(lambda connection: _failed(connection, name, trouble, now))

    def refused(self, name: str, one: Pending, trouble: str, now: datetime, again_at: datetime) -> bool:
        """The endpoint did not take it: it comes again then; False if it has had its time, and is given up."""
        over = now >= one.since + LIFE
        due = min(again_at, max(now, one.since + LIFE))
        row = _row(name, one, trouble, due, now if over else None)

        def postpone(connection: Connection) -> None:
            _failed(connection, name, trouble, now)
            _put(connection, row)
            connection.execute(_past(name, one.what.id))

        self._database.write(postpone)
        return not over

    def behind(self, name: str, what: Occurrence, due_at: datetime) -> None:
        """Something about the same was refused, and goes first."""
        row = _row(name, Pending(what, what.noted_at), "", due_at, None)

        def wait(connection: Connection) -> None:
            _put(connection, row)
            connection.execute(_past(name, what.id))

        self._database.write(wait)

    def refused_before(self, name: str, what: Collection[Occurrence]) -> Mapping[str, datetime]:
        """Of what these are about and was refused earlier: when that is due."""
        query = (
            sa.select(_d.about, sa.func.max(_d.due_at, type_=UtcTime).label("due_at"))
            .where(_d.webhook == name, _PENDING, _d.about.in_({one.about for one in what}))
            .group_by(_d.about)
        )
        with self._database.read() as connection:
            return {row.about: row.due_at for row in connection.execute(query)}

    def bury(self, name: str, what: Sequence[Occurrence], trouble: str, now: datetime) -> int:
        """Give up these, which nobody took in time, and of those that were refused the ones as old; how many."""

        def give_up(connection: Connection) -> int:
            old = sa.update(deliveries).where(_d.webhook == name, _PENDING, _d.since <= now - LIFE)
            buried = connection.execute(old.values(dead_at=now, trouble=trouble)).rowcount
            for one in what:
                _put(connection, _row(name, Pending(one, one.noted_at), trouble, now, now))
            if what:
                connection.execute(_past(name, what[-1].id))
            return buried + len(what)

        return self._database.write(give_up)

    def gone(self, name: str, now: datetime) -> None:
        """The endpoint wants nothing more: what waits for it is dropped."""

        def end(connection: Connection) -> None:
            connection.execute(sa.delete(deliveries).where(_d.webhook == name, _PENDING))
            connection.execute(sa.update(webhooks).where(_w.name == name).values(gone_at=now, trouble="410 Gone"))

        self._database.write(end)

    def forget(self, now: datetime) -> int:
        """Delete dead letters whose time is over; how many."""
        old = sa.delete(deliveries).where(_d.dead_at < now - DEAD_KEPT)
        return self._database.write(lambda connection: connection.execute(old).rowcount)

    def forget_most(self) -> int:
        """Delete the oldest dead letters of those that are more than DEAD_MOST; how many."""
        first = sa.select(_d.id).where(_d.dead_at.is_not(None)).order_by(_d.id.desc()).limit(1).offset(DEAD_MOST)
        excess = sa.delete(deliveries).where(_d.dead_at.is_not(None), _d.id <= first.scalar_subquery())
        return self._database.write(lambda connection: connection.execute(excess).rowcount)

    def left_behind(self, names: Collection[str]) -> Mapping[str, int]:
        """Endpoints that were met and are none of these: what waits for each at most, and what was given up. All of it
        goes when the daemon starts without them."""
        behind = sa.select(sa.func.count()).select_from(happenings).where(_h.id > _w.reached).correlate(webhooks)
        refused = sa.select(sa.func.count()).select_from(deliveries).where(_d.webhook == _w.name).correlate(webhooks)
        waiting = sa.case((_w.gone_at.is_(None), behind.scalar_subquery()), else_=0) + refused.scalar_subquery()
        with self._database.read() as connection:
            rows = connection.execute(sa.select(_w.name, waiting).where(_w.name.not_in(names))).all()
        return {name: int(count) for name, count in rows}

    # -- the operator

    def dead(self, limit: int, *, name: str = "") -> list[Delivery]:
        """What was given up, the newest first."""
        query = _DELIVERY.where(_d.dead_at.is_not(None), *([_d.webhook == name] if name else []))
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query.order_by(_d.id.desc()).limit(limit))]

    def replay(self, now: datetime, *, by: str, name: str = "", delivery: int | None = None) -> int:
        """Let what was given up be made again: all, an endpoint's, or this one; how many. An endpoint that was gone
        hears of what happens from now on. UsageError: there is no such dead letter."""
        which = [_d.webhook == name] if name else [_d.id == delivery] if delivery is not None else []

        def revive(connection: Connection) -> int:
            again = sa.update(deliveries).where(_d.dead_at.is_not(None), *which)
            revived = connection.execute(again.values(dead_at=None, due_at=now, since=now, tries=0)).rowcount
            if delivery is not None and not revived:
                raise UsageError(f"there is no dead letter {delivery}; gatewayd webhooks dead lists them")
            back = sa.update(webhooks).where(_w.gone_at.is_not(None), _w.name == name)
            brought_back = back.values(gone_at=None, reached=_last(connection), trouble="")
            waiting = sa.select(_d.webhook).where(_PENDING)
            connection.execute(sa.update(webhooks).where(_w.name.in_(waiting)).values(failures=0))
            if connection.execute(brought_back).rowcount or revived:
                told = name or None
                audit.append(
                    connection, Event.WEBHOOK_REPLAYED, now, by=by, webhook=told, delivery=delivery, count=revived
                )
            return revived

        return self._database.write(revive)

    def tested(self, name: str, now: datetime, *, by: str, outcome: str, well: bool) -> None:
        """An operator has had a test sent to it; if it answered well, what waits for it need not wait longer."""

        def note(connection: Connection) -> None:
            if well:
                connection.execute(sa.update(webhooks).where(_w.name == name).values(failures=0))
            audit.append(connection, Event.WEBHOOK_TESTED, now, by=by, webhook=name, outcome=outcome)

        self._database.write(note)

    def counts(self, name: str, interest: Interest) -> Counts:
        """What an endpoint has still to be told (at most; of people it may not be for it), and what was given up."""
        mine = sa.select(sa.func.count()).select_from(deliveries).where(_d.webhook == name)
        reached = sa.select(_w.reached).where(_w.name == name, _w.gone_at.is_(None)).scalar_subquery()
        new = sa.select(sa.func.count()).select_from(happenings).where(_h.id > reached, wanted_by(interest))
        with self._database.read() as connection:
            pending = connection.execute(new).scalar_one() + connection.execute(mine.where(_PENDING)).scalar_one()
            return Counts(pending, connection.execute(mine.where(_d.dead_at.is_not(None))).scalar_one())


def _last(connection: Connection) -> int:
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_h.id), 0))).scalar_one())


def _past(name: str, until: int) -> sa.Update:
    """Never back: what was refused earlier is told later than what came after it."""
    return sa.update(webhooks).where(_w.name == name).values(reached=sa.func.max(_w.reached, until))


def _failed(connection: Connection, name: str, trouble: str, now: datetime) -> None:
    since = sa.case((_w.failing_since <= now, _w.failing_since), else_=sa.literal(now, UtcTime))
    values = {"failures": _w.failures + 1, "failing_since": since, "trouble": trouble}
    connection.execute(sa.update(webhooks).where(_w.name == name).values(**values))


def _row(name: str, one: Pending, trouble: str, due_at: datetime, dead_at: datetime | None) -> dict[str, Any]:
    return {
        "webhook": name, "happening_id": one.what.id, "about": one.what.about, "since": one.since, "due_at": due_at,
        "tries": one.tries, "trouble": trouble, "dead_at": dead_at,
    }  # fmt: skip


def _put(connection: Connection, row: Mapping[str, Any]) -> None:
    changed = {name: row[name] for name in ("due_at", "tries", "trouble", "dead_at")}
    connection.execute(
        upsert(deliveries).values(**row).on_conflict_do_update(index_elements=["webhook", "happening_id"], set_=changed)
    )


def _delivery(row: sa.Row[*tuple[Any, ...]]) -> Delivery:
    values = {name: getattr(row, name) for name in ("webhook", "tries", "trouble", "since", "due_at", "dead_at")}
    return Delivery(id=row.delivery_id, what=occurrence(row), **values)
