"""Any order of all that happens to a queue: Hypothesis looks for one that breaks a promise.

Accepting, claiming, marking, answering, crashing and starting again, opt-outs and their lifting, holding, releasing,
canceling, resolving; two gateways over one file. What must hold afterwards is said by the model, in plain Python.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gatewayd.domain.message import FINAL_STATES, TRANSITIONS, MessageState, Outcome
from gatewayd.errors import Cause, CauseClass, LeaseLost, RefusedByRule, TransitionError
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Finished, NewMessage, Outbox, Resolution, Wanted, Work
from gatewayd.store.people import People
from gatewayd.store.sims import Sims
from tests.store.conftest import KEY, NOW
from tests.store.test_outbox import EVENTS, PURPOSES

NUMBERS = st.sampled_from([f"+336399800{number:02d}" for number in range(6)])
WAITS = st.sampled_from([0, 0, 0, 60])
OUTCOMES = st.sampled_from([Outcome.SENT, Outcome.SENT, Outcome.REFUSED, Outcome.UNKNOWN])
GATEWAYS = st.sampled_from(["one", "two"])
CAUSES = {kind: Cause(f"test:{kind}", kind, "a test") for kind in CauseClass}


@dataclass
class Hand:
    """What a gateway's line holds: a part, and whether it is marked on the wire."""

    work: Work | None = None
    on_wire: bool = False
    finished: Finished | None = None


def begun(hand: Hand) -> bool:
    return hand.work is not None and not hand.on_wire


def busy(hand: Hand) -> bool:
    return hand.work is not None or hand.finished is not None


@dataclass
class Model:
    """What the outside knows, without looking into the database."""

    opted_out: set[str] = field(default_factory=set)
    on_wire: dict[tuple[int, int], int] = field(default_factory=dict)
    resends: dict[int, int] = field(default_factory=dict)
    refused: dict[tuple[int, int], int] = field(default_factory=dict)


