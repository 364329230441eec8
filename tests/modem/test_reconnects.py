"""A modem that comes and goes for months leaves nothing open behind: no descriptor, no thread."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayd.clock import SystemClock
from gatewayd.errors import ModemAbsent, ModemError
from gatewayd.modem.initialise import Timeouts
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import Session, open_session
from gatewayd.modem.simulator.process import start_process

TIMES = 60
QUICK = Timeouts(command=2, alive=0.3, prompt=1, quiet=0.01, poll=0.02, restart=0.1)


def held() -> tuple[int, int]:
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def opened(port: str) -> Session:
    return open_session(
        port, pin=None, clock=SystemClock(), pin_guard=PinGuard(), on_notice=lambda _notice: None, timeouts=QUICK
    )


def check_for_ever(session: Session) -> None:
    while True:
        session.check()


def look_for_nothing(port: str) -> None:
    with pytest.raises(ModemError):
        opened(port + ".not-there")


def find_it_busy(port: str) -> None:
    first = opened(port)
    with pytest.raises(ModemError):
        opened(port)
    first.close()


@pytest.mark.parametrize("once", [lambda port: opened(port).close(), look_for_nothing, find_it_busy])
def test_nothing_is_left_open(tmp_path: Path, once: Callable[[str], None]) -> None:
    with start_process(["a"], "", tmp_path) as simulator:
        once(simulator.ports["a"])
        before = held()
        for _ in range(TIMES):
            once(simulator.ports["a"])
        assert held() == before


def test_nothing_is_left_open_by_a_modem_pulled_out_in_use(tmp_path: Path) -> None:
    with start_process(["a"], "", tmp_path) as simulator:
        opened(simulator.ports["a"]).close()
        before = held()
        for _ in range(TIMES):
            session = opened(simulator.ports["a"])
            simulator.control("unplug", sim="a")
            with pytest.raises(ModemError):
                check_for_ever(session)
            session.close()
            simulator.control("plug", sim="a")
        assert held() == before


def test_nothing_is_left_open_by_a_modem_that_does_not_answer(tmp_path: Path) -> None:
    with start_process(["a"], "", tmp_path) as simulator:
        simulator.control("fault", sim="a", fault="silence;at=now")
        with pytest.raises(ModemError):
            opened(simulator.ports["a"])
        before = held()
        for _ in range(3):
            with pytest.raises(ModemError):
                opened(simulator.ports["a"])
        assert held() == before


def test_a_port_listed_twice_under_two_names_says_so(tmp_path: Path) -> None:
    with start_process(["a"], "", tmp_path) as simulator:
        (tmp_path / "other-name").symlink_to(simulator.ports["a"])
        first = opened(simulator.ports["a"])
        with pytest.raises(ModemAbsent, match="in use by gatewayd itself"):
            opened(str(tmp_path / "other-name"))
        first.close()
        opened(str(tmp_path / "other-name")).close()
