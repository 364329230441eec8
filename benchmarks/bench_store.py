"""What the queue costs: messages a second and CPU a message, and the claim as the queue grows.

    python -m benchmarks.bench_store [--quick]

Full durability on a real file, encrypted where sqlcipher3 is installed. The claim's times stand as ratios of one run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gatewayd.domain.message import Outcome
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Finished, NewMessage, Outbox, Wanted
from gatewayd.store.people import People
from gatewayd.store.sims import Sims

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
NEWS = Purpose("news", "News", Basis.CONSENT)
PURPOSES: Mapping[str, Purpose] = {"news": NEWS}


def number(index: int) -> str:
    return f"+336399{index:06d}"


def new(index: int) -> NewMessage:
    return NewMessage(number(index), "news", "cli", "default", 5, f"Bonjour {index}", "gsm7", 1, NOW)


def prepare(directory: Path) -> tuple[Database, Outbox, Wanted]:
    database = Database.open(directory / "bench.db", key=os.urandom(32))
    sim_id = Sims(database).remember(
        iccid="89330000000000000010", imsi="208010000000001", name="one", pool="default", imei="1", port="p", now=NOW
    )
    wanted = Wanted(sim_id, "default", PURPOSES, frozenset(), None, 1000, False, "bench/1", 300.0)
    return database, Outbox(database), wanted


def consent(database: Database, count: int) -> None:
    people = People(database)
    for index in range(count):
        people.record_consent(number(index), "news", method="paper", recorded_by="bench", at=NOW)


def send_all(outbox: Outbox, wanted: Wanted) -> int:
    """Each message through both marks, as a line does it; how many."""
    finished, count = None, 0
    while (work := outbox.turn(finished, wanted, NOW)) is not None:
        outbox.mark_on_wire(work, NEWS, NOW)
        finished = Finished(work, Outcome.SENT, NOW, count % 256)
        count += 1
    return count


def claim_times(outbox: Outbox, wanted: Wanted, rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work = outbox.turn(None, wanted, NOW)
        times.append(time.perf_counter() - begun)
        assert work is not None
        outbox.release(work, NOW, "bench")
    return times


def marks(table: Table, count: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        database, outbox, wanted = prepare(Path(directory))
        consent(database, count)
        begun, cpu = time.perf_counter(), time.process_time()
        outbox.accept(None, [new(index) for index in range(count)])
        _row(table, f"accept {count} in one call", count, begun, cpu)
        begun, cpu = time.perf_counter(), time.process_time()
        assert send_all(outbox, wanted) == count
        _row(table, "two marks and the outcome", count, begun, cpu)
        database.close()


def _row(table: Table, what: str, count: int, begun: float, cpu: float) -> None:
    seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
    table.add_row(what, f"{count / seconds:,.0f}/s", f"{spent / count * 1000:.3f} ms")


def claims(table: Table, sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        database, outbox, wanted = prepare(Path(directory))
        consent(database, 1)
        size, first = 0, 0.0
        for goal in sizes:
            for begin in range(size, goal, 50_000):
                outbox.accept(None, [new(index) for index in range(begin, min(goal, begin + 50_000))])
            size = goal
            median = statistics.median(claim_times(outbox, wanted, 200))
            first = first or median
            table.add_row(f"{size:,}", f"{median * 1000:.2f} ms", f"{median / first:.2f}")
        database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    quick = parser.parse_args().quick
    costs = Table("step", "rate", "CPU a message", title="The queue, synchronous=FULL")
    marks(costs, 500 if quick else 5000)
    growth = Table("messages waiting", "claim (median)", "ratio", title="The claim as the queue grows")
    claims(growth, [1000, 10_000, 100_000] if quick else [1000, 100_000, 1_000_000])
    console = Console()
    console.print(costs)
    console.print(growth)


if __name__ == "__main__":
    main()
