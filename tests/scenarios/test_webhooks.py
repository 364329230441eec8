"""Other programs are told what happens: each event at least once, in order, one of them final."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from gatewayd.domain.events import HEARD_BY
from gatewayd.domain.message import MessageState
from gatewayd.domain.webhooks import DEAD_KEPT, LIFE, Answer
from gatewayd.services.hearsay import ENOUGH, LONG_AGO
from gatewayd.services.webhooks import Courier, Endpoint
from gatewayd.store import happenings
from gatewayd.store import webhooks as store
from gatewayd.store.happenings import KEPT, Occurrence
from gatewayd.store.outbox import Resolution
from tests.receiver import Told
from tests.scenarios import world as worlds
from tests.scenarios.receiving import report
from tests.scenarios.telling import ALL, TellingWorld
from tests.scenarios.world import number

Make = Callable[..., TellingWorld]
WHO = number(1)
SILENT = "&report=0"


@pytest.fixture
def make(make_telling: Make) -> Make:
    return make_telling


def finals(told: list[Told]) -> list[tuple[int, str]]:
    return [(one.data["id"], one.data["state"]) for one in told if one.data.get("final")]


def test_a_message_is_told_from_the_queue_to_its_arrival(make: Make) -> None:
    world = make()
    app = world.hear()
    (message,) = world.accept(WHO, text="Réunion à 18 h.")
    world.until(lambda: world.state(message) == "delivered")
    world.tell()
    assert app.types() == ["message.queued", "message.sent", "message.delivered"]
    assert len({one.id for one in app.told}) == 3
    queued, sent, delivered = (one.data for one in app.told)
    assert (queued["state"], queued["sim"], queued["sent_at"], queued["final"]) == ("queued", None, None, False)
    assert (sent["state"], sent["delivered_at"], sent["final"]) == ("sent", None, False)
    assert delivered["sent_at"] == sent["sent_at"] == "2026-03-10T11:00:00.000Z"
    expected = {"id": message, "recipient": WHO, "text": "Réunion à 18 h.", "state": "delivered", "final": True}
    assert expected.items() <= delivered.items()
    assert delivered["delivered_at"]
    world.tell()
    assert len(app.told) == 3


def test_what_the_network_asks_to_wait_for_is_not_told_as_queued_again(make: Make) -> None:
    world = make(options="&rule=01;cms=38")
    app = world.hear()
    (message,) = world.accept(WHO)
    world.settle()
    for _ in range(3):
        world.advance(900)
    assert (world.state(message), len(world.outbox.attempts(message)) > 1) == ("queued", True)
    world.tell()
    assert app.types() == ["message.queued"]


def test_a_reply_is_told_and_what_a_stop_ended(make: Make) -> None:
    world = make()
    app = world.hear()
    (message,) = world.accept(WHO, not_before=world.clock.now + timedelta(days=1))
    world.write("a", WHO, "STOP")
    world.turn()
    world.tell()
    told = {one.type: one.data for one in app.told}
    assert {"incoming.received", "optout.made", "message.canceled"} <= told.keys()
    assert {"sender": WHO, "text": "STOP", "kind": "opt_out"}.items() <= told["incoming.received"].items()
    assert {"recipient": WHO, "origin": "sms", "lifted_at": None}.items() <= told["optout.made"].items()
    assert {"id": message, "state": "canceled", "reason": "opt_out"}.items() <= told["message.canceled"].items()
    world.write("a", WHO, "START")
    world.turn()
    world.tell()
    assert app.told[[*app.types()].index("optout.lifted")].data["lifted_at"] is not None


def test_one_final_event_a_message_whatever_becomes_of_it(make: Make) -> None:
    rules = "&rule=01;cms=1&rule=02;status=0x46&rule=03;status=0x22&rule=04;reply=STOP&rule=05;silent"
    world = make(options=rules)
    app = world.hear()
    ids = world.accept(*(number(n) for n in range(1, 10)))
    late = world.accept(number(4), not_before=world.clock.now + timedelta(hours=2))
    old = world.accept(number(9), not_before=world.clock.now + timedelta(hours=3), expires_at=world.clock.now)
    blocked = world.accept(number(8), state=MessageState.BLOCKED, reason="no_consent")
    held = world.accept(number(7), state=MessageState.HELD)
    reported = {"delivered", "undelivered"}
    world.until(lambda: sum(world.state(id_) in reported for id_ in ids) == 6 and world.state(*late) == "canceled")
    world.outbox.expire(world.clock.utc_now())
    world.tell()
    world.advance(HEARD_BY.total_seconds() + 1)
    world.tidy()
    world.tell()
    world.agree()
    all_of_them = {*ids, *late, *old, *blocked}
    assert Counter(id_ for id_, _ in finals(app.told) if id_ in all_of_them) == Counter(all_of_them)
    assert not {id_ for id_, _ in finals(app.told)} & {*held}
    said = dict(finals(app.told))
    assert all(said[id_] == world.state(id_) for id_ in all_of_them)
    assert {*said.values()} == {"failed", "undelivered", "sent", "canceled", "delivered", "expired", "blocked"}
    assert app.forged == 0


def test_an_unknown_message_has_its_final_event_when_somebody_knows(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "QUICK", replace(worlds.QUICK, submit=0.2))
    world = make(options=SILENT)
    app = world.hear()
    world.sims["a"].arm("answer-lost")
    (message,) = world.accept(WHO)
    world.settle()
    world.tell()
    assert (world.state(message), finals(app.told)) == ("unknown", [])
    world.clock.advance(2 * HEARD_BY.total_seconds())
    world.outbox.resolve(message, Resolution.AS_SENT, world.clock.now, by="Zoé")
    world.tell()
    assert app.types()[-2:] == ["message.unknown", "message.sent"]
    assert finals(app.told) == [(message, "sent")]


def test_sent_is_final_at_once_where_no_report_was_ever_seen(make: Make) -> None:
    world = make(options=SILENT)
    world.accept(*(number(n) for n in range(10, 10 + ENOUGH)))
    world.settle()
    world.clock.advance(LONG_AGO.total_seconds() + 1)
    app = world.hear()
    (message,) = world.accept(WHO)
    world.settle()
    world.tell()
    assert finals(app.told) == [(message, "sent")]
    reference = world.outbox.attempts(message)[0].reference
    assert reference is not None
    world.hand_over("a", report(WHO, reference, at=world.clock.now))
    world.turn()
    world.tell()
    assert app.types()[-1] == "message.delivered"
    assert finals(app.told) == [(message, "sent")]  # told, and not final twice


def test_a_first_report_that_is_there_before_sent_was_told_makes_the_arrival_final(make: Make) -> None:
    world = make(options=SILENT)
    world.accept(*(number(n) for n in range(10, 10 + ENOUGH)))
    world.settle()
    world.clock.advance(LONG_AGO.total_seconds() + 1)
    app = world.hear()
    (message,) = world.accept(WHO)
    world.settle()
    reference = world.outbox.attempts(message)[0].reference
    assert reference is not None
    world.hand_over("a", report(WHO, reference, at=world.clock.now))
    world.turn()
    world.tell()
    assert app.types() == ["message.queued", "message.sent", "message.delivered"]
    assert finals(app.told) == [(message, "delivered")]


def test_what_was_told_and_not_recorded_is_told_again_under_the_same_key(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    world.accept(WHO)

    class Killed(BaseException):
        pass

    def killed(*_of: object) -> None:
        raise Killed

    courier = world.couriers["app"]
    courier._webhooks.told = killed  # type: ignore[method-assign, assignment]  # the process dies after the answer
    with pytest.raises(Killed):
        courier.run_once()
    world.restart()
    world.record()
    world.tell()
    assert app.types() == ["message.queued"] * 2
    assert len({one.id for one in app.told}) == 1


def test_an_endpoint_that_is_away_for_two_days_hears_all_in_order(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    app.answer = lambda _told: (503, {"retry-after": "10"})
    ids = world.accept(*(number(n) for n in range(1, 8)))
    for _ in range(200):
        world.tell()
        world.clock.advance(900)
    assert len(app.told) <= 200
    assert len({one.id for one in app.told}) == 1  # the first keeps its place
    assert world.condition().failing_since is not None
    app.told.clear()
    app.answer = lambda _told: (200, {})
    world.clock.advance(900)
    world.tell()
    assert [one.data["id"] for one in app.told] == ids
    assert world.condition().failing_since is None


def test_after_three_days_it_is_given_up_and_an_operator_may_replay_it(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    app.answer = lambda _told: (503, {})
    first = world.accept(WHO)
    world.tell()
    world.clock.advance(LIFE.total_seconds() - 100)
    second = world.accept(number(2))
    world.tell()
    world.clock.advance(1000)
    world.tell()
    assert (world.counts().pending, world.counts().dead) == (1, 1)
    (dead,) = world.webhooks.dead(10)
    assert (dead.what.subject, dead.trouble) == (first[0], "status 503")
    app.told.clear()
    app.answer = lambda _told: (200, {})
    world.clock.advance(1000)
    world.tell()
    assert [one.data["id"] for one in app.told] == second
    assert world.webhooks.replay(world.clock.now, by="Zoé", delivery=dead.id) == 1
    world.tell()
    assert [one.data["id"] for one in app.told] == [*second, *first]
    assert (world.counts().pending, world.counts().dead) == (0, 0)


def test_what_waited_while_the_daemon_was_off_is_not_given_up_at_the_first_failure(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    app.answer = lambda _told: (503, {})
    world.accept(WHO)
    world.happenings.note(world.clock.now, lambda _connection, _sim: True)
    world.clock.advance(LIFE.total_seconds() + 3600)
    world.tell()
    assert (world.counts().pending, world.counts().dead) == (1, 0)
    app.answer = lambda _told: (200, {})
    world.clock.advance(60)
    world.tell()
    assert (world.counts().pending, world.counts().dead) == (0, 0)


def test_what_is_refused_comes_again_and_others_pass_it_but_for_the_same_message(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    poisoned, other = world.accept(WHO, number(2))
    app.answer = lambda told: (400 if told.data["id"] == poisoned else 200, {})
    world.tell()
    world.clock.advance(6)  # its rest
    world.outbox.cancel(poisoned, world.clock.now)
    world.tell()
    assert {one.data["id"] for one in app.told if one.type == "message.queued"} == {poisoned, other}
    assert "message.canceled" not in app.types()
    app.answer = lambda told: (400 if told.type == "message.queued" else 200, {})
    for _ in range(3):
        world.clock.advance(360)
        world.tell()
    assert "message.canceled" not in app.types()
    app.told.clear()
    app.answer = lambda _told: (200, {})
    for _ in range(2):
        world.clock.advance(9000)
        world.tell()
    assert app.types() == ["message.queued", "message.canceled"]


def test_one_that_is_refused_for_three_days_is_given_up_alone(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    poisoned, other = world.accept(WHO, number(2))
    app.answer = lambda told: (500 if told.data["id"] == poisoned else 200, {})
    for _ in range(400):
        world.tell()
        world.clock.advance(900)
    world.tidy()
    assert [one.data["id"] for one in app.told if one.data["id"] == other] == [other]
    assert 5 <= sum(one.data["id"] == poisoned for one in app.told) <= 12
    assert (world.counts().pending, world.counts().dead) == (0, 1)
    world.clock.advance(DEAD_KEPT.total_seconds())
    world.tidy()
    assert world.counts().dead == 0
    assert world.happened() == []


def test_one_that_refuses_everything_keeps_no_more_waiting_than_three_days_bring(make: Make) -> None:
    """It is told one thing a rest, and more than that may happen: what waited grew for as long as it refused."""
    world = make(options=SILENT)
    world.hear()
    told: list[Occurrence] = []

    def refuse(what: Occurrence, _thing: object) -> Answer:
        told.append(what)
        return Answer(404)

    world.couriers["app"] = Courier(Endpoint("app", ALL, refuse), world.db, world.clock)
    for _ in range(5):
        world.accept(*(number(n) for n in range(1, 51)))
        for _ in range(24):
            world.tell()
            world.clock.advance(3600)
    assert len({what.id for what in told}) < 250
    counts = world.counts()
    assert counts.pending <= 150
    assert counts.pending + counts.dead == 250


def test_dead_letters_are_bounded_and_the_newest_stay(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make()
    world.hear()
    world.accept(number(1), number(2), number(3))
    world.happenings.note(world.clock.now, lambda *_: True)
    happened = world.happened()[-3:]
    world.webhooks.bury("app", happened, "status 500", world.clock.now)
    monkeypatch.setattr(store, "DEAD_MOST", 2)
    with capture_logs() as logs:
        world.tidy()
        world.tidy()
    assert [one.what.id for one in world.webhooks.dead(10)] == [happened[2].id, happened[1].id]
    assert [(log["event"], log["count"]) for log in logs if "count" in log] == [("webhook.dead_forgotten", 1)]


def test_what_a_renamed_endpoint_leaves_behind_is_told_before_it_goes(make: Make) -> None:
    world = make()
    world.hear()
    world.accept(number(1), number(2))
    assert world.webhooks.left_behind(["app"]) == {}
    left = world.webhooks.left_behind(["other"])
    assert left == {"app": 2}
    world.webhooks.configure({"other": "https://example.org"})
    assert (world.webhooks.left_behind(["other"]), world.webhooks.condition("app")) == ({}, None)


def test_410_ends_an_endpoint_until_somebody_brings_it_back(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    world.accept(WHO, number(2))
    app.answer = lambda _told: (400, {})
    world.tell()
    app.answer = lambda _told: (410, {})
    world.clock.advance(6)
    world.tell()
    assert (len(app.told), world.counts().pending) == (2, 0)
    assert world.condition().gone_at is not None
    app.told.pop()
    app.answer = lambda _told: (200, {})
    world.clock.advance(90_000)
    world.accept(number(3))
    world.tell()
    assert len(app.told) == 1
    world.webhooks.replay(world.clock.now, by="Zoé", name="app")
    (back,) = world.accept(number(4))
    world.tell()
    assert [one.data["id"] for one in app.told[1:]] == [back]


def test_another_url_brings_one_that_was_gone_back_and_what_was_given_up_before_stays(make: Make) -> None:
    world = make(options=SILENT)
    old = world.hear()
    old.answer = lambda _told: (404, {})
    world.accept(WHO)
    world.tell()
    world.clock.advance(LIFE.total_seconds() + 60)
    world.tell()
    old.answer = lambda _told: (410, {})
    world.accept(number(2))
    world.clock.advance(1000)
    world.tell()
    world.accept(number(3))
    assert (world.condition().gone_at is not None, world.counts().dead) == (True, 1)
    old.close()
    new = world.hear()
    assert world.condition().gone_at is None
    (back,) = world.accept(number(4))
    world.tell()
    assert [one.data["id"] for one in new.told] == [back]
    assert world.counts().dead == 1


def test_a_clock_that_was_a_year_ahead_keeps_nothing_waiting_for_a_year(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    world.clock.now += timedelta(days=365)
    world.accept(WHO)
    app.answer = lambda _told: (400, {})
    world.tell()
    world.clock.advance(6)
    world.tell()
    assert len(app.told) == 2
    world.clock.now -= timedelta(days=365)
    world.clock.seconds += 40
    world.tell()
    assert len(app.told) == 3
    since = world.condition().failing_since
    assert since is not None
    assert since <= world.clock.now
    app.answer = lambda _told: (200, {})
    world.clock.advance(2400)
    world.tell()
    assert (world.counts().pending, world.counts().dead) == (0, 0)


def test_a_stop_of_two_days_loses_no_last_word(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many are told again at a time: the others must not be forgotten meanwhile."""
    world = make(options=SILENT)
    app = world.hear()
    ids = world.accept(WHO, number(2), number(3))
    world.settle()
    world.tell()
    monkeypatch.setattr(happenings, "NOTED_AT_ONCE", 1)
    world.clock.advance((KEPT + timedelta(hours=1)).total_seconds())
    for _ in ids:
        world.tidy()
    world.tell()
    assert sorted(finals(app.told)) == [(message, "sent") for message in ids]


