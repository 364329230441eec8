"""The audit trail: what an entry costs where it is written, and how long the check of a long trail takes.

    python -m benchmarks.bench_audit [--quick] [--entries 1000000] [--plain] [--directory DIR]

Prints CPU microseconds an entry in large transactions; what the entry of each sent message adds to its two commits
(the same messages with the entry and without it, in turns); and seconds and memory for the check of all entries.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

from sqlalchemy.engine import Connection

from benchmarks.bench_store import agree, drain, fill, sim
from gatewayd.domain.audit import verify
from gatewayd.store import audit
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
_A_TRANSACTION = 10_000
_ROUNDS = 7


def append(database: Database, entries: int) -> float:
    """CPU seconds for so many entries of sent messages."""

    def some(connection: Connection, first: int) -> None:
        for index in range(first, min(first + _A_TRANSACTION, entries)):
            at, number = NOW + timedelta(milliseconds=index), f"+3363998{index % 10_000:04}"
            audit.sent(connection, at, number, index, 1, "events", "89330000000000000010")

    begun = time.process_time()
    for first in range(0, entries, _A_TRANSACTION):
        database.write(lambda connection, first=first: some(connection, first))  # type: ignore[misc]
    return time.process_time() - begun


def hot_path(database: Database, messages: int) -> tuple[float, float]:
    """CPU microseconds of a message in the store, without its entry and with it: medians of rounds in turns."""
    outbox, sim_id = Outbox(database), sim(database)
    agree(database, messages)
    spent: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * _ROUNDS):
        entered = turn % 2 == 0
        fill(outbox, messages)
        with mock.patch.object(audit, "sent", audit.sent if entered else lambda *_: None):
            begun = time.process_time()
            drain(outbox, sim_id, messages)
            spent[entered].append((time.process_time() - begun) / messages * 1e6)
    return statistics.median(spent[False]), statistics.median(spent[True])


def check(database: Database) -> tuple[float, int]:
    """CPU seconds of the check from the first entry to the last, and how many there are."""
    begun = time.process_time()
    with database.read() as connection:
        verdict = verify(audit.rows(connection))
    assert verdict.broken is None
    return time.process_time() - begun, verdict.head.seq


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=500, help="in each round of the hot path")
    parser.add_argument("--plain", action="store_true", help="Python's sqlite3 in place of SQLCipher")
    parser.add_argument("--directory", type=Path, help="where the database is made (default: a temporary one)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    options = parser.parse_args()
    if options.quick:
        options.entries, options.messages = options.entries // 10, options.messages // 5
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        database = Database.open(Path(name) / "audit.db", key=None if options.plain else bytes(range(32)))
        without, with_entry = hot_path(database, options.messages)
        more = with_entry - without
        print(f"a message's two commits{without:>31.0f} µs CPU, {with_entry:.0f} with its entry: {more:+.0f}")
        seconds = append(database, options.entries)
        print(f"{options.entries:,} entries, 10,000 a transaction{seconds / options.entries * 1e6:>14.1f} µs CPU each")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, entries = check(database)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        size = database.path.stat().st_size / 2**20
        print(f"check of {entries:,} entries{seconds:>25.1f} s CPU, {grown:.0f} MiB more; the file has {size:.0f} MiB")
        database.close()


if __name__ == "__main__":
    main()
