"""Every answer of the API, held to what its own document says of it: status, media type, and the shape of the body."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

PLACE = "/v1/openapi.json"
BEFORE_ANY_ROUTE = frozenset({400, 403, 404, 405, 408, 413, 415, 421})
"""What may be answered without a route being asked."""


class Document:
    """An OpenAPI document, which says nothing of itself."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        resource = DRAFT202012.create_resource(told)
        self._registry: Registry[Any] = Registry().with_resource("api:", resource)
        self._paths = [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in told["paths"]]
        self.validator = cache(self._make_validator)

    def check(self, answer: httpx.Response) -> None:
        """AssertionError: it is not as documented."""
        if answer.request.url.path == PLACE:
            return
        operation = self._operation(answer.request.method, answer.request.url.path)
        if operation is None or answer.status_code == 405:
            assert answer.status_code in BEFORE_ANY_ROUTE, answer.status_code
            return
        name, found = operation
        responses, status = found["responses"], str(answer.status_code)
        assert status in responses, f"{name} answered {status}, of which the document says nothing"
        kind = answer.headers["content-type"].partition(";")[0]
        contents = responses[status]["content"]
        assert kind in contents, f"{name} answered {status} as {kind}"
        if kind.endswith("json"):
            steps = ("paths", name.split(" ")[1], answer.request.method.lower(), "responses", status, "content", kind)
            self.validator(*steps, "schema").validate(answer.json())

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """The first path that fits, as the routes are asked in this order."""
        for pattern, written in self._paths:
            found = self.told["paths"][written].get(method.lower())
            if found is not None and pattern.fullmatch(path):
                return f"{method} {written}", found
        return None

    def _make_validator(self, *steps: str) -> Draft202012Validator:
        pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
        return Draft202012Validator({"$ref": f"api:#/{pointer}"}, registry=self._registry)
