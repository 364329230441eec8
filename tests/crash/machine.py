"""Any order of all that happens to a gateway, with the simulated network's ledger as the judge.

What happens: messages of several purposes and sizes are accepted, now or for later; two lines claim, mark and submit;
people write STOP, START, CONTACT; the operator records opt-outs and consents, holds, releases, cancels, resolves; the
clock jumps; the process dies at any of these points, or another one takes its leases; a copy of the database is made,
and put back later. STOP and the rest also happen in the middle of a submission: before its second mark, and after it.

What is real: the outbox, the hand of a line, the receiver with replies and reconciler, PDUs both ways, the rules of the
simulated network, the database file. The modem between them is the one thing that is played (`Modem`).

What must hold is said by `Outside`, which knows what the world knows and never looks into the database:

    no PDU to a number is marked after its opt-out was committed, but for one confirmation; and, where the purpose says
    so, for the other parts of a message that had started
    no PDU of a purpose that needs a consent is marked after the consent was withdrawn
    no part is in the ledger more often than once, and once more for each time that the operator asked for it
    no message of which a receipt was given is lost, and what is said to be sent is in the ledger

A database that was put back knows less than the world. Until the product has a way to restore, the rule is the
operator's, before the gateway runs: all that waits is held; what is unknown and has several parts is canceled, for a
report may settle it and let parts go that went before; opt-outs and withdrawals since the copy are entered again. What
he then releases is his own resend. This is what `restore` does.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from gatewayd.domain.audit import verify
from gatewayd.domain.message import WAITING_STATES, MessageState
from gatewayd.domain.text import Alphabet
from gatewayd.errors import (
    TransitionError,
    UsageError,
)
from gatewayd.modem.simulator import Network
from gatewayd.modem.simulator.submit_check import Submission
from gatewayd.store import audit
from gatewayd.store.outbox import NewMessage, Resolution
from tests.crash.outside import (
    CARRIED,
    CONFIRMATION,
    COURSES,
    LINES,
    NEWS,
    NUMBERS,
    PURPOSES,
    SAID,
    Course,
    Event,
    Killed,
    Life,
    Modem,
    Outside,
    disk,
    text_of,
    token_of,
)
from tests.scenarios.receiving import deliver
from tests.scenarios.world import FakeClock


@dataclass(frozen=True)
class Accept:
    """A message is accepted, for now or for later."""

    number: str
    purpose: str
    parts: int
    later: bool


@dataclass(frozen=True)
class Work:
    """A line has its turn."""

    line: str
    course: Course


ACCEPTS = [Accept(*of) for of in product(NUMBERS, PURPOSES, (1, 1, 2, 3, 4), (False, False, False, True))]
WORKS = [Work(line, course) for line in LINES for course in COURSES]
ACTS: list[Accept | Work] = [*ACCEPTS, *WORKS * 4]
WRITTEN = [*product(LINES, NUMBERS, SAID, [False] * 7 + [True])]
"""Who writes what to which SIM; whether the process dies when it is kept, and before it is obeyed."""
VERBS = ["hold", "unhold", "cancel", "as_sent", "resend", "resend"]
TROUBLES = ["crash", "crash", "one/another", "two/boot", "back up", "restore", 1, 60, 3600, 86_400, -3600]


def act_of(place: int) -> Accept | Work:
    """By number: hypothesis would write out the whole list, again and again."""
    return ACTS[place]


def written_of(place: int) -> tuple[str, str, str, bool]:
    """Likewise."""
    return WRITTEN[place]


class AnyOrder(RuleBasedStateMachine):
    """The machine. `steps` counts the rules that were run, over all examples."""

    steps = 0
    tally: ClassVar[Counter[str]] = Counter()
    """How often what matters happened, over all examples."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = disk()
        self.disk.put(self.disk.empty)
        clock = FakeClock()
        self.outside = Outside(Network("any", clock=clock), clock)
        self.modems = {line: Modem(line, self.outside, self.meanwhile) for line in LINES}
        self.lives = 0
        self.copy: tuple[dict[str, bytes], dict[int, int]] | None = None
        self.tokens = 0
        self.network_time = clock.utc_now()
        self.live()

    # -- lives

    def live(self) -> None:
        self.lives += 1
        self.life = Life(self.disk.database, self.outside, f"one/life-{self.lives}")

    def die(self) -> None:
        """Nobody records anything."""
        self.life.database.close()

    def start_again(self) -> None:
        self.die()
        self.live()
        self.life.begin()

    def killed_in(self, act: Callable[[], object]) -> bool:
        """Do it; if the process dies in it, another one starts."""
        try:
            act()
        except Killed:
            self.tally["killed in the middle"] += 1
            self.start_again()
            return True
        return False

    def step(self) -> None:
        AnyOrder.steps += 1

    # -- messages

    @rule(acts=st.lists(st.integers(0, len(ACTS) - 1).map(act_of), min_size=1, max_size=10))
    def queue(self, acts: list[Accept | Work]) -> None:
        """Several steps at once, so that they are most of all steps."""
        for act in acts:
            self.step()
            if isinstance(act, Accept):
                self.accept(act)
            else:
                self.work(act)

    queue_on = queue

    def accept(self, act: Accept) -> None:
        self.tokens += 1
        token, now = self.tokens, self.outside.clock.utc_now()
        text, priority = text_of(token, act.parts), PURPOSES[act.purpose].priority
        new = NewMessage(act.number, act.purpose, "t", "default", priority, text, "gsm7", act.parts, now)
        new = replace(new, expires_at=now + timedelta(days=3))
        if act.later:
            new = replace(new, state=MessageState.SCHEDULED, not_before=now + timedelta(seconds=60))
        [self.outside.messages[token]] = self.life.outbox.accept(None, [new])
        self.outside.purposes[token], self.outside.parts[token] = act.purpose, act.parts

    def work(self, act: Work) -> None:
        """A line records what is due and claims a part; or submits the one it has."""
        hand = self.life.hands[act.line]
        if hand.work is None:
            hand.take(self.life.wanted(act.line))
            return
        self.modems[act.line].course = act.course
        self.killed_in(lambda: self.submit(act.line))

    def submit(self, line: str) -> None:
        hand, encoder = self.life.hands[line], self.life.encoders[line]
        work = hand.work
        assert work is not None
        ending = hand.submit(
            work,
            self.modems[line],
            lambda part: encoder.pdu(part, status_report=True),
            CARRIED[work.purpose],
            on_wire=lambda _number, _at: None,
            others_can=lambda: True,
        )
        self.tally[ending.event] += 1

    def meanwhile(self, event: Event, line: str, submission: Submission) -> None:
        """In the middle of a submission."""
        number, other = submission.destination, LINES[1 - LINES.index(line)]
        if event is Event.STOP:
            self.receive(other, number, "STOP")
        elif event is Event.BY_HAND:
            self.opt_out(number)
        elif event is Event.START:
            self.receive(other, number, "START")
        elif event is Event.WITHDRAWN:
            self.record_consent(number, given=False)
        elif event is Event.CANCEL:
            self.operate(token_of(submission.text or ""), "cancel")
        elif event is Event.STOLEN:
            self.steal("one/another")
        elif event is Event.KILLED:
            raise Killed

    # -- people

    @rule(written=st.integers(0, len(WRITTEN) - 1).map(written_of))
    def write(self, written: tuple[str, str, str, bool]) -> None:
        self.step()
        line, number, text, killed = written
        if killed:
            vars(self.life.replies)["run_once"] = self.dies
        self.killed_in(lambda: self.receive(line, number, text))
        if killed:
            self.outside.heard(number, SAID[text])

    def dies(self) -> int:
        raise Killed

    def receive(self, line: str, number: str, text: str) -> None:
        self.network_time += timedelta(seconds=1)
        alphabet = Alphabet.GSM7 if text.isascii() else Alphabet.UCS2
        pdu = deliver(number, text, at=self.network_time, alphabet=alphabet)
        self.life.receiver.keep(self.life.sims[line], [pdu])
        self.outside.heard(number, SAID[text])
        if SAID[text]:
            self.nothing_waits_for(number)

    @rule(number=st.sampled_from(NUMBERS), lifted=st.booleans())
    def by_hand(self, number: str, lifted: bool) -> None:
        self.step()
        if lifted:
            self.life.people.remove_optout(number, by="operator", at=self.outside.clock.utc_now())
            self.outside.heard(number, False)
        else:
            self.opt_out(number)

    def opt_out(self, number: str) -> None:
        self.life.people.add_optout(number, origin="operator", by="operator", at=self.outside.clock.utc_now())
        self.outside.heard(number, True)
        self.nothing_waits_for(number)

    def nothing_waits_for(self, number: str) -> None:
        """The opt-out canceled all that waited, in its own transaction."""
        waiting = self.life.outbox.list(recipient=number, states=[*WAITING_STATES])
        assert [one for one in waiting if one.text != CONFIRMATION] == []

    @rule(number=st.sampled_from(NUMBERS), given=st.sampled_from([True, True, False]))
    def consent(self, number: str, given: bool) -> None:
        self.step()
        self.record_consent(number, given=given)

    def record_consent(self, number: str, *, given: bool) -> None:
        at = self.outside.clock.utc_now()
        self.life.people.record_consent(number, NEWS.key, method="paper", recorded_by="operator", at=at, given=given)
        (self.outside.consented.add if given else self.outside.consented.discard)(number)

    @precondition(lambda self: self.outside.reports)
    @rule()
    def reports_come(self) -> None:
        self.step()
        reports, self.outside.reports = self.outside.reports, []
        for line, pdu in reports:
            self.life.receiver.handed_over(self.life.sims[line], pdu)
        self.life.receiver.run_once()

    # -- the operator

    @precondition(lambda self: self.outside.messages)
    @rule(pick=st.integers(0, 30), verb=st.sampled_from(VERBS))
    def operator(self, pick: int, verb: str) -> None:
        self.step()
        tokens = sorted(self.outside.messages)
        self.operate(tokens[-1 - pick % len(tokens)], verb)

    def operate(self, token: int | None, verb: str) -> None:
        message = self.outside.messages.get(token) if token is not None else None
        if message is None or token is None:
            return
        with contextlib.suppress(TransitionError, UsageError):
            now = self.outside.clock.utc_now()
            if verb in ("hold", "unhold", "cancel"):
                getattr(self.life.outbox, verb)(message, now)
            else:
                self.life.outbox.resolve(message, Resolution(verb), now)
            self.decided(token, verb)

    def decided(self, token: int, verb: str) -> None:
        """What the operator did is his: a resend is asked for, or a message vouched for."""
        outside = self.outside
        if verb == "resend" or (verb in ("unhold", "as_sent") and token in outside.doubted):
            outside.resends[token] += 1
        if verb == "as_sent":
            outside.vouched.add(token)

    # -- what goes wrong

    @rule(trouble=st.sampled_from(TROUBLES))
    def trouble(self, trouble: str | int) -> None:
        self.step()
        if isinstance(trouble, int):
            self.clock_jumps(trouble)
        elif trouble == "crash":
            self.start_again()
        elif trouble == "back up":
            self.copy = self.disk.files(), dict(self.outside.messages)
        elif trouble == "restore":
            self.restore()
        else:
            self.steal(trouble)

    def steal(self, mine: str) -> None:
        """A gateway starts that takes this one for dead; another one may only take leases that have run out."""
        self.life.outbox.recover(self.outside.clock.utc_now(), mine)

    def clock_jumps(self, seconds: int) -> None:
        clock = self.outside.clock
        clock.advance(seconds)
        self.network_time += timedelta(seconds=max(0, seconds))
        self.life.outbox.promote(clock.utc_now())
        self.life.outbox.expire(clock.utc_now())

    def restore(self) -> None:
        """The copy takes the place of the database; the operator does as the rule says, then the gateway starts."""
        if self.copy is None:
            return
        files, self.outside.messages = self.copy[0], dict(self.copy[1])
        self.copy = None
        self.die()
        self.disk.put(files)
        self.tally["restored"] += 1
        self.live()
        self.outside.restored = True
        self.life.outbox.recover(self.outside.clock.utc_now(), self.life.name)
        for message in self.life.outbox.list(states=[MessageState.QUEUED, MessageState.SCHEDULED], limit=10_000):
            self.life.outbox.hold(message.id, self.outside.clock.utc_now())
        for message in self.life.outbox.list(states=[MessageState.UNKNOWN], limit=10_000):
            if message.parts > 1:
                self.life.outbox.cancel(message.id, self.outside.clock.utc_now())
        self.outside.doubted.update(self.outside.messages)
        for number in NUMBERS:
            if number in self.outside.opted_out:
                self.opt_out(number)
            self.record_consent(number, given=number in self.outside.consented)
        self.life.begin()

    # -- in the end

    def teardown(self) -> None:
        try:
            self.judge()
        finally:
            self.die()

    def judge(self) -> None:
        """What was accepted is there; what is said and what the ledger has agree."""
        found = {one.id: one for one in self.life.outbox.list(limit=100_000)}
        outside = self.outside
        assert set(outside.messages.values()) <= found.keys(), "a receipt was given"
        for token, message_id in outside.messages.items():
            state = found[message_id].state
            parts = {part for of, part in outside.reached if of == token}
            if state in ("sent", "delivered", "undelivered") and not outside.restored and token not in outside.vouched:
                assert parts == set(range(1, outside.parts[token] + 1)), f"{token} is {state}, the ledger has {parts}"
            if parts and outside.parts[token] == 1 and token not in outside.doubted and not outside.resends[token]:
                assert state in ("sent", "delivered", "undelivered", "unknown", "canceled", "sending"), state
        assert self.life.database.damage() == []
        with self.life.database.read() as connection:
            assert verify(audit.rows(connection)).broken is None
