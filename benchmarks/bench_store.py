"""The store alone: what a message costs in commits and CPU, and whether the claim grows with the queue.

    python -m benchmarks.bench_store [--quick] [--messages 3000] [--largest 1000000] [--plain] [--directory DIR]

Prints a table: messages/s and CPU ms a message for accepting and for the two commits of a message (turn with the
outcome of the previous one, mark); the median claim over 1,000, 100,000 and 1,000,000 waiting messages, as a ratio;
and what a file of 100,000 rows takes. Full durability (WAL, synchronous=FULL) on the directory given; CPU is of this
process (commits included), so it holds on any disk.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.store.batches import Batches, StagedRow
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Finished, NewMessage, Outbox, Wanted
from gatewayd.store.people import People
from gatewayd.store.sims import Sims

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PURPOSE = Purpose("events", "Events", Basis.CONSENT)
TEXT = "Bonjour Camille, l'assemblée de l'Amicale est le 12 décembre à 18 h 30. STOP pour ne plus en recevoir."


@dataclass
class Spent:
    """What a piece of work took, for `count` messages."""

    count: int
    wall: float = 0.0
    cpu: float = 0.0

    def line(self, what: str) -> str:
        rate = self.count / self.wall
        return f"{what:<46}{rate:>12,.0f} /s{self.cpu / self.count * 1000:>12.3f} ms CPU"


@contextmanager
def spent(count: int) -> Iterator[Spent]:
    """Measure the block."""
    result = Spent(count)
    wall, cpu = time.perf_counter(), time.process_time()
    yield result
    result.wall, result.cpu = time.perf_counter() - wall, time.process_time() - cpu


def number(index: int) -> str:
    """A number that is nobody's: one digit too long for the range reserved for fiction, so that a million fit."""
    return f"+3363998{index:07d}"


def new(index: int) -> NewMessage:
    return NewMessage(
        number(index), "events", "bench", "default", 5, TEXT, "gsm7", 1, NOW, expires_at=NOW + timedelta(days=3)
    )


def wanted(sim_id: int) -> Wanted:
    return Wanted(sim_id, "default", {"events": PURPOSE}, frozenset(), None, 10, False, "bench/boot/1", 300.0)


def sim(database: Database, index: int = 0) -> int:
    return Sims(database).remember(
        iccid=f"8933000000000000{index:04d}", imsi="", name=f"s{index}", pool="default", imei="", port="", now=NOW
    )


def fill(outbox: Outbox, count: int, *, first: int = 0) -> None:
    """Accept `count` messages, 20,000 a transaction."""
    for start in range(first, first + count, 20_000):
        outbox.accept(None, [new(index) for index in range(start, min(start + 20_000, first + count))])


def agree(database: Database, count: int) -> None:
    """Everybody agreed: the gate has something to find."""
    people = People(database)
    for index in range(count):
        people.record_consent(number(index), "events", method="bench", recorded_by="bench", at=NOW)


def drain(outbox: Outbox, sim_id: int, count: int) -> None:
    """What a line does to the store: two commits a message."""
    finished: Finished | None = None
    for _ in range(count):
        work = outbox.turn(finished, wanted(sim_id), NOW)
        assert work is not None
        outbox.mark_on_wire(work, PURPOSE, NOW)
        finished = Finished(work, Outcome.SENT, NOW, 7)
    outbox.turn(finished, None, NOW)


def steady(database: Database, count: int) -> None:
    """One line, then sixteen at once."""
    outbox = Outbox(database)
    agree(database, count)
    with spent(count) as accepting:
        fill(outbox, count)
    print(accepting.line("accept, 20,000 a transaction"))
    with spent(200) as singly:
        for index in range(200):
            outbox.accept(None, [new(count - 1 - index)])
    print(singly.line("accept, one a transaction"))
    half = count // 2
    with spent(half) as one:
        drain(outbox, sim(database), half)
    print(one.line("turn + mark, 1 line"))
    threads = [threading.Thread(target=drain, args=(outbox, sim(database, i), half // 16)) for i in range(1, 17)]
    with spent(half // 16 * 16) as sixteen:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(sixteen.line("turn + mark, 16 lines at once"))


def claim_seconds(outbox: Outbox, sim_id: int, times: int = 60) -> float:
    """The median of a claim, which is then given back."""
    taken = []
    for _ in range(times):
        start = time.thread_time()
        work = outbox.turn(None, wanted(sim_id), NOW)
        taken.append(time.thread_time() - start)
        assert work is not None
        outbox.release(work, NOW, "bench", None)
    return statistics.median(taken)


def growth(directory: Path, key: bytes | None, largest: int) -> None:
    """The claim over queues of 1,000 messages and more; CPU, since the disk's sync is the same for all."""
    people = 200
    smallest = 0.0
    for waiting in (1_000, 100_000, 1_000_000):
        if waiting > largest:
            return
        database = Database.open(directory / f"waiting-{waiting}.db", key=key)
        outbox, sim_id = Outbox(database), sim(database)
        agree(database, people)
        fill(outbox, waiting)
        seconds = claim_seconds(outbox, sim_id)
        smallest = smallest or seconds
        print(f"claim over {waiting:>9,} waiting{seconds * 1000:>31.3f} ms CPU   x {seconds / smallest:.2f}")
        database.close()


def file_of_rows(database: Database, rows: int) -> None:
    """A file: staged by 2,000 rows, accepted in one transaction, reported."""
    batches = Batches(database)
    batch = batches.begin(name="f.csv", feed=".", fingerprint="f", claim="c", now=NOW)
    with spent(rows) as staging:
        for start in range(0, rows, 2_000):
            batches.stage(batch.id, [StagedRow(i, number(i), "", TEXT, "gsm7", 1) for i in range(start, start + 2_000)])
    with spent(rows) as accepting:
        batches.accept(batch.id, PURPOSE, NOW, state=MessageState.QUEUED)
    with spent(rows) as reporting:
        assert sum(1 for _ in batches.rows(batch.id)) == rows
    for what, how in (("staged", staging), ("accepted, one transaction", accepting), ("reported", reporting)):
        print(f"{rows:,} rows {what:<34}{how.wall:>9.2f} s{how.cpu:>16.2f} s CPU")
    print(f"largest memory{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:>40.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=3_000)
    parser.add_argument("--largest", type=int, default=1_000_000, help="the longest queue for the claim")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--plain", action="store_true", help="Python's sqlite3 in place of SQLCipher")
    parser.add_argument("--directory", type=Path, help="where the databases are made (default: a temporary one)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    options = parser.parse_args()
    if options.quick:
        options.messages, options.largest, options.rows = 320, 100_000, 10_000
    key = None if options.plain else bytes(range(32))
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        database = Database.open(directory / "steady.db", key=key)
        print(f"SQLite {'.'.join(map(str, database.sqlite_version))}, {'encrypted' if database.encrypted else 'plain'}")
        parts: list[Callable[[], None]] = [
            lambda: steady(database, options.messages),
            lambda: file_of_rows(database, options.rows),
            lambda: growth(directory, key, options.largest),
        ]
        for part in parts:
            part()
        database.close()


if __name__ == "__main__":
    main()
