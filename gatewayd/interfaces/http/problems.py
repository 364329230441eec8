"""Each refusal as a problem document (RFC 9457): its `type` is for programs and never changes, its `detail` for people.

What no table foresees is a defect of ours: it is logged, told as `internal`, and tells nothing of itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gatewayd.errors import (
    DiskNearlyFull,
    GatewaydError,
    KeyBusy,
    KeyReused,
    NothingAccepted,
    NumberError,
    OutOfScope,
    RefusedByRule,
    StoreError,
    TextError,
    TooOften,
    TransitionError,
    UnknownToken,
    UsageError,
)

log = structlog.get_logger(__name__)

URN = "urn:gatewayd:problem:"
MEDIA_TYPE = "application/problem+json"

# The first class that fits decides: status, type, title.
TABLE: tuple[tuple[type[GatewaydError], HTTPStatus, str, str], ...] = (
    (UnknownToken, HTTPStatus.UNAUTHORIZED, "unknown-token", "A valid token is needed"),
    (OutOfScope, HTTPStatus.FORBIDDEN, "out-of-scope", "The token does not allow this"),
    (TooOften, HTTPStatus.TOO_MANY_REQUESTS, "too-often", "Too many requests"),
    (KeyReused, HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", "The idempotency key is another request's"),
    (KeyBusy, HTTPStatus.CONFLICT, "key-busy", "The first request with this key is still at work"),
    (NumberError, HTTPStatus.UNPROCESSABLE_ENTITY, "number-refused", "The number cannot be written to"),
    (TextError, HTTPStatus.UNPROCESSABLE_ENTITY, "text-refused", "The text cannot be sent"),
    (NothingAccepted, HTTPStatus.UNPROCESSABLE_ENTITY, "nothing-accepted", "None of the messages is accepted"),
    (RefusedByRule, HTTPStatus.UNPROCESSABLE_ENTITY, "refused-by-rule", "A rule forbids this"),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-value", "A value cannot be used"),
    (TransitionError, HTTPStatus.CONFLICT, "wrong-state", "It is not in a state that allows this"),
    (DiskNearlyFull, HTTPStatus.INSUFFICIENT_STORAGE, "disk-nearly-full", "The disk is nearly full"),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE, "storage-unavailable", "The database cannot do this now"),
)
OTHERS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read"),
    403: ("cross-origin", "A page of another site may not do this"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "This cannot be done here"),
    408: ("too-slow", "The request did not come to its end in time"),
    413: ("too-large", "The request is too large"),
    415: ("wrong-media-type", "The body must be JSON"),
    421: ("wrong-host", "This is not the host that was asked for"),
    422: ("invalid-request", "The request is not as the documentation says"),
    429: ("too-often", "Too many requests"),
    500: ("internal", "A defect of gatewayd; its log tells more"),
}
# What to do, where nobody knew more than the status.
_HINTS: Mapping[int, str] = {
    400: "the body must be JSON in UTF-8",
    404: "GET /v1/openapi.json lists what there is",
    405: "GET /v1/openapi.json lists what can be done here",
    415: "send it with the header Content-Type: application/json",
    421: "this name is not among the hosts of the block api in the configuration",
}
_RETRY_AFTER: Mapping[HTTPStatus, int] = {
    HTTPStatus.INSUFFICIENT_STORAGE: 60,
    HTTPStatus.SERVICE_UNAVAILABLE: 5,
    HTTPStatus.CONFLICT: 1,
}


def responses(*statuses: int, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for the document: those that each may meet, and these; `body`: it reads one."""
    always = (400, 401, 403, 421, 422, 429, 500, 503)
    of_body = (408, 413, 415) if body else ()
    return {status: _documented(status) for status in sorted({*always, *of_body, *statuses})}


def refused_before() -> dict[int | str, dict[str, Any]]:
    """What is refused before any route is asked, by a route that answers in its own way."""
    return {status: _documented(status) for status in (408, 413, 415, 421, 500)}


