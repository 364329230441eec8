"""Eleven places times eleven faults: nothing goes out twice unless somebody was told, and nothing is lost.

Two messages of two parts each are accepted. The fault strikes the first time that the gateway comes to the place
(failpoints.py says where), or is armed there and strikes when it can. Then whatever was broken is mended, the gateway
runs until it is at rest, and the table says what must have become of both messages.

    S    sent, each part once
    Un   unknown, with n of its parts in the ledger; the operator has it sent again, and it is
    x/y  the first message x, the second y; one letter stands for the first, and the second is S

At F9 the SIM has answered for two parts, so its memory of the last reference is asked. Of a modem that lives and does
not answer it proves nothing (domain/reference.py): this one may have written before it transmitted.

The second test has the card asked from the beginning, of each kind of modem. What it may settle depends on the fault:

    kill                         always, for modem and machine went on: no operator is needed
    any other, Un with n > 0     where the modem was seen to write on acceptance only: one more is then a proof
    any other, U0                never: as before is also what a lost acknowledgement leaves behind. To send it again
                                 might send it twice
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayd.domain.audit import verify
from gatewayd.domain.message import MessageState
from gatewayd.store import audit
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox, Resolution
from tests.crash.disk import watched
from tests.crash.failpoints import FIRST, LONG, SECOND, CrashWorld
from tests.scenarios.world import number

EXPECTED = """
       kill  power  unplug  reboot  lost   late  later  twice  bare   garbage  full  stolen
F0     S     S      S       S       U1     S     U1     S      U1     S        S     S
F1     S     S      S       S       U1     S     U1     S      U1     S        S     S
F2     S     S      S       S       U1     S     U1     S      U1     S        S     S
F3     S     S      S       S       U1     S     U1     S      U1     S        S     S
F4     S     S      U0      U0      U1     S     U1     S      U1     S        S     S
F5     U0    U0     U0      U0      U1     S     U1     S      U1     S        S     S
F6     U0    U0     U0      U0      U1     S     U1     S      U1     S        S     S
F7     U1    U0     U0      U0      U1     S     U1     S      U1     S        S     S
F8     U1    U1     S       S       U2     S     U2     S      U2     S        S     S
F9     S     S      S       S       S/U1   S     S      S      S/U1   S        S     S
F10    S     S      S       S       U2     S     U2     S      U2     S        S     S
"""
FAULTS, *_rows = (line.split() for line in EXPECTED.strip().splitlines())
TABLE = {(row[0], fault): expected for row in _rows for fault, expected in zip(FAULTS, row[1:], strict=True)}
BEFORE, NOBODY = number(9), number(98)
"""Who was written to before, so that the card was seen to keep the last reference that its SIM used; and whom the
network knows not: what it refuses shows when the modem writes."""
KINDS = ("before", "after")
"""When the modem writes the reference: before it transmits, or when the network took the message."""


class Cell:
    """One fault at one place."""

    def __init__(self, world: CrashWorld, point: str, fault: str) -> None:
        self.world, self.point, self.fault = world, point, fault
        self.sim = world.sims["a"]
        self.lives = True

    def strike(self) -> None:
        """At the place."""
        said = {"lost": "answer-lost", "late": "answer-late;seconds=50", "later": "answer-late;seconds=200"}
        said |= {"twice": "answer-twice", "bare": "ok-only"}
        if self.fault in said:
            self.sim.arm(said[self.fault])
            return
        strikes: dict[str, Callable[[], None]] = {
            "kill": self.world.stand_still,
            "power": self.world.stand_still,
            "unplug": self.sim.unplug,
            "reboot": self.sim.reboot,
            "garbage": self.chatter,
            "full": self.fill,
            "stolen": self.steal,
        }
        strikes[self.fault]()

    def chatter(self) -> None:
        """What nobody asked for, now and in the middle of each of the next answers."""
        self.sim.say(b"\r\n^DSFLOWRPT:00000012,00000000\r\nRING\r\n\xff")
        for fault in ("urc;text=^RSSI:18;times=2", "stray-byte;times=2"):
            self.sim.arm(fault)

    def fill(self) -> None:
        self.world.disk.full = True

    def steal(self) -> None:
        """Another life of this gateway believes that this one is dead. Inside a transaction it has to wait."""
        if self.point == "F1":
            self.world.points.arm("F2", self.steal_now)
        else:
            self.steal_now()

    def steal_now(self) -> None:
        database = Database.open(self.world.path)
        Outbox(database).recover(self.world.clock.utc_now(), "test/another-life")
        database.close()

    def mend(self) -> None:
        """Whatever was broken is whole again; what was killed starts again."""
        world, sim = self.world, self.sim
        world.disk.full = False
        if self.fault == "power":
            sim.unplug()  # the modem has its power from the same machine
            world.boots += 1
            world.next_life(world.disk.after_power_cut)
        elif self.fault == "kill":
            world.time_passes(1)  # the modem goes on without us
            world.next_life(world.disk.after_kill)
        sim.plug()
        world.clock.advance(1)


@pytest.fixture
def cell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cell]:
    point, fault = request.param
    kind = request.getfixturevalue("kind") if "kind" in request.fixturenames else KINDS[0]
    options = f"&report=0&rule=98;cms=1&smss={kind}"
    with watched(tmp_path) as disk:
        world = CrashWorld(tmp_path, disk, hopeless=lambda: waits_in_vain(made), options=options)
        made = Cell(world, point, fault)
        if point == "F3":
            made.sim.arm("prompt-late;seconds=1")
        yield made
        world.close()


def waits_in_vain(cell: Cell) -> bool:
    """Whether the answer to the PDU that is about to be written will not come."""
    if cell.fault not in ("lost", "later"):
        return False
    armed = any(fault.kind.startswith("answer-") for fault in cell.sim.armed)
    return armed or (cell.point in ("F5", "F6", "F7") and cell.point not in cell.world.points.passed)


CELLS = [pytest.param(cell, id="-".join(cell)) for cell in TABLE]


@pytest.mark.parametrize("cell", CELLS, indirect=True)
def test_nothing_twice_and_nothing_lost(cell: Cell) -> None:
    run_through(cell)
    judge(cell.world, TABLE[cell.point, cell.fault])


@pytest.mark.parametrize("cell", CELLS, indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_the_card_settles_what_it_proves(cell: Cell, kind: str) -> None:
    """A card that has been seen to keep the SIM's last reference is asked, and when its modem writes is known."""
    for who in (BEFORE, BEFORE, NOBODY, BEFORE):
        cell.world.accept(who)
        cell.world.rest()
    run_through(cell)
    judge(cell.world, with_the_card(TABLE[cell.point, cell.fault], cell.fault, kind))


