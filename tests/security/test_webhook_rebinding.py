"""A webhook's name that means one machine while it is checked and another while it is connected to."""

from __future__ import annotations

from collections.abc import Sequence

from tests.security.hooking import LOOPBACK, hostile, says, send

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def test_the_name_is_asked_once_and_the_checked_address_is_used() -> None:
    asked: list[str] = []

    def turning(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["10.0.0.1"]

    with hostile(says(OK)) as server:
        # The server listens on 127.0.0.1 alone: the checked address is 127.0.0.2, and nobody else is tried.
        answer, _ = send(f"https://rebound.example.org:{server.port}/", resolve=turning, allowed=LOOPBACK)
        assert (answer.status, server.connections) == (None, 0)
    assert asked == ["rebound.example.org"]


def test_the_request_still_names_its_host() -> None:
    with hostile(says(OK)) as server:
        answer, _ = send(f"http://localhost:{server.port}/x?y=1", resolve=lambda _host, _port: ["127.0.0.1"])
        assert answer.status == 204
        assert server.asked[0].startswith(b"POST /x?y=1 HTTP/1.1\r\n")
        assert f"host: localhost:{server.port}\r\n".encode() in server.asked[0].lower()