def _documented(status: int) -> dict[str, Any]:
    kinds = {word: title for _, found, word, title in TABLE if found == status}
    usual = OTHERS.get(status)
    kinds |= {usual[0]: usual[1]} if usual is not None else {}
    examples = {
        word: {"summary": title, "value": {"type": URN + word, "title": title, "status": status}}
        for word, title in kinds.items()
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": "; ".join(kinds.values()), "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}}}


class NotFound(GatewaydError):
    """There is no such thing."""


def problem(
    status: int,
    kind: str = "",
    title: str = "",
    *,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document; what is not said is what `OTHERS` has for the status."""
    octets = written(status, kind, title, detail=detail, **more)
    return Response(octets, status_code=int(status), media_type=MEDIA_TYPE, headers=dict(headers or {}))


def written(status: int, kind: str = "", title: str = "", *, detail: str = "", **more: Any) -> bytes:
    """The document itself."""
    usual = OTHERS.get(status, ("error", HTTPStatus(status).phrase))
    told = {"type": URN + (kind or usual[0]), "title": title or usual[1], "status": int(status)}
    detail = detail or ("" if kind else _HINTS.get(status, ""))
    body = {**told, **({"detail": detail} if detail else {}), **more}
    return json.dumps(body, ensure_ascii=True).encode("ascii")


def of_error(error: GatewaydError) -> Response:
    """The problem document of one of our errors."""
    if isinstance(error, NotFound):
        return problem(HTTPStatus.NOT_FOUND, detail=str(error))
    for kind, status, word, title in TABLE:
        if isinstance(error, kind):
            return problem(status, word, title, detail=str(error), headers=_headers(error, status), **_more(error))
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR)


def _headers(error: GatewaydError, status: HTTPStatus) -> dict[str, str]:
    if isinstance(error, UnknownToken):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, TooOften):
        return {"retry-after": str(max(1, math.ceil(error.retry_after)))}
    after = _RETRY_AFTER.get(status)
    return {"retry-after": str(after)} if after is not None and not isinstance(error, TransitionError) else {}


def _more(error: GatewaydError) -> dict[str, Any]:
    if isinstance(error, NothingAccepted):
        return {"refusals": error.refusals}
    return {"reason": error.reason} if isinstance(error, NumberError | RefusedByRule | TextError) else {}


def install(app: FastAPI) -> None:
    """Let the application answer with problem documents, and nothing else."""
    app.add_exception_handler(GatewaydError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(ResponseValidationError, _untold)
    app.add_exception_handler(Exception, _crashed)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewaydError)  # noqa: S101  # for the type checker
    found = of_error(error)
    if found.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("api.crashed", exc_info=error)
    return found


async def _invalid(_request: Request, error: Exception) -> Response:
    """Where the request is not as documented; never with what stood there, which may be a number or a text."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # for the type checker
    faults = [{"at": _place(one["loc"]), "detail": str(one["msg"])} for one in error.errors()[:20]]
    unreadable = [str(one["ctx"]["error"]) for one in error.errors() if one["type"] == "json_invalid"]
    if unreadable:
        words = f"the body is not JSON: {unreadable[0]}"
        return problem(HTTPStatus.BAD_REQUEST, "bad-request", detail=words, errors=faults)
    first = f"{faults[0]['at']}: {faults[0]['detail']}" if faults else ""
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail=first, errors=faults)


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(step)[:40] for step in loc[:8])


async def _plain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # for the type checker
    return problem(error.status_code, headers=error.headers)


async def _untold(request: Request, error: Exception) -> Response:
    """An answer that is not as documented; the log says where, and not what stood there."""
    assert isinstance(error, ResponseValidationError)  # noqa: S101  # for the type checker
    route = getattr(request.scope.get("route"), "path", "")  # and not the address, which may hold a number
    log.error("api.crashed", route=route, at=[_place(one["loc"]) for one in error.errors()[:20]])
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR)


async def _crashed(_request: Request, error: Exception) -> Response:
    log.error("api.crashed", exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR)
