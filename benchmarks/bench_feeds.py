"""What feeds cost the daemon, and how long a STOP waits meanwhile.

    python -m benchmarks.bench_feeds [--quick] [SCENARIO ...]

A daemon as it is installed (SQLCipher where there is one, WAL, synchronous=FULL), one simulated SIM behind a PTY of
another process, and its drop folder and API from outside. A STOP begins when the network hands it to the SIM, and ends
when the daemon's log tells of it, which comes after the commit; the next one comes once the line is at rest again (its
reader stands back for 50 ms after an answer). The SIM may send one message a day, so that no
submission hides what the feeds do; `sending` has no such limit, and a network that takes two seconds for each.

    idle       nothing else happens
    list       a file of 50,000 rows is dropped
    files      100,000 files of one message wait in the drop folder, and are taken
    api        eight connections send one message after the other
    many       calls of 10,000 messages, one after the other
    sending    messages go out without a pause, and a list is dropped
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from tests.scenarios.installation import Daemon, Installation

CONNECTIONS = 8
GOALS = {"idle": "median < 10 ms", "list": "a file < 15 s", "sending": "p99 < 5 s"}
TOLD = "incoming.received"
PATIENCE = 60.0


class Gateway:
    """A running daemon, and somebody who writes STOP to it."""

    def __init__(self, here: Installation, simulator: SimulatorProcess, daemon: Daemon, token: str) -> None:
        self.here, self.simulator, self.daemon, self.token = here, simulator, daemon, token
        self._log = daemon.log.open()
        self._people = itertools.count()

    def stop(self) -> float:
        """Seconds until one is obeyed."""
        self._log.read()
        begun = time.monotonic()
        self.simulator.control("deliver", sim="a", sender=f"+3363998{next(self._people):04}", text="STOP")
        heard = ""
        while TOLD not in (heard := heard + self._log.read()):
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError("no STOP was obeyed")
            time.sleep(0.0002)
        return time.monotonic() - begun

    def client(self) -> httpx.Client:
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.here.directory / "api.sock")),
            base_url="http://localhost",
            headers={"authorization": f"Bearer {self.token}"},
            timeout=120,
        )

    def memory(self) -> float:
        status = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def drop(self, name: str, content: bytes) -> None:
        draft = self.here.spool / "drop" / f".{name}.part"
        draft.write_bytes(content)
        draft.rename(self.here.spool / "drop" / name)


@contextmanager
def gateway(directory: Path, *, sending: bool) -> Iterator[Gateway]:
    options = "latency=2&report=0" if sending else "report=0"
    with start_process(["a"], options, directory / "sim") as simulator:
        here = Installation(directory, tuple(simulator.ports.values()))
        text = here.file.read_text().replace("per_day: 100000", f"per_day: {100_000 if sending else 1}")
        here.file.write_text(f"{text}api: {{socket: {directory}/api.sock}}\nallowed_countries: [IE]\n")
        token = here.json(
            "tokens", "create", "bench", "--scope", "submit", "--rate", "1000000", "--messages", "1000000"
        )["token"]
        with here.daemon() as daemon:
            daemon.ready().all_modems_ok()
            yield Gateway(here, simulator, daemon, token)


@dataclass
class Work:
    """What goes on while STOPs are written: `ended` when it has, `told` what it says of itself."""

    ended: threading.Event
    told: Callable[[], str]


def row(count: int) -> str:
    return f"+353 20 91 {count:05};Bonjour, la réunion du bureau est mardi à 19 h. Amicale"


def idle(_found: Gateway, _size: float) -> Work:
    ended = threading.Event()
    threading.Timer(5, ended.set).start()
    return Work(ended, lambda: "")


def a_list(found: Gateway, size: float) -> Work:
    rows, ended, took = int(50_000 * size), threading.Event(), [0.0]
    content = ("Téléphone;Message\n" + "".join(f"{row(count)}\n" for count in range(rows))).encode()

    def dropped() -> None:
        begun = time.monotonic()
        found.drop("membres.csv", content)
        while not (found.here.spool / "done" / "membres.csv").exists():
            time.sleep(0.01)
        took[0] = time.monotonic() - begun
        ended.set()

    threading.Thread(target=dropped).start()
    return Work(ended, lambda: f"{rows:,} rows in {took[0]:.1f} s")


def files(found: Gateway, size: float) -> Work:
    count, ended, done = int(100_000 * size), threading.Event(), found.here.spool / "done"
    subprocess.run([sys.executable, "-c", _FILES, str(found.here.spool / "drop"), str(count)], check=True)
    begun, before = time.monotonic(), len(list(done.iterdir()))
    threading.Timer(15, ended.set).start()

    def told() -> str:
        taken, took = (len(list(done.iterdir())) - before) / 2, time.monotonic() - begun
        return f"{taken / took:.0f} files/s of {count:,}"

    return Work(ended, told)


_FILES = """
import sys
from pathlib import Path
folder = Path(sys.argv[1])
for count in range(int(sys.argv[2])):
    draft = folder / f".{count}.part"
    draft.write_bytes(b"To: 35320910%04d\\n\\nServer down\\n" % (count % 10000))
    draft.rename(folder / f"alert-{count}")
