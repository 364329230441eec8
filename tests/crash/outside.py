"""The world around a gateway that lives and dies within one process: people, network, modems, disk, and its lives.

`Outside` is the judge. It knows what the world knows, is told of nothing but commits and PDUs, and never looks into the
database.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import product
from pathlib import Path

from gatewayd.domain.purpose import Basis, MessageClass, Purpose
from gatewayd.domain.reading import Reading, read
from gatewayd.errors import (
    Cause,
    CauseClass,
    ModemAbsent,
    NotSubmitted,
    OutcomeUnknown,
    SubmissionRefused,
)
from gatewayd.modem.pdu import EncodedPdu
from gatewayd.modem.simulator import Network, Options
from gatewayd.modem.simulator.card import SimCard
from gatewayd.modem.simulator.submit_check import Submission, check
from gatewayd.services.answers import ANSWER, Answers, Kind
from gatewayd.services.encoding import Encoder
from gatewayd.services.hand import Hand
from gatewayd.services.intake import NumberRules
from gatewayd.services.receiving import Receiver
from gatewayd.services.reconciler import Reconciler
from gatewayd.services.replies import Replies
from gatewayd.store.engine import Database
from gatewayd.store.inbox import Inbox
from gatewayd.store.outbox import Outbox, Wanted
from gatewayd.store.people import People
from gatewayd.store.sims import Sims
from tests.scenarios.receiving import KEYWORDS, report
from tests.scenarios.world import FakeClock

NUMBERS = [f"+336399800{number:02}" for number in range(5)]
EVENTS = Purpose("events", "Events", Basis.CONTRACT)
NEWS = Purpose("news", "News", Basis.CONSENT, completes=False)
ALERT = Purpose("alert", "Alerts", Basis.VITAL_INTEREST, MessageClass.ALERT)
PURPOSES: Mapping[str, Purpose] = {one.key: one for one in (EVENTS, NEWS, ALERT)}
CARRIED = {**PURPOSES, ANSWER.key: ANSWER}
LINES = ("one", "two")
ANSWERS = Answers("Amicale des Jardins", "rgpd@example.org")
CONFIRMATION = ANSWERS.text(Kind.STOP).text
SAID = {
    "STOP": True, "stop !": True, "Arrêt": True, "stop merci": True,
    "START": False, "REPRENDRE": False, "CONTACT": None, "Merci, à samedi": None,
}  # fmt: skip
"""What people write: True opts out, False lifts it, None does neither."""
REFUSALS = [Cause(f"test:{kind}", kind, "a test") for kind in CauseClass if kind is not CauseClass.UNKNOWN]
DOUBT = Cause("test:unknown", CauseClass.UNKNOWN, "a test")


class Killed(BaseException):
    """The process is gone in the middle of something."""


class Ending(StrEnum):
    """How a submission ends."""

    SENT = "sent"
    LOST = "the network has it, its answer got lost"
    VANISHED = "it never reached the network, and no answer came"
    REFUSED = "refused"
    NO_PROMPT = "there was no prompt"
    ABSENT = "the modem is gone"


class Event(StrEnum):
    """What happens in the middle of a submission."""

    NOTHING = "nothing"
    STOP = "its recipient writes STOP to the other SIM"
    BY_HAND = "the operator opts its recipient out"
    START = "its recipient writes START"
    WITHDRAWN = "its recipient's consent is withdrawn"
    CANCEL = "the operator cancels it"
    STOLEN = "another process takes the leases"
    KILLED = "the process dies"


@dataclass(frozen=True)
class Course:
    """The course of one submission."""

    ending: Ending = Ending.SENT
    at_prompt: Event = Event.NOTHING
    on_wire: Event = Event.NOTHING
    cause: Cause = DOUBT


COURSES = (
    [Course()] * 60
    + [Course(ending) for ending in Ending if ending is not Ending.REFUSED] * 3
    + [Course(Ending.REFUSED, cause=cause) for cause in REFUSALS]
    + [
        Course(ending, at_prompt, on_wire)
        for ending, at_prompt, on_wire in product((Ending.SENT, Ending.LOST, Ending.VANISHED), Event, Event)
        if (at_prompt is Event.NOTHING) != (on_wire is Event.NOTHING)
    ]
)
"""The usual one, those without an event, those with one."""


@dataclass
class Outside:
    """What the world knows. `messages`: the ids of the receipts, by the token in each text.

    `opted_out` and `started` count in marks: how many there were before the opt-out, which was the first of a message.
    """

    network: Network
    clock: FakeClock
    messages: dict[int, int] = field(default_factory=dict)
    purposes: dict[int, str] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    marks: int = 0
    started: dict[int, int] = field(default_factory=dict)
    opted_out: dict[str, int] = field(default_factory=dict)
    consented: set[str] = field(default_factory=set)
    confirmed: Counter[str] = field(default_factory=Counter)
    reached: Counter[tuple[int, int]] = field(default_factory=Counter)
    resends: Counter[int] = field(default_factory=Counter)
    vouched: set[int] = field(default_factory=set)
    doubted: set[int] = field(default_factory=set)
    reports: list[tuple[str, str]] = field(default_factory=list)
    restored = False

    def heard(self, number: str, opts_out: bool | None) -> None:
        """This was obeyed, and committed."""
        if opts_out and number not in self.opted_out:
            self.opted_out[number] = self.marks
            self.confirmed[number] = 0
        elif opts_out is False:
            self.opted_out.pop(number, None)

    def marked(self, submission: Submission) -> None:
        """A PDU was marked on the wire. A message started with its first part: the others may follow an opt-out, where
        its purpose says so."""
        self.marks += 1
        number, text = submission.destination, submission.text or ""
        if text == CONFIRMATION:
            assert not (number in self.opted_out and self.confirmed[number]), "an opt-out is confirmed once"
        if (token := token_of(text)) is None:
            assert number not in self.opted_out or text == CONFIRMATION, "an answer after the opt-out"
            return
        purpose = PURPOSES[self.purposes[token]]
        if submission.concat is None or submission.concat[2] == 1:
            self.started[token] = self.marks
        goes_on = purpose.completes and self.started[token] <= self.opted_out.get(number, 0)
        assert number not in self.opted_out or goes_on, f"{token} to a number after its opt-out"
        assert purpose is not NEWS or number in self.consented, f"{token} without consent"

    def accepted(self, submission: Submission, reference: int, line: str) -> None:
        """A PDU is in the ledger."""
        entry = self.network.ledger[-1]
        text, number = entry.text or "", entry.destination
        assert (entry.destination, entry.reference) == (submission.destination, reference)
        self.reports.append((line, report(number, reference, at=self.clock.utc_now())))
        if text == CONFIRMATION:
            self.confirmed[number] += 1
        elif (token := token_of(text)) is not None:
            part = entry.concat[2] if entry.concat else 1
            self.reached[token, part] += 1
            assert self.reached[token, part] <= 1 + self.resends[token], f"{token}/{part} twice, and nobody asked"


def token_of(text: str) -> int | None:
    """The number that each part of our texts begins with."""
    return int(text[:8]) if text[:8].isdigit() else None


def text_of(token: int, parts: int) -> str:
    """A text of so many parts, of which each begins with the token."""
    return (f"{token:08}" + "x" * 145) * (parts - 1) + f"{token:08}"


class Modem:
    """One line's modem: it prompts, it passes the PDU to the network, it answers; or not."""

    def __init__(self, line: str, outside: Outside, meanwhile: Callable[[Event, str, Submission], None]) -> None:
        self._line, self._outside, self._meanwhile = line, outside, meanwhile
        self._options = Options(network="any", report=False)
        self._card = SimCard(line, self._options)
        self.course = Course()

    def submit(self, pdu: EncodedPdu, on_prompt: Callable[[], None]) -> int:
        course, outside = self.course, self._outside
        submission = check(pdu.hex, pdu.length)
        if course.ending is Ending.ABSENT:
            raise ModemAbsent
        if course.ending is Ending.NO_PROMPT:
            raise NotSubmitted(DOUBT)
        self._meanwhile(course.at_prompt, self._line, submission)
        on_prompt()
        outside.marked(submission)
        self._meanwhile(course.on_wire, self._line, submission)
        if course.ending is Ending.REFUSED:
            raise SubmissionRefused(course.cause)
        if course.ending is Ending.VANISHED:
            raise OutcomeUnknown(DOUBT)
        reference = self._card.last_reference = self._card.next_reference()
        outside.network.submit(self._card, self._options, submission, pdu.hex, reference)
        outside.accepted(submission, reference, self._line)
        if course.ending is Ending.LOST:
            raise OutcomeUnknown(DOUBT)
        return reference


