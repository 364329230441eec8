"""Lines and sessions for the tests of the driver: every exchange runs over each kind of line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from gatewayd.clock import SystemClock
from gatewayd.modem.initialise import Timeouts
from gatewayd.modem.notices import Notice
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import Session, open_session
from tests.modem.scripted import LINES, PATIENCE, ScriptedModem, scripted

# Short, for a scripted modem answers at once; long enough for one octet at a time on a busy machine.
QUICK = Timeouts(
    command=2, alive=0.5, prompt=0.5, submit=0.5, no_reference=0.3, pin=2, listing=2, restart=0.1, quiet=0.03, poll=0.01
)


@dataclass(frozen=True, slots=True)
class Pdu:
    """What `submit` takes."""

    hex: str = "0011000B913336999800000000AA0441F45B0D"
    length: int = 18


@dataclass
class Notices:
    """What arrived by itself; tests wait for it."""

    seen: list[Notice] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, notice: Notice) -> None:
        with self._changed:
            self.seen.append(notice)
            self._changed.notify_all()

    def wait_for(self, notice: Notice) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: notice in self.seen, PATIENCE), (notice, self.seen)

    def wait_for_kind(self, kind: type[Notice]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(isinstance(n, kind) for n in self.seen), PATIENCE), self.seen


@pytest.fixture(params=LINES)
def line(request: pytest.FixtureRequest) -> str:
    """Each kind of line."""
    kind: str = request.param
    return kind


@pytest.fixture
def modem(line: str) -> Iterator[ScriptedModem]:
    with scripted(line) as speaker:
        yield speaker


@pytest.fixture
def arrived() -> Notices:
    return Notices()


@pytest.fixture
def session(modem: ScriptedModem, arrived: Notices) -> Iterator[Session]:
    """An open session with a healthy modem; what it heard so far is forgotten."""
    opened = open_on(modem, arrived)
    modem.heard.clear()
    yield opened
    opened.close()


def open_on(
    modem: ScriptedModem, arrived: Notices, *, pin: str | None = None, guard: PinGuard | None = None
) -> Session:
    """A session on a scripted modem, with short timeouts."""
    return open_session(
        modem.path, pin=pin, clock=SystemClock(), pin_guard=guard or PinGuard(), on_notice=arrived, timeouts=QUICK
    )


def nothing() -> None:
    """An `on_prompt` that has nothing to do."""
