"""The daemon killed at any moment, again and again, while people go on working: nothing is lost, nothing goes out
twice or after a STOP, and it puts itself right.

The work lasts as long as the kills (errands.py): a daemon that is killed while it idles proves nothing. What is known
outside, the errands and the simulated network's ledger, is held against the database after some lives and at the end.
"""

from __future__ import annotations

import csv
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatewayd.domain.reference import INTERRUPTED
from gatewayd.modem.simulator.ledger import Accepted
from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from gatewayd.services.answers import Answers, Kind
from gatewayd.store.schema import attempts, messages, optouts
from tests.crash.errands import Errands
from tests.scenarios.installation import Daemon, Installation, all_modems_ok

SIMS = ["a", "b"]
LOOKS = 25
"""Lives between two looks at all that is known."""
PATIENCE = 300.0
"""Seconds without a sign of life, after which it is given up: others may have the machine."""
SERVED = 5
"""One life in so many has the API, which costs a start its time."""
CONFIRMATION = Answers("Amicale").text(Kind.STOP).text
WAITING = {"queued", "scheduled", "sending"}


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(SIMS, "latency=0.1&jitter=0.1&report=1&report_delay=0.3", tmp_path / "sim") as process:
        yield process


def live_and_die(errands: Errands, life: int, rng: random.Random) -> None:
    """A life: it ends in its start, while it accepts, while it sends and obeys, or while it ends by itself."""
    served = life % SERVED == 0
    people = [errands.program] if served else [*errands.some()]
    with ThreadPoolExecutor() as others, (errands.served if served else errands.installed).daemon() as daemon:
        if served or rng.random() < 0.8:
            daemon.wait_for(lambda told: "READY=1" in told, PATIENCE)
        if rng.random() < 0.6:
            daemon.wait_for(all_modems_ok, PATIENCE)
        at_work = others.submit(lambda: [errand() for errand in people])
        daemon.wait_for(lambda _told: False, rng.uniform(0.0, 0.8), required=False)
        end(daemon, rng)
        at_work.result()


def cpu_seconds(daemon: Daemon) -> float:
    used = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def end(daemon: Daemon, rng: random.Random) -> None:
    if rng.random() < 0.2:
        daemon.process.terminate()
        daemon.wait_for(lambda told: "STOPPING=1" in told, rng.uniform(0.0, 0.5), required=False)
    daemon.kill()


class Judge:
    """What is known outside against what the database says, while no daemon runs."""

    def __init__(self, errands: Errands) -> None:
        self.errands, self.installed = errands, errands.installed
        ledger = errands.simulator.ledger()
        told = self.installed.json("messages", "list", "--limit", "100000")
        self.messages = {one["recipient"]: one for one in told if one["text"] != CONFIRMATION}
        assert len(self.messages) + sum(one["text"] == CONFIRMATION for one in told) == len(told), "accepted once"
        self.confirmed = Counter(entry.destination for entry in ledger if entry.text == CONFIRMATION)
        self.ledger = [entry for entry in ledger if entry.text != CONFIRMATION]
        self.reached = Counter(map(part_of, self.ledger))
        self.arrived = Counter(entry.destination for entry in self.ledger)

    def look(self) -> None:
        """What holds at any moment."""
        owed = self.errands.owed
        assert owed.keys() >= self.messages.keys()
        assert [what for what, count in self.reached.items() if count > 1] == [], "nothing goes out twice"
        assert [who for who, count in self.confirmed.items() if count > 1 or who not in self.errands.stopped] == []
        for number, message in self.messages.items():
            if message["state"] in ("sent", "delivered"):
                assert self.arrived[number] == owed[number], (message, "is in the ledger as a whole")
            elif message["state"] in ("queued", "canceled", "blocked") and owed[number] == 1:
                assert self.arrived[number] == 0, (message, "never went out")
        self._marks()
        verified = self.installed.run("audit", "verify")
        assert verified.returncode == 0, verified.stdout

    def _marks(self) -> None:
        """What the network took was marked before; and no message was begun after the STOP of its recipient."""
        a, m, o = attempts.c, messages.c, optouts.c
        with self.installed.database() as database, database.read() as connection:
            of_parts = sa.select(m.recipient, a.part, sa.func.min(a.on_wire_at)).join_from(attempts, messages)
            found = connection.execute(of_parts.where(m.confirms.is_(None)).group_by(m.id, a.part))
            marked = {(recipient, part): at for recipient, part, at in found}
            stopped = {who: at for who, at in connection.execute(sa.select(o.recipient, o.recorded_at))}
        with self.installed.database() as database:
            assert database.damage() == []
        assert [entry for entry in self.ledger if marked.get(part_of(entry)) is None] == [], "marked before"
        late = [who for who, at in stopped.items() if (begun := marked.get((who, 1))) is not None and begun > at]
        assert late == [], "nothing starts after a STOP"
        assert stopped.keys() <= self.errands.stopped

    def at_rest(self) -> bool:
        """Whether all is accepted, heard, and sent as far as it will be."""
        errands = self.errands
        heard = {one["sender"] for one in self.installed.json("inbox", "list", "--limit", "100000")}
        missing = errands.owed.keys() - self.messages.keys() - errands.stopped
        waits = [one for one in self.messages.values() if one["state"] in WAITING]
        return not missing and not waits and heard == errands.stopped

    def untrue_reports(self) -> list[str]:
        """The lists whose report does not tell what became of each row."""
        return [name for name, numbers in self.errands.files.items() if self._reported(name) != self._states(numbers)]

    def _reported(self, name: str) -> dict[str, str]:
        report = self.errands.report(name)
        if not report.exists():
            return {}
        with report.open(encoding="utf-8-sig", newline="") as stream:
            return {row[1].lstrip("'"): row[2] for row in [*csv.reader(stream, delimiter=";")][1:]}

    def _states(self, numbers: list[str]) -> dict[str, str]:
        return {number: self.messages[number]["state"] for number in numbers if number in self.messages}

    def last(self, kills: int) -> None:
        """What holds in the end."""
        self.look()
        errands, states = self.errands, {number: one["state"] for number, one in self.messages.items()}
        lost = errands.owed.keys() - states.keys() - errands.stopped
        assert lost == set(), "what was accepted is there"
        # Queued: the SIM says that it never went out, a minute after the last kill; it would go again now.
        assert set(states.values()) <= {"sent", "delivered", "unknown", "queued", "canceled", "blocked"}
        turned_off = {number for number, state in states.items() if state in ("canceled", "blocked")}
        assert turned_off <= errands.stopped
        assert Counter(states.values())["unknown"] <= len(SIMS) * (kills + 1), "one a SIM and life at most"
        heard = self.installed.json("inbox", "list", "--limit", "100000")
        assert sorted(one["sender"] for one in heard) == sorted(errands.stopped), "each STOP is there, once"
        assert {one["kind"] for one in heard} <= {"opt_out"}
        listed = self.installed.json("optouts", "list", "--limit", "100000")
        assert {one["recipient"] for one in listed} == errands.stopped
        assert len([*(self.installed.spool / "incoming").iterdir()]) == len(errands.stopped)


