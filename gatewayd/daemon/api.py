"""The HTTP API in the daemon: its services from the settings, its sockets, and a worker that keeps it alive.

Imported only where the configuration has `api`: without it the daemon needs neither its memory nor its turns. A place
where it cannot listen is told, and tried again every half minute: the other one serves, and messages are sent all the
same. Each loop must give a sign of life, as every worker must; one that does not keeps the worker waiting, and systemd
hears of it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog
from starlette.types import ASGIApp

from gatewayd.clock import Clock
from gatewayd.config import ApiSettings, Settings
from gatewayd.daemon.rules import house_of, interest_of
from gatewayd.daemon.supervision import Task, Worker
from gatewayd.interfaces.http import app
from gatewayd.interfaces.http.here import Services
from gatewayd.interfaces.http.server import HttpServer, tcp_socket, unix_socket
from gatewayd.services.dispatcher import LineStatus
from gatewayd.services.space import Space
from gatewayd.store.engine import Database
from gatewayd.store.webhooks import Counts, Webhooks

log = structlog.get_logger(__name__)

LOOK = 5.0
LOOK_AGAIN = 30.0
PATIENCE = 60.0
_ONCE_A_SECOND = 1.0


class Api:
    """`settings.api` is there. `changed`: told when something may leave now; `well`: whether the whole daemon works."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        space: Space,
        clock: Clock,
        *,
        changed: Callable[[], None],
        well: Callable[[], bool],
        lines: Callable[[], Sequence[LineStatus]],
    ) -> None:
        assert settings.api is not None  # noqa: S101  # asked by who imports this
        services = Services(
            database,
            house_of(settings),
            clock,
            space=space,
            lines=lines,
            changed=changed,
            well=_seldom(well, clock),
            untold=partial(_untold, settings, Webhooks(database)),
            events=settings.api.events,
        )
        self.keys, self._streams = services.keys, services.streams
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what it says, is said by us
        self._doors = _doors(settings.api, app.build(services, hosts=settings.api.hosts), clock)
        self._worker = Worker(Task("api", self._turn, PATIENCE, threading.Event(), close=self._close), clock)

    def start(self) -> None:
        """Listen, and serve from now on."""
        for door in self._doors:
            door.open()
        self._worker.start()

    def ask_to_stop(self) -> None:
        """No further request, and nobody listens any longer."""
        self._streams.end()
        self._worker.ask_to_stop()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        return self._worker.join(seconds)

    @property
    def alive(self) -> bool:
        """Whether it gives signs of life."""
        return self._worker.alive

    @property
    def crashes(self) -> int:
        """Turns that ended in a defect."""
        return self._worker.crashes

    def _turn(self) -> float:
        return min(door.turn() for door in self._doors)

    def _close(self) -> None:
        for door in self._doors:
            door.ask_to_stop()
        for door in self._doors:
            door.close()


class Door:
    """One place where it listens, with a loop of its own: `name` and `place` for the log, `make` its socket."""

    def __init__(self, served: ASGIApp, clock: Clock, name: str, place: str, make: Callable[[], socket.socket]) -> None:
        self._served, self._clock, self._where, self._make = served, clock, {name: place}, make
        self._server: HttpServer | None = None
        self._again_at = float("-inf")

    def open(self) -> bool:
        """Listen, and serve from now on; whether it does."""
        try:
            made = self._make()
        except OSError as error:
            self._again_at = self._clock.monotonic() + LOOK_AGAIN
            log.error("api.not_listening", error=error.strerror or str(error), **self._where)  # noqa: TRY400  # the place says all
            return False
        self._server = HttpServer(self._served, [made])
        self._server.start()
        log.info("api.listening", **self._where)
        return True

    def turn(self) -> float:
        """Look whether it lives; seconds until the next look."""
        wait = self._again_at - self._clock.monotonic()
        if self._server is None and (wait > 0 or not self.open()):
            return max(wait, 0.0) or LOOK_AGAIN
        server = self._server
        if server is not None and not server.answers(PATIENCE / 2):
            if not server.join(0):
                return 0.0
            log.error("api.ended", advice="it is started again")
            self._server = None
            return 0.0
        return LOOK

    def ask_to_stop(self) -> None:
        """No further request."""
        if self._server is not None:
            self._server.ask_to_stop()

    def close(self) -> None:
        """Wait for its end."""
        if self._server is not None:
            self._server.join(PATIENCE)


class SocketDoor(Door):
    """A Unix socket, whose file goes with it."""

    def __init__(self, served: ASGIApp, clock: Clock, path: Path) -> None:
        super().__init__(served, clock, "socket", str(path), partial(unix_socket, path))
        self._path = path

    def close(self) -> None:
        """Wait for its end, and leave no file."""
        super().close()
        self._path.unlink(missing_ok=True)


def _doors(where: ApiSettings, served: ASGIApp, clock: Clock) -> tuple[Door, ...]:
    doors: list[Door] = [SocketDoor(served, clock, where.socket)] if where.socket is not None else []
    if where.listen is not None:
        host, port = where.listen
        doors.append(Door(served, clock, "listen", f"{host}:{port}", partial(tcp_socket, host, port)))
    return tuple(doors)


def _untold(settings: Settings, store: Webhooks) -> Mapping[str, Counts]:
    return {one.name: store.counts(one.name, interest_of(one)) for one in settings.webhooks}


def _seldom(well: Callable[[], bool], clock: Clock) -> Callable[[], bool]:
    """Asked by anybody: so it is looked at once a second at most."""
    told: list[tuple[float, bool]] = [(float("-inf"), True)]

    def seldom() -> bool:
        at, last = told[0]
        now = clock.monotonic()
        if now - at < _ONCE_A_SECOND:
            return last
        told[0] = (now, last)  # others are told the last while this one looks
        told[0] = (now, well())
        return told[0][1]

    return seldom
