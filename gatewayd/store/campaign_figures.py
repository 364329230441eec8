"""What became of a campaign, counted in the database; a person's row each where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from gatewayd.domain.message import MessageState
from gatewayd.store.campaigns import TEST_RUN, Campaign
from gatewayd.store.engine import Database
from gatewayd.store.schema import attempts, campaign_recipients, incoming, messages, optouts, sims

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_AT_ONCE = 1_000
_HOUR = 3_600_000_000  # microseconds

_m, _r, _a = messages.c, campaign_recipients.c, attempts.c


@dataclass(frozen=True, slots=True)
class Group:
    """Messages of one SIM ("" while none has them) in one state, for one reason."""

    state: MessageState
    reason: str
    sim: str
    iccid: str
    imsi: str
    messages: int
    parts: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What one person got: a message in this state, or (`state` None) nothing, for `reason`."""

    recipient: str
    run: int
    state: MessageState | None
    reason: str
    sim: str
    parts: int
    sent_at: datetime | None
    delivered_at: datetime | None


class Figures:
    """Counts campaigns; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def groups(self, campaign: Campaign) -> Sequence[Group]:
        """Its messages, by state, reason and SIM."""
        named = sims.c
        query = (
            sa.select(
                _m.state, _m.reason, sa.func.coalesce(named.name, ""), sa.func.coalesce(named.iccid, ""),
                sa.func.coalesce(named.imsi, ""), sa.func.count(), sa.func.sum(_m.parts),
            )
            .select_from(messages.outerjoin(sims, named.id == _m.sim_id))
            .where(_m.campaign_id == campaign.id)
            .group_by(_m.state, _m.reason, named.id)
        )  # fmt: skip
        with self._database.read() as connection:
            return [Group(MessageState(state), *others) for state, *others in connection.execute(query)]

    def left_out(self, campaign: Campaign) -> dict[str, int]:
        """People of the audience who got no message, by reason."""
        query = sa.select(_r.reason, sa.func.count()).where(
            _r.campaign_id == campaign.id, _r.run > TEST_RUN, _r.reason != ""
        )
        with self._database.read() as connection:
            return {reason: int(count) for reason, count in connection.execute(query.group_by(_r.reason))}

    def by_hour(self, campaign: Campaign) -> Sequence[tuple[datetime, int]]:
        """Messages sent in each hour in which any was."""
        hour = sa.type_coerce(_m.sent_at, sa.BigInteger).op("/")(_HOUR)
        query = sa.select(hour, sa.func.count()).where(_m.campaign_id == campaign.id, _m.sent_at.is_not(None))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(hour).order_by(hour))
            return [(_EPOCH + timedelta(hours=int(number)), int(count)) for number, count in rows]

    def submissions(self, campaign: Campaign) -> tuple[int, int]:
        """SMS that were given to the network, and of how many messages."""
        query = sa.select(sa.func.count(), sa.func.count(sa.distinct(_m.id))).select_from(
            attempts.join(messages, _m.id == _a.message_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query.where(_m.campaign_id == campaign.id, _a.on_wire_at.is_not(None))).one()
            return int(row[0]), int(row[1])

    def strays(self, campaign: Campaign) -> int:
        """Messages whose number is not that of the one person for whom the campaign made them, or is not one number."""
        theirs = sa.exists().where(
            _r.campaign_id == campaign.id, _r.recipient == _m.recipient, _r.run > TEST_RUN, _r.message_id == _m.id
        )
        like = _m.recipient.op("GLOB", is_comparison=True)
        right = sa.and_(theirs, like("+[0-9]*"), sa.not_(like("+*[^0-9]*")))
        query = sa.select(sa.func.count()).where(_m.campaign_id == campaign.id, sa.not_(right))
        twice = sa.select(sa.func.count() - sa.func.count(sa.distinct(_r.message_id))).where(
            _r.campaign_id == campaign.id, _r.run > TEST_RUN, _r.message_id.is_not(None)
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one()) + int(connection.execute(twice).scalar_one())

    def texts(self, campaign: Campaign) -> Iterator[tuple[str, str]]:
        """To whom, and what, read as it is consumed."""
        query = sa.select(_m.recipient, _m.text).where(_m.campaign_id == campaign.id)
        with self._database.read() as connection:
            for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
                yield row.recipient, row.text

    def optouts(self, campaign: Campaign) -> int:
        """People who said "no more" since it began, and to whom it had written."""
        o = optouts.c
        query = sa.select(sa.func.count(sa.distinct(o.recipient))).where(o.recorded_at >= _began(campaign))
        with self._database.read() as connection:
            return int(connection.execute(query.where(_written_to(campaign, o.recipient))).scalar_one())

    def replies(self, campaign: Campaign) -> int:
        """What people wrote since it began to whom it had written, opt-outs among it."""
        i = incoming.c
        query = sa.select(sa.func.count()).where(i.received_at >= _began(campaign))
        with self._database.read() as connection:
            return int(connection.execute(query.where(_written_to(campaign, i.sender))).scalar_one())

    def fates(self, campaign: Campaign) -> Iterator[Fate]:
        """Each person of each run, read as it is consumed."""
        query = (
            sa.select(
                _r.recipient, _r.run, _m.state, sa.func.coalesce(_m.reason, _r.reason),
                sa.func.coalesce(sims.c.name, ""),
                sa.func.coalesce(_m.parts, 0), _m.sent_at, _m.delivered_at,
            )
            .select_from(
                campaign_recipients.outerjoin(messages, _m.id == _r.message_id).outerjoin(sims, sims.c.id == _m.sim_id)
            )
            .where(_r.campaign_id == campaign.id, _r.run > TEST_RUN)
            .order_by(_r.run, _r.message_id, _r.recipient)
            .execution_options(yield_per=_AT_ONCE)
        )  # fmt: skip
        with self._database.read() as connection:
            for recipient, run, state, *others in connection.execute(query):
                yield Fate(recipient, run, MessageState(state) if state else None, *others)


def _began(campaign: Campaign) -> datetime:
    return campaign.start_at or campaign.created_at


def _written_to(campaign: Campaign, number: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """It had sent something to this number."""
    return (
        sa.exists()
        .where(
            _r.campaign_id == campaign.id, _r.recipient == number, _r.run > TEST_RUN, _m.id == _r.message_id,
            _m.sent_at.is_not(None),
        )
        .correlate_except(campaign_recipients, messages)
    )  # fmt: skip
