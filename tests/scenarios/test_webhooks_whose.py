"""Of what an endpoint is told: of its own messages and people, of what it asks for; and what is kept for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gatewayd.domain.campaign import Audience, CampaignState
from gatewayd.domain.events import Happening
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.services.webhooks import SimWatch
from gatewayd.store.campaigns import Campaigns, NewCampaign, Step
from gatewayd.store.happenings import KEPT, Happenings, Interest, Occurrence
from tests.receiver import Told
from tests.scenarios.telling import TellingWorld
from tests.scenarios.world import EVENTS, number

Make = Callable[..., TellingWorld]
WHO = number(1)
SILENT = "&report=0"


@pytest.fixture
def make(make_telling: Make) -> Make:
    return make_telling


def test_a_finished_campaign_is_told_to_whom_it_belongs(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear("app", Interest(frozenset(Happening), purposes=frozenset({"events"})))
    own = world.hear("own", Interest(frozenset(Happening), feeds=frozenset({"campaign/fete"})))
    other = world.hear("other", Interest(frozenset(Happening), feeds=frozenset({"campaign/autre"})))
    store, now = Campaigns(world.db), world.clock.now
    campaign = store.create(
        NewCampaign("fete", "events", "Bonjour", Audience.NUMBERS, WHO, "default", 5, "Zoé"), [], now
    )
    for state in ("tested", "approved", "scheduled", "finished"):
        campaign = store.change(campaign, CampaignState(state), Step("Zoé", now))
    world.tell()
    assert (app.types(), own.types(), other.types()) == (["campaign.finished"], ["campaign.finished"], [])
    assert {"name": "fete", "purpose": "events", "state": "finished"}.items() <= app.told[0].data.items()


def test_an_application_hears_of_its_own_messages_and_people_only(make: Make) -> None:
    fees = Purpose("fees", "Cotisations", Basis.CONTRACT)
    world = make(purposes=(EVENTS, fees))
    shop = world.hear("shop", Interest(frozenset(Happening), purposes=frozenset({"fees"})))
    choir = world.hear("choir", Interest(frozenset(Happening), feeds=frozenset({"choir"})))
    (hers,), (theirs,), (his,) = (
        world.accept(number(1), purpose="fees"), world.accept(number(2), feed="choir"), world.accept(number(3)),
    )  # fmt: skip
    for who in (1, 2, 3):
        world.write("a", number(who), "STOP")
        world.turn()
    world.swept()
    world.tell()

    def people(told: list[Told]) -> set[Any]:
        return {one.data.get("sender", one.data.get("recipient")) for one in told}

    assert people(shop.told) == {number(1)}
    assert people(choir.told) == {number(2)}
    assert {one.data["id"] for one in shop.told if one.type.startswith("message.")} == {hers}
    assert {one.data["id"] for one in choir.told if one.type.startswith("message.")} == {theirs}
    assert {"incoming.received", "optout.made"} <= {*shop.types()} & {*choir.types()}
    assert his


def test_only_what_an_endpoint_asks_for(make: Make) -> None:
    world = make()
    app = world.hear("app", Interest(frozenset({Happening.DELIVERED})))
    (message,) = world.accept(WHO)
    world.until(lambda: world.state(message) == "delivered")
    world.tell()
    assert app.types() == ["message.delivered"]
    assert world.counts().pending == 0


def test_what_is_asked_for_is_found_behind_thousands_that_are_not(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear("app", Interest(frozenset({Happening.OPTED_OUT})))
    world.accept(*(number(n % 90) for n in range(2_500)))
    world.people.add_optout(WHO, origin="phone", by="Zoé", at=world.clock.now)
    world.tell()
    world.tell()
    assert app.types() == ["optout.made"]


def test_who_asks_for_little_goes_once_through_what_is_not_for_him(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look went through all that had happened in a day: a fortieth of a second for 30,000, and five of a Pi's."""
    world, begun, following = make(options=SILENT), list[int](), Happenings.following
    app = world.hear("app", Interest(frozenset(Happening), feeds=frozenset({"shop"})))

    def watched(self: Happenings, after: int, *rest: Any) -> list[Occurrence]:
        begun.append(after)
        return following(self, after, *rest)

    monkeypatch.setattr(Happenings, "following", watched)
    for _ in range(3):
        world.accept(WHO)
        world.tell()
    assert begun == [0, 1, 2]
    world.accept(WHO, feed="shop")
    world.tell()
    assert app.types() == ["message.queued"]


def test_without_webhooks_nothing_is_recorded_and_what_was_goes(make: Make) -> None:
    world = make(options=SILENT)
    world.accept(WHO)
    assert world.happened() == []
    world.hear()
    world.accept(number(2))
    world.tell()
    assert len(world.happened()) == 1
    receiver, _ = world.endpoints.pop("app")
    receiver.close()
    world.record()
    world.accept(number(3))
    assert world.happened() == []
    assert world.webhooks.condition("app") is None


def test_a_message_that_was_erased_is_told_no_more(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    (message,) = world.accept(WHO)
    world.db.write(lambda connection: connection.exec_driver_sql(f"DELETE FROM messages WHERE id = {message}"))  # noqa: S608  (a number of ours)
    world.tell()
    assert app.told == []
    assert world.counts().pending == 0


def test_a_sim_that_cannot_send_is_told_after_a_minute_and_so_is_its_end(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    watch = SimWatch(world.db, world.statuses, world.clock)
    world._heard("a", lambda: world.sims["a"].unplug(0))
    world.settle()
    assert [world.statuses()[0].why, watch.run_once()] == ["absent", 0]
    world.clock.advance(59)
    assert watch.run_once() == 0
    world.clock.advance(2)
    assert (watch.run_once(), watch.run_once()) == (1, 0)
    world.tell()
    world.clock.advance(KEPT.total_seconds() + 60)
    world.tidy()
    watch = SimWatch(world.db, world.statuses, world.clock)  # the next life remembers, however long it lasts
    assert watch.run_once() == 0
    world.clock.advance(61)
    assert watch.run_once() == 0
    world.sims["a"].plug()
    world.clock.advance(60)
    world.settle()
    assert (world.statuses()[0].why, watch.run_once()) == ("", 0)
    world.clock.advance(61)
    assert watch.run_once() == 1
    world.tell()
    assert [(one.type, one.data["name"], one.data["state"]) for one in app.told] == [
        ("sim.trouble", "a", "absent"), ("sim.well", "a", "ok"),
    ]  # fmt: skip


def test_what_is_kept_for_it_holds_neither_number_nor_text(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    app.answer = lambda _told: (400, {})
    world.accept(WHO, text="Un secret")
    world.write("a", WHO, "STOP un secret")
    world.turn()
    world.tell()
    with world.db.read() as connection:
        kept = [
            str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())  # noqa: S608  (our own words)
            for table in ("happenings", "deliveries", "webhooks")
        ]
    assert len(world.happened()) >= 3
    assert all(WHO not in words and "secret" not in words.lower() for words in kept)
