"""Campaigns in the database: what it refuses by itself, and what a queue of others costs them: nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.campaign import TRANSITIONS, Audience, CampaignState
from gatewayd.domain.message import MessageState
from gatewayd.errors import RefusedByRule, StoreError, TransitionError
from gatewayd.store.campaign_figures import Figures
from gatewayd.store.campaigns import FOR_EVER, Approval, AudienceRow, Campaign, Campaigns, Judgement, NewCampaign, Step
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox
from gatewayd.store.schema import campaign_approvals, campaign_recipients, campaign_rows, campaigns, messages
from gatewayd.store.watching import Watch
from tests.store.conftest import NOW
from tests.store.test_outbox import ALICE, BOB, EVENTS, new, taken

WAY = (
    CampaignState.TO_TEST, CampaignState.TESTED, CampaignState.APPROVED, CampaignState.SCHEDULED, CampaignState.RUNNING,
)  # fmt: skip
STEP = Step("camille", NOW)


@pytest.fixture
def key() -> bytes | None:
    """The plain engine: what is asked here is SQL."""
    return None


def made(database: Database, name: str = "reunion") -> Campaign:
    written = NewCampaign(name, "events", "x", Audience.NUMBERS, "2 numbers", "default", 5, "a")
    return Campaigns(database).create(written, (), NOW)


def led_to(database: Database, state: CampaignState) -> Campaign:
    store, campaign = Campaigns(database), made(database)
    for following in WAY:
        if campaign.state is state:
            return campaign
        campaign = store.change(campaign, following, STEP)
    return campaign if campaign.state is state else store.change(campaign, state, STEP)


def run(database: Database, *recipients: str) -> Campaign:
    """A campaign that runs, with a message for each of these."""
    store = Campaigns(database)
    campaign = led_to(database, CampaignState.SCHEDULED)
    begun = store.begin_run(campaign, NOW, next_run_at=None, may_send_until=FOR_EVER)
    assert begun is not None
    judged = [Judgement(one, "", replace(new(one), campaign_id=begun.id)) for one in recipients]
    assert store.release(begun, judged, reached=1, done=True) == len(recipients)
    return store.get(begun.name)


def change(database: Database, which: Campaign, **values: Any) -> None:
    def write(connection: Connection) -> None:
        connection.execute(sa.update(campaigns).where(campaigns.c.id == which.id).values(**values))

    database.write(write)


@pytest.mark.parametrize("state", [*WAY, CampaignState.PAUSED, CampaignState.CANCELED, CampaignState.FINISHED])
def test_the_database_itself_refuses_every_other_step(database: Database, state: CampaignState) -> None:
    campaign = led_to(database, state)
    for following in set(CampaignState) - TRANSITIONS[state] - {state}:
        with pytest.raises(TransitionError):
            change(database, campaign, state=str(following))


@pytest.mark.parametrize("column", ["template", "purpose", "audience", "pool", "name", "created_by"])
def test_what_was_written_is_never_changed(database: Database, column: str) -> None:
    with pytest.raises(StoreError, match="made anew"):
        change(database, made(database), **{column: "other"})


def test_only_a_running_one_may_send(database: Database) -> None:
    with pytest.raises(StoreError):
        change(database, made(database), may_send_until=FOR_EVER)


def test_who_agreed_is_kept(database: Database) -> None:
    campaign = made(database)
    row = {"campaign_id": campaign.id, "approved_by": "a", "approved_at": NOW, "size": 1}
    database.write(lambda connection: connection.execute(sa.insert(campaign_approvals), row))
    with pytest.raises(StoreError, match="kept"):
        database.write(lambda connection: connection.execute(sa.delete(campaign_approvals)))


def test_a_page_is_released_once(database: Database) -> None:
    campaign = run(database, ALICE)
    stale = replace(campaign, releasing=True, reached=0)
    page = [Judgement(BOB, "", replace(new(BOB), campaign_id=campaign.id))]
    assert Campaigns(database).release(stale, page, reached=1, done=True) is None
    assert len(Outbox(database).list()) == 1


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (CampaignState.PAUSED, MessageState.HELD),
        (CampaignState.CANCELED, MessageState.CANCELED),
        (CampaignState.FINISHED, MessageState.EXPIRED),
    ],
)
def test_what_a_line_has_in_hand_when_its_campaign_stops_is_not_sent(
    database: Database, outbox: Outbox, sim_id: int, end: CampaignState, state: MessageState
) -> None:
    campaign = run(database, ALICE)
    work = taken(outbox, sim_id)
    Campaigns(database).change(campaign, end, STEP)
    with pytest.raises(RefusedByRule):
        outbox.mark_on_wire(work, EVENTS, NOW)
    assert [message.state for message in outbox.list()] == [state]


def test_a_list_that_did_not_come_in_whole_is_not_sent(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewayd.store.campaigns.ROWS_AT_ONCE", 1)
    store, add = Campaigns(database), Campaigns._add_rows
    written = NewCampaign("liste", "events", "x", Audience.FILE, "f.csv", "default", 5, "a")

    def crash(self: Campaigns, campaign: Campaign, rows: Any, *, last: bool) -> None:
        add(self, campaign, rows, last=last)
        raise KeyboardInterrupt

    monkeypatch.setattr(Campaigns, "_add_rows", crash)
    with pytest.raises(KeyboardInterrupt):
        store.create(written, [AudienceRow(2, ALICE), AudienceRow(3, BOB), AudienceRow(4, BOB)], NOW)
    with pytest.raises(RefusedByRule, match="did not come in whole"):
        store.change(store.get("liste"), CampaignState.TO_TEST, STEP)
    assert store.change(store.get("liste"), CampaignState.CANCELED, STEP).state is CampaignState.CANCELED


def test_what_a_list_brought_for_the_texts_goes_with_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.store.campaigns.SETTLED_AT_ONCE", 2)
    store = Campaigns(database)
    written = NewCampaign("liste", "events", "x", Audience.FILE, "f.csv", "default", 5, "a")
    rows = [AudienceRow(n, f"+3363998000{n}", fields={"given_name": "Anne"}) for n in range(5)]
    campaign = store.change(store.create(written, rows, NOW), CampaignState.CANCELED, STEP)
    after: int | None = 0
    while after is not None:
        after = store.settle(campaign, after)
    with database.read() as connection:
        kept = connection.execute(sa.select(campaign_rows.c.number, campaign_rows.c.fields)).all()
    assert [tuple(row) for row in kept] == [(row.number, {}) for row in rows]


def test_settling_takes_some_at_a_time_and_comes_to_an_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewayd.store.campaigns.SETTLED_AT_ONCE", 2)
    store = Campaigns(database)
    campaign = store.change(run(database, ALICE, BOB, "+33639980003"), CampaignState.CANCELED, STEP)
    first = store.settle(campaign)
    assert first is not None
    assert [str(one.state) for one in Outbox(database).list()] == ["queued", "canceled", "canceled"]
    assert store.settle(campaign, first) is None
    assert {str(one.state) for one in Outbox(database).list()} == {"canceled"}
    assert store.unsettled() == []


def test_no_question_about_a_campaign_reads_the_queue(database: Database) -> None:
    campaign = run(database, ALICE, BOB)
    texts: list[str] = []
    driver: Any = database.write(lambda connection: connection.connection.driver_connection)
    driver.set_trace_callback(texts.append)
    with database.read() as connection:
        reader: Any = connection.connection.driver_connection
    reader.set_trace_callback(texts.append)
    store, watch, figures = Campaigns(database), Watch(database), Figures(database)
    store.settle(store.change(campaign, CampaignState.PAUSED, STEP))
    watch.counts(campaign)
    watch.made(campaign)
    watch.stops(campaign, NOW)
    figures.groups(campaign)
    figures.submissions(campaign)
    figures.strays(campaign)
    list(figures.fates(campaign))
    reader.set_trace_callback(None)
    driver.set_trace_callback(None)
    read = [text for text in texts if text.lstrip().upper().startswith(("SELECT", "UPDATE"))]
    assert len(read) > 8
    steps = [(step[-1], text) for text in read for step in reader.execute(f"EXPLAIN QUERY PLAN {text}")]
    whole = ("SCAN messages", "SCAN attempts", "SCAN campaign_recipients")
    assert [text for step, text in steps if step in whole] == []


def test_of_two_who_release_the_same_page_one_does(database: Database) -> None:
    store = Campaigns(database)
    waiting = led_to(database, CampaignState.SCHEDULED)
    begun = store.begin_run(waiting, NOW, next_run_at=None, may_send_until=FOR_EVER)
    assert begun is not None
    assert store.begin_run(waiting, NOW, next_run_at=None, may_send_until=FOR_EVER) is None
    page = [Judgement(ALICE, "", replace(new(ALICE), campaign_id=begun.id)), Judgement(BOB, "no_consent", None)]
    assert store.release(begun, page, reached=2, done=False) == 1
    assert store.release(begun, page, reached=2, done=False) is None
    assert len(Outbox(database).list()) == 1


def test_an_approval_is_asked_who_gives_it_and_how_many_are_missing(database: Database) -> None:
    store, tested = Campaigns(database), led_to(database, CampaignState.TESTED)
    with pytest.raises(RefusedByRule, match="somebody else"):
        store.approve(tested, Approval("A", NOW, 600), 2)
    assert store.approve(tested, Approval("b", NOW, 600), 2) == 1
    with pytest.raises(RefusedByRule, match="already"):
        store.approve(tested, Approval("B", NOW, 600), 2)
    assert store.get(tested.name).state is CampaignState.TESTED
    assert store.approve(tested, Approval("c", NOW, 600), 2) == 0
    assert store.get(tested.name).state is CampaignState.APPROVED


def test_a_message_that_is_not_its_recipients_alone_is_found(database: Database) -> None:
    campaign = run(database, ALICE, BOB)
    figures = Figures(database)
    assert figures.strays(campaign) == 0

    def spoiled(statement: sa.Update | sa.Insert) -> int:
        database.write(lambda connection: connection.execute(statement))
        return figures.strays(campaign)

    to_alice = sa.update(messages).where(messages.c.recipient == ALICE)
    assert spoiled(to_alice.values(recipient=f"{ALICE},{BOB}")) == 1
    assert spoiled(sa.update(messages).where(messages.c.recipient != BOB).values(recipient=BOB)) == 1
    back = sa.update(messages).where(messages.c.id == sa.select(sa.func.min(messages.c.id)).scalar_subquery())
    assert spoiled(back.values(recipient=ALICE)) == 0
    first = Outbox(database).list()[-1]
    row = {"campaign_id": campaign.id, "recipient": "+33639980007", "run": 1, "message_id": first.id}
    assert spoiled(sa.insert(campaign_recipients).values(row)) == 1


def test_a_state_that_changes_touches_no_index_of_campaigns() -> None:
    (index,) = (index for index in messages.indexes if index.name == "messages_of_campaign")
    assert [column.name for column in index.columns] == ["campaign_id"]
    assert "state" not in str(index.dialect_options["sqlite"]["where"])
