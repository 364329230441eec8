"""Campaigns in the database: what they are, their audience a page at a time, their release, and what became of it.

The release is made of small transactions: each writes some messages, what each person of that page got, and how far it
came, or nothing. Each asks first whether the campaign still runs and stands where it was read; so a crash, a pause or a
second process between two of them costs no message and makes none twice.

A change of state is one row (`gate.py`). `settle` lets the waiting messages follow it, a chunk at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.audit import Event
from gatewayd.domain.campaign import ENDED, Audience, CampaignState, Missed, Repeat, check_approval, may_follow
from gatewayd.domain.field import Value
from gatewayd.domain.message import WAITING_STATES, MessageState
from gatewayd.errors import RefusedByRule, UsageError
from gatewayd.store import audit, gate
from gatewayd.store.engine import Database, inserted_id
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.schema import (
    campaign_approvals,
    campaign_recipients,
    campaign_rows,
    campaigns,
    contacts,
    messages,
)
from gatewayd.store.schema.campaigns import ACTIVE

NOT_NOW = datetime(1970, 1, 1, tzinfo=UTC)
"""Until when a campaign may send that may not."""
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
TEST_RUN = 0
ROWS_AT_ONCE = 500
SETTLED_AT_ONCE = 500
"""Messages that follow their campaign in one transaction: nobody waits long for the writer."""

_c, _m, _k = campaigns.c, messages.c, contacts.c


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign, as its row."""

    id: int
    name: str
    purpose: str
    template: str
    audience_kind: Audience
    audience: str
    pool: str
    priority: int
    window: str
    start_at: datetime | None
    deadline: datetime | None
    repeat: Repeat
    missed: Missed
    created_by: str
    created_at: datetime
    state: CampaignState
    reason: str
    test_begun_at: datetime | None
    test_skipped: str
    may_send_until: datetime
    unsettled: bool
    run: int
    run_begun_at: datetime | None
    next_run_at: datetime | None
    releasing: bool
    reached: int
    ended_at: datetime | None
    watched_since: datetime | None


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What somebody writes."""

    name: str
    purpose: str
    template: str
    audience_kind: Audience
    audience: str
    pool: str
    priority: int
    created_by: str
    window: str = ""
    start_at: datetime | None = None
    deadline: datetime | None = None
    repeat: Repeat = Repeat.ONCE
    missed: Missed = Missed.HELD


@dataclass(frozen=True, slots=True)
class AudienceRow:
    """A row of a list: `reason` says why it cannot be used."""

    row_number: int
    number: str
    reason: str = ""
    fields: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed."""

    approved_by: str
    approved_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Step:
    """Who does something with a campaign, and when; `details` go into the audit trail."""

    by: str
    at: datetime
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person of the audience gets: a message, or the reason why not."""

    recipient: str
    reason: str
    message: NewMessage | None


class Campaigns:
    """The campaigns of one database."""

    def __init__(self, database: Database) -> None:
        self._database, self._outbox = database, Outbox(database)

    # -- what they are

    def create(self, new: NewCampaign, rows: Sequence[AudienceRow], now: datetime) -> Campaign:
        """Keep a draft, with the rows of its list. RefusedByRule: the name is taken.

        The first rows come with it, the others a chunk at a time; until the last has, it can only be canceled.
        """
        values = {name: getattr(new, name) for name in NewCampaign.__dataclass_fields__}
        values |= {"state": str(CampaignState.DRAFT), "created_at": now, "releasing": len(rows) > ROWS_AT_ONCE}

        def begin(connection: Connection) -> Campaign:
            if connection.execute(sa.select(_c.id).where(_c.name == new.name)).first() is not None:
                raise RefusedByRule("name_taken", f"there is a campaign {new.name} already: take another name")
            campaign_id = inserted_id(connection.execute(sa.insert(campaigns), _plain(values)))
            campaign = self._found(connection, _c.id == campaign_id)
            _add_rows(connection, campaign, rows[:ROWS_AT_ONCE])
            _record(connection, campaign, Event.CAMPAIGN_CREATED, Step(new.created_by, now), sealed=True)
            return campaign

        campaign = self._database.write(begin)
        for start in range(ROWS_AT_ONCE, len(rows), ROWS_AT_ONCE):
            self._add_rows(campaign, rows[start : start + ROWS_AT_ONCE], last=start + ROWS_AT_ONCE >= len(rows))
        return replace(campaign, releasing=False)

    def _add_rows(self, campaign: Campaign, rows: Sequence[AudienceRow], *, last: bool) -> None:
        def add(connection: Connection) -> None:
            _add_rows(connection, campaign, rows)
            if last:
                connection.execute(sa.update(campaigns).where(_c.id == campaign.id).values(releasing=False))

        self._database.write(add)

    def get(self, name: str) -> Campaign:
        """One, by its name. UsageError."""
        with self._database.read() as connection:
            try:
                return self._found(connection, _c.name == name)
            except LookupError:
                known = ", ".join(connection.execute(sa.select(_c.name).order_by(_c.id.desc()).limit(20)).scalars())
        raise UsageError(f"there is no campaign {name!r}; there are: {known or 'none'}")

    def find(self, campaign_id: int) -> Campaign | None:
        """The campaign of this id; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(campaigns).where(_c.id == campaign_id)).first()
        return None if row is None else _campaign(row)

    def list(
        self, *, states: Sequence[CampaignState] = (), limit: int | None = None, before: int | None = None
    ) -> Sequence[Campaign]:
        """The newest first; with `before`, those older than this one."""
        query = sa.select(campaigns).order_by(_c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_c.id < before)
        if states:
            query = query.where(_c.state.in_([str(state) for state in states]))
        with self._database.read() as connection:
            return [_campaign(row) for row in connection.execute(query)]

    def active(self) -> Sequence[Campaign]:
        """Those that time moves: they are tested, wait for their hour, run, or may miss their deadline."""
        with self._database.read() as connection:
            return [_campaign(row) for row in connection.execute(sa.select(campaigns).where(ACTIVE).order_by(_c.id))]

    def unsettled(self) -> Sequence[Campaign]:
        """Those whose waiting messages have not all followed them."""
        query = sa.select(campaigns).where(_c.unsettled == sa.literal_column("1")).order_by(_c.id)
        with self._database.read() as connection:
            return [_campaign(row) for row in connection.execute(query)]

    def approvals(self, campaign_id: int) -> Sequence[Approval]:
        """Who agreed, in that order."""
        with self._database.read() as connection:
            return self._approvals(connection, campaign_id)

    def _approvals(self, connection: Connection, campaign_id: int) -> Sequence[Approval]:
        a = campaign_approvals.c
        query = sa.select(a.approved_by, a.approved_at, a.size).where(a.campaign_id == campaign_id)
        return [Approval(*row) for row in connection.execute(query.order_by(a.approved_at))]

    # -- what is done with them

    def change(
        self,
        campaign: Campaign,
        following: CampaignState,
        step: Step,
        *,
        also: Callable[[Connection], None] | None = None,
        **values: Any,
    ) -> Campaign:
        """Go to another state, with `values`; `also` is done in the same transaction.

        RefusedByRule: it is not in a state from which it can go there, or somebody else has just changed it.
        """

        def go(connection: Connection) -> Campaign:
            present = self._found(connection, _c.id == campaign.id)
            may_follow(present.name, present.state, following)
            if present.state is CampaignState.DRAFT and present.releasing and following is not CampaignState.CANCELED:
                raise RefusedByRule("incomplete", f"the list of {present.name} did not come in whole: make it anew")
            stops = {} if following is CampaignState.RUNNING else {"may_send_until": NOT_NOW}
            change = sa.update(campaigns).where(_c.id == campaign.id)
            connection.execute(change.values(state=str(following), unsettled=True, **stops, **_plain(values)))
            if also is not None:
                also(connection)
            _record(connection, present, _EVENTS[following], step, sealed=following is CampaignState.APPROVED)
            return self._found(connection, _c.id == campaign.id)

        return self._database.write(go)

    def approve(self, campaign: Campaign, approval: Approval, needed: int) -> int:
        """Note that somebody agreed; how many more must. It is approved when nobody is missing.

        One that has paused may be agreed to again: its audience has grown. RefusedByRule: its own author, somebody who
        has agreed before, or a campaign that is not to be approved now. All is asked in this transaction, for two
        people may agree at the same moment.
        """
        row = {"campaign_id": campaign.id, "approved_by": approval.approved_by, "approved_at": approval.approved_at}

        def agree(connection: Connection) -> int:
            present = self._found(connection, _c.id == campaign.id)
            if present.state is not CampaignState.PAUSED:
                may_follow(present.name, present.state, CampaignState.APPROVED)
            already = self._approvals(connection, campaign.id)
            check_approval(present.created_by, approval.approved_by, [one.approved_by for one in already])
            connection.execute(sa.insert(campaign_approvals), {**row, "size": approval.size})
            missing = max(0, needed - len(already) - 1)
            if not missing and present.state is CampaignState.TESTED:
                change = sa.update(campaigns).where(_c.id == campaign.id)
                connection.execute(change.values(state=str(CampaignState.APPROVED)))
            step = Step(approval.approved_by, approval.approved_at, {"recipients": approval.size, "missing": missing})
            _record(connection, present, Event.CAMPAIGN_APPROVED, step, sealed=True)
            return missing

        return self._database.write(agree)

    # -- the release

    def release(self, campaign: Campaign, judged: Sequence[Judgement], *, reached: int, done: bool) -> int | None:
        """Write what some persons of this run get, and how far it came; how many messages are new.

        None: the campaign runs no more, or another one has gone further: nothing was written.
        """

        def write(connection: Connection) -> int | None:
            present = self._found(connection, _c.id == campaign.id)
            here = (present.state, present.run, present.reached, present.releasing)
            if here != (CampaignState.RUNNING, campaign.run, campaign.reached, True):
                return None
            new = [one.message for one in judged if one.message is not None]
            ids = iter(self._outbox.accept(connection, new))
            rows = [
                {"campaign_id": campaign.id, "recipient": one.recipient, "run": campaign.run, "reason": one.reason,
                 "message_id": next(ids) if one.message is not None else None}
                for one in judged
            ]  # fmt: skip
            if rows:
                connection.execute(sa.insert(campaign_recipients).prefix_with("OR IGNORE"), rows)
            change = sa.update(campaigns).where(_c.id == campaign.id)
            connection.execute(change.values(reached=reached, releasing=not done))
            return len(new)

        return self._database.write(write)

    def send_test(self, campaign: Campaign, new: Sequence[NewMessage], step: Step) -> Campaign:
        """Queue a test, and wait for what comes of it."""

        def add(connection: Connection) -> None:
            test = campaign_recipients.c.campaign_id == campaign.id, campaign_recipients.c.run == TEST_RUN
            connection.execute(sa.delete(campaign_recipients).where(*test))
            rows = [
                {"campaign_id": campaign.id, "recipient": one.recipient, "run": TEST_RUN, "message_id": message_id}
                for one, message_id in zip(new, self._outbox.accept(connection, new, by=step.by), strict=True)
            ]
            connection.execute(sa.insert(campaign_recipients), rows)

        return self.change(campaign, CampaignState.TO_TEST, step, also=add, test_begun_at=step.at)

    def begin_run(
        self, campaign: Campaign, now: datetime, *, next_run_at: datetime | None, may_send_until: datetime
    ) -> Campaign | None:
        """Begin the next run; None if it has been begun, or the campaign goes no more."""
        going = _c.state.in_([str(CampaignState.SCHEDULED), str(CampaignState.RUNNING)])
        change = sa.update(campaigns).where(_c.id == campaign.id, _c.run == campaign.run, going)
        values: dict[str, Any] = {
            "state": str(CampaignState.RUNNING), "run": campaign.run + 1, "run_begun_at": now, "watched_since": now,
            "next_run_at": next_run_at, "may_send_until": may_send_until, "releasing": True, "reached": 0,
        }  # fmt: skip

        def begin(connection: Connection) -> Campaign | None:
            if connection.execute(change.values(**values)).rowcount != 1:
                return None
            _record(connection, campaign, Event.CAMPAIGN_RUN, Step(audit.GATEWAY, now, {"run": campaign.run + 1}))
            return self._found(connection, _c.id == campaign.id)

        return self._database.write(begin)

    def open_window(self, campaign: Campaign, until: datetime) -> None:
        """Until when a running campaign may send."""
        running = _c.state == str(CampaignState.RUNNING)
        change = sa.update(campaigns).where(_c.id == campaign.id, running)
        self._database.write(lambda connection: connection.execute(change.values(may_send_until=until, unsettled=True)))

    # -- following

    def settle(self, campaign: Campaign, after: int = 0) -> int | None:
        """Let some waiting messages follow their campaign; how far it came, None when all is done.

        Of a campaign that has ended, the fields of its list go then.
        """

        def follow(connection: Connection) -> int | None:
            present = self._found(connection, _c.id == campaign.id)
            which, values = _following(present)
            some = sa.select(_m.id, _m.recipient).where(_m.campaign_id == present.id, _m.id > after, which)
            found = [(row.id, row.recipient) for row in connection.execute(some.order_by(_m.id).limit(SETTLED_AT_ONCE))]
            if found:
                change = sa.update(messages).where(_m.id.in_([message_id for message_id, _ in found]), which)
                connection.execute(change.values(**values))
            if values["state"] == str(MessageState.EXPIRED) and present.ended_at is not None:
                audit.expired(connection, found, str(values["reason"]), present.ended_at)
            if len(found) == SETTLED_AT_ONCE:
                return int(found[-1][0])
            if present.state in ENDED and self._forget_some(connection, present) == SETTLED_AT_ONCE:
                return after
            connection.execute(sa.update(campaigns).where(_c.id == campaign.id).values(unsettled=False))
            return None

        return self._database.write(follow)

    def _forget_some(self, connection: Connection, campaign: Campaign) -> int:
        """What a list brought for the texts is not needed any more once the campaign has ended; how many rows."""
        r = campaign_rows.c
        full = sa.type_coerce(r.fields, sa.Text) != "{}"
        some = sa.select(r.row_number).where(r.campaign_id == campaign.id, full).limit(SETTLED_AT_ONCE)
        change = sa.update(campaign_rows).where(r.campaign_id == campaign.id, r.row_number.in_(some))
        return connection.execute(change.values(fields={})).rowcount

    def _found(self, connection: Connection, which: sa.ColumnElement[bool]) -> Campaign:
        row = connection.execute(sa.select(campaigns).where(which)).first()
        if row is None:
            raise LookupError
        return _campaign(row)


