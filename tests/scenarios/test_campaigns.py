"""Campaigns: the right people, explained before, tested before, agreed to before; stopped at once; each text alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from gatewayd.domain.campaign import Audience, CampaignRules, Repeat
from gatewayd.domain.purpose import Limits
from gatewayd.errors import GatewaydError, RefusedByRule, SegmentError, UsageError
from gatewayd.interfaces.campaign_page import page
from gatewayd.services.explaining import explain
from gatewayd.services.releasing import CampaignRunner
from gatewayd.services.reporting import report
from gatewayd.store import audit
from gatewayd.store.campaign_figures import Figures
from gatewayd.store.campaigns import Approval, AudienceRow
from tests.scenarios.campaigning import CampaigningWorld
from tests.scenarios.world import PARIS, TUESDAY_NOON, number

HOUR = 3600.0


# -- from the draft to the end


def test_each_person_of_the_segment_gets_a_text_of_his_own(world: CampaigningWorld) -> None:
    anne, karim = world.person(1), world.person(2, given_name="Karim")
    world.person(3, ville="Paris")
    campaign = world.let_go()
    assert campaign.state == "running"
    assert world.tick() == "finished"
    texts = {message.recipient: message.text for message in world.outbox.list()}
    assert set(texts) == {anne, karim}
    assert texts[karim].startswith("Bonjour Karim, la réunion est à Lyon.\nAmicale des Jardins.")
    assert sorted(world.sent_by("a")) == [anne, karim]
    world.agree()


def test_explain_names_each_reason_and_sends_nothing(world: CampaigningWorld) -> None:
    world.person(1)
    world.person(2, agreed=False)
    world.person(3)
    world.people.add_optout(number(3), origin="letter", by="t", at=world.clock.utc_now())
    world.person(4, given_name="")
    world.create()
    found = world.explain()
    assert (found.size, found.included) == (4, 1)
    assert dict(found.reasons) == {"no_consent": 1, "opt_out": 1, "missing_field:prenom": 1}
    assert [text.splitlines()[0] for _, text in found.sample] == ["Bonjour Anne, la réunion est à Lyon."]
    assert world.outbox.list() == []


def test_explain_counts_new_people_against_each_sim(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns("a", limits=Limits(per_day=2, recipients_per_month=3, per_minute=60))
    for n in range(1, 5):
        world.person(n)
    world.accept(number(1), purpose="info")
    world.settle()
    world.create()
    found = world.explain()
    (share,) = found.shares
    assert (share.messages, share.new, share.left, share.left_after) == (4, 3, 2, 0)
    assert found.ends_at is not None
    assert found.ends_at > world.clock.utc_now() + timedelta(days=1)


def test_a_list_brings_its_own_fields_and_says_what_is_wrong_with_a_row(world: CampaigningWorld) -> None:
    world.people.record_consent(number(1), "info", method="paper", recorded_by="t", at=world.clock.utc_now())
    rows = [
        AudienceRow(2, number(1), fields={"given_name": "Anne", "ville": "Bron"}),
        AudienceRow(3, "0472", "landline"),
        AudienceRow(4, number(1), "duplicate:2"),
    ]
    world.create("liste", *rows)
    found = world.explain("liste")
    assert dict(found.reasons) == {"landline": 1, "duplicate:2": 1}
    assert "à Bron" in found.sample[0][1]


def test_a_list_brings_nothing_sensitive_without_a_ground(world: CampaigningWorld) -> None:
    row = AudienceRow(2, number(1), fields={"sante": "fragile"})
    with pytest.raises(RefusedByRule, match="sounds like data about health"):
        world.create("liste", row, template="Votre santé : {{ sante }}")


def test_who_has_received_one_can_be_left_out_of_the_next(world: CampaigningWorld) -> None:
    world.person(1)
    world.let_go()
    world.tick()
    world.person(2)
    world.let_go("relance", audience='not received("reunion")')
    world.tick()
    assert world.sent_by("a") == [number(1), number(2)]


# -- who may let it go


def test_nobody_approves_what_he_wrote(world: CampaigningWorld) -> None:
    world.person(1)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    with pytest.raises(RefusedByRule, match="somebody else"):
        world.desk.approve("reunion", " Camille ")
    with pytest.raises(RefusedByRule, match="must be approved first"):
        world.desk.start("reunion", "camille")


def test_a_large_one_needs_two_people(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(rules=CampaignRules(second_above=1))
    world.person(1)
    world.person(2)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    assert world.desk.approve("reunion", "dominique")[1] == 1
    with pytest.raises(RefusedByRule, match="already"):
        world.desk.approve("reunion", "dominique")
    with pytest.raises(RefusedByRule):
        world.desk.start("reunion", "camille")
    assert world.desk.approve("reunion", "sacha")[1] == 0
    assert world.desk.start("reunion", "camille").state == "scheduled"


def test_an_audience_that_grew_waits_for_a_second_person(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(rules=CampaignRules(second_above=1))
    world.person(1)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.person(2)
    world.desk.start("reunion", "camille")
    assert world.tick() == "paused"
    assert world.ledger == []
    assert "second" in world.campaigns.get("reunion").reason


def test_what_paused_for_a_second_person_goes_on_when_he_agrees(
    make_campaigns: Callable[..., CampaigningWorld],
) -> None:
    world = make_campaigns(rules=CampaignRules(second_above=1))
    world.person(1)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.person(2)
    world.desk.start("reunion", "camille")
    assert world.tick() == "paused"
    assert world.desk.approve("reunion", "sacha") == (world.campaigns.get("reunion"), 0)
    world.desk.resume("reunion", "camille")
    assert world.tick() == "finished"
    assert len(world.ledger) == 2


def test_two_people_may_agree_at_the_same_moment(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(rules=CampaignRules(second_above=1))
    world.person(1)
    world.person(2)
    draft = world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    now = world.clock.utc_now()
    for name, missing in (("dominique", 1), ("sacha", 0)):  # each has read that nobody had agreed yet
        assert world.campaigns.approve(draft, Approval(name, now, 2), 2) == missing
    assert world.campaigns.get("reunion").state == "approved"


def test_it_is_tested_when_each_has_it_and_one_tried_to_leave(world: CampaigningWorld) -> None:
    world.person(1)
    for n in (98, 99):
        world.person(n, ville="Bron")
    world.create()
    world.desk.test("reunion", "camille")
    world.turn()
    first = world.outbox.list()[-1]
    assert first.text.startswith("[ESSAI] Bonjour Anne, la réunion est à Bron.")
    with pytest.raises(RefusedByRule, match="tested first"):
        world.desk.approve("reunion", "dominique")
    world.write("a", number(98), "ok")
    world.write("a", number(99), "OK !")
    assert world.tick(5) == "to_test"
    world.write("a", number(99), "STOP")
    assert world.tick(5) == "to_test"
    world.write("a", number(99), "START")
    assert world.tick(5) == "tested"
    assert number(1) not in world.sent_by("a")


def test_without_trusted_numbers_a_reason_is_wanted(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(rules=CampaignRules())
    world.person(1)
    world.create()
    with pytest.raises(RefusedByRule, match="--skip-test"):
        world.desk.test("reunion", "camille")
    with pytest.raises(UsageError):
        world.desk.skip_test("reunion", "camille", "  ")
    assert "essai" in world.desk.skip_test("reunion", "camille", "essai").test_skipped


# -- what stops it


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_what_is_out_is_out_and_nothing_more_starts(make_campaigns: Callable[..., CampaigningWorld], verb: str) -> None:
    world = make_campaigns(limits=Limits(per_minute=1))
    for n in range(1, 6):
        world.person(n)
    world.let_go()
    world.tick()
    assert len(world.ledger) == 1
    getattr(world.desk, verb)("reunion", "camille")
    world.clock.advance(300)
    world.wake()
    world.settle()  # before any chore has looked: the gate alone must hold
    assert len(world.ledger) == 1
    assert sum(len(world.outbox.attempts(message.id)) for message in world.outbox.list()) == 1, "no modem was troubled"
    state = world.tick()
    assert world.standing() == {"sent": 1, ("held" if verb == "pause" else "canceled"): 4}
    if verb == "cancel":
        assert state == "canceled"
        return
    world.desk.resume("reunion", "camille")
    world.tick()
    for _ in range(4):
        state = world.tick(60)
    assert state == "finished"
    world.agree()
    assert len(world.ledger) == 5


def test_what_the_operator_holds_is_not_let_go_by_a_resume(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(limits=Limits(per_minute=1))
    for n in range(1, 4):
        world.person(n)
    world.let_go()
    last = world.outbox.list()[0].id
    world.outbox.hold(last, world.clock.utc_now())
    world.desk.pause("reunion", "camille")
    world.tick()
    world.desk.resume("reunion", "camille")
    for _ in range(5):
        world.tick(60)
    assert world.state(last) == "held"


def test_many_stops_pause_it_and_say_why(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(rules=CampaignRules(pause_after=3, pause_at_stop_percent=30), limits=Limits(per_minute=4))
    for n in range(1, 8):
        world.person(n)
    world.let_go()
    world.tick()
    for n in (1, 2):
        world.write("a", number(n), "STOP")
    assert world.tick(5) == "paused"
    assert "answered STOP" in world.campaigns.get("reunion").reason
    assert number(7) not in world.sent_by("a")


def test_many_refusals_pause_it_and_say_why(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    rules = CampaignRules(pause_after=3, pause_at_refused_percent=50)
    refused = "".join(f"&rule={number(n).removeprefix('+')};cms=1" for n in range(1, 8))
    world = make_campaigns(rules=rules, limits=Limits(per_minute=4), options=refused)
    for n in range(1, 8):
        world.person(n)
    world.let_go()
    world.tick()
    assert world.tick(60) == "paused"
    assert "refused" in world.campaigns.get("reunion").reason


# -- bad input


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ({"template": "Bonjour {{ prenon }}"}, UsageError, "no field named prenon"),
        ({"template": "{% for a in b %}{% endfor %}"}, UsageError, "a loop (for) is not allowed"),
        ({"template": "{{ prenom.x }}"}, UsageError, "an attribute"),
        ({"template": "{{ prenom|safe }}"}, UsageError, "no filter named safe"),
        ({"audience": 'vile = "Lyon"'}, SegmentError, "did you mean ville?"),
        ({"audience": 'ville = "Nantes"'}, RefusedByRule, "no contact"),
        ({"purpose": "nope"}, RefusedByRule, "there is no purpose"),
        ({"purpose": "sale"}, RefusedByRule, "marketing is refused"),
        ({"purpose": "day", "window": "sun 09:00-12:00"}, RefusedByRule, "never open at the same time"),
        ({"window": "09:00-09:00"}, RefusedByRule, "never opens"),
        ({"window": "noon"}, UsageError, "cannot be read"),
        ({"deadline": TUESDAY_NOON - timedelta(days=1)}, RefusedByRule, "has passed"),
        ({"start_at": TUESDAY_NOON - timedelta(days=1)}, RefusedByRule, "has passed"),
        (
            {"deadline": TUESDAY_NOON + timedelta(hours=1), "window": "18:00-20:00"},
            RefusedByRule,
            "before its deadline",
        ),
        ({"name": "Réunion !"}, UsageError, "is no name"),
        ({"audience_kind": Audience.NUMBERS, "repeat": Repeat.DAILY}, RefusedByRule, "only a segment"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(
    world: CampaigningWorld, how: dict[str, Any], kind: type[GatewaydError], said: str
) -> None:
    world.person(1)
    with pytest.raises(kind, match=re.escape(said)) as refused:
        world.create(**how)
    assert refused.value.exit_status == (3 if kind is RefusedByRule else 2)
    assert world.campaigns.list() == []


def test_a_default_stands_in_for_an_empty_field(world: CampaigningWorld) -> None:
    world.person(1, given_name="", ville="Lyon")
    world.create(template='Bonjour {{ prenom|default("à vous") }}')
    assert world.explain().sample[0][1].startswith("Bonjour à vous")


@pytest.mark.parametrize("town", ["Lyon", "Paris"])  # of this audience, or of another
def test_a_text_with_another_contacts_number_is_not_sent(world: CampaigningWorld, town: str) -> None:
    world.person(1, given_name="06 39 98 00 02")  # a spreadsheet shifted by a column
    world.person(2, ville=town, agreed=False)
    world.create()
    assert world.explain().reasons["others_number"] == 1


def test_what_a_contact_holds_is_never_read_as_a_template(world: CampaigningWorld) -> None:
    world.person(1, given_name="{{ ville }}{% for a in b %}")
    world.create()
    assert world.explain().sample[0][1].startswith("Bonjour {{ ville }}{% for a in b %}, la réunion")


def test_what_explain_said_is_what_the_release_does(world: CampaigningWorld) -> None:
    for n in range(1, 9):
        world.person(n, agreed=n % 3 > 0, given_name="" if n % 4 == 0 else "Anne")
    world.create()
    told = {one.number: one.reason for one in world.explain().people}
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    world.tick()
    fates = Figures(world.db).fates(world.campaigns.get("reunion"))
    assert {fate.recipient: "" if fate.state else fate.reason for fate in fates} == told


def test_a_purpose_that_is_gone_stops_its_campaigns_with_a_sentence(world: CampaigningWorld) -> None:
    world.person(1)
    world.create()
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    house = replace(world.house, sending=replace(world.rules, purposes={}))
    CampaignRunner(world.db, house, world.clock).run_once()
    campaign = world.campaigns.get("reunion")
    assert campaign.state == "paused"
    assert campaign.reason == "cannot go on: there is no purpose 'info'; the configuration has: none"
    world.desk.resume("reunion", "camille")
    assert world.tick() == "finished"


# -- what came of it


def test_the_report_counts_what_the_network_saw(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(options=f"&rule={number(3).removeprefix('+')};cms=1")
    for n in range(1, 5):
        world.person(n)
    world.person(5, agreed=False)
    world.let_go()
    world.tick()
    world.write("a", number(1), "STOP")
    world.write("a", number(2), "Merci !")
    world.tick(5)
    found = report(world.db, world.house, world.campaigns.get("reunion"))
    assert (found.accepted, found.sent, found.optouts, found.replies) == (4, 3, 1, 2)
    assert dict(found.causes) == {"cms:1": 1}
    assert found.left_out == {"no_consent": 1}
    answers = 1  # to the STOP
    assert found.submissions == found.submitted == len(world.ledger) - answers + 1  # one was refused
    assert [(sim.name, sim.sent, sim.failed) for sim in found.sims] == [("a", 3, 1)]
    assert sum(count for _, count in found.hours) == 3
    assert found.confidential
    written = partial(
        page, found, organisation="<b>Amicale</b>", purpose="Nos fêtes", zone=PARIS, now=world.clock.utc_now()
    )
    words = written(language="fr")
    assert "&lt;b&gt;Amicale" in words
    assert "Finalité : Nos fêtes. État : terminée." in words
    assert "Purpose: Nos fêtes. State: finished." in written(language="en")
    assert words.count("<rect") == len(found.hours) == 1
    fates = {fate.recipient: str(fate.state or fate.reason) for fate in Figures(world.db).fates(found.campaign)}
    assert fates[number(5)] == "no_consent"
    assert fates[number(3)] == "failed"


def test_cost_is_that_of_each_sims_plan(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns()
    sims = [replace(sim, price_per_sms=0.05) for sim in world.rules.sims]
    house = replace(world.house, sending=replace(world.rules, sims=sims))
    world.person(1)
    world.let_go(template="x" * 200)
    assert explain(world.db, house, world.campaigns.get("reunion"), world.clock).price == 0.1
    world.tick()
    assert report(world.db, house, world.campaigns.get("reunion")).cost == 0.1
    assert report(world.db, world.house, world.campaigns.get("reunion")).cost is None


# -- the audit trail


def test_each_step_is_in_the_audit_trail_with_who_did_it(world: CampaigningWorld) -> None:
    world.person(1)
    world.let_go()
    world.desk.pause("reunion", "camille")
    world.desk.resume("reunion", "dominique")
    world.tick()
    with world.db.read() as connection:
        told = [
            (row.event, row.actor, row.details) for row in audit.rows(connection) if row.event.startswith("campaign.")
        ]
    assert [(event.removeprefix("campaign."), actor) for event, actor, _ in told] == [
        ("created", "camille"),
        ("tested", "camille"),
        ("approved", "dominique"),
        ("started", "camille"),
        ("run", "gatewayd"),
        ("paused", "camille"),
        ("resumed", "dominique"),
        ("finished", "gatewayd"),
    ]
    assert '"skipped":"essai"' in told[1][2]
    sealed = [json.loads(details)["digest"] for event, _, details in told if event.endswith(("created", "approved"))]
    assert sealed[0] == sealed[1]


# -- the gate at the mark


@pytest.mark.parametrize(("verb", "state"), [("pause", "held"), ("cancel", "canceled")])
def test_what_was_claimed_stops_at_the_mark_on_the_wire(world: CampaigningWorld, verb: str, state: str) -> None:
    world.person(1)
    campaign = world.let_go()
    (message,) = world.outbox.list()
    mark = world.outbox.mark_on_wire

    def stop_meanwhile(*given: Any) -> None:
        getattr(world.desk, verb)("reunion", "camille")
        mark(*given)

    world.outbox.mark_on_wire = stop_meanwhile  # type: ignore[assignment, method-assign]  # the real step, held up
    world.settle()
    assert world.state(message.id) == state
    assert world.ledger == []
    assert world.outbox.attempts(message.id)[0].outcome == "refused"
    assert campaign.unsettled is False


def test_a_page_that_was_read_before_the_pause_makes_no_messages(
    world: CampaigningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.person(1)
    release = world.runner._release_page

    def pause_meanwhile(*given: Any) -> int | None:
        world.desk.pause("reunion", "camille")
        return release(*given)

    monkeypatch.setattr(world.runner, "_release_page", pause_meanwhile)
    world.let_go()
    assert world.outbox.list() == []
    monkeypatch.undo()
    world.desk.resume("reunion", "camille")
    world.tick()
    assert world.sent_by("a") == [number(1)]


def test_what_is_no_campaigns_goes_on(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(limits=Limits(per_minute=2))
    world.person(1)
    world.let_go()
    world.desk.pause("reunion", "camille")
    world.people.record_consent(number(7), "info", method="paper", recorded_by="t", at=world.clock.utc_now())
    world.accept(number(7), purpose="info")
    world.settle()
    assert world.sent_by("a") == [number(7)]


def test_a_message_of_which_a_part_is_out_goes_out_whole(make_campaigns: Callable[..., CampaigningWorld]) -> None:
    world = make_campaigns(limits=Limits(gap=30))
    world.person(1)
    world.let_go(template="x" * 200)
    world.settle()
    assert len(world.ledger) == 1
    world.desk.cancel("reunion", "camille")
    world.runner.run_once()
    world.advance(60)
    (message,) = world.outbox.list()
    assert (len(world.ledger), message.state in {"sent", "delivered"}) == (2, True)