def with_the_card(expected: str, fault: str, kind: str) -> str:
    """What becomes of both messages, as the docstring says."""
    if fault == "kill":
        return "S"
    proven = kind == "after" and "U0" not in expected
    return "S" if proven else expected


def run_through(cell: Cell) -> None:
    """Two messages from acceptance to the end, and the fault on their way."""
    world = cell.world
    world.settle()
    world.points.passed.clear()
    world.points.arm(cell.point, cell.strike)

    def life() -> None:
        world.accept(FIRST, SECOND, text=LONG)
        world.settle()

    world.live(life)
    assert cell.point in world.points.passed
    cell.mend()
    world.rest()


def judge(world: CrashWorld, expected: str) -> None:
    first, _, second = expected.partition("/")
    found = {message.recipient for message in world.outbox.list()} - {BEFORE, NOBODY}
    assert found == {FIRST, SECOND}, "what was accepted is there"
    assert (said(world, FIRST), said(world, SECOND)) == (first, second or "S")
    assert world.db.damage() == []
    with world.db.read() as connection:
        assert verify(audit.rows(connection)).broken is None
    resends = resend_what_is_unknown(world)
    assert max(in_ledger(world, FIRST).values()) <= 1 + resends
    assert {message.state for message in world.outbox.list() if message.recipient != NOBODY} == {"sent"}


def in_ledger(world: CrashWorld, recipient: str) -> Counter[int]:
    """How often each part reached the network."""
    return Counter(entry.concat[2] if entry.concat else 1 for entry in world.ledger if entry.destination == recipient)


def said(world: CrashWorld, recipient: str) -> str:
    """What became of a message, in the words of the table."""
    (message,) = world.outbox.list(recipient=recipient)
    return word_for(message.state, in_ledger(world, recipient))


def word_for(state: str, counted: Counter[int]) -> str:
    """The table's word for a state with these parts in the ledger."""
    assert set(counted.values()) <= {1}, f"twice in the ledger: {counted}"
    if state == "sent":
        assert set(counted) == {1, 2}
        return "S"
    return f"U{len(counted)}" if state == "unknown" else state


def resend_what_is_unknown(world: CrashWorld) -> int:
    """As the operator may; how many."""
    unknown = world.outbox.list(states=[MessageState.UNKNOWN])
    for message in unknown:
        world.outbox.resolve(message.id, Resolution.RESEND, world.clock.utc_now())
    world.wake()
    world.rest()
    return len(unknown)
