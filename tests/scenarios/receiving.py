"""A world that receives: the modems' memories are drained, replies obeyed, reports matched, all turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gatewayd.domain.keywords import Keywords
from gatewayd.domain.reading import read
from gatewayd.domain.text import Alphabet
from gatewayd.modem.pdu import Concat, Deliver, StatusReport
from gatewayd.modem.simulator.card import STORED_UNREAD, Stored
from gatewayd.services.answers import Answers
from gatewayd.services.intake import NumberRules
from gatewayd.services.receiving import RETRY, Receiver
from gatewayd.services.reconciler import Reconciler
from gatewayd.services.replies import Replies
from gatewayd.store.inbox import Inbox
from tests.scenarios.world import FakeClock, World

KEYWORDS = Keywords.for_languages(names=["Amicale des Jardins"])
SMSC = "+33639980000"
SENT_AT = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)


class ReceivingWorld(World):
    """`turn` gives the lines and the receiver their turns until nothing is left to do."""

    def __init__(self, directory: Path, *names: str, **how: object) -> None:
        super().__init__(directory, *names, **how)  # type: ignore[arg-type]  # the test names them

    def make_receiver(self) -> Receiver:
        self.inbox = Inbox(self.db)
        self.replies = Replies(
            self.db,
            read=partial(read, keywords=KEYWORDS),
            numbers=NumberRules("FR", frozenset({"FR"}), frozenset({"mobile"})),
            answers=Answers("Amicale des Jardins", "rgpd@example.org"),
            clock=self.clock,
            queued=self.wake,
        )
        self.reconciler = Reconciler(self.db, self.clock, queued=self.wake)
        self.receiver = Receiver(self.inbox, self.replies, self.reconciler, country="FR", clock=self.clock)
        return self.receiver

    def wake(self) -> None:
        for line in self.lines.values():
            line.wake()

    def turn(self, *names: str) -> list[str]:
        events = self.settle(*names)
        while self.receiver.run_once() < RETRY:
            pass
        return [*events, *self.settle(*names)]

    def swept(self, *names: str) -> list[str]:
        """The next sweep, and what it brings."""
        self.clock.advance(5)
        return self.turn(*names)

    # -- what arrives

    def write(self, name: str, sender: str, text: str) -> None:
        """Somebody writes to this SIM; returns when the line has heard of it."""
        self._heard(name, lambda: self.sims[name].deliver(sender, text))

    def _heard(self, name: str, action: Callable[[], None]) -> None:
        bell = self.lines[name].bell
        bell.clear()
        action()
        assert bell.wait(5), "the line never heard of it"

    def put(self, name: str, pdu: str, *, memory: str = "ME", urc: bool = True) -> int:
        """A PDU appears in the modem's memory, as it is."""
        sim = self.sims[name]
        with sim.changed:
            index = sim.module.memory[memory].add(Stored(STORED_UNREAD, pdu, len(pdu) // 2 - 8))
            assert index is not None
        if urc:
            word = "CDSI" if memory == "SR" else "CMTI"
            self._heard(name, lambda: sim.urc(f'+{word}: "{memory}",{index}'))
        return index

    def hand_over(self, name: str, pdu: str) -> None:
        """A status report by +CDS."""
        self.await_report(lambda: self.sims[name].urc(f"+CDS: {len(pdu) // 2 - 8}\r\n{pdu}"))

    def await_report(self, action: Callable[[], None]) -> None:
        """Do something after which a status report is handed over."""
        self.receiver._lingering = False
        self.receiver.bell.clear()
        action()
        assert self.receiver.bell.wait(5), "the receiver never heard of it"

    def stored(self, name: str, memory: str = "ME") -> int:
        """How many the modem still holds."""
        sim = self.sims[name]
        with sim.changed:
            return len(sim.module.memory[memory].messages)

    def texts(self) -> list[tuple[str, str]]:
        """Who wrote what, oldest first."""
        return [(one.sender, one.text) for one in reversed(self.inbox.list(limit=10_000))]

    def opted_out(self) -> list[str]:
        return [one.recipient for one in self.people.optouts()]


def deliver(sender: str, text: str, *, at: datetime | None = SENT_AT, **more: object) -> str:
    """An SMS-DELIVER in hex."""
    made = Deliver(sender, text, timestamp=at, smsc=SMSC)
    return replace(made, **more).encode().hex  # type: ignore[arg-type]  # the test names them


def in_parts(sender: str, *texts: str, reference: int = 7, wide: bool = False, ucs2: bool = False) -> list[str]:
    """One SMS-DELIVER a part."""
    alphabet = Alphabet.UCS2 if ucs2 else Alphabet.GSM7
    return [
        deliver(sender, text, alphabet=alphabet, concat=Concat(reference, len(texts), place, wide))
        for place, text in enumerate(texts, 1)
    ]


def report(recipient: str, reference: int, status: int = 0, *, at: datetime = SENT_AT) -> str:
    """An SMS-STATUS-REPORT in hex."""
    return (
        StatusReport(recipient, reference=reference, status=status, timestamp=at, discharge=at, smsc=SMSC).encode().hex
    )


__all__ = ["FakeClock", "ReceivingWorld", "deliver", "in_parts", "report"]
