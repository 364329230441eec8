"""A program listens to what happens: told in order, once, from where it left off; who reads nothing harms nobody."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayd.domain.token import Scope
from gatewayd.interfaces.http import events, strict
from gatewayd.services import streaming
from gatewayd.services.releasing import CampaignRunner
from tests.serving import ALICE, ALICE_E164, TO_ALICE, Serving

EVENTS = "/v1/events"
SEND = "/v1/messages"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setattr(events, "PAUSE", 0.02)
    serving = Serving(tmp_path, events=True)
    yield serving
    serving.close()


class Stream:
    """One that listens; `next` is what it is told, comments apart."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                continue
            if line:
                told[name] = json.loads(value) if name == "data" else value
            elif "data" in told:
                return told
        raise EOFError

    def take(self, count: int) -> list[dict[str, Any]]:
        return [self.next() for _ in range(count)]


@contextlib.contextmanager
def listening(here: Serving, token: str, headers: dict[str, str] | None = None, **query: Any) -> Iterator[Stream]:
    """What a program hears; when this begins, it listens."""
    with (
        here.client(token) as client,
        client.stream("GET", EVENTS, params=query, headers=headers, timeout=20) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == ": listening"
        yield Stream(lines)


def test_what_happens_to_a_message_is_told_as_it_happens(here: Serving) -> None:
    token = here.token(Scope.ADMIN)
    with listening(here, token) as stream:
        message = here.ask("POST", SEND, token, json=TO_ALICE).json()["id"]
        queued = stream.next()
        here.ask("POST", f"{SEND}/{message}/cancel", token)
        canceled = stream.next()
    assert (queued["event"], canceled["event"]) == ("message.queued", "message.canceled")
    assert int(queued["id"].partition("-")[0]) < int(canceled["id"].partition("-")[0])
    assert queued["data"]["type"] == "message.queued"
    assert (queued["data"]["data"]["id"], queued["data"]["data"]["final"]) == (message, False)
    assert (canceled["data"]["data"]["state"], canceled["data"]["data"]["final"]) == ("canceled", True)


def test_who_comes_back_hears_the_rest_and_nothing_twice(here: Serving) -> None:
    token = here.token(Scope.ADMIN)
    ids = [here.ask("POST", SEND, token, json=TO_ALICE).json()["id"] for _ in range(3)]
    with listening(here, token, after=0) as stream:
        first = stream.next()
    more = here.ask("POST", SEND, token, json=TO_ALICE).json()["id"]
    with listening(here, token, headers={"last-event-id": first["id"]}) as stream:
        told = stream.take(3)
    assert [first["data"]["data"]["id"], *(one["data"]["data"]["id"] for one in told)] == [*ids, more]


def test_a_place_that_is_forgotten_is_told(here: Serving) -> None:
    token = here.token(Scope.ADMIN)
    with listening(here, token, after=4711) as stream:
        assert stream.next()["event"] == "gap"
        here.ask("POST", "/v1/optouts", token, json={"recipient": ALICE})
        assert stream.next()["data"]["data"]["recipient"] == ALICE_E164


def test_a_place_of_a_history_that_a_backup_has_ended_is_told(here: Serving) -> None:
    token = here.token(Scope.ADMIN)
    with listening(here, token) as stream:
        here.ask("POST", SEND, token, json=TO_ALICE)
        heard = stream.next()["id"]
    # A backup of before is brought back: this id is given anew, to something else.
    with here.database._writing.connect() as connection:
        for words in ("DELETE FROM happenings", "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'happenings'"):
            connection.exec_driver_sql(words)
    here.ask("POST", "/v1/optouts", token, json={"recipient": "0639980007"})
    with listening(here, token, after=0) as stream:
        again = stream.next()["id"]
    assert again.partition("-")[0] == heard.partition("-")[0]
    for place in ({"after": heard}, {"headers": {"last-event-id": heard}}):
        with listening(here, token, **place) as stream:
            assert stream.next()["event"] == "gap"
    with listening(here, token, after=again) as stream:
        here.ask("POST", "/v1/optouts", token, json={"recipient": ALICE})
        assert stream.next()["data"]["data"]["recipient"] == ALICE_E164, "no gap, and nothing twice"


def test_only_what_is_asked_for(here: Serving) -> None:
    token = here.token(Scope.ADMIN)
    with listening(here, token, event=["optout.made", "optout.lifted"]) as stream:
        here.ask("POST", SEND, token, json=TO_ALICE)
        here.ask("POST", "/v1/optouts", token, json={"recipient": ALICE})
        here.ask("POST", "/v1/optouts/lift", token, json={"recipient": ALICE})
        assert [one["event"] for one in stream.take(2)] == ["optout.made", "optout.lifted"]


def test_who_may_only_send_hears_of_his_own_messages(here: Serving) -> None:
    mine, other, admin = (
        here.token(Scope.SUBMIT), here.token(Scope.SUBMIT, name="other"), here.token(Scope.ADMIN, name="admin"),
    )  # fmt: skip
    with listening(here, mine) as stream:
        here.ask("POST", SEND, other, json=TO_ALICE)
        here.ask("POST", "/v1/optouts", admin, json={"recipient": "0639980002"})
        message = here.ask("POST", SEND, mine, json=TO_ALICE).json()["id"]
        assert stream.next()["data"]["data"]["id"] == message
    refused = here.ask("GET", EVENTS, mine, params={"event": "incoming.received"})
    assert (refused.status_code, refused.json()["type"][-12:]) == (403, "out-of-scope")


def test_how_a_campaign_gets_on(here: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PROGRESS_SECONDS", 0.0)
    author, other = here.token(Scope.ADMIN), here.token(Scope.ADMIN, name="other")
    new = {"name": "alarme", "purpose": "alerte", "text": "Au feu", "recipients": [{"number": ALICE}]}
    runner = CampaignRunner(here.database, here.services.house, here.clock, queued=lambda: None)
    assert here.ask("POST", "/v1/campaigns", author, json=new).status_code == 201
    with listening(here, author) as stream:
        here.ask("POST", "/v1/campaigns/alarme/skip-test", author, json={"reason": "au feu"})
        here.ask("POST", "/v1/campaigns/alarme/approve", other)
        assert here.ask("POST", "/v1/campaigns/alarme/start", author).status_code == 200
        runner.run_once()
        seen = []
        while {"state": "running", "messages": {"queued": 1}} not in seen:
            told = stream.next()
            if told["event"] == "campaign.progress":
                assert "id" not in told
                seen.append({name: told["data"][name] for name in ("state", "messages")})


def test_a_stream_ends_with_its_token(here: Serving) -> None:
    with listening(here, here.token()) as stream:
        here.desk.revoke("shop", by="test")
        with pytest.raises(EOFError):
            stream.next()


def test_a_stream_ends_with_the_daemon(tmp_path: Path) -> None:
    here = Serving(tmp_path, events=True)
    with listening(here, here.token()) as stream:
        here.close()
        with pytest.raises((EOFError, httpx.RemoteProtocolError)):
            stream.next()


def test_a_quiet_line_shows_that_it_is_alive(here: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    token = here.token(Scope.ADMIN)
    with here.client(token) as client, client.stream("GET", EVENTS, timeout=20) as answer:
        comments = (line for line in answer.iter_lines() if line.startswith(":"))
        assert [next(comments), next(comments)] == [": listening", ": alive"]


def test_there_are_only_so_many_and_a_place_is_given_back(here: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MOST", 1)
    token, freed = here.token(), threading.Event()
    with listening(here, token):
        refused = here.ask("GET", EVENTS, token)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert here.ask("GET", SEND, token).status_code == 200
    for _ in range(500):  # the other side hears of the end a moment later
        with contextlib.suppress(AssertionError), listening(here, token):
            freed.set()
            break
        freed.wait(0.01)
    assert freed.is_set()


def test_who_does_not_read_is_let_go_and_the_others_hear_all(here: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    token, lost, end = here.token(Scope.ADMIN), threading.Event(), strict.StrictProtocol.connection_lost
    drafts = [{"recipient": ALICE, "text": "x" * 300}] * 2000
    many = {"purpose": "alerte", "messages": drafts}
    assert here.ask("POST", f"{SEND}/many", token, json=many).status_code == 202

    def ended(one: strict.StrictProtocol, why: Exception | None) -> None:
        end(one, why)
        lost.set()

    monkeypatch.setattr(strict, "READ_SECONDS", 0.2)
    monkeypatch.setattr(strict.StrictProtocol, "connection_lost", ended)
    ask = f"GET {EVENTS}?after=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(str(here.path))
        deaf.sendall(ask)
        assert lost.wait(30)
    with listening(here, token, after=0) as stream:
        assert len({one["id"] for one in stream.take(300)}) == 300


@pytest.mark.parametrize("place", ["x", "-1", "9" * 19, "9" * 30, "²", "7-", "7-0E5F21AA", "7-0e5f21aa0"])
def test_a_place_that_is_none(here: Serving, place: str) -> None:
    answer = here.ask("GET", EVENTS, here.token(), headers={"last-event-id": place.encode()})
    assert answer.status_code == 422


def test_without_being_switched_on_nothing_is_recorded(api: Serving) -> None:
    token = api.token()
    answer = api.ask("GET", EVENTS, token)
    assert answer.status_code == 404
    assert "events: true" in answer.json()["detail"]
    api.ask("POST", SEND, token, json=TO_ALICE)
    with api.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM happenings").scalar() == 0


def test_nobody_listens_without_a_token(here: Serving) -> None:
    assert here.ask("GET", EVENTS).status_code == 401
