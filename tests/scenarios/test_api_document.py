"""The document of the API: each route tells what it answers, with examples that are none of a lie.

That answers are as documented is held by every test of the API: `tests/serving.py` checks each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError

from gatewayd.domain.token import Scope
from gatewayd.interfaces.http import app, problems
from tests.documented import Document
from tests.serving import Serving

DOCUMENT = app.document()
OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_route_tells_what_it_answers_and_what_it_refuses(operation: dict[str, Any]) -> None:
    done = [found for status, found in operation["responses"].items() if status.startswith("2")]
    assert done
    for found in done:
        (content,) = found["content"].values()
        assert content["schema"], "an answer of which nothing is said"
    for status, found in operation["responses"].items():
        if "application/problem+json" in found["content"]:
            examples = found["content"]["application/problem+json"]["examples"]
            assert {one["value"]["status"] for one in examples.values()} == {int(status)}
    assert operation["summary"]
    assert operation["description"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_route_but_the_open_ones_says_that_it_needs_a_token(operation: dict[str, Any]) -> None:
    if operation["tags"] == ["compatibility"] or operation["operationId"].startswith("health"):
        assert "security" not in operation
    else:
        assert operation["security"] == [{"HTTPBearer": []}]
        assert {"401", "403", "429"} <= operation["responses"].keys()


def test_each_refusal_is_in_the_document() -> None:
    told = {
        example["value"]["type"].removeprefix(problems.URN)
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for found in operation["responses"].values()
        for example in found["content"].get("application/problem+json", {}).get("examples", {}).values()
    }
    known = {word for _, _, word, _ in problems.TABLE} | {word for word, _ in problems.OTHERS.values()}
    assert known - told == {"method-not-allowed"}


def _examples(schema: Any, *place: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("examples"), list):
        yield from ((place, example) for example in schema["examples"])
    for step, below in schema.items():
        yield from _examples(below, *place, step)


def test_examples_are_what_they_are_examples_of() -> None:
    found = list(_examples(DOCUMENT["components"]["schemas"], "components", "schemas"))
    document = Document(DOCUMENT)
    for place, example in found:
        document.validator(*place).validate(example)
    assert len(found) > 50


@pytest.mark.parametrize("name", ["NewMessage", "NewContact", "Agreement", "NewQuestion", "NewCampaign"])
def test_a_request_made_of_the_examples_is_understood(api: Serving, name: str) -> None:
    """Who copies what the document shows is told of a rule, a name or a number, and never that it cannot be read."""
    path = {
        "NewMessage": "messages", "NewContact": "contacts", "Agreement": "consents", "NewQuestion": "consents/ask",
        "NewCampaign": "campaigns",
    }[name]  # fmt: skip
    known = DOCUMENT["components"]["schemas"][name]["properties"]
    body = {key: found["examples"][0] for key, found in known.items() if "examples" in found}
    answer = api.ask("POST", f"/v1/{path}", api.token(Scope.ADMIN), json=body)
    assert answer.status_code < 300 or answer.json()["type"].endswith(("refused-by-rule", "invalid-value")), answer.text


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, {"messages": 3}), (200, {"messages": []}), (418, {}), (200, {"messages": [{}], "next": None})],
)
def test_what_is_answered_otherwise_than_documented_is_found(status: int, body: Any) -> None:
    """The check of all these answers is one that can fail."""
    request = httpx.Request("GET", "http://localhost/v1/messages")
    with pytest.raises((AssertionError, ValidationError)):
        Document(DOCUMENT).check(httpx.Response(status, json=body, request=request))


PLACES = [(method, re.sub(r"{\w+}", "1", path)) for path, methods in DOCUMENT["paths"].items() for method in methods]
KNOWN = {
    f"{method} {path}": {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_a_key_that_is_none_is_named_beside_those_there_are(api: Serving) -> None:
    """`?limt=5` listed a hundred."""
    token = api.token(Scope.ADMIN)
    for place, known in KNOWN.items():
        method, path = re.sub(r"{\w+}", "1", place).split(" ")
        if path in ("/health", "/cgi-bin/sendsms"):
            continue
        answer = api.ask(method.upper(), path, token, params={"limt": 5})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:gatewayd:problem:invalid-request"), place
        (fault,) = (one for one in answer.json()["errors"] if one["at"] == "query.limt")
        assert all(name in fault["detail"] for name in known), place
    assert api.ask("GET", "/health", params={"from": "probe"}).status_code == 200


def test_a_body_for_a_route_that_reads_none_is_refused(api: Serving) -> None:
    """A campaign that was to pause at six paused at once."""
    token = api.token(Scope.ADMIN)
    unread = [
        (method, re.sub(r"{\w+}", "1", path).replace("/1/1", "/1/pause"))
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if method == "post" and "requestBody" not in operation
    ]
    assert len(unread) >= 4
    for method, path in unread:
        answer = api.ask(method.upper(), path, token, json={"at": "2026-12-01T18:00:00Z"})
        assert [one["at"] for one in answer.json()["errors"]][:1] == ["body"], path
        assert "body" not in str(api.ask(method.upper(), path, token, json={}).json()), path


def test_the_keys_that_there_are_are_taken(api: Serving) -> None:
    told = api.ask("GET", "/v1/messages", api.token(), params={"limit": 5, "state": ["queued", "sent"], "purpose": "x"})
    assert told.status_code == 200


def test_an_address_with_a_slash_too_many_is_none(api: Serving) -> None:
    """It was answered 307 with nothing, and a `POST` that did not follow it was lost."""
    token = api.token(Scope.ADMIN)
    for method, path in PLACES:
        answer = api.ask(method.upper(), f"{path}/", token)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:gatewayd:problem:not-found"), path