"""


def api(found: Gateway, size: float) -> Work:
    ended, until, sent = threading.Event(), time.monotonic() + max(5, 10 * size), [0]

    def send() -> None:
        with found.client() as client:
            while time.monotonic() < until:
                body = {"purpose": "alerte", "recipient": "+353209100001", "text": "Bonjour"}
                assert client.post("/v1/messages", json=body).status_code == 202
                sent[0] += 1

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    begun = time.monotonic()

    def wait() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended.set()

    threading.Thread(target=wait).start()
    return Work(ended, lambda: f"{sent[0] / (until - begun):.0f} messages/s")


def many(found: Gateway, size: float) -> Work:
    ended, took = threading.Event(), []
    drafts = [{"recipient": f"+3532091{count:05}", "text": "Bonjour"} for count in range(10_000)]
    body = json.dumps({"purpose": "alerte", "messages": drafts}).encode()

    def call() -> None:
        with found.client() as client:
            for _ in range(max(2, int(5 * size))):
                begun = time.monotonic()
                answer = client.post("/v1/messages/many", content=body, headers={"content-type": "application/json"})
                assert answer.status_code == 202, answer.text[:500]
                assert answer.json()["accepted"] == 10_000
                took.append(time.monotonic() - begun)
        ended.set()

    threading.Thread(target=call).start()
    return Work(ended, lambda: f"{statistics.median(took):.2f} s a call")


SCENARIOS: dict[str, Callable[[Gateway, float], Work]] = {
    "idle": idle, "list": a_list, "files": files, "api": api, "many": many, "sending": a_list,
}  # fmt: skip


def measure(name: str, size: float) -> tuple[list[float], str, float]:
    """Milliseconds that each STOP waited, in order; what the work says of itself; the most memory in MiB."""
    with (
        tempfile.TemporaryDirectory() as directory,
        gateway(Path(directory), sending=name == "sending") as found,
    ):
        work, waited = SCENARIOS[name](found, size), [found.stop() * 1000]
        rng = random.Random(7)  # noqa: S311  (moments)
        while not work.ended.is_set():
            waited.append(found.stop() * 1000)
            time.sleep(rng.uniform(0.06, 0.12))
        return sorted(waited), work.told(), found.memory()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    given = parser.parse_args()
    table = Table("scenario", "itself", "MiB", "STOPs", "median ms", "p99 ms", "longest ms", "goal")
    for name in given.scenarios or SCENARIOS:
        waited, told, memory = measure(name, 0.1 if given.quick else 1.0)
        figures = (statistics.median(waited), waited[int(0.99 * (len(waited) - 1))], waited[-1])
        said = (f"{figure:.1f}" for figure in figures)
        table.add_row(name, told, f"{memory:.0f}", str(len(waited)), *said, GOALS.get(name, "longest < 200 ms"))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