def test_a_daemon_that_stops_tells_the_rest_in_its_next_life(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    ids = world.accept(WHO, number(2), number(3))

    def stop(_told: Told) -> tuple[int, dict[str, str]]:
        world.couriers["app"].stop()
        return 200, {}

    app.answer = stop
    world.tell()
    assert [one.data["id"] for one in app.told] == ids[:1]
    app.answer = lambda _told: (200, {})
    world.record()
    world.tell()
    assert [one.data["id"] for one in app.told] == ids


def test_one_that_is_down_delays_no_other(make: Make) -> None:
    world = make(options=SILENT)
    down, well = world.hear("down"), world.hear("well")
    down.close()
    world.accept(WHO)
    world.tell()
    assert well.types() == ["message.queued"]
    assert world.condition("down").trouble == "Connection refused"
    down._server.server_close()


def test_nothing_is_told_while_the_clock_cannot_be_trusted(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    world.clock.believed = False
    world.accept(WHO)
    world.tell()
    assert app.told == []
    world.clock.believed = True
    world.tell()
    assert app.types() == ["message.queued"]


def test_what_was_told_is_forgotten_after_a_day_and_what_was_not_is_kept(make: Make) -> None:
    world = make()
    app = world.hear("app")
    down = world.hear("down")
    down.answer = lambda _told: (503, {})
    (message,) = world.accept(WHO)
    world.until(lambda: world.state(message) == "delivered")
    world.tell()
    world.clock.advance(KEPT.total_seconds() + 60)
    world.tidy()
    assert len(world.happened()) == 3
    down.answer = lambda _told: (200, {})
    world.tell()
    world.tidy()
    assert world.happened() == []
    assert len(app.told) == len([one for one in down.told if one.type == "message.delivered"]) + 2


def test_a_test_that_is_answered_well_ends_a_rest(make: Make) -> None:
    world = make(options=SILENT)
    app = world.hear()
    app.answer = lambda _told: (503, {"retry-after": "3600"})
    world.accept(WHO)
    world.tell()
    app.answer = lambda _told: (200, {})
    world.clock.advance(60)
    world.tell()
    assert len(app.told) == 1
    world.webhooks.tested("app", world.clock.now, by="Zoé", outcome="status 200", well=True)
    world.tell()
    assert len(app.told) == 2
    assert world.condition().failing_since is None
