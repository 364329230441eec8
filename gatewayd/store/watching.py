"""How a campaign goes, as far as the next step depends on it: its test, its messages' states, refusals and STOPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gatewayd.domain.field import fold
from gatewayd.domain.message import MessageState, Outcome
from gatewayd.store.campaigns import TEST_RUN, Campaign
from gatewayd.store.engine import Database
from gatewayd.store.schema import attempts, campaign_recipients, incoming, messages, optouts

_LOOKED_AT = 2_000
"""Attempts, the newest first, among which a campaign's own are looked for."""
_AGREED = frozenset({"ok", "oui", "okay", "d'accord", "recu"})

_m, _r = messages.c, campaign_recipients.c


@dataclass(frozen=True, slots=True)
class TestState:
    """Of each trusted number: its message's state, and whether the person answered OK; whether STOP and START were
    tried."""

    states: Sequence[tuple[str, MessageState, bool]]
    stop_tried: bool


class Watch:
    """Looks at campaigns; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tested(self, campaign: Campaign) -> TestState:
        """How the test of a campaign stands."""
        query = (
            sa.select(_r.recipient, _m.state)
            .join(messages, _m.id == _r.message_id)
            .where(_r.campaign_id == campaign.id, _r.run == TEST_RUN)
            .order_by(_m.id)
        )
        since = campaign.test_begun_at
        with self._database.read() as connection:
            sent = connection.execute(query).all()
            numbers = [row.recipient for row in sent]
            heard = sa.select(incoming.c.sender, incoming.c.text).where(
                incoming.c.sender.in_(numbers), incoming.c.received_at >= since
            )
            agreed = {row.sender for row in connection.execute(heard) if fold(row.text).strip(" .!") in _AGREED}
            back = sa.select(optouts.c.id).where(
                optouts.c.recipient.in_(numbers), optouts.c.recorded_at >= since, optouts.c.origin == "sms",
                optouts.c.lifted_by == "sms",
            )  # fmt: skip
            stop_tried = connection.execute(back.limit(1)).first() is not None
        states = [(row.recipient, MessageState(row.state), row.recipient in agreed) for row in sent]
        return TestState(states, stop_tried)

    def counts(self, campaign: Campaign) -> Mapping[MessageState, int]:
        """Its messages in each state."""
        query = sa.select(_m.state, sa.func.count().label("many")).where(_m.campaign_id == campaign.id)
        with self._database.read() as connection:
            return {MessageState(row.state): row.many for row in connection.execute(query.group_by(_m.state))}

    def made(self, campaign: Campaign) -> int:
        """Messages of its present run."""
        query = sa.select(sa.func.count()).where(
            _r.campaign_id == campaign.id, _r.run == campaign.run, _r.message_id.is_not(None)
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def outcomes(self, campaign: Campaign, since: datetime, most: int) -> Sequence[Outcome]:
        """How its latest submissions ended, the newest first."""
        a = attempts.c
        latest = sa.select(a.message_id, a.outcome, a.on_wire_at).order_by(a.id.desc()).limit(_LOOKED_AT).subquery()
        query = (
            sa.select(latest.c.outcome)
            .join(messages, _m.id == latest.c.message_id)
            .where(_m.campaign_id == campaign.id, latest.c.outcome.is_not(None), latest.c.on_wire_at >= since)
            .limit(most)
        )
        with self._database.read() as connection:
            return [Outcome(outcome) for outcome in connection.execute(query).scalars()]

    def stops(self, campaign: Campaign, since: datetime) -> int:
        """People who said STOP by SMS since then, and to whom it has written: who tests it, tries that, too."""
        o = optouts.c
        wrote = sa.exists().where(
            _r.campaign_id == campaign.id, _r.recipient == o.recipient, _r.run > TEST_RUN, _r.message_id.is_not(None)
        )
        query = sa.select(sa.func.count()).where(o.recorded_at >= since, o.origin == "sms", wrote.correlate(optouts))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())
