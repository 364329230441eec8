"""What people do while a daemon lives and dies: lists, messages sent by command and by program, STOPs, campaigns.

Each message goes to a number of its own, so that the ledger tells by the number what became of which message. What was
promised (`owed`) is noted when the receipt is there: a file that is in the drop folder, a command that ended with 0, an
answer 202. What got no answer is asked again, under the same key.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import copy
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from gatewayd.modem.simulator.process import SimulatorProcess
from tests.scenarios.installation import Installation

LONG = "Bonjour à tous, la réunion du quartier aura lieu samedi. " * 5  # two parts
SHORT = "Bonjour"
ROWS = 12
ENOUGH = 20
"""Parts on their way: the daemon has work for the next lives."""
ALERT = "Amicale : coupure d'eau demain. STOP pour ne plus recevoir"
_NUMBERS = 10_000


class Errands:
    """`next_one` is what somebody does in this life; whoever it is may run into a dead daemon, and then comes again."""

    def __init__(self, installed: Installation, simulator: SimulatorProcess, rng: random.Random) -> None:
        self.installed, self.simulator, self.rng = installed, simulator, rng
        self.drop = installed.spool / "drop"
        self.drop.mkdir(parents=True)
        self.socket = installed.directory / "api.sock"
        self.served = copy(installed)
        self.served.file = installed.directory / "served.yaml"
        self.served.file.write_text(f"{installed.file.read_text()}api: {{socket: {self.socket}}}\n")
        self.token = installed.json("tokens", "create", "shop", "--scope", "submit")["token"]
        self.owed: dict[str, int] = {}
        """How many parts each number is to get."""
        self.files: dict[str, list[str]] = {}
        self.campaigns = 0
        self.stopped: set[str] = set()
        """Who wrote STOP, once each."""
        self.unanswered: list[str] = []
        """To whom the program writes that got no answer yet."""
        self._given = 0

    def some(self) -> Iterator[Callable[[], None]]:
        """What people do in this life. A daemon without work proves nothing: there is always some."""
        if self._on_their_way() < ENOUGH:
            yield self.campaign if len(self.files) > 10 * (self.campaigns + 1) else self.file
        if self.owed:
            yield self.rng.choice([self.stop, self.stop, self.command, self.nothing])

    def _on_their_way(self) -> int:
        given = sum(parts for number, parts in self.owed.items() if number not in self.stopped)
        return given - len(self.simulator.ledger())

    def _new(self, parts: int = 1) -> str:
        assert self._given < _NUMBERS, "there are no more numbers that belong to nobody"
        number = f"+3363998{self._given:04}"
        self._given += 1
        self.owed[number] = parts
        return number

    # -- the errands

    def nothing(self) -> None:
        """Nobody does anything."""

    def file(self) -> None:
        """A list is renamed into the folder. It has been there for long, should nobody see it come."""
        numbers = [self._new(2 if row % 3 == 0 else 1) for row in range(ROWS)]
        texts = {1: SHORT, 2: LONG}
        name = f"liste-{len(self.files)}.csv"
        rows = "".join(f"{number};{texts[self.owed[number]]} {number[-4:]}\n" for number in numbers)
        growing = self.drop / f".{name}.part"
        growing.write_text("téléphone;texte\n" + rows, "utf-8")
        os.utime(growing, (0, 0))
        growing.rename(self.drop / name)
        self.files[name] = numbers

    def command(self) -> None:
        """`gatewayd send`, which needs no daemon."""
        number = self._new()
        done = self.installed.run("send", "--purpose", "alerte", number, SHORT)
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        """Somebody to whom a message is on its way, or has just come, writes STOP; his SIM may be the other one."""
        number = self.rng.choice([one for one in list(self.owed)[-2 * ROWS :] if one not in self.stopped])
        self.stopped.add(number)
        sim = self.rng.choice(list(self.simulator.ports))
        self.simulator.control("deliver", sim=sim, sender=number, text=self.rng.choice(["STOP", "Arrêt", "stop svp"]))

    def program(self) -> None:
        """A program posts a message, and asks again under the same key what got no answer in an earlier life."""
        self.unanswered.append(self._new())
        with contextlib.suppress(OSError, HTTPException), closing(_OverSocket(self.socket)) as connection:
            while self.unanswered:
                status, said = self._posted(connection, self.unanswered[-1])
                if status == HTTPStatus.SERVICE_UNAVAILABLE:  # it is going down, and says so
                    return
                number = self.unanswered.pop()
                refused = number in self.stopped and status == HTTPStatus.UNPROCESSABLE_ENTITY
                if refused:  # his STOP came before the first try that got through
                    assert json.loads(said)["reason"] == "opt_out"
                assert refused or status == HTTPStatus.ACCEPTED, (status, said)

    def _posted(self, connection: HTTPConnection, number: str) -> tuple[int, bytes]:
        body = {"purpose": "alerte", "recipient": number, "text": SHORT}
        headers = {
            "authorization": f"Bearer {self.token}", "content-type": "application/json", "idempotency-key": number
        }  # fmt: skip
        connection.request("POST", "/v1/messages", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def campaign(self) -> None:
        """A campaign is written, approved and let go; its messages are made by the daemon."""
        name = f"eau-{self.campaigns}"
        self.campaigns += 1
        to = [word for _ in range(ROWS) for word in ("--to", self._new())]
        for words in (
            ["create", name, "--purpose", "alerte", "--text", ALERT, "--by", "anne", *to],
            ["test", name, "--skip-test", "--reason", "essai"],
            ["approve", name, "--by", "benoit"],
            ["start", name],
        ):
            done = self.installed.run("campaigns", *words)
            assert done.returncode == 0, done.stderr

    # -- what lies in the folders

    def answered(self) -> list[str]:
        """The lists that were filed."""
        return [name for name in self.files if (self.installed.spool / "done" / name).exists()]

    def report(self, name: str) -> Path:
        return self.installed.spool / "done" / f"{name}.report.csv"


class _OverSocket(HTTPConnection):
    """httpx leaves the socket open when nobody listens at its path."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
