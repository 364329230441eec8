"""A gateway in a process of its own, which SIGKILL ends at a failpoint; or, without one, runs until it is at rest.

    python -m tests.crash.matrix_child DIRECTORY PORT [POINT]

At rest it says on its output what became of each message: a JSON object, by recipient.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from gatewayd.modem.notices import Notice
from gatewayd.modem.session import Session
from tests.crash.failpoints import FIRST, LONG, SECOND, Failpoints, watch_claims, watch_outbox, watch_session
from tests.scenarios.receiving import ReceivingWorld


class Child(ReceivingWorld):
    """On a real port, in real time."""

    def __init__(self, directory: Path, port: str) -> None:
        self.points, self._port = Failpoints(), port
        super().__init__(directory, "a")

    def url(self, name: str) -> str:  # noqa: ARG002  (there is one)
        return self._port

    def open_store(self) -> None:
        self.lives = os.getpid()
        super().open_store()
        watch_outbox(self.outbox, self.points)

    def opener(self, name: str) -> Callable[[Callable[[Notice], None]], Session]:
        open_line = super().opener(name)

        def opening(on_notice: Callable[[Notice], None]) -> Session:
            session = open_line(on_notice)
            watch_session(session, self.points, lambda: None)
            return session

        return opening


def main(directory: str, port: str, point: str = "") -> None:
    world = Child(Path(directory), port)
    if point:
        with watch_claims(world.points):
            world.settle()
            world.points.arm(point, lambda: os.kill(os.getpid(), signal.SIGKILL))
            world.accept(FIRST, SECOND, text=LONG)
            world.settle()
    world.outbox.recover(world.clock.utc_now(), world.common.lease)
    for _ in range(10):
        world.settle()
        world.advance(60)
    found = {message.recipient: str(message.state) for message in world.outbox.list()}
    world.close()
    os.write(1, b"\n" + json.dumps(found).encode())  # the log stands before it


if __name__ == "__main__":
    main(*sys.argv[1:])