_EVENTS = {
    CampaignState.TO_TEST: Event.CAMPAIGN_TEST,
    CampaignState.TESTED: Event.CAMPAIGN_TESTED,
    CampaignState.APPROVED: Event.CAMPAIGN_APPROVED,
    CampaignState.SCHEDULED: Event.CAMPAIGN_STARTED,
    CampaignState.RUNNING: Event.CAMPAIGN_RESUMED,
    CampaignState.PAUSED: Event.CAMPAIGN_PAUSED,
    CampaignState.CANCELED: Event.CAMPAIGN_CANCELED,
    CampaignState.FINISHED: Event.CAMPAIGN_FINISHED,
}


def _add_rows(connection: Connection, campaign: Campaign, rows: Sequence[AudienceRow]) -> None:
    if rows:
        values = [
            {"campaign_id": campaign.id, "row_number": row.row_number, "number": row.number, "reason": row.reason,
             "fields": dict(row.fields or {})}
            for row in rows
        ]  # fmt: skip
        connection.execute(sa.insert(campaign_rows), values)


def _record(connection: Connection, campaign: Campaign, event: Event, step: Step, *, sealed: bool = False) -> None:
    """An entry of the audit trail; `sealed`: with what shows later that the campaign is still the same."""
    content = (campaign.purpose, campaign.template, campaign.audience_kind, campaign.audience, campaign.pool)
    seal = {"digest": audit.digest(connection, *content)} if sealed else {}
    details: dict[str, Any] = {**step.details, **seal}
    audit.append(connection, event, step.at, by=step.by, campaign=campaign.name, **details)


def _following(campaign: Campaign) -> tuple[sa.ColumnElement[bool], Mapping[str, Any]]:
    """Which waiting messages do not stand as their campaign does, and what becomes of them."""
    ours = sa.and_(_m.state == str(MessageState.HELD), _m.reason.in_(gate.HOLDS))
    if campaign.state is CampaignState.RUNNING and campaign.may_send_until > NOT_NOW:
        return ours, {"state": str(MessageState.QUEUED), "reason": "", "ready": _m.not_before.is_(None)}
    state, reason = gate.following(campaign.state)
    waiting = WAITING_STATES if state is not MessageState.HELD else WAITING_STATES - {MessageState.HELD}
    which = _m.state.in_([str(one) for one in waiting])
    return which, {"state": str(state), "reason": reason, "ready": False}


def _campaign(row: sa.Row[*tuple[Any, ...]]) -> Campaign:
    values = dict(row._mapping)
    kinds = {"audience_kind": Audience, "repeat": Repeat, "missed": Missed, "state": CampaignState}
    return Campaign(**values | {name: kind(values[name]) for name, kind in kinds.items()})


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, str) else value for name, value in values.items()}
