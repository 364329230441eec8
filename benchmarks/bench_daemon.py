"""What the whole daemon costs while it has nothing to do.

    python -m benchmarks.bench_daemon [--quick]

`gatewayd run` as systemd would start it, over one simulated SIM on a PTY of another process: from the start to READY,
then CPU time and resident memory of the daemon alone, as /proc tells them, over a minute (15 s with --quick).
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gatewayd.modem.simulator.process import start_process

CONFIGURATION = """\
organisation: {{name: Amicale, privacy_contact: rgpd@example.org, privacy_notice: https://example.org}}
state_directory: {directory}/state
spool_directory: {directory}/spool
modems: [{{port: "{port}"}}]
default_limits: {{per_minute: 12, per_day: 200, recipients_per_month: 200, gap: 3, jitter: 2}}
purposes:
  events: {{label: Evenements, basis: consent}}
feeds: [{{folder: ., purpose: events}}]
"""
SETTLED = 5.0
"""Seconds after READY that are not counted: the modem is opened in them."""
READY_WITHIN = 60.0


@contextmanager
def daemon(directory: Path, port: str) -> Iterator[tuple[int, float]]:
    """The process id of a daemon that has said READY, and the seconds that took."""
    file = directory / "gatewayd.yaml"
    file.write_text(CONFIGURATION.format(directory=directory, port=port), encoding="utf-8")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(directory / "notify"))
        manager.settimeout(READY_WITHIN)
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "gatewayd.cli.main", "--config", str(file), "run"],
            env={**os.environ, "NOTIFY_SOCKET": str(directory / "notify"), "INVOCATION_ID": "bench"},
            stderr=subprocess.DEVNULL,
        )
        try:
            while "READY=1" not in manager.recv(4096).decode():
                pass
            yield process.pid, time.monotonic() - begun
        finally:
            process.terminate()
            process.wait(READY_WITHIN)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (proc(5), stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """VmRSS of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="15 s instead of a minute")
    seconds = 15 if parser.parse_args().quick else 60
    table = Table("what", "measured", "goal", title="The whole daemon, idle, one SIM")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        simulator = start_process(["accueil"], "", directory / "simulator")
        try:
            with daemon(directory, str(simulator.ports["accueil"])) as (pid, start):
                time.sleep(SETTLED)
                spent = cpu_seconds(pid)
                time.sleep(seconds)
                share = (cpu_seconds(pid) - spent) / seconds
                table.add_row("start to READY", f"{start:.1f} s", "< 5 s")
                table.add_row("CPU", f"{share:.2%} of a core", "< 0.5 %")
                table.add_row("resident memory", f"{resident_mib(pid):.1f} MiB", "< 90 MiB")
        finally:
            simulator.stop()
    Console().print(table)


if __name__ == "__main__":
    main()
