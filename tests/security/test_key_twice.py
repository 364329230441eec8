"""Attack: a key stands twice in a body, so that of two programs which read it each believes another value."""

from __future__ import annotations

import pytest

from gatewayd.domain.token import Scope
from tests.serving import Serving

JSON = {"content-type": "application/json"}
BODIES = [
    ("/v1/messages", '{"purpose": "alerte", "recipient": "0639980002", "recipient": "0639980001", "text": "x"}'),
    ("/v1/messages/many", '{"purpose": "alerte", "messages": [{"recipient": "0639980001", "text": "x", "text": "y"}]}'),
    ("/v1/optouts", '{"recipient": "0639980001", "recipient": "0639980001", "origin": "x"}'),
    ("/v1/contacts", '{"number": "0639980001", "given_name": "x", "fields": {"ville": "Lyon", "ville": "Nice"}}'),
    ("/v1/campaigns", '{"name": "a", "purpose": "alerte", "text": "x", "segment": "lyon", "segment": "lyon"}'),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_neither_value_is_believed(api: Serving, path: str, body: str) -> None:
    answer = api.ask("POST", path, api.token(Scope.ADMIN), content=body, headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:gatewayd:problem:bad-request")
    assert answer.json()["detail"] == "the body is not JSON: a key stands there twice"
    assert api.count() == 0
