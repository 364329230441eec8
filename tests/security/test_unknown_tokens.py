"""Tokens that are none, or are none any more: all go the same way, and open nothing."""

from __future__ import annotations

import contextlib
import sys
from types import FrameType

import pytest
import sqlalchemy as sa

from gatewayd.domain import token as words
from gatewayd.errors import UnknownToken
from gatewayd.services.tokens import Gatekeeper
from gatewayd.store.schema import tokens
from tests.serving import Serving

PLACES = [
    ("GET", "/v1/messages"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/many"),
    ("GET", "/v1/messages/1"),
    ("POST", "/v1/messages/1/cancel"),
]


@pytest.mark.parametrize(("method", "path"), PLACES)
def test_no_route_is_open(api: Serving, method: str, path: str) -> None:
    answer = api.ask(method, path, json={} if method == "POST" else None)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("token", ["gwd_", "gwd_" + "0" * 64, "x" * 5000, "é", "' OR 1=1"])
def test_what_is_no_token(api: Serving, token: str) -> None:
    with api.client() as client:
        headers = {b"authorization": b"Bearer " + token.encode()}
        assert client.get("/v1/messages", headers=headers).status_code == 401


def test_a_revoked_one_opens_nothing_from_that_moment(api: Serving) -> None:
    token = api.token()
    assert api.ask("GET", "/v1/messages", token).status_code == 200
    api.desk.revoke("shop", by="test")
    assert api.ask("GET", "/v1/messages", token).status_code == 401


def test_one_that_has_expired(api: Serving) -> None:
    token = api.token(days=1)
    yesterday = api.clock.utc_now()
    api.database.write(lambda connection: connection.execute(sa.update(tokens).values(expires_at=yesterday)))
    assert api.ask("GET", "/v1/messages", token).status_code == 401


def test_guessing_is_slowed_down_and_does_not_harm_the_others(api: Serving) -> None:
    token, told = api.token(), [api.ask("GET", "/v1/messages", "gwd_no").status_code for _ in range(12)]
    assert told == [401] * 10 + [429] * 2
    assert api.ask("GET", "/v1/messages", token).status_code == 200


def test_the_token_itself_is_nowhere_in_the_database(api: Serving) -> None:
    token = api.token()
    with api.database.read() as connection:
        row = connection.execute(sa.select(tokens)).one()
    assert token not in str(row)
    assert row.sha256 == words.sha256(token)


def test_one_that_is_nearly_right_takes_the_steps_of_one_that_is_all_wrong(api: Serving) -> None:
    """A comparison letter by letter, or a hash that is left out, would be a step that a stranger could measure."""
    right = api.token()
    nearly, wrong = right[:-1] + ("0" if right[-1] != "0" else "1"), "gwd_" + "0" * (len(right) - len("gwd_"))
    keeper = Gatekeeper(api.database, api.clock)

    def steps(token: str, peer: str) -> list[str]:
        taken: list[str] = []

        def note(frame: FrameType, event: str, argument: object) -> None:
            if event == "call":
                taken.append(frame.f_code.co_qualname)
            elif event == "c_call":
                taken.append(getattr(argument, "__qualname__", ""))

        sys.setprofile(note)
        try:
            with contextlib.suppress(UnknownToken):
                keeper.admit(token, peer)
        finally:
            sys.setprofile(None)
        return taken

    for warm in ("a", "b"):
        steps(wrong, warm)
    assert steps(nearly, "c") == steps(wrong, "d")
    assert "openssl_sha256" in steps(nearly, "e")
