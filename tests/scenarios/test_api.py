"""A program sends messages through the API: accepted once, by the rules of everything else, seen until their end."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gatewayd.clock import SystemClock
from gatewayd.domain.message import Outcome
from gatewayd.domain.token import Scope
from gatewayd.errors import DiskNearlyFull, UsageError
from gatewayd.interfaces.http import places
from gatewayd.services import submissions
from gatewayd.services.intake import Intake
from gatewayd.services.space import Space
from gatewayd.services.tokens import TokenDesk
from gatewayd.store import audit
from gatewayd.store.outbox import Finished, Wanted
from gatewayd.store.receipts import Kept, Receipts
from gatewayd.store.sims import Sims
from tests.scenarios.world import FakeClock
from tests.serving import ALICE, ALICE_E164, PURPOSES, TO_ALICE, Serving

SEND = "/v1/messages"


def kind(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == answer.status_code
    return str(found["type"]).removeprefix("urn:gatewayd:problem:")


def test_what_is_accepted_is_in_the_queue(api: Serving) -> None:
    token = api.token()
    answer = api.ask("POST", SEND, token, json=TO_ALICE)
    assert answer.status_code == 202
    (message,) = api.outbox.list()
    assert (answer.json()["id"], answer.json()["state"], answer.json()["parts"]) == (message.id, "queued", 1)
    assert (message.recipient, message.feed, message.text) == (ALICE_E164, "shop", "Bonjour")
    assert api.woken == 1
    shown = api.ask("GET", f"{SEND}/{message.id}", token).json()
    assert list(shown) == [
        "id", "recipient", "purpose", "feed", "state", "reason", "sim", "parts", "text", "created_at", "sent_at",
        "delivered_at",
    ]  # fmt: skip
    assert (shown["recipient"], shown["reason"], shown["created_at"][-1]) == (ALICE_E164, None, "Z")


def test_both_ways_in_are_the_same(api: Serving) -> None:
    token = api.token()
    with api.client(token, tcp=True) as client:
        assert client.post(SEND, json=TO_ALICE).status_code == 202
    assert api.ask("GET", SEND, token).json()["messages"][0]["recipient"] == ALICE_E164
    assert stat.filemode(api.path.stat().st_mode) == "srw-rw----"


def test_the_audit_trail_names_the_token_and_the_peer_of_the_socket(api: Serving) -> None:
    api.ask("POST", SEND, api.token(), json=TO_ALICE)
    with api.database.read() as connection:
        accepted, created = audit.latest(connection, 2)
    assert (accepted.event, accepted.actor) == ("message.accepted", f"token:shop uid:{os.getuid()}")
    assert (created.event, created.actor) == ("token.created", "test")


@pytest.mark.parametrize(
    ("body", "problem", "reason"),
    [
        (TO_ALICE | {"recipient": "01 23 45 67 89"}, "number-refused", "landline"),
        (TO_ALICE | {"recipient": "bonjour"}, "number-refused", "letters"),
        (TO_ALICE | {"text": "\x07"}, "text-refused", "control_characters"),
        (TO_ALICE | {"text": "x" * 2000}, "refused-by-rule", "too_many_parts:14/4"),
        (TO_ALICE | {"purpose": "events"}, "refused-by-rule", "no_consent"),
        (TO_ALICE | {"purpose": "nope"}, "invalid-value", None),
        (TO_ALICE | {"text": 3}, "invalid-request", None),
        (TO_ALICE | {"colour": "red"}, "invalid-request", None),
    ],
)
def test_the_rules_are_those_of_the_command_line(api: Serving, body: dict[str, str], problem: str, reason: str) -> None:
    answer = api.ask("POST", SEND, api.token(), json=body)
    assert (answer.status_code, kind(answer), answer.json().get("reason")) == (422, problem, reason)
    assert api.count() == 0


def test_a_stop_is_told_at_once(api: Serving) -> None:
    api.people.add_optout(ALICE_E164, origin="sms", by="test", at=api.clock.utc_now())
    answer = api.ask("POST", SEND, api.token(), json=TO_ALICE)
    assert (kind(answer), answer.json()["reason"]) == ("refused-by-rule", "opt_out")


def test_many_in_one_call_each_with_its_fate(api: Serving) -> None:
    drafts = [{"recipient": f"06 39 98 00 {n:02}", "text": f"Bonjour {n}"} for n in range(10)]
    drafts[3] = {"recipient": "15", "text": "au secours"}
    answer = api.ask("POST", f"{SEND}/many", api.token(), json={"purpose": "alerte", "messages": drafts})
    told = answer.json()
    assert (answer.status_code, told["accepted"], told["refused"]) == (202, 9, 1)
    assert [one["index"] for one in told["messages"]] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert told["refusals"][0] | {"detail": ""} == {"index": 3, "reason": "emergency", "detail": ""}
    texts = {message.id: message.text for message in api.outbox.list()}
    assert texts == {one["id"]: f"Bonjour {one['index']}" for one in told["messages"]}


@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_disk_that_fills_up_in_the_middle_tells_from_which_message_on(
    api: Serving, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    steps, keep = [], api.submissions._intake.keep

    def full(*words: Any, **more: Any) -> Any:
        steps.append(words)
        if len(steps) > fails_at:
            raise DiskNearlyFull
        return keep(*words, **more)

    monkeypatch.setattr(submissions, "STEP", 2)
    monkeypatch.setattr(api.submissions._intake, "keep", full)
    numbers = ["0639980001", "112", "0639980002", "0639980003", "0639980004"]
    body = {"purpose": "alerte", "messages": [{"recipient": number, "text": "x"} for number in numbers]}
    token, key = api.token(), {"idempotency-key": "k"}
    answer = api.ask("POST", f"{SEND}/many", token, json=body, headers=key)
    if not fails_at:
        assert (answer.status_code, api.count()) == (507, 0)
        return
    told = answer.json()
    assert answer.status_code == 202
    assert [one["index"] for one in told["messages"]] == [0, 2]
    assert [one["index"] for one in told["refusals"]] == [1]
    assert (told["interrupted_at"], api.count()) == (3, 2)
    monkeypatch.setattr(api.submissions._intake, "keep", keep)
    again = api.ask("POST", f"{SEND}/many", token, json=body, headers=key)
    assert (again.json(), again.headers["idempotent-replayed"], api.count()) == (told, "true", 2)


def test_a_death_in_the_middle_leaves_the_receipt_of_what_was_accepted(
    api: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process finds it that comes after: the last step's receipt is that of a call which ended there."""
    monkeypatch.setattr(submissions, "STEP", 2)
    body = {"purpose": "alerte", "messages": [{"recipient": f"063998000{n}", "text": "x"} for n in range(5)]}
    kept: list[Kept] = []
    receipts, add = Receipts(api.database), Receipts.add

    def noted(*words: Any) -> None:
        kept.append(words[3])
        add(*words)

    monkeypatch.setattr(Receipts, "add", staticmethod(noted))
    told = api.ask("POST", f"{SEND}/many", api.token(), json=body, headers={"idempotency-key": "k"}).json()
    steps = [json.loads(one.answer) for one in kept]
    assert [(one["accepted"], one.get("interrupted_at")) for one in steps] == [(2, 2), (4, 4), (5, None)]
    assert steps[-1] == told
    found = receipts.find(1, "k")
    assert found is not None
    assert json.loads(found.answer) == told


