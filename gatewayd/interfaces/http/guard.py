"""What stands before every route: who may be asked for here, from where, how much, and in what time.

    Host            one of ours, else 421: a name that somebody else points at this machine is none (DNS rebinding)
    Origin          only our own, else 403; the same for `Sec-Fetch-Site`: no page of another site reaches a route
    Content-Type    JSON where there is a body, else 415: what a form can send without asking, is not read (but for
                    `forms`, whose charset is another field's matter)
    body            256 KiB, 4 MiB where many messages come in one call, else 413; within ten seconds, else 408; of
                    such a call nothing is read without a good token, for a hundred of them fill a small machine

Who is refused may still be sending: he is listened to for a moment, for a connection that is closed on what nobody has
read takes the answer with it. There are no cookies and no CORS: a browser has nothing that it could send by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatewayd.interfaces.http.problems import problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
LONGEST_BODY = 256 * 1024
LONGEST_MANY = 4 * 1024 * 1024
BODY_SECONDS = 10.0
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
LINGER_SECONDS = 1.0
CLOSE = {"connection": "close"}
_CLOSING = [(b"connection", b"close")]
_A_FORM = {"title": "The body must be a form", "detail": f"send it with the header Content-Type: {FORM}"}
ALWAYS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_HOST = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?")


class Guard:
    """Wraps the application. `hosts`: further names under which it may be asked for; `larger` and `forms`: paths whose
    bodies may be larger, or may come from a form; `known`: whether a token is good."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        known: Callable[[str], bool],
        larger: Collection[str] = (),
        forms: Collection[str] = (),
    ) -> None:
        self._app, self._hosts, self._known = app, LOOPBACK | {host.lower() for host in hosts}, known
        self._larger, self._forms = frozenset(larger), frozenset(forms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let pass."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        send = _with_headers(send, ALWAYS)
        refused = self._refusal(scope, headers)
        if refused is None and scope["path"] in self._larger and not self._known(_token(headers)):
            # Its route refuses it, and counts that.
            await self._app(scope, _nothing, _with_headers(_lingering(send, receive), _CLOSING))
            return
        if refused is None:
            found = await self._body(scope, receive, headers)
            if isinstance(found, Response):
                refused = found
            else:
                receive = found
        if refused is not None:
            send = _lingering(send, receive)
        await (refused or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        host = headers.get("host", "").lower()
        name = _HOST.fullmatch(host)
        if name is None or name[1] not in self._hosts:
            return problem(421, headers=CLOSE)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") or (origin is not None and origin.lower() != f"http://{host}"):
            return problem(403, headers=CLOSE)
        if _has_body(headers) and not self._readable(scope["path"], headers.get("content-type", "")):
            return problem(415, headers=CLOSE, **(_A_FORM if scope["path"] in self._forms else {}))
        return None

    def _readable(self, path: str, content_type: str) -> bool:
        kind, _, parameters = content_type.lower().partition(";")
        if path in self._forms:
            return kind.strip() == FORM
        if parameters.strip() not in ("", "charset=utf-8", 'charset="utf-8"'):
            return False
        return kind.strip() == JSON

    async def _body(self, scope: Scope, receive: Receive, headers: Mapping[str, str]) -> Receive | Response:
        """The whole body, which is given on in one piece."""
        longest = LONGEST_MANY if scope["path"] in self._larger else LONGEST_BODY
        if int(headers.get("content-length", "0")) > longest:
            return problem(413, headers=CLOSE)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive, longest)
        except TimeoutError:
            return problem(408, headers=CLOSE)
        if body is None:
            return problem(413, headers=CLOSE)
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        return replay


async def _read(receive: Receive, longest: int) -> bytes | None:
    """The body; None: it is longer. A peer that goes away ends it."""
    found = bytearray()
    while True:
        message = await receive()
        found += message.get("body", b"")
        if len(found) > longest:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return bytes(found)


async def _discard(receive: Receive, most: int) -> None:
    """Read what comes, to its end or so much of it, and keep nothing."""
    octets, more = 0, True
    while more and octets <= most:
        message = await receive()
        octets += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _token(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _lingering(send: Send, receive: Receive) -> Send:
    """Between the answer and its end, read what the other side is still sending."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.body":
            await send({**message, "more_body": True})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await _discard(receive, 2 * LONGEST_MANY)
            message = {"type": "http.response.body"}
        await send(message)

    return sending


def _has_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _with_headers(send: Send, more: Sequence[tuple[bytes, bytes]]) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending
