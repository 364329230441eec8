"""Listens and serves, in a thread of its own with a loop of its own; the routes run in a few threads beside it.

The sockets are made first, so that a request that comes early waits, and is not refused. A Unix socket that a killed
daemon left is replaced; it is made with its mode, and never open to more. `answers` asks the loop for a sign of life.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from gatewayd.interfaces.http import places
from gatewayd.interfaces.http.strict import LONGEST_HEAD, StrictProtocol

MODE = 0o660
_BACKLOG = 128
_GRACE = 5
"""Seconds that a running request is waited for at the end."""


def unix_socket(path: Path) -> socket.socket:
    """A Unix socket that listens at `path`, for the owner and his group. OSError."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(made.fileno(), MODE)  # of the file that bind makes, before anybody can see it
        made.bind(str(path))
        path.chmod(MODE)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def tcp_socket(host: str, port: int) -> socket.socket:
    """A TCP socket that listens. OSError."""
    return socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
    )


class HttpServer:
    """Serves one application on sockets that listen already."""

    def __init__(self, app: ASGIApp, sockets: Sequence[socket.socket]) -> None:
        self._sockets = list(sockets)
        config = uvicorn.Config(
            app,
            http=StrictProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=LONGEST_HEAD,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """No further connection; running requests are waited for."""
        self._server.end()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def answers(self, seconds: float) -> bool:
        """Whether its loop gives a sign of life within so many seconds."""
        heard = threading.Event()
        return self._server.call(heard.set) and heard.wait(seconds)

    def _run(self) -> None:
        self._server.run(self._sockets)


class _Server(uvicorn.Server):
    """uvicorn's, which looks ten times a second whether it should end; this one is told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()
        self._told: asyncio.Event | None = None

    async def main_loop(self) -> None:
        """Until `end`."""
        places.set_threads()
        self._told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self._ended.is_set():
            await self._told.wait()

    def call(self, action: Callable[[], object]) -> bool:
        """Have the loop do something; whether there is a loop."""
        loop = self._loop
        if loop is None:
            return False
        with contextlib.suppress(RuntimeError):  # closed in this moment
            loop.call_soon_threadsafe(action)
            return True
        return False

    def end(self) -> None:
        """Serve no more; from any thread, more than once."""
        self._ended.set()
        told = self._told
        if told is not None:
            self.call(told.set)
