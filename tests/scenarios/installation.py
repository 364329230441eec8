"""A gateway as it is installed: its configuration in a directory of its own, its commands as processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gatewayd.store.engine import Database
from tests.scenarios import forked

ROOT = Path(__file__).resolve().parents[2]

CONFIGURATION = """\
organisation: {{name: Amicale, privacy_contact: rgpd@example.org, privacy_notice: https://example.org}}
state_directory: {directory}/state
spool_directory: {directory}/spool
modems: [{ports}]
default_limits: {{per_minute: 1000, per_day: 100000}}
purposes:
  events: {{label: Evénements, basis: consent}}
  alerte: {{label: Alertes, basis: vital_interest, class: alert}}
feeds: [{{folder: ., purpose: alerte}}]
"""


class Installation:
    """`run()` a command to its end; `daemon()` for the one that has none."""

    def __init__(self, directory: Path, ports: tuple[str, ...] = ()) -> None:
        self.directory = directory
        self.state, self.spool = directory / "state", directory / "spool"
        self.file = directory / "gatewayd.yaml"
        listed = ", ".join(f'{{port: "{port}"}}' for port in ports)
        self.file.write_text(CONFIGURATION.format(directory=directory, ports=listed), encoding="utf-8")

    def add(self, lines: str) -> None:
        """To the configuration."""
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(lines)

    def give(self, name: str, secret: str) -> None:
        """A credential, as its owner puts it there."""
        path = self.directory / "credentials" / name
        path.parent.mkdir(exist_ok=True)
        path.touch(0o600)
        path.write_text(secret)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gatewayd.cli.main", "--config", str(self.file), *words]

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """A verb to its end; forked from a process that has loaded the program where nothing is typed into it."""
        if not given:
            return forked.run(["--config", str(self.file), *words], environment())
        return subprocess.run(
            self.command(*words),
            check=False,
            cwd=ROOT,
            env=environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=50,
        )

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def states(self) -> dict[int, str]:
        return {message["id"]: message["state"] for message in self.json("messages", "list")}

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database beside the commands, as the daemon has it."""
        key = (self.state / "credentials" / "db-key").read_text().strip()
        database = Database.open(self.state / "gatewayd.db", key=bytes.fromhex(key))
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def daemon(self, *, watchdog: float = 60.0) -> Iterator[Daemon]:
        daemon = Daemon(self, watchdog)
        try:
            yield daemon
        finally:
            daemon.end()


class Daemon:
    """A running `gatewayd run`, with this test as its service manager."""

    def __init__(self, installation: Installation, watchdog: float) -> None:
        self.told: list[str] = []
        self._news = threading.Condition()
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"gatewayd-test-{os.getpid()}-{time.monotonic_ns()}"
        self._manager.bind("\0" + address)
        threading.Thread(target=self._listen, daemon=True).start()
        self.log = installation.directory / "daemon.log"
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                installation.command("run"),
                cwd=ROOT,
                env=environment(
                    NOTIFY_SOCKET=f"@{address}", WATCHDOG_USEC=str(int(watchdog * 1e6)), INVOCATION_ID="test"
                ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
            )

    def _listen(self) -> None:
        while True:
            try:
                words = self._manager.recv(4096).decode()
            except OSError:
                return
            with self._news:
                self.told.append(words)
                self._news.notify_all()

    def wait_for(self, told: Callable[[list[str]], bool], seconds: float = 30.0, *, required: bool = True) -> None:
        """Until what it has told its manager satisfies the question."""
        with self._news:
            heard = self._news.wait_for(lambda: told(self.told), seconds)
        assert heard or not required, (self.told, self.log.read_text())

    def ready(self) -> Daemon:
        self.wait_for(lambda told: "READY=1" in told)
        return self

    def all_modems_ok(self) -> Daemon:
        self.wait_for(all_modems_ok)
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(50)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._manager.close()


def all_modems_ok(told: list[str]) -> bool:
    """Whether the daemon's last word to its manager is that all is well."""
    return any(words.startswith("STATUS=") and "(" not in words for words in told[-1:])


def environment(**more: str) -> dict[str, str]:
    """Ours, without what a service manager or a terminal would add."""
    dropped = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID", "JOURNAL_STREAM", "GATEWAYD_CONFIG")
    ours = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**ours, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", **more}
