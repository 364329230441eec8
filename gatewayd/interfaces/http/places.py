"""Who changes something waits for the one writer of the database; who looks does not wait behind him.

The routes run in threads. What changes something has all of them but a few, and waits for its turn before it takes one:
so a look finds a thread while another process writes, or a list of ten thousand comes in. When a token was used is
noted beside the request, for that is a change as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from starlette.types import ASGIApp, Receive, Scope, Send

CHANGING = 16
LOOKING = 4
"""Threads of a loop that are kept for who only looks."""
_LOOKS = frozenset({"GET", "HEAD"})

# Of each loop: there is one for each place where we listen.
_changing: RunVar[CapacityLimiter] = RunVar("changing")
_noting: RunVar[CapacityLimiter] = RunVar("noting")


class Places:
    """Wraps the application; `changing`: paths that change something even when they are only asked for."""

    def __init__(self, app: ASGIApp, *, changing: Collection[str] = ()) -> None:
        self._app, self._paths = app, frozenset(changing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it in, at once or when its turn has come."""
        if scope["method"] in _LOOKS and scope["path"] not in self._paths:
            await self._app(scope, receive, send)
        else:
            async with _limiter(_changing, CHANGING):
                await self._app(scope, receive, send)


class Notes:
    """What is written beside requests, one at a time; a loop that ends waits for the one at work."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def soon(self, write: Callable[[], None]) -> None:
        """Have it written, and do not wait for it."""
        task = asyncio.get_running_loop().create_task(to_thread.run_sync(write, limiter=_limiter(_noting, 1)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def set_threads() -> None:
    """So many for the routes, in the loop that runs."""
    to_thread.current_default_thread_limiter().total_tokens = CHANGING + LOOKING


def _limiter(kept: RunVar[CapacityLimiter], places: int) -> CapacityLimiter:
    try:
        return kept.get()
    except LookupError:
        made = CapacityLimiter(places)
        kept.set(made)
        return made
