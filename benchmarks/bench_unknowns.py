"""How many unknown outcomes are resolved without an operator, and by what.

    python -m benchmarks.bench_unknowns [--quick] [SCENARIO ...]

Each message meets a fault between the mark and the recorded answer: the answer is lost or late, the modem restarts, its
port vanishes, the daemon is killed; before the network had the message, or after. Lines, receiver and database are the
daemon's own, time is moved by hand. The oracle is the ledger of the simulated network: nothing twice, and what the
database says is what the network saw.

    reports        the network reports, the card tells nothing, the daemon lives; the network accepted all of them
    killed         the same after a kill, for reports that come when the daemon runs again. One that comes before
                   is lost by a modem that hands it over directly (+CDS): then the card is the only witness
    both-before    the network reports, and the modem keeps the card's last reference (EF_SMSS), written before it
    both-after     transmits, or on acceptance; the network accepted all of them, or the daemon was killed
    never-before   the network reports, and never had the message: the modem was cut off, or nobody heard it. No report
    never-after    will come; the card cannot tell this from a lost acknowledgement. Left to the operator
    card-before    no report ever comes, and everything happens
    card-after
    neither        no report, no card: what is left is for the operator
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from gatewayd.clock import SystemClock
from gatewayd.domain.message import Outcome
from gatewayd.modem import simulator
from gatewayd.store.work import Finished
from tests.scenarios import world as worlds
from tests.scenarios.receiving import ReceivingWorld
from tests.scenarios.world import FakeClock

AFTER = (
    "ack-lost;seconds=0.05",
    "answer-lost",
    "answer-late;seconds=0.4",
    "reboot;at=accepted;seconds=0.1",
    "unplug;at=accepted;seconds=0.1",
)
BEFORE = (
    "unheard;seconds=0.05",
    "reboot;at=body;seconds=0.1",
    "unplug;at=body;seconds=0.1",
    "reboot;at=half;seconds=0.1",
)
KILLED_AFTER, KILLED_BEFORE = "killed before the answer is recorded", "killed at the mark"


@dataclass(frozen=True)
class Scenario:
    """What the modem and the network can tell; `faults` in equal parts."""

    options: str
    faults: tuple[str, ...]
    goal: float


KILLED = (KILLED_AFTER, KILLED_BEFORE)
EVERY = (*AFTER, *BEFORE, *KILLED)
REFUSED = 9_998
"""Ends the number of somebody whom the network knows not: what it refuses shows when the modem writes."""
_WITH = f"&rule={REFUSED};cms=1&report_delay=0.02"
_WITHOUT = f"&rule={REFUSED};cms=1&report=0"
SCENARIOS = {
    "reports": Scenario("&report_delay=0.02&smss=never", AFTER, 0.99),
    "killed": Scenario("&report_delay=0.4&smss=never", (KILLED_AFTER,), 0.99),
    "both-before": Scenario(f"{_WITH}&smss=before", (*AFTER, *KILLED), 0.99),
    "both-after": Scenario(f"{_WITH}&smss=after", (*AFTER, *KILLED), 0.99),
    "never-before": Scenario(f"{_WITH}&smss=before", BEFORE, 0.0),
    "never-after": Scenario(f"{_WITH}&smss=after", BEFORE, 0.0),
    "card-before": Scenario(f"{_WITHOUT}&smss=before", EVERY, 0.0),
    "card-after": Scenario(f"{_WITHOUT}&smss=after", EVERY, 0.0),
    "neither": Scenario("&report=0&smss=never", EVERY, 0.0),
}


class Killed(BaseException):
    """kill -9, as far as one process can tell."""


class NetworkTime(SystemClock):
    """The hour that is moved by hand; delays are true ones."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def utc_now(self) -> datetime:
        return self._clock.utc_now()


