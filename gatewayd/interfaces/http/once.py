"""What changes something is done once for its `Idempotency-Key`, and answered as the first time (services/keys.py).

A request is another one if its method, its path or what its body says differs; how the body is written does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Response
from fastapi import Request as HttpRequest
from fastapi.exceptions import ResponseValidationError
from pydantic import BaseModel, ValidationError

from gatewayd.interfaces.http.here import Anyone, Here, Key
from gatewayd.services.keys import Answer, Keys, Request

JSON = "application/json"
Told = dict[str, Any]


class OneRequest:
    """A request of one caller, to a route that says how what it is answered looks (`response_model`)."""

    def __init__(self, keys: Keys, token_id: int, key: str, http: HttpRequest) -> None:
        self._keys, self._token_id, self._key, self._http = keys, token_id, key, http

    def __call__(
        self,
        body: BaseModel | None,
        act: Callable[[], Any],
        told: Callable[[Any], Told | None] | None = None,
        *,
        status: Callable[[], int] | None = None,
    ) -> Response:
        """Have `act` change something. `told`: what is answered, from what was written last, read in its transaction;
        None: more is to come. Without it, what `act` returns is told. `status`: where that is not the route's."""
        request = self._request(body)
        if told is None:
            return answered(self._keys.change_at_length(request, lambda: self._answer(act(), status)))

        def answer(done: Any) -> Answer | None:
            found = told(done)
            return None if found is None else self._answer(found, status)

        return answered(self._keys.change(request, act, answer))

    def _request(self, body: BaseModel | None) -> Request:
        asked = f"{self._http.method} {self._http.url.path} {body.model_dump_json() if body is not None else ''}"
        return Request(self._token_id, self._key, asked.encode())

    def _answer(self, told: Told, status: Callable[[], int] | None) -> Answer:
        route = self._http.scope["route"]
        try:
            found: BaseModel = route.response_model.model_validate(told)
        except ValidationError as error:
            raise ResponseValidationError(error.errors(include_input=False, include_context=False)) from None
        return Answer(found.model_dump_json().encode(), status() if status is not None else route.status_code or 200)


def answered(answer: Answer) -> Response:
    """The answer; `Idempotent-Replayed` where it was told before."""
    headers = {"idempotent-replayed": "true"} if answer.again else {}
    return Response(answer.body, status_code=answer.status, media_type=JSON, headers=headers)


async def _once(here: Here, caller: Anyone, key: Key, request: HttpRequest) -> OneRequest:
    return OneRequest(here.keys, caller.token_id, key, request)


Once = Annotated[OneRequest, Depends(_once)]
