"""A receiver that answers an octet at a time: it may take its time, and no more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from gatewayd.domain.webhooks import Verdict, judge
from gatewayd.interfaces.webhooks import DRAIN
from tests.security.hooking import drips, hostile, send

LIMIT = 1.5


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("octets", [b"HTTP/1.1 200 OK\r\nx: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"H", b"\r\n"])
def test_a_head_that_never_ends(over: threading.Event, octets: bytes) -> None:
    with hostile(drips(octets, over)) as server:
        answer, seconds = send(f"http://127.0.0.1:{server.port}/", time_out=LIMIT)
    assert answer.status is None
    assert seconds < LIMIT + 3
    assert judge(answer) is Verdict.AWAY


def test_a_body_that_never_ends_is_not_waited_for(over: threading.Event) -> None:
    def endless(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        drips(b"1\r\na\r\n", over)(stream)

    with hostile(endless) as server:
        answer, seconds = send(f"http://127.0.0.1:{server.port}/", time_out=30)
    assert (answer.status, seconds < DRAIN + 3) == (200, True)


def test_a_receiver_that_says_nothing(over: threading.Event) -> None:
    def silent(_stream: object) -> None:
        over.wait(20)

    with hostile(silent) as server:
        answer, seconds = send(f"http://127.0.0.1:{server.port}/", time_out=LIMIT)
    assert (answer.status, answer.trouble) == (None, f"no answer within {LIMIT:g} s")
    assert seconds < LIMIT + 3
