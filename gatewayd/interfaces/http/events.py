"""/v1/events: what happens, told as it happens (server-sent events), with the names and shapes that webhooks have.

    id: 4711-0e5f21aa                     its place: `Last-Event-ID` goes on behind it, also after a restart
    event: message.delivered
    data: {"type": ..., "timestamp": ..., "data": {...}}

`campaign.progress` comes beside them, without a place. `gap` says that the place was forgotten (a day has passed), or
is of a history that a backup has ended, and that all begins with now. A comment each quarter of a minute shows that the
line is alive. A stream ends with its token, with the daemon, and when nothing of it is read for half a minute; there
are twenty at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from gatewayd.domain.events import Happening
from gatewayd.domain.token import Scope
from gatewayd.errors import OutOfScope, StoreError, UsageError
from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.here import Anyone, Here, Services
from gatewayd.interfaces.http.models import LARGEST_ID
from gatewayd.interfaces.http.problems import NotFound
from gatewayd.interfaces.telling import event_json
from gatewayd.services.streaming import AT_ONCE, OF_A_FEED, Listener, Place
from gatewayd.services.tokens import Caller
from gatewayd.store.happenings import MARK, Interest

router = APIRouter(tags=["events"])
PAUSE = 0.5
"""Seconds between two looks."""
HEARTBEAT = 15.0
_PLACE = re.compile(rf"(?P<id>[0-9]{{1,19}})(?:-(?P<mark>[0-9a-f]{{{MARK}}}))?")
_COME_BACK = 3000
"""Milliseconds until a program comes back by itself."""
_OF_MESSAGES = frozenset(event for event in Happening if event.about == "message")


_STREAM = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": "id: 4711-0e5f21aa\nevent: message.sent\ndata: {}\n\n",
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    **problems.responses(404),
    200: {"description": "Events, until one side ends it.", "content": _STREAM},
}


def _place(
    last_event_id: Annotated[
        str, Header(max_length=40, description="The `id` of the last event that was seen.", examples=["4711-0e5f21aa"])
    ] = "",
    after: Annotated[
        str, Query(max_length=40, description="The same, where no header can be set; 0: all there is.", examples=["0"])
    ] = "",
) -> Place | None:
    words = last_event_id or after
    if not words:
        return None
    found = _PLACE.fullmatch(words)
    if found is None or int(found["id"]) > LARGEST_ID:
        raise UsageError("`Last-Event-ID`, or `after`, is the `id` of an event")
    return Place(int(found["id"]), found["mark"] or "")


def _listener(
    here: Here,
    caller: Anyone,
    place: Annotated[Place | None, Depends(_place)],
    *,
    event: Annotated[list[Happening] | None, Query(description="Only these; repeatable.")] = None,
    feed: Annotated[
        str, Query(max_length=100, description="Only this feed's messages.", examples=["campaign/reunion"])
    ] = "",
) -> Iterator[Listener]:
    """A place among the listeners, given back when the answer has ended. Who may only submit hears of his own feed."""
    caller.needs(Scope.SUBMIT, Scope.READ)
    if not here.streams.on:
        raise NotFound("nothing is recorded for listeners: `api: {events: true}` in the configuration has it so")
    reads = Scope.READ in caller.scopes
    named = frozenset(event or ())
    wanted, feeds = named or frozenset(Happening), frozenset({feed} if feed else ())
    if not reads and not named <= _OF_MESSAGES:
        raise OutOfScope("with the scope submit one hears of the messages of one's own feed")
    if not reads:
        wanted, feeds = wanted & _OF_MESSAGES, frozenset({caller.feed})
    elif feed:
        wanted &= OF_A_FEED
    with here.streams.listener(Interest(wanted, feeds=feeds), place, progress=reads and not feed) as found:
        yield found


@router.get("/v1/events", response_class=StreamingResponse, responses=_ANSWERS)
async def events(here: Here, caller: Anyone, listener: Annotated[Listener, Depends(_listener)]) -> StreamingResponse:
    """Listen to what happens."""
    return StreamingResponse(_told(here, caller, listener), media_type="text/event-stream")


async def _told(here: Services, caller: Caller, listener: Listener) -> AsyncIterator[bytes]:
    """What goes out. Whoever does not take it keeps this waiting, until his connection is ended (strict.py)."""
    known = await to_thread.run_sync(listener.begin)
    yield format_sse_event(comment="listening", retry=_COME_BACK)
    if not known:
        yield format_sse_event(event="gap", data_str="{}")
    quiet = 0.0
    with contextlib.suppress(StoreError):  # it ends, its program comes back and hears the rest
        while not here.streams.ended and await to_thread.run_sync(here.gatekeeper.holds, caller):
            found = await to_thread.run_sync(_turn, listener)
            for one in found:
                yield one
            quiet = 0.0 if found else quiet + PAUSE
            if quiet >= HEARTBEAT:
                yield format_sse_event(comment="alive")
                quiet = 0.0
            await asyncio.sleep(0 if len(found) >= AT_ONCE else PAUSE)


def _turn(listener: Listener) -> list[bytes]:
    happened = [
        format_sse_event(event=str(what.event), id=what.place, data_str=_written(event_json(what, thing)))
        for what, thing in listener.turn()
    ]
    stand = [
        format_sse_event(event="campaign.progress", data_str=_written(one.as_json())) for one in listener.standings()
    ]
    return happened + stand


def _written(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
