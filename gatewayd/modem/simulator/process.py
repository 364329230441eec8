"""Simulated SIMs in a process of their own, for tests and benchmarks: the client may be killed, the ledger stays right.

with start_process(["a", "b"], "latency=1", directory) as simulator:
    simulator.ports["a"]                              # a path that any serial program opens
    simulator.control("fault", sim="a", fault="answer-lost")
    simulator.wait(fired=1)                           # until it has struck
    simulator.ledger()                                # what the network accepted
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from gatewayd.errors import ModemAbsent
from gatewayd.modem.simulator import control
from gatewayd.modem.simulator.ledger import Accepted, read_ledger
from gatewayd.modem.simulator.options import Options
from gatewayd.modem.simulator.pty_server import PortReady, announce_on_stdout, serve_pty

_ROOT = Path(__file__).resolve().parents[3]
_LEDGER_NAME = "ledger.jsonl"


class SimulatorProcess:
    """A running simulator. `ports` gives the path of each SIM's port; as a context manager it stops at the end."""

    def __init__(self, process: subprocess.Popen[str], directory: Path, names: Sequence[str]) -> None:
        self.process, self.directory = process, directory
        self.ports = {name: str(directory / name) for name in names}
        self.identities: dict[str, dict[str, str]] = {}
        self.ledger_path = directory / _LEDGER_NAME

    def ledger(self) -> list[Accepted]:
        """What the network has accepted so far."""
        return read_ledger(self.ledger_path)

    def control(self, do: str, *, sim: str = "", timeout: float = 30.0, **fields: object) -> dict[str, Any]:
        """A request of control.py and its answer; UsageError when it is refused."""
        return control.ask(self.directory, {"do": do, "sim": sim, **fields}, timeout)

    def wait(self, *, accepted: int = 0, fired: int = 0, seconds: float = 10.0) -> None:
        """Return when so many PDUs were accepted and so many faults have struck; UsageError after `seconds`."""
        self.control("wait", accepted=accepted, fired=fired, seconds=seconds, timeout=seconds + 10)

    def stop(self) -> int:
        """Stop the process and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(timeout=10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        return status

    def __enter__(self) -> SimulatorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def start_process(
    names: Sequence[str], options: str | Mapping[str, str], directory: str | os.PathLike[str]
) -> SimulatorProcess:
    """Start a simulator process and return once each of its ports may be opened.

    `options` is a query string for all SIMs, or one for each by name. Raises OptionsError at once for a wrong option,
    ModemAbsent when the process ends before its ports are there.
    """
    place = Path(directory).absolute()
    place.mkdir(parents=True, exist_ok=True)
    queries = {name: options if isinstance(options, str) else options.get(name, "") for name in names}
    for query in queries.values():
        Options.parse(query)
    search = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(  # noqa: S603  # our own interpreter, on a program that stands here
        [sys.executable, "-c", f"from {__name__} import main; main()", json.dumps(queries), str(place)],
        stdin=subprocess.PIPE,  # never written to: it ends with us, and the simulator with it
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
    )
    simulator = SimulatorProcess(process, place, names)
    for _ in names:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise ModemAbsent(f"the simulator ended with status {simulator.stop()}")
        ready = json.loads(line)
        simulator.identities[ready["sim"]] = ready
    return simulator


def main() -> None:
    """The process itself: queries by name as JSON, and the directory, as arguments."""
    queries, directory = json.loads(sys.argv[1]), Path(sys.argv[2])
    options = {name: Options.parse(query) for name, query in queries.items()}
    announced: set[str] = set()

    def announce(ready: PortReady) -> None:
        # Once each: nobody reads any more when a port comes back, and a full pipe would block the simulator.
        if ready.sim not in announced:
            announced.add(ready.sim)
            announce_on_stdout(ready)

    # What is logged must not mix with the announcements.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    ledger = directory / _LEDGER_NAME
    serve_pty(list(queries), options, ledger, directory, announce=announce, lifeline=sys.stdin.fileno())