@cache
def reading(text: str) -> Reading:
    """People of this test write few different things."""
    return read(text, keywords=KEYWORDS)


class Life:
    """One life of the gateway's process, on the database that it finds."""

    def __init__(self, database: Database, outside: Outside, name: str) -> None:
        self.outside, self.name, self.clock = outside, name, outside.clock
        self.database = database
        chance = random.Random(7)  # noqa: S311  (the same each time)
        self.outbox, self.people, self.inbox = (
            Outbox(self.database, rng=chance),
            People(self.database),
            Inbox(self.database),
        )
        numbers = NumberRules("FR", frozenset({"FR"}), frozenset({"mobile"}))
        self.replies = Replies(
            self.database,
            read=reading,
            numbers=numbers,
            answers=ANSWERS,
            clock=self.clock,
            rng=chance,
        )
        self.receiver = Receiver(
            self.inbox, self.replies, Reconciler(self.database, self.clock), country="FR", clock=self.clock
        )
        self.hands = {line: Hand(self.outbox, self.clock, chance) for line in LINES}
        self.encoders = {line: Encoder() for line in LINES}
        self.sims = {line: self.remember(line, place) for place, line in enumerate(LINES)}

    def remember(self, line: str, place: int) -> int:
        return Sims(self.database).remember(
            iccid=f"893300000000000000{place}", imsi="", name=line, pool="default", imei="", port=line,
            now=self.clock.utc_now(),
        )  # fmt: skip

    def wanted(self, line: str) -> Wanted:
        others = frozenset(sim for name, sim in self.sims.items() if name != line)
        lease = f"{self.name}/{line}"
        return Wanted(self.sims[line], "default", CARRIED, others, None, 9, True, lease, 900.0)

    def begin(self) -> None:
        """What a start does: obey what was kept, then put right what was under way."""
        self.receiver.run_once()
        self.outbox.recover(self.clock.utc_now(), self.name)


class Disk:
    """A directory in memory, where there is one: only the process is cut off here, so nothing need be synced.

    One Database serves all lives, closed at the end of each: it opens its connections anew, on whatever file is there,
    and need not compile its statements again.
    """

    def __init__(self) -> None:
        place = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  (a private directory is made in it)
        self._directory = tempfile.TemporaryDirectory(dir=place)
        self.path = Path(self._directory.name) / "x.db"
        self.database = Database.open(self.path)
        self.database.close()
        self.empty = self.files()

    def files(self) -> dict[str, bytes]:
        """What is there, without the index that SQLite makes anew."""
        files = self.path.parent.glob("x.db*")
        return {file.name: file.read_bytes() for file in files if not file.name.endswith("-shm")}

    def put(self, files: Mapping[str, bytes]) -> None:
        """Nothing else is there; the database is closed."""
        for file in self.path.parent.glob("x.db*"):
            file.unlink()
        for name, octets in files.items():
            (self.path.parent / name).write_bytes(octets)


@cache
def disk() -> Disk:
    """That of this process."""
    return Disk()
