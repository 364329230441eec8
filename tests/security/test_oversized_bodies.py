"""More than anybody has to say: long bodies, bodies without an end, long heads, too many messages, too deep JSON."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatewayd.interfaces.http import guard
from tests.serving import ALICE, TO_ALICE, Serving

JSON = {"content-type": "application/json"}


def test_a_body_that_says_how_long_it_is_is_not_even_read(api: Serving) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    found = api.raw(head + b"Content-Length: 9999999\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in found.lower()


@pytest.mark.parametrize("token", [b"", b"Authorization: Bearer gwd_no\r\n"])
def test_of_a_large_call_nothing_is_read_without_a_good_token(api: Serving, token: bytes) -> None:
    """A hundred peers, each with the 4 MiB that are read of such a call, filled a small machine."""
    head = b"POST /v1/messages/many HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + token
    found = api.raw(head + b"Content-Length: 4000000\r\n\r\n{")
    assert found.startswith(b"HTTP/1.1 401 ")
    assert b'"type": "urn:gatewayd:problem:unknown-token"' in found


def test_a_large_call_with_a_good_token_is_read(api: Serving) -> None:
    body = {"purpose": "alerte", "messages": [{"recipient": ALICE, "text": "x" * 150}] * 2000}
    assert len(str(body)) > guard.LONGEST_BODY
    assert api.ask("POST", "/v1/messages/many", api.token(), json=body).status_code == 202


def test_a_body_in_chunks_is_cut_off(api: Serving) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(guard.LONGEST_BODY // 65536 + 2):
            yield b" " * 65536

    assert api.ask("POST", "/v1/messages", api.token(), content=endless(), headers=JSON).status_code == 413


def test_a_head_without_an_end(api: Serving) -> None:
    found = api.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 400 ")


def test_too_many_messages(api: Serving) -> None:
    body = {"purpose": "alerte", "messages": [{"recipient": ALICE, "text": "x"}] * 10_001}
    assert api.ask("POST", "/v1/messages/many", api.token(), json=body).status_code == 422
    assert api.count() == 0


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b"9" * 100_000, b'{"text": NaN}', b"\xff\xfe", b'"\\ud800"', b'{"text": 1e999999}', b"\0"]
)
def test_json_that_is_a_trap(api: Serving, body: bytes) -> None:
    answer = api.ask("POST", "/v1/messages", api.token(), content=body, headers=JSON)
    assert answer.status_code in (400, 422), answer.text


def test_a_surrogate_in_a_text_is_refused(api: Serving) -> None:
    body = b'{"purpose":"alerte","recipient":"06 39 98 00 01","text":"\\ud83d"}'
    answer = api.ask("POST", "/v1/messages", api.token(), content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert api.ask("POST", "/v1/messages", api.token(name="b"), json=TO_ALICE).status_code == 202
