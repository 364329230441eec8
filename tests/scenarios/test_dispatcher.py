"""The dispatcher with its threads, and a database that others hold: signals are waited for, never time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest

from gatewayd.modem import simulator
from gatewayd.services.dispatcher import HEALTHY, LONGEST_TURN, Dispatcher
from gatewayd.services.line import Turn
from gatewayd.services.wakeup import listen, ring
from tests.scenarios.world import FakeClock, World, number

_HOLDER = """
import sqlite3, sys
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


class RealClock(FakeClock):
    """The machine's time, and as much more as the test wants."""

    ahead = 0.0

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic() + self.ahead


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate("")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def build(*names: str, **how: object) -> World:
        worlds.append(World(tmp_path, *names, **how))  # type: ignore[arg-type]  # the test names them
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make("a", "b", clock=RealClock())


@pytest.fixture
def dispatcher(world: World) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher({name: world.opener(name) for name in world.names}, world.common)
    yield dispatcher
    assert dispatcher.stop(timeout=20)


def arrived(world: World, count: int) -> bool:
    """Wait until the network has so many messages."""
    network = simulator.network(world.network_name)
    return network.wait_for(lambda: len(network.ledger) >= count, 20)


def test_messages_leave_as_soon_as_the_bell_rings(world: World, dispatcher: Dispatcher, tmp_path: Path) -> None:
    dispatcher.start()
    world.accept(number(1))
    dispatcher.wake()
    assert arrived(world, 1)
    listener = listen(tmp_path / "wakeup.sock", dispatcher.wake)
    world.accept(*[number(n) for n in range(2, 12)])
    ring(tmp_path / "wakeup.sock")
    assert arrived(world, 11)
    listener.stop()
    assert dispatcher.alive()
    assert dispatcher.stop(timeout=20)
    assert world.states() == {"sent": 11}
    assert {line.why for line in dispatcher.status()} == {"stopped"}


def test_a_lost_ring_is_made_up_for_by_the_poll(world: World, dispatcher: Dispatcher) -> None:
    dispatcher.start()
    world.accept(number(1))
    dispatcher.poll()
    assert arrived(world, 1)


def test_stop_lets_the_running_submission_end(make: Callable[..., World]) -> None:
    world = make("a", clock=RealClock(), options="&latency=1")
    dispatcher = Dispatcher({"a": world.opener("a")}, world.common)
    marked, mark = threading.Event(), world.outbox.mark_on_wire

    def marking(*of: object) -> None:
        mark(*of)  # type: ignore[arg-type]  # passed on as it came
        marked.set()

    world.outbox.mark_on_wire = marking  # type: ignore[assignment, method-assign]  # the real step, held up
    dispatcher.start()
    world.accept(number(1), number(2))
    dispatcher.wake()
    assert marked.wait(20)
    assert dispatcher.stop(timeout=20)
    assert world.states() == {"sent": 1, "queued": 1}
    world.agree()


def test_a_line_that_crashes_begins_anew(world: World, dispatcher: Dispatcher) -> None:
    defects, turn = [ValueError("a defect"), ZeroDivisionError()], world.outbox.turn

    def failing(*of: object) -> object:
        if defects:
            raise defects.pop()
        return turn(*of)  # type: ignore[arg-type]  # passed on as it came

    world.outbox.turn = failing  # type: ignore[assignment, method-assign]  # the real step, held up
    dispatcher.start()
    world.accept(*[number(n) for n in range(10)])
    dispatcher.wake()
    assert arrived(world, 10)
    assert sum(line.crashes for line in dispatcher.status()) == 2


def test_a_line_is_forgiven_its_crashes_after_a_while_of_health(make: Callable[..., World]) -> None:
    clock = FakeClock()
    world = make("a", clock=clock)
    dispatcher = Dispatcher({"a": world.opener("a")}, world.common)
    worker = dispatcher._workers[0]

    def crash(after: float) -> float:
        clock.advance(after)
        worker.line.run_once = _fail  # type: ignore[method-assign]  # a defect nobody foresaw
        wait = worker._turn()
        worker.line.run_once = lambda: Turn("idle", 5.0)  # type: ignore[method-assign]  # and all is well again
        assert worker._turn() == 5.0
        return wait

    waits = [crash(60) for _ in range(12)]
    assert waits[0] < 2, "the first one costs nothing"
    assert waits[-1] == 300, "one at each message, with good turns in between, does not eat the queue"
    assert crash(HEALTHY + 1) < 2
    assert dispatcher.status()[0].crashes == 13, "all are counted"


def _fail() -> Turn:
    raise RuntimeError("a defect")


def test_a_crash_after_the_mark_leaves_an_unknown(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    (message,) = world.accept(number(1))
    line = world.lines["a"]
    assert line._session is not None
    submit = line._session.submit

    def dying(*of: object) -> int:
        submit(*of)  # type: ignore[arg-type]  # passed on as it came
        raise ValueError("a defect")

    line._session.submit = dying  # type: ignore[assignment, method-assign]  # the real step, held up
    with pytest.raises(ValueError, match="a defect") as caught:
        world.settle()
    line.crashed(caught.value)
    world.settle()
    assert world.state(message) == "unknown"
    assert len(world.ledger) == 1
    world.agree()


def test_a_line_that_hangs_is_seen(world: World, dispatcher: Dispatcher) -> None:
    dispatcher.start()
    assert dispatcher.alive()
    assert isinstance(world.clock, RealClock)
    world.clock.ahead = LONGEST_TURN + 100
    assert not dispatcher.alive()


def test_a_database_held_by_another_process(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.accept(number(1))
    with held_by_another_process(world.path):
        assert world.lines["a"].run_once().event == "storage"
        assert world.lines["a"].status[1] == "storage"
        assert world.ledger == []
    world.settle()
    assert world.states() == {"sent": 1}


def test_an_outcome_that_could_not_be_recorded_is_not_forgotten(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.accept(number(1), number(2))
    assert world.lines["a"].run_once().event == "sent"
    with held_by_another_process(world.path):
        assert world.lines["a"].run_once().event == "storage"
        assert world.lines["a"].run_once().event == "storage"
        assert len(world.ledger) == 1, "the modem rests until the outcome is recorded"
    world.settle()
    assert world.states() == {"sent": 2}
    world.agree()


def test_a_database_that_goes_away_at_the_prompt(make: Callable[..., World]) -> None:
    world = make("a")
    world.settle()
    world.accept(number(1))
    turn = world.outbox.turn
    holding = held_by_another_process(world.path)

    def held_after(*of: object) -> object:
        work = turn(*of)  # type: ignore[arg-type]  # passed on as it came
        world.outbox.turn = turn  # type: ignore[method-assign]  # the real step, held up
        holding.__enter__()
        return work

    world.outbox.turn = held_after  # type: ignore[assignment, method-assign]  # the real step, held up
    assert world.lines["a"].run_once().event == "storage"
    assert world.ledger == []
    holding.__exit__(None, None, None)
    world.settle()
    assert world.states() == {"sent": 1}
    assert len(world.ledger) == 1