class Run:
    """One scenario on one SIM."""

    def __init__(self, directory: Path, scenario: Scenario) -> None:
        self.world = ReceivingWorld(directory, "a", options=scenario.options, clock=FakeClock(datetime.now(UTC)))
        simulator.network(self.world.network_name).clock = NetworkTime(self.world.clock)
        self.messages: dict[int, str] = {}
        self.unknown: set[int] = set()

    def send(self, number: int, fault: str) -> None:
        """One message, and what becomes of it in some minutes."""
        world, who = self.world, f"+336399{80_000 + number}"
        (message,) = world.accept(who)
        self.messages[message] = who
        if fault.startswith("killed"):
            self.kill(at_the_mark=fault == KILLED_BEFORE)
        else:
            if fault:
                world.sims["a"].arm(fault)
            world.turn()
        if world.state(message) == "unknown" or fault.startswith("killed"):
            self.unknown.add(message)
        pause = 0.45 if "late" in fault or fault == KILLED_AFTER else 0.12 if fault else 0.03
        for _ in range(12):
            time.sleep(pause)
            pause = 0.03
            world.advance(10)
            world.turn()
            if not world.lines["a"].status[1] and world.state(message) in ("sent", "delivered"):
                break

    def kill(self, *, at_the_mark: bool) -> None:
        world = self.world
        turn, mark = world.outbox.turn, world.outbox.mark_on_wire

        def dying_turn(finished: Finished | None, *of: object) -> object:
            if finished is not None and finished.outcome is Outcome.SENT:
                raise Killed
            return turn(finished, *of)  # type: ignore[arg-type]  # as it was called

        def dying_mark(*of: object) -> None:
            mark(*of)  # type: ignore[arg-type]  # as it was called
            raise Killed

        if at_the_mark:
            world.outbox.mark_on_wire = dying_mark  # type: ignore[method-assign, assignment]  # this moment
        else:
            world.outbox.turn = dying_turn  # type: ignore[method-assign, assignment]  # this moment
        try:
            for _ in range(20):
                world.advance(5)
        except Killed:
            pass
        world.crash()
        world.restart()
        world.turn()

    def count(self) -> tuple[Counter[str], int, int]:
        """By what the unknown ones were resolved; PDUs too many; messages of which database and ledger disagree."""
        rungs: Counter[str] = Counter()
        reached = Counter(entry.destination for entry in self.world.ledger)
        wrong = 0
        for message, who in self.messages.items():
            attempts = self.world.outbox.attempts(message)
            state = self.world.state(message)
            wrong += (state in ("sent", "delivered")) != bool(reached[who]) and state != "unknown"
            doubted = [one for one in attempts if one.outcome is Outcome.UNKNOWN or one.resolved_by]
            if doubted:
                first = doubted[0]
                rungs[f"{first.resolved_by}: {first.outcome}" if first.resolved_by else "nobody"] += 1
        return rungs, sum(count - 1 for count in reached.values() if count > 1), wrong


def run(name: str, count: int) -> bool:
    """One row of the table for each rung; whether the goal was reached."""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as directory:
        one = Run(Path(directory), scenario)
        rng = random.Random(7)  # noqa: S311  (the same order each time)
        faults = [scenario.faults[n % len(scenario.faults)] for n in range(count)]
        rng.shuffle(faults)
        for number in (0, 1, REFUSED):
            one.send(number, "")
        for number, fault in enumerate(faults, 2):
            one.send(number, fault)
        rungs, twice, wrong = one.count()
        one.world.close()
    total, left = sum(rungs.values()), rungs["nobody"]
    share = 1 - left / total if total else 0.0
    table = Table(
        "settled by", "messages", title=f"{name}: {total} unknown of {count}, {share:.1%} without an operator"
    )
    for rung, found in sorted(rungs.items()):
        table.add_row(rung, str(found))
    table.add_row("twice in the ledger", str(twice))
    table.add_row("database and ledger disagree", str(wrong))
    Console().print(table)
    return share >= scenario.goal and not twice and not wrong


def main() -> None:
    """All scenarios, or those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", default="all", choices=["all", *SCENARIOS])
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    worlds.QUICK = replace(worlds.QUICK, submit=0.12)
    reached = [
        run(name, 33 if given.quick else 180) for name in (SCENARIOS if "all" in given.scenario else given.scenario)
    ]
    raise SystemExit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
