"""A page of another site, in a browser on this machine, sends a request that the browser lets through."""

from __future__ import annotations

import pytest

from tests.serving import TO_ALICE, Serving

PAGES = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "https://localhost"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", PAGES)
def test_it_is_refused_even_with_a_token(api: Serving, headers: dict[str, str]) -> None:
    answer = api.ask("POST", "/v1/messages", api.token(), json=TO_ALICE, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:gatewayd:problem:cross-origin")
    assert api.count() == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_not_read(api: Serving, kind: str) -> None:
    body = b'{"purpose":"alerte","recipient":"06 39 98 00 01","text":"Bonjour"}'
    answer = api.ask("POST", "/v1/messages", api.token(), content=body, headers={"content-type": kind} if kind else {})
    assert answer.status_code == 415


def test_no_browser_is_told_that_it_may(api: Serving) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = api.ask("OPTIONS", "/v1/messages", headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith(("access-control", "set-cookie"))]
