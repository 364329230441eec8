"""The simulated network: service centre, rules about destinations, the ledger, and the SIMs that belong to it.

`SimulatedSim` wraps one module for a client and a test that live in different threads: one lock and one condition per
SIM, so that a blocked reader wakes at once. The network's own lock is taken last and held briefly. Tests wait with
`wait_for`, which also moves time on for SIMs that nobody reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gatewayd.clock import Clock, SystemClock
from gatewayd.modem.simulator.card import SimCard
from gatewayd.modem.simulator.commands import COMMANDS
from gatewayd.modem.simulator.faults import Fault
from gatewayd.modem.simulator.ledger import Ledger
from gatewayd.modem.simulator.module import Module, Verdict
from gatewayd.modem.simulator.options import Options
from gatewayd.modem.simulator.submit_check import Submission

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `kind` is accepted, refused, bad-pdu, delivered, report, fault, unplugged, plugged,
    rebooting, booted; `detail` says more (the fault's kind, the reason)."""

    kind: str
    sim: str
    detail: str = ""


class SimulatedSim:
    """One SIM in its module. Every method may be called from any thread."""

    def __init__(self, name: str, options: Options, network: Network) -> None:
        self.name, self.options = name, options
        self.changed = threading.Condition(threading.RLock())
        self.card = SimCard(name, options)
        self.module = Module(self.card, options, network, COMMANDS)
        self.exclusive = False
        self.openings = 0
        self._clock = network.clock
        self.advance()  # the module learns what time it is before anything is timed
        for fault in options.fault:
            self.module.arm(fault)

    # The client's side.

    def configure(self, options: Options) -> None:
        """Other options for the same card and module; what they remember stays, new faults are armed."""
        with self.changed:
            self.advance()
            if options != self.options:
                if self.card.smsc == self.options.smsc:
                    self.card.smsc = options.smsc
                self.options = self.module.options = options
                self.module.delay = options.delay
                for memory, size in (("SM", options.sm), ("ME", options.me), ("SR", options.sr)):
                    self.module.memory[memory].size = size
                for fault in options.fault:
                    self.module.arm(fault)

    def write(self, data: bytes) -> None:
        """What a client wrote."""
        with self.changed:
            self.module.feed(data, self._clock.monotonic())
            self.changed.notify_all()

    def read(self, limit: int = -1) -> bytes:
        """At most `limit` octets of what waits now."""
        with self.changed:
            self.advance()
            return self.module.take_output(limit)

    def advance(self) -> None:
        """Let what is due happen; for who holds the lock."""
        self.module.tick(self._clock.monotonic())

    def tick(self) -> None:
        """Let what is due happen, and wake the readers."""
        self._do(lambda: None)

    def seconds_to_next(self) -> float | None:
        """How long until something happens by itself."""
        due = self.module.next_due()
        return None if due is None else max(0.0, due - self._clock.monotonic())

    # The test's side.

    def arm(self, fault: Fault | str) -> None:
        """Arm a fault, given as a value or as `KIND;key=value;...`."""
        self._do(lambda: self.module.arm(Fault.parse(fault) if isinstance(fault, str) else fault))

    @property
    def fired(self) -> list[Fault]:
        """Each strike so far."""
        with self.changed:
            return list(self.module.faults.fired)

    @property
    def armed(self) -> tuple[Fault, ...]:
        """What still waits to strike."""
        with self.changed:
            return self.module.faults.armed

    def deliver(self, sender: str, text: str) -> None:
        """A message arrives from the network."""
        self._do(lambda: self.module.deliver(sender, text))

    def unplug(self, seconds: float = 0.0) -> None:
        """The port vanishes, for `seconds` or until `plug()`."""
        self._do(lambda: self.module.unplug(seconds))

    def plug(self) -> None:
        """The port is back."""
        self._do(self.module.plug)

    def reboot(self, seconds: float = 0.0) -> None:
        """The module starts again."""
        self._do(lambda: self.module.reboot(seconds or self.options.boot))

    def fall_silent(self, seconds: float = 0.0) -> None:
        """The module hangs."""
        self._do(lambda: self.module.fall_silent(seconds))

    def wake(self) -> None:
        """The module hears again."""
        self._do(self.module.wake)

    def unregister(self, seconds: float = 0.0) -> None:
        """The network is lost."""
        self._do(lambda: self.module.unregister(seconds))

    def register(self) -> None:
        """The network is back."""
        self._do(self.module.register)

    def ring(self, caller: str, times: int = 1) -> None:
        """A call comes in."""
        self._do(lambda: self.module.ring(caller, times))

    def urc(self, *lines: str) -> None:
        """The module says something nobody asked for."""
        self._do(lambda: self.module.urc(*lines))

    def say(self, data: bytes) -> None:
        """Raw octets on the line."""
        self._do(lambda: self.module.say(data))

    def _do(self, action: Callable[[], None]) -> None:
        with self.changed:
            self.advance()
            action()
            self.advance()
            self.changed.notify_all()