class Queue(RuleBasedStateMachine):
    """The queue and the people around it."""

    key: bytes | None = None
    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.now, self.lives = NOW, 0
        self.model = Model()
        self.seen: dict[int, MessageState] = {}
        self.open()

    def open(self) -> None:
        self.database = Database.open(Path(self.directory.name) / "x.db", key=self.key)
        self.outbox, self.people = Outbox(self.database), People(self.database)
        self.sims = {
            name: Sims(self.database).remember(
                iccid=iccid, imsi="", name=name, pool="default", imei="", port="", now=self.now
            )
            for name, iccid in (("one", "8933000000000000001"), ("two", "8933000000000000002"))
        }
        self.hands = {"one": Hand(), "two": Hand()}

    def wanted(self, gateway: str) -> Wanted:
        others = frozenset(sim for name, sim in self.sims.items() if name != gateway)
        lease = f"{gateway}/boot/{self.lives}"
        return Wanted(self.sims[gateway], "default", PURPOSES, others, None, 5, True, lease, 600.0)

    # -- what happens

    @rule(target=messages, numbers=st.lists(NUMBERS, min_size=1, max_size=4), parts=st.integers(1, 3), wait=WAITS)
    def accept(self, numbers: list[str], parts: int, wait: int) -> MultipleResults[int]:
        accepted = [
            NewMessage(number, "events", "t", "default", 5, "Bonjour", "gsm7", parts, self.now) for number in numbers
        ]
        if wait:
            later = self.now + timedelta(seconds=wait)
            accepted = [replace(one, state=MessageState.SCHEDULED, not_before=later) for one in accepted]
        ids = self.outbox.accept(None, accepted)
        self.seen.update((message_id, one.state) for message_id, one in zip(ids, accepted, strict=True))
        return multiple(*ids)

    @rule(gateway=GATEWAYS, steps=st.integers(1, 4), outcome=OUTCOMES, kind=st.sampled_from(CauseClass))
    def work(self, gateway: str, steps: int, outcome: Outcome, kind: CauseClass) -> None:
        """A line goes on by some steps, and then something else happens."""
        hand = self.hands[gateway]
        for _ in range(steps):
            if hand.work is None:
                self.turn(gateway, hand)
            elif not hand.on_wire:
                self.mark(hand, hand.work)
            else:
                self.answer(hand, hand.work, outcome, kind)

    def turn(self, gateway: str, hand: Hand) -> None:
        finished, hand.finished = hand.finished, None
        with contextlib.suppress(LeaseLost):
            hand.work = self.outbox.turn(finished, self.wanted(gateway), self.now)

    def mark(self, hand: Hand, work: Work) -> None:
        try:
            self.outbox.mark_on_wire(work, EVENTS, self.now)
        except RefusedByRule:
            assert work.recipient in self.model.opted_out
            hand.work = None
        except LeaseLost:
            hand.work = None
        else:
            begun = work.part > 1  # it had started, and is completed
            assert begun or work.recipient not in self.model.opted_out, "nothing starts after an opt-out"
            hand.on_wire = True
            part = (work.message_id, work.part)
            self.model.on_wire[part] = self.model.on_wire.get(part, 0) + 1

    def answer(self, hand: Hand, work: Work, outcome: Outcome, kind: CauseClass) -> None:
        cause = None if outcome is Outcome.SENT else CAUSES[kind]
        hand.finished = Finished(work, outcome, self.now, 7, cause, None, kind is CauseClass.SIM)
        if outcome is Outcome.REFUSED:
            part = (work.message_id, work.part)
            self.model.refused[part] = self.model.refused.get(part, 0) + 1
        hand.work, hand.on_wire = None, False

    @precondition(lambda self: any(map(begun, self.hands.values())))
    @rule()
    def release(self) -> None:
        """The modem went away before anything was written."""
        for hand in filter(begun, self.hands.values()):
            work, hand.work = hand.work, None
            assert work is not None
            with contextlib.suppress(LeaseLost):
                self.outbox.release(work, self.now, "test")

    @precondition(lambda self: any(map(busy, self.hands.values())))
    @rule(stolen=st.booleans())
    def crash(self, stolen: bool) -> None:
        """All start again, and what was not committed is gone; or a gateway is thought to be dead, and is not."""
        if stolen:
            self.outbox.recover(self.now, "one/boot/other")
            return
        self.database.close()
        self.lives += 1
        self.open()
        for gateway in self.hands:
            self.outbox.recover(self.now, f"{gateway}/boot/{self.lives}")

    @rule()
    def time_passes(self) -> None:
        self.now += timedelta(seconds=60)
        self.outbox.promote(self.now)

    @precondition(lambda self: bool(self.seen))
    @rule(number=NUMBERS, lifted=st.booleans())
    def opt_out(self, number: str, lifted: bool) -> None:
        if lifted:
            self.people.remove_optout(number, by="test", at=self.now)
            self.model.opted_out.discard(number)
            return
        self.people.add_optout(number, origin="sms", by="test", at=self.now)
        self.model.opted_out.add(number)
        waiting = self.outbox.list(recipient=number, limit=1000)
        assert not [m for m in waiting if m.state in ("queued", "scheduled", "held")], "all that waited is canceled"

    @rule(message_id=messages, verb=st.sampled_from(["hold", "unhold", "cancel"]))
    def operate(self, message_id: int, verb: str) -> None:
        with contextlib.suppress(TransitionError):
            getattr(self.outbox, verb)(message_id, self.now)

    @rule(message_id=messages, resolution=st.sampled_from(Resolution))
    def resolve(self, message_id: int, resolution: Resolution) -> None:
        try:
            self.outbox.resolve(message_id, resolution, self.now, by="test")
        except TransitionError:
            return
        self.model.resends[message_id] = self.model.resends.get(message_id, 0) + 1

    # -- what always holds

    @invariant()
    def states_follow_the_table(self) -> None:
        for message in self.outbox.list(limit=1000):
            before = self.seen[message.id]
            assert message.state in reachable(before), f"{before} -> {message.state}"
            self.seen[message.id] = message.state

    @invariant()
    def marks_and_states_agree(self) -> None:
        for message in self.outbox.list(limit=1000):
            attempts = self.outbox.attempts(message.id)
            running = [attempt for attempt in attempts if attempt.outcome is None]
            assert len(running) == (message.state is MessageState.SENDING)
            sent = {attempt.part for attempt in attempts if attempt.outcome is Outcome.SENT}
            assert sent == set(range(1, len(sent) + 1)), "parts go out in order"
            if message.state is MessageState.SENT:
                assert len(sent) == message.parts

    @invariant()
    def nothing_goes_out_twice_in_silence(self) -> None:
        for (message_id, part), count in self.model.on_wire.items():
            allowed = 1 + self.model.refused.get((message_id, part), 0) + self.model.resends.get(message_id, 0)
            assert count <= allowed

    @invariant()
    def counts_are_right(self) -> None:
        states = [message.state for message in self.outbox.list(limit=1000)]
        assert self.outbox.counts() == {state: states.count(state) for state in set(states)}

    def teardown(self) -> None:
        assert self.database.damage() == []
        self.database.close()
        self.directory.cleanup()


def reachable(state: MessageState) -> set[MessageState]:
    """What may come of a state, in several steps, or none."""
    found = {state}
    while grown := {following for one in found for following in TRANSITIONS[one]} - found:
        found |= grown
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ["sqlcipher", "sqlite"])
def test_no_order_of_events_breaks_a_promise(engine: str) -> None:
    machine = type("Queue", (Queue,), {"key": KEY if engine == "sqlcipher" else None})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_an_end_is_an_end() -> None:
    assert all(reachable(state) == {state} for state in FINAL_STATES)
