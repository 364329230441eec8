"""`explain` tells each person's day and what keeps him back until then; the lines then do what was foretold."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from gatewayd.cli.campaign_views import print_explanation, print_people_csv
from gatewayd.domain.campaign import Audience, CampaignRules
from gatewayd.domain.purpose import Basis, Hours, Limits, MessageClass, Purpose, SimSettings
from gatewayd.errors import RefusedByRule
from gatewayd.interfaces.campaign_shapes import explanation_json, foretold_json
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.explaining import explain
from gatewayd.store.campaigns import NewCampaign
from tests.scenarios.campaigning import CampaigningWorld
from tests.scenarios.world import PARIS, number

Make = Callable[..., CampaigningWorld]
INFO = Purpose(
    "info", "Informations", Basis.CONTRACT, hours=Hours(since=time(8), until=time(20)), footer="STOP",
    time_to_live=timedelta(days=1),
)  # fmt: skip
EVENING = datetime(2026, 3, 10, 18, 58, tzinfo=UTC)  # 19:58 in Paris


@pytest.fixture
def world(make_campaigns: Make) -> CampaigningWorld:
    """Two a day, and the evening is nearly over."""
    world = make_campaigns(purposes=(INFO,), limits=Limits(per_day=2, per_minute=60))
    world.clock.now = EVENING
    for n in range(1, 6):
        world.person(n, agreed=False)
    world.accept(number(50), purpose="info")
    world.settle()
    world.create()
    return world


def days(world: CampaigningWorld) -> dict[str, date | None]:
    return {
        one.number: one.leaves_at.astimezone(PARIS).date() if one.leaves_at else None
        for one in world.explain().people
        if not one.reason
    }


def test_each_persons_day_and_why_not_sooner(world: CampaigningWorld) -> None:
    told = {one.number: one for one in world.explain().people}
    assert [(told[number(n)].waits_for, told[number(n)].late) for n in range(1, 6)] == [
        ("", False),
        ("per_day", False),
        ("per_day", False),
        ("per_day", True),  # a day is the life of a message
        ("per_day", True),
    ]
    assert {one.sim for one in told.values()} == {"a"}
    assert told[number(2)].leaves_at == datetime(2026, 3, 11, 7, 0, tzinfo=UTC)
    assert (world.explain().late, world.explain().waits) == (2, {"per_day": 4})


def test_what_is_foretold_is_what_the_lines_do(world: CampaigningWorld) -> None:
    foretold = days(world)
    late = {one.number for one in world.explain().people if one.late}
    world.desk.skip_test("reunion", "camille", "essai")
    world.desk.approve("reunion", "dominique")
    world.desk.start("reunion", "camille")
    for hour in range(80):
        world.tick(3600 if hour else 0)
        world.outbox.expire(world.clock.utc_now())
    sent = {
        one.recipient: one.sent_at.astimezone(PARIS).date() for one in world.outbox.list() if one.sent_at is not None
    }
    sent.pop(number(50))
    assert sent == {who: day for who, day in foretold.items() if who not in late}
    assert {one.recipient for one in world.outbox.list() if one.state == "expired"} == late


def test_it_is_told_to_people_and_to_programs(world: CampaigningWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.person(6, agreed=False)
    world.people.add_optout(number(6), origin="letter", by="t", at=world.clock.utc_now())
    found = world.explain()
    print_people_csv(found, "fr")
    table = csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter=";")
    rows = {row["recipient"].lstrip("'"): row for row in table}
    assert rows[number(2)]["in_words"] == "limite du jour atteinte sur la SIM a"
    assert rows[number(5)]["in_words"] == "limite du jour atteinte sur la SIM a ; trop tard, le message périmerait"
    assert (rows[number(5)]["late"], rows[number(2)]["leaves_at"]) == ("yes", "2026-03-11T07:00:00.000Z")
    assert rows[number(6)]["in_words"] == "cette personne a dit STOP"
    print_explanation(found, PARIS, "fr")
    said, warned = capsys.readouterr()
    assert "11/03/2026" in said
    assert "limite du jour atteinte sur la SIM a" in said
    assert "about 2 messages could not leave before" in " ".join(warned.split())
    told = json.loads(json.dumps([explanation_json(found), *map(foretold_json, found.people)]))
    assert (told[0]["late"], told[0]["waits_for"]) == (2, {"per_day": 4})
    assert told[0]["expires_at"] == "2026-03-11T18:58:00.000Z"
    assert (told[2]["sim"], told[2]["waits_for"], told[2]["late"]) == ("a", "per_day", False)


def test_who_was_written_to_in_another_month_counts_as_new(make_campaigns: Make) -> None:
    world = make_campaigns(limits=Limits(recipients_per_month=9))
    world.person(1)
    world.accept(number(1), purpose="info")
    world.settle()
    world.create()
    (share,) = world.explain().shares
    assert (share.new, share.left) == (0, 8)
    world.clock.advance(31 * 86400)
    (share,) = world.explain().shares
    assert (share.new, share.left, share.left_after) == (1, 9, 8)


def test_it_is_foretold_from_its_start_on(world: CampaigningWorld) -> None:
    start = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
    world.create("plus-tard", start_at=start)
    found = world.explain("plus-tard")
    assert (found.opens_at, found.people[0].leaves_at) == (start, start)


def test_a_line_that_allows_something_else_is_refused(make_campaigns: Make) -> None:
    world = make_campaigns()
    world.person(1)
    sims = [replace(sim, line_allows=frozenset({MessageClass.ALERT})) for sim in world.rules.sims]
    desk = CampaignDesk(world.db, replace(world.house, sending=replace(world.rules, sims=sims)), world.clock)
    new = NewCampaign("reunion", "info", "Bonjour", Audience.SEGMENT, 'ville = "Lyon"', "", 5, "camille")
    with pytest.raises(RefusedByRule, match="no SIM of the pool default has a line that allows information"):
        desk.create(new)


def test_letters_that_make_it_dearer_are_named(make_campaigns: Make, capsys: pytest.CaptureFixture[str]) -> None:
    world = make_campaigns()
    world.person(1)
    world.person(2, given_name="Léa", ville="Saint-Père-lès-Œuvres")
    world.create(template="Bonne fête {{ prenom }}, à {{ ville }}", audience="ville est rempli")
    found = world.explain()
    assert dict(found.forcing) == {"ê": 2, "Œ": 1}
    print_explanation(found, PARIS, "fr")
    assert "for the sake of ê (2 texts), Œ (1 text)" in " ".join(capsys.readouterr().err.split())


def test_before_the_hours_each_waits_for_them(make_campaigns: Make) -> None:
    world = make_campaigns(purposes=(INFO,))
    world.clock.now = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
    world.person(1, agreed=False)
    world.settle()
    world.create()
    (one,) = world.explain().people
    assert (one.waits_for, one.leaves_at) == ("hours", datetime(2026, 3, 10, 7, 0, tzinfo=UTC))


def test_a_sim_that_was_never_found_renews_its_days_too(make_campaigns: Make) -> None:
    world = make_campaigns(rules=CampaignRules())
    for n in range(1, 4):
        world.person(n)
    world.create()
    sim = SimSettings("neuve", iccid="8933000000000009999", limits=Limits(recipients_per_day=2))
    house = replace(world.house, sending=replace(world.house.sending, sims=[sim]))
    found = explain(world.db, house, world.campaigns.get("reunion"), world.clock)
    assert [one.waits_for for one in found.people] == ["", "", "recipients_per_day"]
    assert found.ends_at == datetime(2026, 3, 10, 23, 0, tzinfo=UTC)  # midnight in Paris
