"""An answer without end, or none that is HTTP: a bounded part of it is read, and nothing breaks."""

from __future__ import annotations

import socket

import pytest

from tests.security.hooking import Talk, hostile, says, send

CHUNK = b"x" * 65_536


def flood(head: bytes) -> Talk:
    def talk(stream: socket.socket) -> None:
        stream.sendall(head)
        for _ in range(4_000):  # a quarter of a gigabyte
            stream.sendall(CHUNK)

    return talk


def test_a_body_of_a_quarter_of_a_gigabyte() -> None:
    with hostile(flood(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n")) as server:
        answer, seconds = send(f"http://127.0.0.1:{server.port}/")
    assert (answer.status, seconds < 3) == (200, True)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 ", b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_head_of_a_quarter_of_a_gigabyte(head: bytes) -> None:
    with hostile(flood(head)) as server:
        answer, seconds = send(f"http://127.0.0.1:{server.port}/")
    assert (answer.status, seconds < 3) == (None, True)


@pytest.mark.parametrize(
    "octets",
    [b"", b"\0" * 100, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 999999 OK\r\n\r\n", b"HTTP/1.1 -1 OK\r\n\r\n",
     b"\xff\xfe" * 40, b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
     b"HTTP/1.1 200 OK\r\n bad: header\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_answer(octets: bytes) -> None:
    with hostile(says(octets)) as server:
        answer, _ = send(f"http://127.0.0.1:{server.port}/")
    assert answer.status is None
    assert answer.trouble


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (b"120", 120.0),
        (b"9" * 400, 999_999_999.0),
        (b"soon", None),
        (b"-3", None),
        (b"Wed, 21 Oct 2015 07:28:00 GMT", -1),
    ],
)
def test_what_a_receiver_asks_for_is_read_with_care(words: bytes, seconds: float | None) -> None:
    with hostile(says(b"HTTP/1.1 503 Busy\r\nretry-after: " + words + b"\r\ncontent-length: 0\r\n\r\n")) as server:
        answer, _ = send(f"http://127.0.0.1:{server.port}/")
    found = answer.retry_after
    assert found == seconds or (seconds == -1 and found is not None and found < 0)
