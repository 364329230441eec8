"""A webhook's name that leads into the network behind the gateway: nothing is sent, not even a connection is made."""

from __future__ import annotations

import pytest

from gatewayd.domain.webhooks import Verdict, judge
from tests.security.hooking import LOOPBACK, hostile, says, send

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
METADATA = "169.254.169.254"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1"], ["192.168.1.1"], [METADATA], ["fe80::1%lo"],
        ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"], ["64:ff9b::7f00:1"], ["0.0.0.1"], [],
    ],
)  # fmt: skip
def test_no_connection_is_made(addresses: list[str]) -> None:
    with hostile(says(OK)) as inside:
        answer, _ = send(f"https://app.example.org:{inside.port}/", resolve=lambda _host, _port: addresses)
        assert inside.connections == 0
    assert judge(answer) is Verdict.AWAY
    assert "nothing is sent there" in answer.trouble or "no address" in answer.trouble


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_an_address_in_disguise_is_an_address(host: str) -> None:
    with hostile(says(OK)) as inside:
        answer, _ = send(f"https://{host}:{inside.port}/")
        assert inside.connections == 0
    assert answer.status is None


def test_the_clouds_keys_stay_where_they_are_whatever_is_allowed() -> None:
    answer, _ = send("https://app.example.org/", resolve=lambda _host, _port: [METADATA], allowed=LOOPBACK)
    assert "nothing is sent there" in answer.trouble