def part_of(entry: Accepted) -> tuple[str, int]:
    return entry.destination, entry.concat[2] if entry.concat else 1


def cut_short(installed: Installation) -> int:
    """How many parts were on the wire when their daemon died."""
    with installed.database() as database, database.read() as connection:
        of_deaths = sa.select(sa.func.count()).where(
            attempts.c.cause == INTERRUPTED, attempts.c.on_wire_at.is_not(None)
        )
        return int(connection.execute(of_deaths).scalar_one())


def rest(errands: Errands, kills: int) -> None:
    """The last lives, which end by themselves: one brings all to its end while it gets on, and the next one tells."""
    changed = time.monotonic()
    before: object = None
    with errands.served.daemon() as daemon:
        daemon.wait_for(lambda told: "READY=1" in told, PATIENCE)
        assert cpu_seconds(daemon) < 10, "a start after a crash costs no more than any other"
        errands.program()
        while not (judge := Judge(errands)).at_rest():
            now = (len(judge.ledger), Counter(one["state"] for one in judge.messages.values()))
            if now != before:
                before, changed = now, time.monotonic()
            assert time.monotonic() - changed < PATIENCE, now
        assert daemon.terminate() == 0
    began = time.monotonic()
    with errands.installed.daemon() as daemon:
        daemon.wait_for(lambda told: "READY=1" in told, PATIENCE)
        while untrue := Judge(errands).untrue_reports():
            assert time.monotonic() - began < PATIENCE, untrue
        assert daemon.terminate() == 0
    Judge(errands).last(kills)


@pytest.mark.timeout(14_400)
def test_after_any_number_of_kills_the_ledger_and_the_database_agree(
    tmp_path: Path, simulator: SimulatorProcess, kills: int
) -> None:
    rng = random.Random(20260101)  # noqa: S311  (moments of a kill, not secrets)
    errands = Errands(Installation(tmp_path, tuple(simulator.ports.values())), simulator, rng)
    for life in range(1, kills + 1):
        live_and_die(errands, life, rng)
        if life % LOOKS == 0:
            Judge(errands).look()
    rest(errands, kills)
    parts, cut_off = len(simulator.ledger()), cut_short(errands.installed)
    print(
        f"{kills} kills, {cut_off} while a part was on the wire: {len(errands.owed)} messages, {parts} parts sent, "
        f"{len(errands.stopped)} STOPs obeyed"
    )
    assert cut_off > kills // 5, "killed while it works"
