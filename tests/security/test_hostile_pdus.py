"""Attack: octets that are no message, or nearly one, out of a modem's memory.

They are kept, understood or put aside, and never an exception, a loop, or a reason not to hear the STOP between them.

    FUZZED=100000 python -m pytest -q -n0 tests/security/test_hostile_pdus.py     the long run
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gatewayd.services.receiving import RETRY
from gatewayd.store.schema import arrivals
from tests.scenarios.receiving import ReceivingWorld, deliver, in_parts, report

COUNT = int(os.environ.get("FUZZED", "3000"))
BATCH = 50
WHO = "+33639980001"
Rng = random.Random
Damage = Callable[[bytearray, Rng], bytearray]


def seeds() -> list[bytearray]:
    """Sound PDUs of every kind, to be damaged."""
    texts = ["STOP", "Bonjour à tous", "", "ΣTOΠ €[]{}", "x" * 160]
    made = [deliver(WHO, text) for text in texts]
    made += [deliver("Orange", "STOP"), deliver("36180", "CONTACT"), report(WHO, 7), report(WHO, 255, 0x46)]
    made += in_parts(WHO, "ST", "OP", ucs2=True) + in_parts("+33639980002", "Bon", "jour", reference=300, wide=True)
    return [bytearray.fromhex(pdu) for pdu in made]


def flip(octets: bytearray, rng: Rng) -> bytearray:
    for _ in range(rng.randint(1, 4)):
        octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
    return octets


def cut(octets: bytearray, rng: Rng) -> bytearray:
    return octets[: rng.randrange(len(octets))]


def grow(octets: bytearray, rng: Rng) -> bytearray:
    place = rng.randrange(len(octets))
    return octets[:place] + rng.randbytes(rng.randint(1, 200)) + octets[place:]


def swap(octets: bytearray, rng: Rng) -> bytearray:
    octets[rng.randrange(len(octets))] = rng.choice((0x00, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return octets


def noise(_octets: bytearray, rng: Rng) -> bytearray:
    return bytearray(rng.randbytes(rng.randint(0, 180)))


DAMAGE: Sequence[Damage] = (flip, cut, grow, swap, noise)


def fuzzed(count: int, rng: Rng) -> Iterator[str]:
    """Damaged PDUs in hex; now and then what is not even that."""
    sound = seeds()
    for _ in range(count):
        octets = rng.choice(DAMAGE)(bytearray(rng.choice(sound)), rng)
        text = octets.hex().upper()
        yield text if rng.random() > 0.02 else rng.choice((text[:-1], text.lower(), "", "OK", "é" * 9, text + " "))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ReceivingWorld]:
    world = ReceivingWorld(tmp_path, "a")
    world.turn()
    yield world
    world.close()


def states(world: ReceivingWorld) -> Counter[str]:
    with world.db.read() as connection:
        query = sa.select(arrivals.c.state, sa.func.count()).group_by(arrivals.c.state)
        return Counter({state: count for state, count in connection.execute(query)})


@pytest.mark.timeout(60 + COUNT // 50)
def test_any_octets_are_kept_and_never_an_exception(world: ReceivingWorld) -> None:
    rng = random.Random(COUNT)  # noqa: S311  (the same octets each time)
    pdus, asked, kept = list(fuzzed(COUNT, rng)), 0, 0
    with capture_logs() as logs:
        for start in range(0, COUNT, BATCH):
            world.clock.advance(60)
            asked += 1
            stop = deliver(f"+33639985{asked:03}", "STOP", at=world.clock.now)
            kept += world.receiver.keep(1, [*pdus[start : start + BATCH], stop])
            while world.receiver.run_once() < RETRY:
                pass
    assert Counter(entry["event"] for entry in logs)["incoming.failed"] == 0
    assert [entry for entry in logs if entry["event"].endswith(".failed") or "exc_info" in entry] == []
    heard = {number for number in world.opted_out() if number.startswith("+33639985")}
    assert len(heard) >= asked, "a STOP between them was not heard"
    assert states(world)["new"] <= BATCH, "only reports that still wait for their submission"
    assert sum(states(world).values()) == kept >= COUNT / 2, "each once; many are different"


def test_octets_read_again_are_the_same_octets(world: ReceivingWorld) -> None:
    pdus = list(fuzzed(200, random.Random(7)))  # noqa: S311  (the same octets each time)
    first = world.receiver.keep(1, pdus)
    assert world.receiver.keep(1, pdus) == 0
    assert first == sum(states(world).values())


def test_a_message_in_255_parts_that_never_come_ends(world: ReceivingWorld) -> None:
    octets = bytearray.fromhex(in_parts(WHO, "ST", "OP")[0])
    place = octets.index(bytes((0x05, 0x00, 0x03)))
    octets[place + 4] = 255
    world.receiver.keep(1, [octets.hex()])
    assert states(world)["waiting"] == 1
    world.clock.advance(15 * 60)
    world.receiver.run_once()
    assert (states(world)["waiting"], world.inbox.list()[0].complete) == (0, False)
