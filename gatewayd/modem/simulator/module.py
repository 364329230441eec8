"""The GSM module itself: what is on around the command line. Registration, memories, submission, reception, power.

A submission goes through these points, where faults may strike (faults.py): `prompt`, `half`, `body` (Ctrl-Z came),
then the network's latency, `accepted` (the ledger has it), `answer`.

What the network wants to deliver while the module is away, not registered or full waits at the service centre and comes
when it can: messages at the next occasion, status reports once AT+CNMI has been set again, for a module that has just
started would drop them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gatewayd.modem.simulator import tpdu
from gatewayd.modem.simulator.card import STORED_UNREAD, SimCard, Store, Stored, derived, luhn
from gatewayd.modem.simulator.faults import Fault
from gatewayd.modem.simulator.line import Command
from gatewayd.modem.simulator.options import Options
from gatewayd.modem.simulator.results import Refusal, cme, cms, unknown_command
from gatewayd.modem.simulator.submit_check import BadSubmission, Submission, check
from gatewayd.modem.simulator.terminal import Terminal
from gatewayd.modem.simulator.tpdu import Pdu

_EVENTS = ("unplug", "reboot", "silence", "unregister", "cms", "cme")
_RING_SECONDS = 5.0
# These need the card to be open: refused with the code of their family while it wants a PIN or a PUK.
_CME_LOCKED = frozenset({"+CIMI", "+CRSM", "+CNUM", "+CUSD"})
_CMS_LOCKED = frozenset({"+CMGS", "+CMGW", "+CMSS", "+CMGL", "+CMGR", "+CMGD", "+CPMS", "+CSCA"})
NEEDS_CARD = _CME_LOCKED | _CMS_LOCKED | {"+CPIN", "+CNMI", "+CCID", "+QCCID", "+ICCID"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the network makes of a submission: a CMS code, or an acceptance with what will follow from it."""

    reference: int
    refusal: int | None = None
    report_status: int | None = None
    reply: str = ""


class Carrier(Protocol):
    """The network, as a module sees it."""

    def submit(self, card: SimCard, options: Options, submission: Submission, pdu: str, reference: int) -> Verdict:
        """Judge one submission; an accepted one is in the ledger when this returns."""
        ...

    def utc_now(self) -> datetime:
        """The network's time."""
        ...

    def taken_from(self, sender: str) -> datetime:
        """When the service centre took a message from this number."""
        ...

    def next_concatenation(self) -> int:
        """A reference for a message in several parts."""
        ...

    def happened(self, event: str, sim: str, detail: str) -> None:
        """Something that a test or an operator may wait for."""
        ...


@dataclass(slots=True)
class Session:
    """What a reset of the module forgets."""

    cnmi: tuple[int, int, int, int, int] = (2, 1, 0, 0, 0)
    cnmi_set: bool = False
    creg: dict[str, int] = field(default_factory=lambda: {"+CREG": 0, "+CGREG": 0, "+CEREG": 0})
    clip: int = 0
    csms: int = 0
    cmms: int = 0
    charset: str = "GSM"
    operator_format: int = 0
    functional: int = 1
    memories: list[str] = field(default_factory=lambda: ["ME", "ME", "ME"])


Handler = Callable[["Module", Command], "list[str] | None"]


