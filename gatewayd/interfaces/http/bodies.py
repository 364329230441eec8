"""A body of JSON in which a key stands twice is none: of two programs each could believe another value."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class Route(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's, which asks the request for its JSON."""
        made = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await made(_Request(request.scope, request.receive))

        return handler


class _Request(Request):
    async def json(self) -> Any:
        """Once parsed, as it is by each dependency that asks."""
        if not hasattr(self, "_json"):
            self._json = json.loads(await self.body(), object_pairs_hook=_once)
        return self._json


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise json.JSONDecodeError("a key stands there twice", "", 0)
    return found
