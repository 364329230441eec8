"""One modem with its SIM, from open to close: submit one PDU, list and delete what is stored, check, recover.

`submit` is the heart, and it is shielded: `close` and `check` wait for its end, nothing cancels it midway.

    AT+CMGS=n  -> prompt          no prompt: NotSubmitted; a code: SubmissionRefused; port gone: ModemAbsent
    on_prompt()                   the caller commits "on the wire"; if it raises: ESC, and its error passes through
    PDU, Ctrl-Z -> +CMGS: r, OK   r, also when the OK gets lost
                   a code         SubmissionRefused, or OutcomeUnknown where the code leaves it open (causes.py)
                   OK alone       wait on a little for +CMGS: an old OK may have come in between; then OutcomeUnknown
                   nothing        OutcomeUnknown, unless the answer comes while we resynchronise
                   port gone      OutcomeUnknown

After any silence: ESC, drain, AT, before the next command (at.py, `resync`); if that fails, before the next submission.
What arrives by itself goes to `on_notice`, one at a time, on the modem's own thread: a late +CMGS is a LateReference.
A modem that greets has restarted and forgotten its settings: they are made again before the next use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from gatewayd.clock import Clock
from gatewayd.errors import (
    Cause,
    CauseClass,
    ModemAbsent,
    ModemBusy,
    ModemError,
    NotSubmitted,
    OutcomeUnknown,
    SimLocked,
    SubmissionRefused,
)
from gatewayd.modem import answers, causes, initialise, notices
from gatewayd.modem.answers import Storage, StoredMessage
from gatewayd.modem.at import PROMPT, CommandRefused, Interrupted, Modem, NoAnswer, parse_final
from gatewayd.modem.discovery import usb_numbers
from gatewayd.modem.initialise import ModemIdentity, Setup, SimIdentity, Timeouts
from gatewayd.modem.ladder import Step, step_for
from gatewayd.modem.notices import Notice
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.quirks import Quirks, for_usb

log = structlog.get_logger(__name__)

_HOME, _ROAMING = (1, 6), (5, 7)  # <stat> of TS 27.007 clause 7.2; 6 and 7: registered for messages only
_NOTHING_THERE = 321  # TS 27.005 clause 3.2.5, invalid memory index


class Encoded(Protocol):
    """A PDU as AT+CMGS wants it: hex with service centre, and the number of TPDU octets without it."""

    @property
    def hex(self) -> str: ...

    @property
    def length(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Health:
    """What `check` found. `signal` in dBm, None if unknown; `step`: what was done for a modem that did not answer."""

    answers: bool
    registered: bool = False
    roaming: bool = False
    signal: int | None = None
    storage: Storage | None = None
    step: Step = Step.NONE

    @property
    def able(self) -> bool:
        """Whether a submission has a chance."""
        return self.answers and self.registered


def open_session(
    port: str,
    *,
    baudrate: int = 115200,
    pin: str | None,
    clock: Clock,
    pin_guard: PinGuard,
    on_notice: Callable[[Notice], None],
    timeouts: Timeouts | None = None,
) -> Session:
    """Open `port` and make its modem ready. ModemAbsent, SimLocked, ModemBusy; the port is then free again."""
    session = Session(port, baudrate, pin, clock, pin_guard, on_notice, timeouts or Timeouts())
    session.connect()
    return session


class Session:
    """A modem in use. Methods may be called from any thread; they run one at a time."""

    modem: ModemIdentity
    sim: SimIdentity
    setup: Setup

    def __init__(
        self,
        port: str,
        baudrate: int,
        pin: str | None,
        clock: Clock,
        pin_guard: PinGuard,
        on_notice: Callable[[Notice], None],
        timeouts: Timeouts,
    ) -> None:
        self.port = port
        self._baudrate = baudrate
        self._pin = pin
        self._clock = clock
        self._guard = pin_guard
        self._on_notice = on_notice
        self._timeouts = timeouts
        self._quirks: Quirks = for_usb(*usb_numbers(port))
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._at: Modem | None = None
        self._unsynchronised = self._elsewhere = False
        self._missed = 0

    # ---- life

    def connect(self) -> None:
        """What `open_session` does: the port and its modem, or neither."""
        at = self._open_port()
        try:
            self._initialise(at)
        except BaseException:
            at.close()
            raise
        self._at = at

    def _open_port(self) -> Modem:
        at = Modem(
            self.port,
            baudrate=self._baudrate,
            flow=self._quirks.flow,
            on_lines=self._arrived,
            command_timeout=self._timeouts.command,
        )
        at.connect()
        return at

    def _initialise(self, at: Modem) -> None:
        initialise.synchronise(at, self._timeouts)
        self.modem = initialise.identify(at)
        self._quirks = initialise.quirks_of(self.modem, self._quirks)
        initialise.unlock(at, self._pin, self._guard, self._quirks, self._timeouts)
        self.sim = initialise.read_sim(at, self._quirks, self._timeouts)
        self.setup = initialise.configure(at, self._quirks, self._timeouts)
        self._unsynchronised = self._elsewhere = False
        self._missed = 0
        log.info(
            "session.open",
            port=self.port,
            manufacturer=self.modem.manufacturer,
            model=self.modem.model,
            cnmi=self.setup.cnmi,
            memory=self.setup.memory,
            reports=self.setup.reports,
        )

    def close(self) -> None:
        """Wait for the running command, a submission among them, and give the port back. Any number of times."""
        self._closing.set()
        with self._lock:
            at, self._at = self._at, None
        if at is not None:
            at.close()

    @property
    def alive(self) -> bool:
        """Whether the port is there; whether the modem answers is `check`'s to say."""
        at = self._at
        return at is not None and bool(at.alive)

    @property
    def smsc(self) -> str:
        """The service centre's number; "": nothing can be sent, receiving works."""
        return self.setup.smsc

    @property
    def reports(self) -> bool:
        """Whether the modem hands over status reports."""
        return self.setup.reports

    # ---- submission

    def submit(self, pdu: Encoded, on_prompt: Callable[[], None]) -> int:
        """Hand one PDU to the network and return its TP-MR (TS 27.005 clause 4.3); see the module for what may come."""
        with self._lock:
            at = self._ready_to_submit()
            self._open_prompt(at, pdu.length)
            try:
                on_prompt()
            except BaseException:
                self._leave_prompt(at)
                raise
            began = self._clock.monotonic()
            lines = self._write_body(at, pdu.hex)
            return self._judge(lines, self._clock.monotonic() - began)

    def _ready_to_submit(self) -> Modem:
        at = self._living()
        if not self.setup.smsc:
            raise SubmissionRefused(causes.classify("cms", 330, 0))
        try:
            self._repair(at)
        except ModemBusy as silence:
            raise NotSubmitted(causes.own("silent")) from silence
        except SimLocked as lock:
            raise NotSubmitted(causes.classify("cme", 11, 0)) from lock
        return at

    def _open_prompt(self, at: Modem, length: int) -> None:
        try:
            final = at.request_prompt(length, self._timeouts.prompt)[-1]
        except NoAnswer as silence:
            # The prompt may still come, and would swallow the next command.
            self._leave_prompt(at)
            raise NotSubmitted(causes.own("no-prompt")) from silence
        if final == PROMPT:
            return
        if final == "OK":
            raise NotSubmitted(causes.own("no-prompt"))
        cause = _before_the_wire(_cause_of(final, 0))
        raise NotSubmitted(cause) if cause.code == "gatewayd:error" else SubmissionRefused(cause)

    def _leave_prompt(self, at: Modem) -> None:
        try:
            self._resynchronise(at)
        except ModemError as error:
            log.warning("session.prompt_not_left", port=self.port, error=str(error))

    def _write_body(self, at: Modem, pdu: str) -> list[str]:
        """All lines of the answer to the PDU; a reference without its OK will do. OutcomeUnknown."""
        try:
            lines = at.send_pdu(pdu, self._timeouts.submit or self._quirks.submit_timeout)
        except NoAnswer as silence:
            return self._unanswered(at, silence.lines, "timeout")
        except Interrupted as interruption:
            word = "restarted" if at.alive else "port-lost"
            return _with_reference(interruption.lines, word)
        except ModemAbsent as loss:
            raise OutcomeUnknown(causes.own("port-lost")) from loss
        except ModemBusy as stuck:
            self._unsynchronised = True
            raise OutcomeUnknown(causes.own("not-taken")) from stuck
        if lines[-1] == "OK" and answers.reference(lines) is None:
            return self._await_reference(at)
        return lines

    def _await_reference(self, at: Modem) -> list[str]:
        """OK came alone: it may be an old one, with ours still to come."""
        try:
            lines = at.await_reference(self._timeouts.no_reference, poll=self._timeouts.quiet)
        except ModemAbsent as loss:
            raise OutcomeUnknown(causes.own("port-lost")) from loss
        return lines or _with_reference([], "no-reference")

    def _unanswered(self, at: Modem, lines: list[str], word: str) -> list[str]:
        """Resynchronise before anything else is asked; the answer may come in that time after all."""
        self._unsynchronised = True
        try:
            late = at.give_up_submission(quiet=self._timeouts.quiet, timeout=self._timeouts.alive)
            self._unsynchronised = False
        except ModemError as error:
            log.warning("session.not_synchronised", port=self.port, error=str(error))
            late = []
        if late:
            return late
        return _with_reference(lines, word)

    def _resynchronise(self, at: Modem) -> None:
        self._unsynchronised = True
        at.resync(quiet=self._timeouts.quiet, timeout=self._timeouts.alive)
        self._unsynchronised = False

    def _repair(self, at: Modem) -> None:
        """Before a command: make up for what an earlier one, or a restart of the modem, left behind."""
        if self._unsynchronised:
            self._resynchronise(at)
        if at.restarted:
            log.warning("session.modem_restarted", port=self.port)
            self._initialise_again(at)

    def _initialise_again(self, at: Modem) -> None:
        known = self.sim
        self._initialise(at)
        at.restarted = False
        if not _same_sim(known, self.sim):
            self.close()
            raise ModemAbsent(f"another SIM is in the modem at {self.port}")

    def last_reference(self) -> int | None:
        """The reference that the card says was used last; None where modem or card do not tell."""
        with self._lock:
            at = self._living()
            self._repair(at)
            return answers.last_reference(at.attempt("AT+CRSM=176,28483,0,0,2") or ())

    # ---- stored messages

    def storage(self) -> Storage | None:
        """How full the memory for received messages is; None where the modem does not tell."""
        with self._lock, self._reading("") as at:
            return answers.storage(at.attempt("AT+CPMS?") or ())

    def list_stored(self, memory: str = "") -> list[StoredMessage]:
        """All that is stored in `memory` (default: where received messages go), read or not, decodable or not."""
        with self._lock, self._reading(memory) as at:
            try:
                return answers.stored(at.ask("AT+CMGL=4", timeout=self._timeouts.listing))
            except CommandRefused as refusal:
                if refusal.code == _NOTHING_THERE:
                    return []
                raise

    def read_stored(self, index: int, memory: str = "") -> StoredMessage | None:
        """The message at `index`, as +CMTI and +CDSI tell it; None if there is none."""
        with self._lock, self._reading(memory) as at:
            try:
                return answers.read(index, at.ask(f"AT+CMGR={index}"))
            except CommandRefused as refusal:
                if refusal.code == _NOTHING_THERE:
                    return None
                raise

    def delete_by_index(self, index: int, memory: str = "") -> None:
        """Delete one message; one that is gone already is no error. There is no way to delete more than one."""
        with self._lock, self._reading(memory) as at:
            try:
                at.ask(f"AT+CMGD={index}")
            except CommandRefused as refusal:
                if refusal.code != _NOTHING_THERE:
                    raise

    @contextmanager
    def _reading(self, memory: str) -> Iterator[Modem]:
        """Another memory than ours, for a moment: only <mem1> is changed, so receiving goes on. A way back that got no
        answer is gone again, before anything is taken for ours; and what had none may still come: see `_repair`."""
        at = self._living()
        self._repair(at)
        ours = self.setup.memory
        try:
            if self._elsewhere and ours:
                at.ask(f'AT+CPMS="{ours}"')
            self._elsewhere = bool(memory) and memory != ours
            if self._elsewhere:
                at.ask(f'AT+CPMS="{memory}"')
            try:
                yield at
            finally:
                if self._elsewhere and at.alive:
                    self._elsewhere = bool(ours) and at.attempt(f'AT+CPMS="{ours}"') is None
        except NoAnswer:
            self._unsynchronised = True
            raise

    # ---- health

    def check(self) -> Health:
        """AT, registration, signal, storage; and a step of the ladder for a modem that does not answer (ladder.py).

        ModemAbsent when the port is gone or the ladder is at its end, SimLocked when the modem restarted and its SIM
        cannot be opened again: the session is closed then.
        """
        with self._lock:
            at = self._living()
            try:
                self._repair(at)
                at.ask("AT", timeout=self._timeouts.alive)
            except ModemBusy:
                return self._climb(at)
            except SimLocked:
                self.close()
                raise
            self._missed = 0
            return self._examine(at)

    def _examine(self, at: Modem) -> Health:
        seen = [answers.registration(at.attempt(f"AT{name}?") or (), name) for name in ("+CREG", "+CEREG")]
        return Health(
            answers=True,
            registered=any(status in _HOME + _ROAMING for status in seen),
            roaming=any(status in _ROAMING for status in seen) and not any(status in _HOME for status in seen),
            signal=answers.signal(at.attempt("AT+CSQ") or ()),
            storage=answers.storage(at.attempt("AT+CPMS?") or ()),
        )

    def _climb(self, at: Modem) -> Health:
        self._missed += 1
        step = step_for(self._missed)
        log.warning("session.no_answer", port=self.port, missed=self._missed, step=step.value)
        if step is Step.GIVE_UP:
            self.close()
            raise ModemAbsent(f"{self.port} does not answer any more: unplug the modem, check its power supply and hub")
        try:
            if step is Step.RESYNC:
                self._resynchronise(at)
                self._missed = 0
            elif step is Step.REOPEN:
                self._reopen(at)
            elif step is Step.RESET:
                self._reset(at)
        except ModemBusy as error:
            log.warning("session.step_failed", port=self.port, step=step.value, error=str(error))
        return Health(answers=self._missed == 0, step=step)

    def _reset(self, at: Modem) -> None:
        """TS 27.007 clause 8.2. The modem greets, or its port leaves, or neither: it is opened again in any case."""
        at.restarted = False
        at.tell("AT+CFUN=1,1")
        try:
            for _ in range(self._patience()):
                if at.restarted:
                    break
                at.pause(self._timeouts.poll)
        except ModemAbsent:
            log.info("session.port_left", port=self.port)
        self._reopen(at)

    def _patience(self) -> int:
        """How many times to wait `poll` for a modem that restarts."""
        return int((self._timeouts.restart or self._quirks.return_seconds) / self._timeouts.poll)

    def _reopen(self, at: Modem) -> None:
        """The same port with a new driver object; ModemAbsent if it does not return, or returns with another SIM.

        A modem that is silent there keeps the port open, for the next step of the ladder.
        """
        at.close()
        self._at = at = self._wait_for_port()
        at.restarted = True
        self._initialise_again(at)

    def _wait_for_port(self) -> Modem:
        for _ in range(self._patience()):
            try:
                return self._open_port()
            except ModemAbsent as error:
                log.info("session.port_awaited", port=self.port, error=str(error))
            if self._closing.wait(self._timeouts.poll):
                break
        return self._open_port()

    # ---- what arrives by itself

    def _arrived(self, lines: list[str]) -> None:
        """On the modem's worker thread; what this raises is logged there."""
        at = self._at
        notice = notices.parse(lines) if lines else notices.PortLost(at.why_dead if at is not None else self.port)
        if notice is not None:
            self._on_notice(notice)

    def _living(self) -> Modem:
        at = self._at
        if at is None or not at.alive:
            raise ModemAbsent(at.why_dead if at is not None else f"{self.port} is closed")
        return at

    def _judge(self, lines: list[str], seconds: float) -> int:
        if (reference := answers.reference(lines)) is not None:
            return reference
        cause = _cause_of(lines[-1], seconds)
        raise OutcomeUnknown(cause) if cause.kind is CauseClass.UNKNOWN else SubmissionRefused(cause)


def _same_sim(one: SimIdentity, other: SimIdentity) -> bool:
    """By ICCID, or by IMSI where a card does not tell it each time."""
    return one.iccid == other.iccid if one.iccid and other.iccid else one.imsi == other.imsi


def _with_reference(lines: list[str], word: str) -> list[str]:
    """`lines` if the reference came before whatever went wrong: the message was sent. Else OutcomeUnknown."""
    if answers.reference(lines) is None:
        raise OutcomeUnknown(causes.own(word))
    return lines


def _cause_of(final: str, seconds: float) -> Cause:
    family, code, words = parse_final(final)
    return causes.classify_words(family, words, seconds) if code is None else causes.classify(family, code, seconds)


def _before_the_wire(cause: Cause) -> Cause:
    """No PDU was written: whatever the code means, the message did not go out."""
    return replace(cause, kind=CauseClass.MODEM) if cause.kind is CauseClass.UNKNOWN else cause
