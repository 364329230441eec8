"""What the API takes: messages accepted one by one over several connections, and ten thousand in a call.

    python -m benchmarks.bench_api [--quick]

A daemon as it is installed (SQLCipher where there is one, WAL, synchronous=FULL) with two simulated SIMs that send
meanwhile; the clients are another process, on its Unix socket. Each answer comes after the commit.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from tests.scenarios.installation import Daemon, Installation

CONNECTIONS = 8


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    count = 300 if parser.parse_args().quick else 3000
    table = Table("what", "figure", "goal")
    with tempfile.TemporaryDirectory() as directory:
        here = Installation(Path(directory), ("sim://a", "sim://b"))
        path = Path(directory) / "api.sock"
        with here.file.open("a") as stream:
            stream.write(f"api: {{socket: {path}}}\n")
        rates = ("--rate", "1000000", "--messages", "1000000")
        token = here.json("tokens", "create", "bench", "--scope", "submit", *rates)["token"]
        with here.daemon() as daemon:
            daemon.ready()
            for row in _measured(daemon, path, token, count):
                table.add_row(*row)
    Console().print(table)


def _measured(daemon: Daemon, path: Path, token: str, count: int) -> list[tuple[str, str, str]]:
    rows = [("memory with the API, idle", f"{_memory(daemon):.0f} MiB", "")]
    begun = time.perf_counter()
    taken = sorted(_one_by_one(path, token, count))
    rate, p99 = count / (time.perf_counter() - begun), taken[int(len(taken) * 0.99)]
    rows.append((f"one by one, {CONNECTIONS} connections", f"{rate:.0f}/s", ">= 300/s"))
    rows.append(("  its median and p99", f"{statistics.median(taken) * 1e3:.0f} ms, {p99 * 1e3:.0f} ms", "< 100 ms"))
    with _client(path, token) as client:
        body = {"purpose": "alerte", "messages": [_draft(n) for n in range(10_000)]}
        begun = time.perf_counter()
        assert client.post("/v1/messages/many", json=body).json()["accepted"] == 10_000
        rows.append(("10,000 in one call", f"{time.perf_counter() - begun:.2f} s", "< 3 s"))
    rows.append(("memory after that", f"{_memory(daemon):.0f} MiB", ""))
    return rows


def _one_by_one(path: Path, token: str, count: int) -> list[float]:
    taken: list[float] = []

    def send(first: int) -> None:
        with _client(path, token) as client:
            for n in range(first, count, CONNECTIONS):
                begun = time.perf_counter()
                assert client.post("/v1/messages", json={"purpose": "alerte", **_draft(n)}).status_code == 202
                taken.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def _client(path: Path, token: str) -> httpx.Client:
    transport, headers = httpx.HTTPTransport(uds=str(path)), {"authorization": f"Bearer {token}"}
    return httpx.Client(transport=transport, base_url="http://localhost", headers=headers, timeout=60)


def _draft(n: int) -> dict[str, str]:
    return {"recipient": f"+336399800{n % 100:02}", "text": f"Message {n}"}


def _memory(daemon: Daemon) -> float:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    main()