class Module(Terminal):
    """One module with its card in it. `commands` says what each AT command does."""

    ends_a_line = frozenset({"+CMGS", "+CMGW", "+CMSS"})

    def __init__(self, card: SimCard, options: Options, carrier: Carrier, commands: Mapping[str, Handler]) -> None:
        super().__init__(echo=options.echo, delay=options.delay, on_fired=self._fired)
        self.card, self.options, self.carrier, self.commands = card, options, carrier, commands
        self.imei = options.imei or luhn("35" + derived(card.name, "imei", 12))
        self.session = Session()
        self.memory = {"SM": card.store, "ME": Store(options.me), "SR": Store(options.sr)}
        self.memory["MT"] = self.memory["ME"]
        self.generation = 0  # how often the port has come back
        self.lost = False  # registration, for a time
        self.caller = ""
        self._random = random.Random(f"{options.seed}:{card.name}")  # noqa: S311  # a repeatable delay, no secret
        self._waiting_messages: list[Pdu] = []  # at the service centre
        self._waiting_reports: list[Pdu] = []

    def _fired(self, fault: Fault) -> None:
        self.carrier.happened("fault", self.card.name, fault.kind)

    # Commands.

    def execute(self, command: Command) -> list[str] | None:
        handler = self.commands.get(command.name)
        if handler is None:
            raise unknown_command()
        if self.faults:
            self._refuse_by_fault(command)
        if self.card.wants != "READY":
            puk = self.card.wants != "SIM PIN"
            if command.name in _CMS_LOCKED:
                raise cms(316 if puk else 311)
            if command.name in _CME_LOCKED:
                raise cme(12 if puk else 11)
        return handler(self, command)

    def _refuse_by_fault(self, command: Command) -> None:
        if command.name in NEEDS_CARD and (hit := self.faults.strike("command", command.name, ("sim-busy",))):
            raise cme(hit.code)
        if command.op == "=" and self.faults.strike("command", command.name, ("cnmi-refused",), command.values):
            raise cms(302)

    # Faults.

    def arm(self, fault: Fault) -> None:
        """Let a fault wait for its occasion, or strike at once when that is `now`."""
        self.faults.arm(fault)
        if fault.at == "now":
            for struck in self.faults.strikes("now"):
                self.happens(struck)

    def strike(self, point: str) -> bool:
        if not self.faults:
            return False
        # A generator: a fault which ends the command leaves the others armed.
        return any(self.happens(fault) for fault in self.faults.strikes(point, self.running, _EVENTS))

    def happens(self, fault: Fault) -> bool:
        if fault.kind in ("cms", "cme"):
            self.finish([], Refusal(fault.kind.upper(), fault.code))
        elif fault.kind == "unplug":
            self.unplug(fault.seconds)
        elif fault.kind == "reboot":
            self.reboot(fault.seconds or self.options.boot)
        elif fault.kind == "silence":
            self.fall_silent(fault.seconds)
        elif fault.kind == "unregister":
            self.unregister(fault.seconds)
            return False
        elif fault.kind == "smsc-empty":
            self.card.smsc = ""
            return False
        return True

    # Power.

    def unplug(self, seconds: float = 0.0) -> None:
        """The port vanishes; it comes back after `seconds`, or at `plug()` when that is 0."""
        self._power_off()
        self.attached = False
        self.carrier.happened("unplugged", self.card.name, "")
        if seconds:
            self.later(seconds, self.plug)

    def plug(self) -> None:
        """The port is back, with a module that has just started."""
        if not self.attached:
            self.attached, self.deaf = True, False
            self.generation += 1
            self.carrier.happened("plugged", self.card.name, "")
            self.retry()

    def reboot(self, seconds: float) -> None:
        """The module starts again without leaving the bus: deaf, then telling that it is ready."""
        self._power_off()
        self.deaf = True
        self.carrier.happened("rebooting", self.card.name, "")
        self.later(seconds, self._booted)

    def fall_silent(self, seconds: float = 0.0) -> None:
        """Hear and say nothing, for `seconds` or until `wake()`."""
        self.abandon()
        self.deaf = True
        if seconds:
            self.later(seconds, self.wake)

    def wake(self) -> None:
        """Hear again, as if nothing had been asked."""
        was_deaf, self.deaf = self.deaf, False
        if was_deaf:
            output = bytes(self._output)
            self.reset_line()
            self._output += output
            self.retry()

    def _power_off(self) -> None:
        self.reset_line()
        self.session = Session()
        self.echo, self.verbosity = self.options.echo, 1
        self.lost, self.caller = False, ""
        self.card.power_off()

    def _booted(self) -> None:
        self.deaf = False
        wanted = self.card.wants
        self.urc("RDY")
        self.urc("+CFUN: 1")
        if wanted:
            self.urc(f"+CPIN: {wanted}")
        self.urc("+QUSIM: 1")
        if wanted == "READY":
            self.card_ready()
        self.carrier.happened("booted", self.card.name, "")

    def card_ready(self) -> None:
        """The card is open: what it holds may be read, what waits may come."""
        self.urc("+QIND: SMS DONE")
        self.urc("+QIND: PB DONE")
        self.retry()

    # Registration.

    def registration(self, kind: str) -> int:
        """The <stat> of +CREG, +CGREG or +CEREG."""
        if self.session.functional != 1 or self.card.wants != "READY":
            return 0
        if self.lost:
            return 2
        return {"+CREG": self.options.creg, "+CGREG": self.options.cgreg, "+CEREG": self.options.cereg}[kind]

    @property
    def registered(self) -> bool:
        """Whether any domain carries short messages now."""
        return any(self.registration(kind) in (1, 5) for kind in self.session.creg)

    def unregister(self, seconds: float = 0.0) -> None:
        """The network is lost, for `seconds` or until `register()`."""
        self.lost = True
        self.tell_registration()
        if seconds:
            self.later(seconds, self.register)

    def register(self) -> None:
        """The network is back."""
        self.lost = False
        self.tell_registration()
        self.retry()

    def tell_registration(self) -> None:
        """+CREG and its kin, where they were asked for."""
        for kind, mode in self.session.creg.items():
            if mode:
                self.urc(f"{kind}: {self.registration_text(kind, mode)}")

    def registration_text(self, kind: str, mode: int) -> str:
        """<stat>, and with mode 2 where the cell is."""
        stat = self.registration(kind)
        return f'{stat},"1A2B","01C3D4E5",7' if mode == 2 and stat in (1, 5) else str(stat)

    # Submission.

    def submit(self, pdu: str, announced: int, answer: str) -> None:
        """A whole PDU has come: check it, send it, answer `+CMGS: <mr>` (or as `answer` names the command)."""
        if self.strike("body"):
            return
        pdu = pdu.strip("\r\n ")
        try:
            submission = check(pdu, announced)
        except BadSubmission as bad:
            self.carrier.happened("bad-pdu", self.card.name, str(bad))
            self.finish([], cms(304))
            return
        if not submission.smsc and not self.card.smsc:
            self.finish([], cms(330))
        elif not self.registered:
            self.finish([], cms(331))
        else:
            self._transmit(submission, pdu, answer)

    def _transmit(self, submission: Submission, pdu: str, answer: str) -> None:
        reference = self.card.next_reference()
        if self.options.smss in ("before", "never"):
            self.card.last_reference = reference
        if seconds := self._latency():
            self.later(seconds, lambda: self._reach_network(submission, pdu, answer, reference))
        else:
            self._reach_network(submission, pdu, answer, reference)

    def _latency(self) -> float:
        latency, jitter = self.options.latency, self.options.jitter
        return max(0.0, latency + self._random.uniform(-jitter, jitter)) if jitter else latency

    def _reach_network(self, submission: Submission, pdu: str, answer: str, reference: int) -> None:
        if not self.registered:
            self.finish([], cms(331))
            return
        if self._in_vain("unheard"):
            return
        sent = self.carrier.utc_now()
        verdict = self.carrier.submit(self.card, self.options, submission, pdu, reference)
        if verdict.refusal is not None:
            if self.options.smss == "answer":
                self.card.last_reference = reference
            self.finish([], cms(verdict.refusal))
            return
        if verdict.report_status is not None:
            self._await_report(submission.destination, sent, verdict)
        if verdict.reply:
            self.later(0.0, lambda: self.deliver(submission.destination, verdict.reply), outlives=True)
        if self._in_vain("ack-lost") or self.strike("accepted"):
            return
        self.card.last_reference = reference
        self.finish([f"{answer}: {verdict.reference}"])

    def _in_vain(self, kind: str) -> bool:
        """Whether the network's answer never comes: the module gives up by its own timer (TR1M), and knows nothing."""
        lost = self.faults.strike("air", kinds=(kind,)) if self.faults else None
        if lost is not None:
            self.later(lost.seconds, lambda: self.finish([], cms(lost.code)))
        return lost is not None

    def _await_report(self, recipient: str, sent: datetime, verdict: Verdict) -> None:
        if self.faults and self.faults.strike("report", kinds=("report-lost",)):
            return

        def report() -> None:
            done = self.carrier.utc_now()
            status = verdict.report_status or 0
            self._report(tpdu.status_report(self.card.smsc, verdict.reference, recipient, sent, done, status))

        if self.faults and self.faults.strike("report", kinds=("report-early",)):
            report()
        else:
            self.later(self.options.report_delay, report, outlives=True)

    # Reception.

    @property
    def reachable(self) -> bool:
        """Whether the service centre can reach the module now."""
        return self.attached and not self.deaf and self.registered

    def deliver(self, sender: str, text: str) -> None:
        """A message arrives from the network, in as many parts as it needs."""
        at = self.carrier.taken_from(sender)
        reference = self.carrier.next_concatenation()
        for pdu in tpdu.delivers(self.options.smsc or self.card.smsc, sender, text, at, reference):
            if not self.reachable or not self._take_message(pdu):
                self._waiting_messages.append(pdu)
        self.carrier.happened("delivered", self.card.name, "")

    def receive_text(self, text: str) -> None:
        self.deliver("+33639980099", text)

    def retry(self) -> None:
        """The service centre tries again what could not be delivered."""
        if not self.reachable:
            return
        waiting, self._waiting_messages = self._waiting_messages, []
        self._waiting_messages = [pdu for pdu in waiting if not self._take_message(pdu)]
        if self.session.cnmi_set:
            reports, self._waiting_reports = self._waiting_reports, []
            for pdu in reports:
                self._report(pdu)

    def _take_message(self, pdu: Pdu) -> bool:
        """Store or show one SMS-DELIVER; False when the memory is full (the network is told, and keeps it)."""
        mode, routing = self.session.cnmi[:2]
        if routing == 2 and mode:
            self.urc(f"+CMT: ,{pdu.length}\r\n{pdu.hex}")
            return True
        name = self.session.memories[2]
        index = self.memory[name].add(Stored(STORED_UNREAD, pdu.hex, pdu.length))
        if index is None:
            return False
        if routing and mode:
            self.urc(f'+CMTI: "{name}",{index}')
        return True

    def _report(self, pdu: Pdu) -> None:
        if not self.reachable:
            self._waiting_reports.append(pdu)
            return
        mode, routing = self.session.cnmi[0], self.session.cnmi[3]
        if routing == 1 and mode:
            self._say_report(pdu)
        elif routing == 2:
            index = self.memory["SR"].add(Stored(STORED_UNREAD, pdu.hex, pdu.length))
            if index is not None and mode:
                self.urc(f'+CDSI: "SR",{index}')
        self.carrier.happened("report", self.card.name, "")

    def _say_report(self, pdu: Pdu) -> None:
        split = self.faults.strike("report", kinds=("cds-split",)) if self.faults else None
        if split is None:
            self.urc(f"+CDS: {pdu.length}\r\n{pdu.hex}")
            return
        self.say(f"\r\n+CDS: {pdu.length}\r\n".encode())
        self.later(split.seconds, lambda: self.say(pdu.hex.encode() + b"\r\n"))

    # Calls.

    def ring(self, caller: str, times: int) -> None:
        """A call comes in; it rings every five seconds until it is hung up or has rung `times`."""
        self.caller = caller
        self._ring(times)

    def _ring(self, times: int) -> None:
        if not self.caller or times <= 0:
            self.caller = ""
            return
        self.urc("RING")
        if self.session.clip:
            self.urc(f'+CLIP: "{self.caller}",145,,,,0')
        self.later(_RING_SECONDS, lambda: self._ring(times - 1))
