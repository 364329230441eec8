"""Whatever happens to messages, receivers and the daemon, in whatever order: all is told, in order, once finally."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from gatewayd.domain.events import HEARD_BY, TOLD_STATES
from gatewayd.domain.message import FINAL_STATES, TRANSITIONS, MessageState
from gatewayd.errors import GatewaydError
from tests.receiver import Told
from tests.scenarios.telling import TellingWorld
from tests.scenarios.world import number

RULES = "&rule=01;cms=1&rule=02;status=0x46&rule=03;status=0x22&rule=05;silent&rule=06;cms=38"
STATUSES = (200, 204, 200, 200, 503, 400, 500, 302)
STEPS = 120


class Chance:
    """What may happen, drawn by one seed."""

    def __init__(self, world: TellingWorld, seed: int) -> None:
        self.world, self.rng = world, random.Random(seed)  # noqa: S311  (the same each time)
        self.ids: list[int] = []

    def step(self) -> None:
        with suppress(GatewaydError):  # a message that is not in the state for it
            self.rng.choice(self._all())()

    def _all(self) -> list[Callable[[], object]]:
        world, rng = self.world, self.rng
        outbox, now = world.outbox, world.clock.now
        who = number(rng.randrange(1, 9))
        message = rng.choice(self.ids or [1])
        return [
            lambda: self.ids.extend(world.accept(who)),
            lambda: self.ids.extend(world.accept(who, not_before=now + timedelta(hours=rng.randrange(1, 40)))),
            lambda: self.ids.extend(world.accept(who, state=MessageState.HELD, expires_at=now + timedelta(hours=3))),
            lambda: outbox.cancel(message, now),
            lambda: outbox.hold(message, now),
            lambda: outbox.unhold(message, now),
            lambda: outbox.expire(now),
            lambda: world.people.add_optout(who, origin="phone", by="Zoé", at=now),
            lambda: world.people.remove_optout(who, by="Zoé", at=now),
            world.swept,
            world.swept,
            lambda: world.advance(rng.choice((60, 900, 7200))),
            world.tell,
            world.tell,
            world.tidy,
            self.die,
        ]

    def die(self) -> None:
        """Between two turns."""
        self.world.crash()
        self.world.restart()
        self.world.record()

    def answer(self, _told: Told) -> tuple[int, dict[str, str]]:
        return self.rng.choice(STATUSES), {}


@pytest.mark.parametrize("seed", [*range(4), 109])
@pytest.mark.timeout(120)
def test_any_order(tmp_path: Path, seed: int) -> None:
    world = TellingWorld(tmp_path, "a", options=RULES)
    app, chance = world.hear(), Chance(world, seed)
    app.answer = chance.answer
    for _ in range(STEPS):
        chance.step()
    app.answer = lambda _told: (200, {})
    for _ in range(20):  # behind the longest pause, and the last moment of a report
        world.swept()
        world.clock.advance(HEARD_BY.total_seconds() / 4)
        world.tidy()
        world.tell()
    world.agree()
    assert (world.counts().pending, world.counts().dead, app.forged) == (0, 0, 0)
    check(world, chance.ids, app.taken)
    world.close()


def check(world: TellingWorld, ids: list[int], accepted: list[Told]) -> None:
    assert len(ids) > STEPS / 10
    taken: dict[int, dict[str, Told]] = defaultdict(dict)
    for one in accepted:
        if one.type.startswith("message."):
            taken[one.data["id"]].setdefault(one.id, one)  # one that came again is known by its key
    finals = Counter(id_ for id_, found in taken.items() for one in found.values() if one.data["final"])
    for id_ in ids:
        state, states = MessageState(world.state(id_)), [str(one.data["state"]) for one in taken[id_].values()]
        ended = state in FINAL_STATES | {MessageState.SENT}
        assert finals[id_] == ended, (id_, state, states)
        if state in TOLD_STATES:
            assert state == states[-1]
        assert all(_reaches(one, other) for one, other in itertools.pairwise(states)), states


def _reaches(one: str, other: str) -> bool:
    """Whether a message may go from one told state to another, by way of those that are not told."""
    untold = set(MessageState) - TOLD_STATES.keys()
    at, seen = {MessageState(one)}, set[MessageState]()
    while at:
        seen |= at
        following = {state for present in at for state in TRANSITIONS[present]}
        if other in following or (one == other == "sent"):
            return True
        at = (following & untold) - seen
    return False