def test_none_of_many_is_a_refusal(api: Serving) -> None:
    body = {"purpose": "events", "messages": [{"recipient": ALICE, "text": "Bonjour"}]}
    answer = api.ask("POST", f"{SEND}/many", api.token(), json=body)
    assert (answer.status_code, kind(answer)) == (422, "nothing-accepted")
    assert [one["reason"] for one in answer.json()["refusals"]] == ["no_consent"]


def test_pages_follow_each_other(api: Serving) -> None:
    token = api.token()
    drafts = [{"recipient": ALICE, "text": f"{n}"} for n in range(7)]
    api.ask("POST", f"{SEND}/many", token, json={"purpose": "alerte", "messages": drafts})
    seen, cursor, pages = [], None, 0
    with api.client(token) as client:
        while pages == 0 or cursor is not None:
            page = client.get(SEND, params={"limit": 3} | ({"cursor": cursor} if cursor is not None else {})).json()
            seen += [one["text"] for one in page["messages"]]
            cursor, pages = page["next"], pages + 1
    assert (seen, pages) == ([str(n) for n in reversed(range(7))], 3)


def test_a_token_sees_and_cancels_what_its_own_feed_sent(api: Serving) -> None:
    mine, other = api.token(Scope.SUBMIT), api.token(Scope.SUBMIT, name="other")
    message = api.ask("POST", SEND, mine, json=TO_ALICE).json()["id"]
    place = f"{SEND}/{message}"
    assert kind(api.ask("GET", place, other)) == kind(api.ask("POST", f"{place}/cancel", other)) == "not-found"
    assert kind(api.ask("GET", SEND, mine)) == "out-of-scope"
    canceled = api.ask("POST", f"{place}/cancel", mine)
    assert (canceled.status_code, canceled.json()["state"]) == (200, "canceled")
    assert kind(api.ask("POST", f"{place}/cancel", mine)) == "wrong-state"


