"""How fast a STOP is obeyed: from the modem's announcement to the committed opt-out.

    python -m benchmarks.bench_receive [--quick] [SCENARIO ...]

The simulated SIM is in this process (sim://), so that one clock times both ends; lines, receiver and database are the
daemon's own, the database a real file (WAL, synchronous=FULL, SQLCipher where there is one). The beginning is the
moment at which the message reaches the SIM, the end the event that is logged after the commit. The opt-outs are counted
in the database at the end, and the network's ledger is searched for a message to somebody who opted out.

    idle         the line rests: one STOP after the other
    submitting   messages go out without a pause, the network takes two seconds for each
    thousand     a thousand STOPs at once into a memory of 127; until the last one
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from rich.console import Console
from rich.table import Table

from gatewayd.clock import SystemClock
from gatewayd.daemon.supervision import Task, Worker
from gatewayd.domain.keywords import Keywords
from gatewayd.domain.purpose import Basis, Limits, Purpose
from gatewayd.domain.reading import read
from gatewayd.modem import simulator
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import open_session
from gatewayd.services.allowance import Rules
from gatewayd.services.answers import Answers
from gatewayd.services.dispatcher import Dispatcher
from gatewayd.services.intake import NumberRules
from gatewayd.services.line import Common
from gatewayd.services.receiving import Receiver
from gatewayd.services.reconciler import Reconciler
from gatewayd.services.replies import Replies
from gatewayd.services.roster import Roster
from gatewayd.store.engine import Database
from gatewayd.store.inbox import Inbox
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.schema import optouts
from gatewayd.store.sims import Sims

HIGH = Limits(per_minute=10**6)
EVENTS = Purpose("events", "Informations", Basis.CONTRACT)
LONGEST = 120.0


@dataclass(frozen=True)
class Scenario:
    """`count` STOPs; the network's `latency` for each submission under way (0: none is)."""

    goal: str
    count: int
    quick: int
    latency: float = 0.0
    at_once: bool = False


SCENARIOS = {
    "idle": Scenario("median < 10 ms", 300, 50),
    "submitting": Scenario("p99 < 5 s", 60, 8, latency=2.0),
    "thousand": Scenario("none lost", 1000, 300, at_once=True),
}


class Gateway:
    """The parts of the daemon that send and receive, on one SIM."""

    def __init__(self, directory: Path, name: str, latency: float) -> None:
        simulator.install()
        clock, guard = SystemClock(), PinGuard()
        url = f"sim://{name}?network={name}&latency={latency}&report=1"
        self.db = Database.open(directory / f"{name}.db", key=os.urandom(32))
        self.outbox = Outbox(self.db)
        replies = Replies(
            self.db,
            read=lambda text: read(text, keywords),
            numbers=NumberRules("GB", frozenset({"GB"}), frozenset()),  # French numbers are obeyed, and not answered
            answers=Answers("Amicale"),
            clock=clock,
        )
        keywords = Keywords.for_languages()
        self.receiver = Receiver(Inbox(self.db), replies, Reconciler(self.db, clock), country="FR", clock=clock)
        common = Common(
            self.outbox, Sims(self.db), clock, Rules({EVENTS.key: EVENTS}, ZoneInfo("Europe/Paris"), (), HIGH),
            Roster(clock), "bench/1", lambda _sim, _notice: None, self.receiver,
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            {url: lambda heard: open_session(url, pin=None, clock=clock, pin_guard=guard, on_notice=heard)}, common
        )
        self.worker = Worker(Task("receiving", self.receiver.run_once, LONGEST, self.receiver.bell), clock)
        self.sim = simulator.network(name).sim(name)
        self.network = simulator.network(name)

    def start(self) -> None:
        self.dispatcher.start()
        self.worker.start()
        end, pause = time.monotonic() + LONGEST, threading.Event()
        while not all(line.sim and not line.why for line in self.dispatcher.status()):
            if pause.wait(0.01) or time.monotonic() > end:
                raise TimeoutError("the SIM did not come")

    def stop(self) -> None:
        self.dispatcher.stop()
        self.worker.ask_to_stop()
        self.worker.join(10)
        self.db.close()

    def accept(self, count: int) -> None:
        """Messages to others, so that the line is never at rest."""
        message = NewMessage("", EVENTS.key, "bench", "default", 5, "Bonjour", "gsm7", 1, datetime.now(UTC))
        rows = [NewMessage(f"+447700900{n % 1000:03}", *_rest(message)) for n in range(count)]
        self.outbox.accept(None, rows)
        self.dispatcher.wake()

    def opted_out(self) -> int:
        with self.db.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(optouts)).scalar_one())


def _rest(message: NewMessage) -> tuple[object, ...]:
    return tuple(getattr(message, name) for name in list(NewMessage.__dataclass_fields__)[1:9])


class Ear:
    """Hears the log: when each message was committed."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._news = threading.Condition()

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, object]) -> str:
        if event.get("event") == "incoming.received":
            with self._news:
                self.times.append(time.monotonic())
                self._news.notify_all()
        raise structlog.DropEvent

    def wait(self, count: int) -> float:
        """When the `count`-th was committed."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.times) >= count, LONGEST):
                raise TimeoutError("it did not come")
        return self.times[count - 1]


def measure(name: str, scenario: Scenario, count: int, directory: Path) -> list[float]:
    """Milliseconds from the SIM to the opt-out, one a STOP; for those at once, of the last one."""
    ear, rest, rng = Ear(), threading.Event(), random.Random(7)  # noqa: S311  (moments)
    structlog.configure(processors=[ear])
    gateway = Gateway(directory, f"bench-{name}", scenario.latency)
    gateway.start()
    if scenario.latency:
        gateway.accept(10_000)
    began = []
    try:
        for n in range(count):
            if not scenario.at_once:
                rest.wait(rng.uniform(0.02, max(0.05, scenario.latency)))
            began.append(time.monotonic())
            gateway.sim.deliver(f"+3363998{n:04}", "STOP")
            if not scenario.at_once:
                ear.wait(n + 1)
        ear.wait(count)
        assert gateway.opted_out() == count
    finally:
        gateway.stop()
    assert not any(entry.destination.startswith("+3363998") for entry in gateway.network.ledger.entries())
    if scenario.at_once:
        return [(ear.times[-1] - began[-1]) * 1000]
    return [(end - start) * 1000 for start, end in zip(began, ear.times, strict=True)]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--directory", type=Path, help="where the database is: the disk to be measured")
    given = parser.parse_args()
    table = Table("scenario", "STOPs", "median ms", "p99 ms", "longest ms", "goal")
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        for name in given.scenarios or SCENARIOS:
            scenario = SCENARIOS[name]
            count = scenario.quick if given.quick else scenario.count
            found = sorted(measure(name, scenario, count, Path(directory)))
            figures = (statistics.median(found), found[int(0.99 * (len(found) - 1))], found[-1])
            table.add_row(name, str(count), *(f"{figure:.1f}" for figure in figures), scenario.goal)
    Console().print(table)


if __name__ == "__main__":
    main()
