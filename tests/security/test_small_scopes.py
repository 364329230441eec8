"""A program that may only send wants to know whom others write to: each route of the document is tried."""

from __future__ import annotations

import re

import pytest

from gatewayd.domain.token import Scope
from gatewayd.errors import UsageError
from gatewayd.interfaces.http import app
from tests.serving import ALICE, TO_ALICE, Serving

ROUTES = [(method.upper(), path) for path, methods in app.document()["paths"].items() for method in methods]
OPEN = {"/health", "/cgi-bin/sendsms"}
SENDING_NEW = {"/v1/messages", "/v1/messages/many"}
SENDING = SENDING_NEW | {"/v1/messages/{message_id}", "/v1/messages/{message_id}/cancel"}
ITS_OWN = {("GET", "/v1/events"), *((method, path) for method, path in ROUTES if path in SENDING)}
PROTECTED = [(method, path) for method, path in ROUTES if path not in OPEN]


def _ask(api: Serving, method: str, path: str, token: str) -> int:
    place = re.sub(r"\{\w+\}", "1", path.replace("{verb}", "pause"))
    return int(api.ask(method, place, token, json={} if method == "POST" else None).status_code)


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_who_may_only_send_does_nothing_else(api: Serving, method: str, path: str) -> None:
    api.ask("POST", "/v1/messages", api.token(name="other"), json=TO_ALICE)
    told = _ask(api, method, path, api.token(Scope.SUBMIT))
    its_own = (method, path) in ITS_OWN and (method, path) != ("GET", "/v1/messages")
    assert told in ((404, 422) if its_own else (403,))


@pytest.mark.parametrize(("method", "path"), [one for one in PROTECTED if one[0] == "POST"])
def test_who_may_only_look_changes_nothing(api: Serving, method: str, path: str) -> None:
    """Who sends is judged with the purpose, which the body names: so an empty one is told first."""
    assert _ask(api, method, path, api.token(Scope.READ)) == (422 if path in SENDING_NEW else 403)


def test_who_may_only_look_sends_nothing(api: Serving) -> None:
    token = api.token(Scope.READ)
    many = {"purpose": "alerte", "messages": [{"recipient": ALICE, "text": "Bonjour"}]}
    assert api.ask("POST", "/v1/messages", token, json=TO_ALICE).status_code == 403
    assert api.ask("POST", "/v1/messages/many", token, json=many).status_code == 403
    assert api.count() == 0


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_who_has_no_token_does_nothing(api: Serving, method: str, path: str) -> None:
    assert _ask(api, method, path, "") == 401


@pytest.mark.parametrize("feed", ["cli", "gatewayd", "replies", "double_opt_in", "import"])
def test_no_token_gets_a_feed_of_gatewayds_own(api: Serving, feed: str) -> None:
    """Its own feed's messages a token may see: those of the answers name all who wrote."""
    with pytest.raises(UsageError, match="gatewayd's own"):
        api.token(Scope.SUBMIT, feed=feed)


def test_a_refusal_does_not_repeat_what_was_asked(api: Serving) -> None:
    body = TO_ALICE | {"recipient": ["+33639980077"], "text": {"secret": "Bonjour"}}
    answer = api.ask("POST", "/v1/messages", api.token(), json=body)
    assert answer.status_code == 422
    assert "98007" not in answer.text
    assert "secret" not in answer.text
    assert ALICE not in answer.text