def test_what_waits_is_held_and_let_go(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    place = f"{SEND}/{api.ask('POST', SEND, token, json=TO_ALICE).json()['id']}"
    assert api.ask("POST", f"{place}/hold", token).json()["state"] == "held"
    assert kind(api.ask("POST", f"{place}/hold", token)) == "wrong-state"
    assert api.ask("POST", f"{place}/release", token).json()["state"] == "queued"
    assert kind(api.ask("POST", f"{SEND}/99/release", token)) == "not-found"
    with api.database.read() as connection:
        assert [one.event for one in audit.latest(connection, 2)] == ["message.released", "message.held"]
    assert api.woken == 3


@pytest.mark.parametrize(("outcome", "state"), [("as_sent", "sent"), ("resend", "queued")])
def test_what_may_have_gone_out_is_settled(api: Serving, outcome: str, state: str) -> None:
    token, other = api.token(Scope.ADMIN), api.token(Scope.ADMIN, name="other", purposes=["events"])
    place = f"{SEND}/{api.ask('POST', SEND, token, json=TO_ALICE).json()['id']}/resolve"
    assert kind(api.ask("POST", place, token, json={"outcome": outcome})) == "wrong-state"
    now, alert = api.clock.utc_now(), PURPOSES["alerte"]
    sim = Sims(api.database).remember(iccid="8933", imsi="", name="a", pool="default", imei="", port="", now=now)
    work = api.outbox.turn(
        None, Wanted(sim, "default", {"alerte": alert}, frozenset(), None, 9, True, "a/b/1", 600.0), now
    )
    assert work is not None
    api.outbox.mark_on_wire(work, alert, now)
    api.outbox.turn(Finished(work, Outcome.UNKNOWN, now), None, now)
    assert kind(api.ask("POST", place, other, json={"outcome": outcome})) == "out-of-scope"
    assert kind(api.ask("POST", place, token, json={"outcome": "perhaps"})) == "invalid-request"
    assert api.ask("POST", place, token, json={"outcome": outcome}).json()["state"] == state


def test_health_is_told_while_all_threads_wait_for_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty programs that sent while another process wrote: who watches the gateway heard nothing for five seconds."""
    begun, go, keep = threading.Event(), threading.Event(), Intake.keep

    def waits(self: Intake, *what: Any, **how: Any) -> list[int]:
        begun.set()
        go.wait(20)
        return keep(self, *what, **how)

    monkeypatch.setattr(Intake, "keep", waits)
    monkeypatch.setattr(places, "CHANGING", 1)
    monkeypatch.setattr(places, "LOOKING", 0)
    api = Serving(tmp_path)
    try:
        token = api.token()
        sending = threading.Thread(target=lambda: api.ask("POST", SEND, token, json=TO_ALICE))
        sending.start()
        assert begun.wait(20)
        assert api.ask("GET", "/health").status_code == 200
        assert sending.is_alive()
        go.set()
        sending.join()
        assert api.count() == 1
    finally:
        go.set()
        api.close()


def test_who_looks_is_answered_while_twenty_wait_for_the_writer(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen senders had all threads, and whoever wanted to know what became of his message waited behind them; the
    first look of a token waited by itself, for its use is noted."""
    place = f"{SEND}/{api.ask('POST', SEND, api.token(), json=TO_ALICE).json()['id']}"
    lookers, sender = [api.token(Scope.READ, name=f"looker{n}") for n in range(6)], api.token(name="busy")
    held, go, at_work, keep = threading.Event(), threading.Event(), threading.Semaphore(0), Intake.keep
    told: list[int] = []

    def hold(_connection: object) -> None:
        held.set()
        go.wait(60)

    def counted(self: Intake, *what: Any, **how: Any) -> Any:
        at_work.release()
        return keep(self, *what, **how)

    def send() -> None:
        told.append(api.ask("POST", SEND, sender, json=TO_ALICE).status_code)

    monkeypatch.setattr(Intake, "keep", counted)
    threads = [threading.Thread(target=api.database.write, args=(hold,))]
    threads += [threading.Thread(target=send) for _ in range(20)]
    try:
        threads[0].start()
        assert held.wait(20)
        for thread in threads[1:]:
            thread.start()
        for _ in range(places.CHANGING):
            assert at_work.acquire(timeout=20)
        for looker in lookers:
            for path in (place, SEND, "/v1/sims", "/v1/optouts", "/health"):
                assert api.ask("GET", path, looker).status_code == 200
        assert told == []
    finally:
        go.set()
        for thread in threads:
            thread.join()
    assert (told, api.count()) == ([202] * 20, 21)


def test_a_token_is_for_its_purposes(api: Serving) -> None:
    token = api.token(purposes=["events"])
    assert kind(api.ask("POST", SEND, token, json=TO_ALICE)) == "out-of-scope"


@pytest.mark.parametrize("feed", ["cli", "gatewayd", "replies", "import", "double_opt_in", "rappels"])
def test_no_token_has_the_feed_of_what_others_sent(api: Serving, feed: str) -> None:
    """Whose feed a message is, sees it: a token that was called `replies` saw all answers, and whom they went to."""
    desk = TokenDesk(api.database, api.clock, purposes=(), folders=["rappels", "."])
    for name, its in ((feed, ""), ("shop", feed)):
        with pytest.raises(UsageError, match=r"another name|--feed"):
            desk.create(name, feed=its, scopes=[Scope.SUBMIT], by="test")
    assert desk.create("rappels", feed="site", scopes=[Scope.SUBMIT], by="test")


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    api = Serving(tmp_path, space=Space([tmp_path], SystemClock(), least=1 << 60))
    try:
        answer = api.ask("POST", SEND, api.token(), json=TO_ALICE)
        assert (answer.status_code, kind(answer), answer.headers["retry-after"]) == (507, "disk-nearly-full", "60")
        assert api.count() == 0
    finally:
        api.close()


def test_a_rate_of_its_own(api: Serving) -> None:
    slow, quick = api.token(per_minute=2), api.token(name="quick")
    answers = [api.ask("GET", SEND, slow) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert kind(answers[2]) == "too-often"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert api.ask("GET", SEND, quick).status_code == 200


def test_keys_are_forgotten_after_a_month(api: Serving) -> None:
    token, headers = api.token(), {"idempotency-key": "k"}
    first = api.ask("POST", SEND, token, json=TO_ALICE, headers=headers)
    assert api.services.keys.forget() == 0
    Receipts(api.database).forget(api.clock.utc_now() + timedelta(seconds=1))
    again = api.ask("POST", SEND, token, json=TO_ALICE, headers=headers)
    assert again.json()["id"] == first.json()["id"] + 1


def test_no_key_is_forgotten_by_a_clock_that_may_be_wrong(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request came again, and was sent again."""
    api.ask("POST", SEND, api.token(), json=TO_ALICE, headers={"idempotency-key": "k"})
    ahead = FakeClock(api.clock.utc_now() + timedelta(days=400))
    monkeypatch.setattr(api.services.keys, "_clock", ahead)
    ahead.believed = False
    assert api.services.keys.forget() == 0
    ahead.believed = True
    assert api.services.keys.forget() == 1


def test_whether_it_works_is_told_to_everybody_and_nothing_else(api: Serving) -> None:
    answer = api.ask("GET", "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_document_describes_it(api: Serving) -> None:
    document = api.ask("GET", "/v1/openapi.json").json()
    assert "HTTPValidationError" not in str(document)
    assert document["paths"][SEND]["post"]["responses"]["507"]["content"].keys() == {"application/problem+json"}


def test_messages_have_a_rate_of_their_own(api: Serving) -> None:
    """Ten thousand in a call are ten thousand: who sends by the call goes round no limit."""
    token = api.token(messages_per_minute=10)
    drafts = [{"recipient": ALICE, "text": f"{n}"} for n in range(25)]
    many = {"purpose": "alerte", "messages": drafts}
    assert api.ask("POST", f"{SEND}/many", token, json=many, headers={"idempotency-key": "k"}).status_code == 202
    refused = api.ask("POST", SEND, token, json=TO_ALICE)
    assert (refused.status_code, kind(refused), api.count()) == (429, "too-often", 25)
    # 15 in debt, and one for this one: six seconds each.
    assert 90 <= int(refused.headers["retry-after"]) <= 96
    again = api.ask("POST", f"{SEND}/many", token, json=many, headers={"idempotency-key": "k"})
    assert again.headers["idempotent-replayed"] == "true", "what was accepted before costs nothing"
