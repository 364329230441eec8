"""Who sends slowly, reads slowly, or goes on sending what was refused: told what is wrong, and waited for by nobody."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import pytest

from gatewayd.interfaces.http import guard, strict
from tests.serving import TO_ALICE, Serving

HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"


def _answer(connection: socket.socket) -> bytes:
    """An answer with its body, and not an octet more."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += connection.recv(65536)
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def test_who_is_refused_while_he_sends_still_gets_his_answer(api: Serving) -> None:
    """A program that sends its body after its head found the connection closed, and never saw why."""
    body = json.dumps(TO_ALICE).encode()
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert _answer(connection).startswith(b"HTTP/1.1 415 ")
        for place in range(len(body)):
            connection.sendall(body[place : place + 1])
        assert connection.recv(1) == b""


def test_who_sends_for_ever_is_not_listened_to_for_ever(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Type: application/json\r\nContent-Length: 999999999\r\n\r\n")
        assert _answer(connection).startswith(b"HTTP/1.1 413 ")
        assert connection.recv(1) == b""


def test_a_body_that_does_not_come(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.1)
    found = api.raw(HEAD + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    assert found.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_does_not_come(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "HEAD_SECONDS", 0.1)
    assert api.raw(HEAD + b"X: a") == b""


def test_who_reads_nothing_of_his_answer_loses_it(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are asked for, and never read: the connection is given to somebody else."""
    monkeypatch.setattr(strict, "READ_SECONDS", 0.1)
    token = api.token()
    drafts = [{"recipient": "0639980001", "text": "x" * 300}] * 1000
    api.ask("POST", "/v1/messages/many", token, json={"purpose": "alerte", "messages": drafts})
    lost, end = threading.Event(), strict.StrictProtocol.connection_lost

    def ended(one: strict.StrictProtocol, why: Exception | None) -> None:
        end(one, why)
        lost.set()

    monkeypatch.setattr(strict.StrictProtocol, "connection_lost", ended)
    ask = f"GET /v1/messages?limit=1000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", api.port))
        connection.sendall(ask * 20)
        assert lost.wait(20)
    assert api.ask("GET", "/health").status_code == 200


def test_nobody_more_is_let_in_than_there_is_room_for(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "MOST_CONNECTIONS", 2)

    def asked() -> bytes:
        with contextlib.suppress(ConnectionError):
            return api.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b""

    with contextlib.ExitStack() as inside:
        for _ in range(2):
            inside.enter_context(socket.create_connection(("127.0.0.1", api.port), timeout=20))
        assert asked() == b""
    assert any(asked().startswith(b"HTTP/1.1 200 ") for _ in range(500))  # once it has seen that they went


def test_what_is_no_http_is_refused_with_a_problem_document(api: Serving) -> None:
    head, _, body = api.raw(b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    told = json.loads(body)
    assert (told["type"], told["status"]) == ("urn:gatewayd:problem:bad-request", 400)
    assert "two host lines" in told["detail"]


def test_a_broken_chunk_after_the_answer_has_begun_ends_the_connection(
    api: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")
        assert _answer(connection).startswith(b"HTTP/1.1 415 ")
        connection.sendall(b"de\r\n-1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
