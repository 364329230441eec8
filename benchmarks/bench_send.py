"""How fast messages leave, at full durability, and what that costs the gateway's process.

    python -m benchmarks.bench_send [--quick] [SCENARIO ...]

The simulated SIMs are PTYs of a process of their own; the database is a real file (WAL, synchronous=FULL, SQLCipher
where there is one) in --directory; the log goes to a file, redacted as in production. Every mark and every outcome is
committed; limits are configured, only high. Each scenario runs in a fresh process, whose CPU time and memory are those
of the gateway alone. After each, the network's ledger is compared with the database: a figure without that is worth
nothing.

What depends on the CPU is run several times, and the median of each figure told. A message waits four times for the
disk and the modem, and what others do with the caches meanwhile is paid when it goes on: on a busy machine the same
code takes half as much again. `ms yardstick` is the time of a fixed piece of work (100,000 SHA-256) just before and
after: where it differs, figures cannot be compared; where it is the same, look at the load all the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from gatewayd import logs
from gatewayd.clock import SystemClock
from gatewayd.domain.purpose import Basis, Limits, Purpose
from gatewayd.domain.text import plan
from gatewayd.modem.notices import Notice
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import Session, open_session
from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from gatewayd.services.allowance import Rules
from gatewayd.services.dispatcher import Dispatcher
from gatewayd.services.line import Common
from gatewayd.services.roster import Roster
from gatewayd.services.schedules import Schedules
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.sims import Sims

TEXT = "Bonjour Camille, la réunion de mardi commence à 18 h à la mairie, salle 2. Les Jardins, à mardi"
HIGH = Limits(per_minute=10**6, per_hour=10**7, per_day=10**7, per_month=10**7, recipients_per_month=10**6)
EVENTS = Purpose("events", "Informations", Basis.CONTRACT)


@dataclass(frozen=True)
class Scenario:
    """`count` messages, fewer with --quick; `goal` in words, for the table."""

    goal: str
    sims: int = 1
    latency: float = 0.0
    count: int = 0
    quick: int = 0
    runs: int = 1


SCENARIOS = {
    "1-sim": Scenario(">= 200/s, <= 1.2 CPU-s per 1,000", 1, 0.0, 4000, 1000, runs=5),
    "16-sims": Scenario(">= 600/s", 16, 0.0, 8000, 1600, runs=3),
    "1-sim-3s": Scenario(">= 99 % of what the network allows", 1, 3.0, 20, 5),
    "16-sims-3s": Scenario(">= 99 % of what the network allows", 16, 3.0, 320, 80),
    "wake-up": Scenario("median < 10 ms", 1, 0.0, 100, 30),
    "idle": Scenario("< 0.5 % of a core, < 90 MiB", 1, 0.0, 60, 15),
}


class Gateway:
    """The parts of the daemon that send."""

    def __init__(self, directory: Path, ports: list[str]) -> None:
        clock, guard = SystemClock(), PinGuard()
        self.db = Database.open(directory / "gatewayd.db", key=os.urandom(32))
        self.outbox = Outbox(self.db)
        rules = Rules({EVENTS.key: EVENTS}, ZoneInfo("Europe/Paris"), default_limits=HIGH)
        self.committed = 0.0

        def opener(port: str) -> Callable[[Callable[[Notice], None]], Session]:
            return lambda heard: open_session(port, pin=None, clock=clock, pin_guard=guard, on_notice=heard)

        common = Common(self.outbox, Sims(self.db), clock, rules, Roster(clock), "bench/1", lambda _sim, _notice: None)
        self.dispatcher = Dispatcher({port: opener(port) for port in ports}, common)
        self.schedules = Schedules(clock)
        self.schedules.add("poll", 2.0, self.dispatcher.poll)

    def start(self) -> None:
        self.dispatcher.start()
        self.schedules.start()
        wait_for(lambda: all(line.sim and not line.why for line in self.dispatcher.status()), "the SIMs")

    def accept(self, count: int, first: int = 0) -> None:
        """Messages to `count` recipients, in one transaction."""
        made, now = plan(TEXT), datetime.now(UTC)
        recipients = [f"+3363998{n % 10_000:04}" for n in range(first, first + count)]
        self.outbox.accept(
            None,
            [
                NewMessage(
                    recipient=recipient,
                    purpose=EVENTS.key,
                    feed="bench",
                    pool="default",
                    priority=5,
                    text=TEXT,
                    alphabet=made.alphabet,
                    parts=len(made.parts),
                    created_at=now,
                )
                for recipient in recipients
            ],
        )
        self.committed = time.monotonic()
        self.dispatcher.wake()

    def stop(self) -> dict[str, int]:
        """Stop, and say how many messages are in which state."""
        self.schedules.stop()
        self.dispatcher.stop()
        counts = {str(state): number for state, number in self.outbox.counts().items()}
        self.db.close()
        return counts


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    end, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"gave up waiting for {what}")
        pause.wait(0.02)


def check(bank: SimulatorProcess, states: dict[str, int], count: int) -> None:
    """What the network saw is what the database says, and nothing twice."""
    arrived = len(bank.ledger())
    if states.get("sent", 0) != count or arrived != count:
        raise SystemExit(f"the ledger has {arrived} of {count} messages, the database says {states}")


@contextmanager
def sim_bank(directory: Path, scenario: Scenario) -> Iterator[SimulatorProcess]:
    names = [f"sim{n}" for n in range(scenario.sims)]
    with start_process(names, f"latency={scenario.latency}&report=0", directory / "bank") as bank:
        yield bank


def throughput(directory: Path, scenario: Scenario, count: int) -> dict[str, object]:
    """All messages wait; the clock runs from their commit to the last acceptance by the network."""
    with sim_bank(directory, scenario) as bank:
        gateway = Gateway(directory, list(bank.ports.values()))
        gateway.start()
        gateway.accept(scenario.sims)
        bank.wait(accepted=scenario.sims, seconds=60)
        before, cpu, began = yardstick(), os.times(), time.monotonic()
        gateway.accept(count, first=scenario.sims)
        bank.wait(accepted=count + scenario.sims, seconds=120 + count * (scenario.latency / scenario.sims + 0.02))
        elapsed, used = time.monotonic() - began, os.times()
        after = yardstick()
        check(bank, gateway.stop(), count + scenario.sims)
    row: dict[str, object] = {"messages": count, "per second": round(count / elapsed, 1)}
    if scenario.latency:
        row["of what is possible"] = f"{count * scenario.latency / scenario.sims / elapsed:.1%}"
    user, system = used.user - cpu.user, used.system - cpu.system
    row["CPU-s per 1,000"] = round((user + system) / count * 1000, 2)
    row["of them user"], row["system"] = round(user / count * 1000, 2), round(system / count * 1000, 2)
    row["ms yardstick"] = round((before + after) / 2 * 1000, 1)
    return row


def yardstick() -> float:
    """CPU seconds of a fixed piece of work: how fast this machine is at this moment."""
    began, digest = time.thread_time(), b""
    for _ in range(100_000):
        digest = hashlib.sha256(digest).digest()
    return time.thread_time() - began


def wake_up(directory: Path, scenario: Scenario, count: int) -> dict[str, object]:
    """One message at a time into an idle gateway: from the end of its commit until AT+CMGS is in the port."""
    with sim_bank(directory, scenario) as bank:
        gateway = Gateway(directory, list(bank.ports.values()))
        gateway.start()
        gateway.accept(1)
        bank.wait(accepted=1, seconds=10)
        written = watch_commands()
        delays, pause = [], threading.Event()
        for n in range(count):
            pause.wait(0.03)
            gateway.accept(1, first=n + 1)
            bank.wait(accepted=n + 2, seconds=10)
            delays.append((written[-1] - gateway.committed) * 1000)
        check(bank, gateway.stop(), count + 1)
    delays.sort()
    return {
        "samples": count,
        "median ms": round(statistics.median(delays), 2),
        "p99 ms": round(delays[int(len(delays) * 0.99) - 1], 2),
    }


def watch_commands() -> list[float]:
    """When each AT+CMGS was handed to the port."""
    from gatewayd.modem.at import Modem  # noqa: PLC0415  (only this scenario looks inside)

    times: list[float] = []
    request = Modem.request_prompt

    def timed(self: Modem, length: int, timeout: float) -> list[str]:
        times.append(time.monotonic())
        return request(self, length, timeout)

    Modem.request_prompt = timed  # type: ignore[method-assign]
    return times


def idle(directory: Path, scenario: Scenario, seconds: int) -> dict[str, object]:
    """One SIM and nothing to do."""
    with sim_bank(directory, scenario) as bank:
        gateway = Gateway(directory, list(bank.ports.values()))
        gateway.start()
        threading.Event().wait(3)
        cpu = time.process_time()
        threading.Event().wait(seconds)
        used = time.process_time() - cpu
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        gateway.stop()
    return {"seconds": seconds, "of a core": f"{used / seconds:.2%}", "MiB": round(resident / 2**20, 1)}


def run(name: str, directory: Path, *, quick: bool) -> dict[str, object]:
    scenario = SCENARIOS[name]
    count = scenario.quick if quick else scenario.count
    measure = {"wake-up": wake_up, "idle": idle}.get(name, throughput)
    return measure(directory, scenario, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS), metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true", help="fewer messages")
    parser.add_argument("--directory", type=Path, help="where the databases are made (a disk, not a tmpfs)")
    parser.add_argument("--json", action="store_true", help="lines of JSON instead of a table")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        with (options.inside / "log").open("w") as stream:
            logs.configure(os.urandom(32), stream=stream)
            print(json.dumps(run(options.scenarios[0], options.inside, quick=options.quick)))
        return
    table = Table("scenario", "measured", "goal")
    for name in options.scenarios:
        runs = 1 if options.quick else SCENARIOS[name].runs
        measured = median([outside(name, options.directory, quick=options.quick) for _ in range(runs)])
        if options.json:
            print(json.dumps({"scenario": name, **measured}), flush=True)
        table.add_row(name, ", ".join(f"{value} {what}" for what, value in measured.items()), SCENARIOS[name].goal)
    if not options.json:
        Console().print(table)


def median(runs: list[dict[str, object]]) -> dict[str, object]:
    """Of each figure the median of all runs, and how many there were."""
    if len(runs) == 1:
        return runs[0]
    figures = {key: statistics.median(run[key] for run in runs) for key in runs[0]}  # type: ignore[type-var]  # numbers
    return {**figures, "runs": len(runs)}


def outside(name: str, directory: Path | None, *, quick: bool) -> dict[str, object]:
    """One scenario in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as place:
        command = [sys.executable, __file__, name, "--inside", place] + (["--quick"] if quick else [])
        search = filter(None, [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH")])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{name}: failed")
        measured: dict[str, object] = json.loads(done.stdout)
        return measured


if __name__ == "__main__":
    main()