class Network:
    """A network and its service centre. `ledger` is what it accepted, `events` what happened."""

    def __init__(self, name: str = "default", *, clock: Clock | None = None, ledger: Ledger | None = None) -> None:
        self.name, self.clock = name, clock or SystemClock()
        self.ledger = ledger if ledger is not None else Ledger()
        self.events: list[Event] = []
        self._sims: dict[str, SimulatedSim] = {}
        self._answered: set[str] = set()
        self._taken: dict[str, datetime] = {}
        self._concatenation = 0
        self._version = 0
        self._condition = threading.Condition()

    def sim(self, name: str, options: Options | None = None) -> SimulatedSim:
        """The SIM of this name, made at its first mention; options given later replace the earlier ones."""
        with self._condition:
            sim = self._sims.get(name)
            if sim is None:
                sim = self._sims[name] = SimulatedSim(name, options or Options(network=self.name), self)
                return sim
        if options is not None:
            sim.configure(options)
        return sim

    @property
    def sims(self) -> list[SimulatedSim]:
        """All SIMs mentioned so far."""
        with self._condition:
            return list(self._sims.values())

    def deliver(self, sim: str, sender: str, text: str) -> None:
        """A message from `sender` arrives at the SIM of this name."""
        self.sim(sim).deliver(sender, text)

    def reset(self) -> None:
        """Forget SIMs, ledger and events. Ports that are still open belong to SIMs which nobody finds any more."""
        with self._condition:
            sims = list(self._sims.values())
            self._sims.clear()
            self._answered.clear()
            self._taken.clear()
            self.events.clear()
            self.ledger.clear()
        for sim in sims:
            sim.unplug()

    def tick(self) -> None:
        """Let what is due happen at each SIM, read or not, and wake its readers: for a test that moved the clock."""
        for sim in self.sims:
            sim.tick()

    def wait_for(self, predicate: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Wait until `predicate()` holds, asking after each event; False when `timeout` seconds went by."""
        end = self.clock.monotonic() + timeout
        while True:
            with self._condition:
                version = self._version
            self.tick()
            pauses = [end - self.clock.monotonic()]
            pauses += [pause for sim in self.sims if (pause := sim.seconds_to_next()) is not None]
            if predicate():
                return True
            if pauses[0] <= 0:
                return False
            with self._condition:
                if self._version == version:
                    self._condition.wait(min(pauses))

    # The modules' side (module.Carrier).

    def submit(self, card: SimCard, options: Options, submission: Submission, pdu: str, reference: int) -> Verdict:
        """Judge one submission by the rules; an accepted one is in the ledger when this returns."""
        rule = options.rule_for(submission.destination) if options.rule else None
        if rule is not None and rule.cms is not None:
            self.happened("refused", card.name, str(rule.cms))
            return Verdict(reference, refusal=rule.cms)
        self.ledger.append(
            self.clock.utc_now(),
            iccid=card.iccid,
            sim=card.name,
            destination=submission.destination,
            reference=reference,
            pdu=pdu,
            text=submission.text,
            concat=submission.concat,
            status_report=submission.status_report,
        )
        status: int | None = None
        if submission.status_report and options.report and not (rule and rule.silent):
            status = rule.status if rule and rule.status is not None else options.report_status
        reply = self._first_reply(submission.destination, rule.reply) if rule and rule.reply else ""
        self.happened("accepted", card.name, "")
        return Verdict(reference, report_status=status, reply=reply)

    def _first_reply(self, destination: str, reply: str) -> str:
        with self._condition:
            if destination in self._answered:
                return ""
            self._answered.add(destination)
        return reply

    def utc_now(self) -> datetime:
        """The network's time."""
        return self.clock.utc_now()

    def taken_from(self, sender: str) -> datetime:
        """When the service centre took a message from this number: nobody writes two in one second."""
        with self._condition:
            at = self.clock.utc_now()
            if sender in self._taken:
                at = max(at, self._taken[sender] + timedelta(seconds=1))
            self._taken[sender] = at
            return at

    def next_concatenation(self) -> int:
        """A reference for a message in several parts."""
        with self._condition:
            self._concatenation = (self._concatenation + 1) % 256
            return self._concatenation

    def happened(self, event: str, sim: str, detail: str) -> None:
        """Record an event and wake who waits. Acceptances stand in the ledger and are not recorded twice."""
        with self._condition:
            if event not in ("accepted", "report"):
                self.events.append(Event(event, sim, detail))
            self._version += 1
            self._condition.notify_all()
        if event == "fault":
            log.info("simulator.fault", sim=sim, fault=detail)
        elif event not in ("accepted", "report", "delivered"):
            log.debug("simulator.event", kind=event, sim=sim, detail=detail)


_networks: dict[str, Network] = {}
_networks_lock = threading.Lock()


def network(name: str = "default", *, clock: Clock | None = None) -> Network:
    """The network of this name in this process, made at its first mention, with this clock or the machine's."""
    with _networks_lock:
        if name not in _networks:
            _networks[name] = Network(name, clock=clock)
        return _networks[name]
