"""A gateway for scenarios: a real database file, simulated SIMs, a clock that the test moves, lines turned by hand.

Nothing waits: `settle` turns all lines until none has anything to do at this moment. Each world has a network of its
own, whose ledger is the oracle: `agree` compares it with what the database says.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from gatewayd.clock import SystemClock
from gatewayd.domain.hours import Holiday, no_holidays
from gatewayd.domain.purpose import Basis, Limits, Purpose, SimSettings
from gatewayd.domain.text import plan
from gatewayd.modem import simulator
from gatewayd.modem.initialise import Timeouts
from gatewayd.modem.notices import Notice
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import Session, open_session
from gatewayd.services.allowance import Rules
from gatewayd.services.line import Common, Line, Turn
from gatewayd.services.receiving import Receiver
from gatewayd.services.roster import Roster
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.people import People
from gatewayd.store.sims import Sims

PARIS = ZoneInfo("Europe/Paris")
TUESDAY_NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
EVENTS = Purpose("events", "Informations", Basis.CONTRACT)
QUICK = Timeouts(command=2, alive=1, prompt=2, quiet=0.02, poll=0.05)

_numbers = itertools.count()


class FakeClock:
    """Wall and monotonic time, moved by the test."""

    def __init__(self, now: datetime = TUESDAY_NOON) -> None:
        self.now, self.seconds, self.believed = now, 1000.0, True

    def utc_now(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds

    def trusted(self) -> bool:
        return self.believed

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


class World:
    """One gateway and its network, which has the machine's time, or (`simulated_time`) the world's."""

    def __init__(
        self,
        directory: Path,
        *names: str,
        limits: Limits | dict[str, Limits] = Limits(),  # noqa: B008  (a frozen value)
        purposes: Iterable[Purpose] = (EVENTS,),
        holiday: Holiday = no_holidays,
        options: str = "",
        clock: FakeClock | None = None,
        simulated_time: bool = False,
    ) -> None:
        simulator.install()
        self.network_name = f"world-{next(_numbers)}"
        self.names, self._options = names, options
        self.clock = clock or FakeClock()
        self.network = simulator.network(self.network_name, clock=self.clock if simulated_time else None)
        self.path = directory / "gatewayd.db"
        each = limits if isinstance(limits, dict) else dict.fromkeys(names, limits)
        self.sims = {name: self.simulated(name) for name in names}
        settings = [SimSettings(name, iccid=self.sims[name].card.iccid, limits=each[name]) for name in names]
        self.rules = Rules({p.key: p for p in purposes}, PARIS, settings, Limits(), holiday)
        self.notices: list[Notice] = []
        self.boots, self.lives = 1, 0
        self.open_store()

    # -- the gateway's life

    def open_store(self) -> None:
        """A gateway starts on this database."""
        self.lives += 1
        self.db = Database.open(self.path)
        self.outbox, self.people = Outbox(self.db), People(self.db)
        self.common = Common(
            outbox=self.outbox,
            sims=Sims(self.db),
            clock=self.clock,
            rules=self.rules,
            roster=Roster(self.clock),
            lease=f"test/boot-{self.boots}/life-{self.lives}",
            on_notice=lambda _sim, notice: self.notices.append(notice),
            receiver=self.make_receiver(),
            rng=random.Random(7),  # noqa: S311  (the same jitter each time)
        )
        self.lines = {name: Line(self.url(name), self.opener(name), self.common) for name in self.names}

    def make_receiver(self) -> Receiver | None:
        """None: what arrives stays in the SIMs."""
        return None

    def crash(self) -> None:
        """The process is gone: nobody records or puts back anything; the modems are let go by the kernel."""
        for line in self.lines.values():
            if line._session is not None:
                line._session.close()
        self.db.close()

    def restart(self) -> None:
        """A new life on the same database."""
        self.open_store()
        self.outbox.recover(self.clock.utc_now(), self.common.lease)

    def close(self) -> None:
        """End as a daemon does."""
        for line in self.lines.values():
            line.close()
        self.db.close()

    # -- the network's side

    def url(self, name: str) -> str:
        return f"sim://{name}?network={self.network_name}{self._options}"

    def opener(self, name: str) -> Callable[[Callable[[Notice], None]], Session]:
        def open_line(on_notice: Callable[[Notice], None]) -> Session:
            guard, clock = PinGuard(), SystemClock()
            return open_session(
                self.url(name), pin=None, clock=clock, pin_guard=guard, on_notice=on_notice, timeouts=QUICK
            )

        return open_line

    def simulated(self, name: str) -> simulator.SimulatedSim:
        return self.network.sim(name, None)

    @property
    def ledger(self) -> list[simulator.Accepted]:
        return self.network.ledger.entries()

    def sent_by(self, name: str) -> list[str]:
        """Destinations, in the order in which this SIM sent to them."""
        return [entry.destination for entry in self.ledger if entry.sim == name]

    # -- work

    def accept(self, *recipients: str, text: str = "Bonjour", purpose: str = "events", **more: object) -> list[int]:
        made, rule = plan(text), self.rules.purposes[purpose]
        message = NewMessage(
            recipient="",
            purpose=purpose,
            feed="test",
            pool=rule.pool,
            priority=rule.priority,
            text=text,
            alphabet=made.alphabet,
            parts=len(made.parts),
            created_at=self.clock.utc_now(),
        )
        ids = self.outbox.accept(None, [replace(message, recipient=r, **more) for r in recipients])  # type: ignore[arg-type]  # the test names them
        for line in self.lines.values():
            line.wake()
        return ids

    def settle(self, *names: str, most: int = 2000) -> list[str]:
        """Turn the lines (all of them) until none has anything to do at this moment; what happened, in order."""
        lines = [self.lines[name] for name in names or self.names]
        events: list[str] = []
        for _ in range(most):
            turns: list[Turn] = [line.run_once() for line in lines]
            events.extend(turn.event for turn in turns)
            if all(turn.again > 0 for turn in turns):
                return events
        raise AssertionError(f"never at rest: {events[-20:]}")

    def advance(self, seconds: float) -> list[str]:
        """Time passes; what is due becomes ready, and the lines look."""
        self.clock.advance(seconds)
        self.outbox.promote(self.clock.utc_now())
        for line in self.lines.values():
            line.wake()
        return self.settle()

    # -- what came of it

    def state(self, message_id: int) -> str:
        message = self.outbox.get(message_id)
        assert message is not None
        return str(message.state)

    def left(self, limit: str, name: str = "a") -> int:
        """What is left of a limit of this SIM."""
        allowance = self.lines[name]._allowance
        assert allowance is not None
        return next(one.left for one in allowance.remaining() if one.limit == limit)

    def states(self) -> dict[str, int]:
        return dict(Counter(str(message.state) for message in self.outbox.list(limit=1000)))

    def agree(self) -> None:
        """The ledger and the database tell the same story: nothing twice, nothing sent that was not, and so on."""
        arrived = Counter(simulator.whole_messages(self.ledger))
        taken = ("sent", "delivered", "undelivered")
        said = Counter((m.recipient, m.text) for m in self.outbox.list(limit=1000) if m.state in taken)
        doubtful = Counter((m.recipient, m.text) for m in self.outbox.list(limit=1000) if m.state == "unknown")
        assert not said - arrived, "said to be sent, and the network never saw it"
        assert not arrived - said - doubtful, "the network has it, and the database denies it"


def number(n: int) -> str:
    """The n-th number that belongs to nobody."""
    return f"+336399800{n:02}"
