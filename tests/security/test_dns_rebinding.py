"""A name of somebody else's points at 127.0.0.1: his page in a browser asks for it, and reaches nothing."""

from __future__ import annotations

import pytest

from tests.serving import TO_ALICE, Serving

WRONG = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.",
    "127.0.0.2",
    "0.0.0.0",  # noqa: S104  (nothing binds it)
    "a@localhost",
    "[::2]",
    "localhost:x",
]


@pytest.mark.parametrize("host", WRONG)
def test_another_host_is_misdirected(api: Serving, host: str) -> None:
    answer = api.ask("POST", "/v1/messages", api.token(), json=TO_ALICE, headers={"host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:gatewayd:problem:wrong-host")
    assert api.count() == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8787", "127.0.0.1:1", "[::1]:8787", "sms.example.org"])
def test_our_own_are_served(api: Serving, host: str) -> None:
    assert api.ask("GET", "/health", headers={"host": host}).status_code == 200
