"""AT commands: python-gsmmodem-new 0.13.0 through one subclass, the only file that imports it.

What is kept of the library: its object, its lock, its writing (`SerialComms.write`). What is replaced, because it loses
messages or dies (each has a test named after it in tests/modem/test_at.py): opening (`connect`), the reader
(`_readLoop`), whose line it is (`_handleLineRead`, rules in lines.py), the notification threads
(`_handleModemNotification`: one queue, one worker), `write` (refuses when dead, bounded retry when busy), the PIN.

Threads: a reader per modem and a worker per modem for what arrives unasked, both daemons: an exit of Python does not
wait for them. Commands come from any thread and run one at a time under the library's lock.

One thread at a time reads: it has the turn. Whoever waits for an answer takes the turn and reads for himself: to hand
an answer from thread to thread costs more than the command. The reader hears what comes unasked, and begins LINGER
seconds after the last answer. Ports that know no time limit (`Port.timed`) are read by the reader alone.

Recovery: a command without an answer raises `NoAnswer`, and whoever asked calls `resync()` before anything else.
A port that dies wakes the waiter at once (`ModemAbsent`), tells the worker, and this object is then good for nothing:
`close()` it and make another. Octets that are no text are read as Latin-1 and end up in lines which nobody reads.

The library logs whole commands (numbers, texts, PINs): its loggers are cut off here.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import structlog
from gsmmodem.exceptions import CommandError, InvalidStateException
from gsmmodem.modem import GsmModem
from gsmmodem.serial_comms import SerialComms

from gatewayd.errors import ModemAbsent, ModemBusy, ModemError
from gatewayd.modem.lines import FINAL, PDU_EXCHANGE, LineSorter, Verdict
from gatewayd.modem.notices import GREETINGS
from gatewayd.modem.transport import Flow, Port

log = structlog.get_logger(__name__)

LIBRARY_VERSION = "0.13.0"
_LIBRARY_CLASS_NAMES = (
    "_handleLineRead",
    "_handleModemNotification",
    "_readLoop",
    "_unlockSim",
    "_GsmModem__threadedHandleModemNotification",
)
_LIBRARY_OBJECT_NAMES = ("_txLock", "_responseEvent", "_response", "_expectResponseTermSeq", "notifyCallback")

COMMAND_TIMEOUT = 10.0
LINGER = 0.05
"""Seconds after an answer in which nobody reads: most often the next command follows, and its thread will."""
# "SIM busy" of TS 27.007 and of TS 27.005, the "please wait" (515) of several makers; and the pauses between tries.
_BUSY = ("+CME ERROR: 14", "+CMS ERROR: 314", "+CMS ERROR: 515", "+CME ERROR: 515", "+CME ERROR: SIM busy")
BUSY_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
ESC, CTRL_Z = "\x1b", "\x1a"
PROMPT = ">"
# The longest line a modem has to say is a listed PDU (about 360 characters) or a USSD text; more is noise.
_LONGEST_LINE = 4096
# Line ends, blanks and stray octets at the edges of a line: in PDU mode a modem writes ASCII.
_NOISE = bytes(octet for octet in range(256) if not 0x21 <= octet <= 0x7E)


class CommandRefused(ModemError):
    """The modem refused a command: `family` "cms" or "cme" with a `code` (or `words`, with CMEE=2), else "" (ERROR);
    `busy`: for now."""

    def __init__(self, command: str, final: str) -> None:
        self.command = name_of(command)
        self.family, self.code, self.words = parse_final(final)
        self.busy = final.startswith(_BUSY)
        super().__init__(f"{self.command} was refused: {final}")


class NoAnswer(ModemBusy):
    """The modem did not answer in time; `lines` came nevertheless."""

    def __init__(self, command: str, lines: list[str]) -> None:
        self.lines = lines
        super().__init__(f"{name_of(command)}: no answer in time")


class Interrupted(ModemAbsent):
    """The port died, or the modem restarted, while it was to answer; `lines` came before."""

    def __init__(self, command: str, lines: list[str], why: str) -> None:
        self.lines = lines
        super().__init__(f"{name_of(command)}: {why}")


def name_of(command: str) -> str:
    """A command without its parameters, which may be a PIN or a number: fit for logs."""
    return command.split("=", 1)[0].split(":", 1)[0][:16]


def parse_final(final: str) -> tuple[str, int | None, str]:
    """(family, code, words) of a final result other than OK: `+CMS ERROR:330` is ("cms", 330, "")."""
    if not final.startswith("+CM"):
        return "", None, final
    family, words = final[1:4].lower(), final.partition(":")[2].strip()
    return (family, int(words), "") if words.isdecimal() else (family, None, words)


def check_library() -> None:
    """ModemError unless this is the library this file was written against: the private names below are used."""
    found = version("python-gsmmodem-new")
    if found != LIBRARY_VERSION:
        raise ModemError(f"python-gsmmodem-new is {found}; gatewayd needs {LIBRARY_VERSION} (pip install it)")
    if missing := [name for name in _LIBRARY_CLASS_NAMES if not hasattr(GsmModem, name)]:
        raise ModemError(f"python-gsmmodem-new has no {', '.join(missing)}")


class Modem(GsmModem):  # type: ignore[misc]  # the library publishes no types
    """One modem on one port. `on_lines` gets unsolicited results, line by line, on the modem's own worker thread."""

    # Not in the tree of loggers: no configuration can make the library log numbers, texts or PINs.
    log = logging.Logger("gsmmodem-cut-off", logging.CRITICAL + 1)
    RESPONSE_TERM = FINAL

    def __init__(
        self,
        url: str,
        *,
        baudrate: int,
        flow: Flow = Flow.NONE,
        on_lines: Callable[[list[str]], None],
        command_timeout: float = COMMAND_TIMEOUT,
    ) -> None:
        check_library()
        super().__init__(url, baudrate)
        if missing := [name for name in _LIBRARY_OBJECT_NAMES if not hasattr(self, name)]:
            raise ModemError(f"python-gsmmodem-new has no {', '.join(missing)}")
        self.url = url
        self._flow = flow
        self._on_lines = on_lines
        self._command_timeout = command_timeout
        self._sorter = LineSorter()
        self._command: str | None = None
        self._arrivals: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
        self._dead = threading.Event()
        self._why_dead = "the port is closed"
        self._chunks = 0
        self._unread = b""
        self._overlong = False
        self._turn = threading.Lock()
        self._left_alone_until = 0.0
        self.restarted = False  # it greeted: its settings are lost; whoever makes them again sets this back

    # ---- life

    def connect(self, pin: str | None = None, waitingForModemToStartInSeconds: int = 0) -> None:  # noqa: ARG002 - the library's signature
        """Open the port and start the two threads; nothing is asked of the modem. Once per object."""
        self.serial = Port.open(self.url, baudrate=self.baudrate, flow=self._flow)
        self.alive = True
        self.rxThread = threading.Thread(target=self._readLoop, name=f"read {self.url}", daemon=True)
        self._worker = threading.Thread(target=self._work, name=f"notices {self.url}", daemon=True)
        self.rxThread.start()
        self._worker.start()

    def close(self) -> None:
        """Wait for the running command, stop both threads, give the port back. From any thread, any number of times."""
        with self._txLock:
            self.alive = False
            if not hasattr(self, "_worker"):
                return
            self._dead.set()
            self.serial.wake()
            while not self._turn.acquire(timeout=0.1):
                # Again, for a reader that was between two reads may have missed it.
                self.serial.wake()
            self.serial.close()
            self._turn.release()
            self.rxThread.join()
            self._arrivals.put(None)
        if threading.current_thread() is not self._worker:
            self._worker.join(COMMAND_TIMEOUT)

    # ---- reading

    def _readLoop(self) -> None:
        while self.alive:
            with self._turn:
                rest = self._left_alone_until - time.monotonic()
                if rest <= 0:
                    self._hear(None)
            if rest > 0:
                self._dead.wait(min(rest, LINGER))

    def _listen(self, seconds: float, until: threading.Event) -> bool:
        """Read in the reader's place until the event, at most so long; whether it came."""
        if not self.serial.timed:
            return until.wait(seconds)
        end = time.monotonic() + seconds
        self._left_alone_until = math.inf  # first, or the reader takes the next turn too
        if not self._turn.acquire(blocking=False):
            self.serial.wake()
            self._turn.acquire()
        try:
            while not until.is_set() and (left := end - time.monotonic()) > 0:
                self._hear(left)
        finally:
            self._left_alone_until = time.monotonic() + LINGER
            self._turn.release()
        return until.is_set()

    def _hear(self, seconds: float | None) -> None:
        """Read once, and sort what came. The turn is the caller's."""
        try:
            if self.alive and (data := self.serial.read(seconds)):
                self._unread = self._take(self._unread + data)
        except ModemAbsent as error:
            self._die(str(error))
        except Exception as error:
            log.exception("modem.reader_failed", port=self.url)
            self._die(f"the reader failed: {error}")

    def _take(self, data: bytes) -> bytes:
        """Hand over the whole lines of `data`, and the prompt; what remains is the beginning of the next line."""
        self._chunks += 1
        *lines, rest = data.split(b"\n")
        for raw in lines:
            line = raw.strip(_NOISE).decode("latin-1").removeprefix("> ")
            if line == PROMPT and self._expectResponseTermSeq:  # and at once behind it a RING, say
                self._handleLineRead(PROMPT, checkForResponseTerm=False)
            elif line and line != PROMPT and not self._overlong:
                self._handleLineRead(line)
            self._overlong = False
        if self._expectResponseTermSeq and (rest.lstrip(_NOISE).startswith(b">") or rest.endswith(b"> ")):
            self._handleLineRead(PROMPT, checkForResponseTerm=False)
            return b""
        if len(rest) > _LONGEST_LINE:
            self._overlong = True
            return b""
        return rest

    def _handleLineRead(self, line: str, checkForResponseTerm: bool = True) -> None:
        waiter: threading.Event | None = self._responseEvent
        if waiter is not None and waiter.is_set():
            waiter = None
        verdict = self._sorter.sort(line, self._command if waiter else None) if checkForResponseTerm else Verdict.FINAL
        if verdict is Verdict.NOTICE:
            self._handleModemNotification(self._sorter.notice)
            if line in GREETINGS:
                self.restarted = True
                if waiter and self._command == PDU_EXCHANGE:
                    waiter.set()  # it will not answer any more
        elif waiter and verdict is not Verdict.NOTHING:
            self._response.append(line)
            if verdict is Verdict.FINAL:
                waiter.set()

    def _die(self, why: str) -> None:
        """The port is gone: wake whoever waits for an answer, and say so."""
        if not self.alive:
            return
        self._why_dead = why
        self.alive = False
        self._dead.set()
        if (waiter := self._responseEvent) is not None:
            waiter.set()
        self._arrivals.put([])

    # ---- the worker thread

    def _handleModemNotification(self, lines: list[str]) -> None:
        self._arrivals.put(lines)

    def _work(self) -> None:
        while (lines := self._arrivals.get()) is not None:
            try:
                self._on_lines(lines)
            except Exception:
                log.exception("modem.notice_failed", port=self.url)

    # ---- commands

    @property
    def why_dead(self) -> str:
        """In words, once `alive` is False."""
        return self._why_dead

    def ask(self, command: str, *, timeout: float | None = None) -> list[str]:
        """The information lines of the answer. CommandRefused, NoAnswer, ModemAbsent."""
        return self._information(command, self.write(command, timeout=timeout, parseError=False))

    def ask_once(self, command: str, *, timeout: float) -> list[str]:
        """As `ask`, but written once even if the answer is that the SIM is busy: for the PIN."""
        return self._information(command, self._exchange(command, command + "\r", timeout))

    def _information(self, command: str, lines: list[str]) -> list[str]:
        if lines[-1] != "OK":
            raise CommandRefused(command, lines[-1])
        # Before ATE0 has worked, the first line is our own command.
        return [line for line in lines[:-1] if line != command]

    def attempt(self, command: str, *, timeout: float | None = None) -> list[str] | None:
        """As `ask`, but a refusal is None: for what a modem may well not know."""
        try:
            return self.ask(command, timeout=timeout)
        except CommandRefused as refusal:
            log.debug("modem.command_refused", port=self.url, command=refusal.command, answer=str(refusal))
            return None

    def tell(self, command: str) -> None:
        """Write a command and wait for no answer."""
        self._exchange(command, command + "\r", self._command_timeout, wait=False)

    def write(  # the library's door, with its signature
        self,
        data: str,
        waitForResponse: bool = True,
        timeout: float | None = None,
        parseError: bool = True,
        writeTerm: str = "\r",
        expectedResponseTermSeq: str | None = None,
    ) -> Any:
        """Write a command and return all lines of its answer; a busy SIM or modem is asked again a few times."""
        timeout = self._command_timeout if timeout is None else timeout
        with self._txLock:
            for pause in (*BUSY_PAUSES, None):
                lines = self._exchange(data, data + writeTerm, timeout, expectedResponseTermSeq, wait=waitForResponse)
                if pause is None or not lines or not lines[-1].startswith(_BUSY):
                    break
                self._dead.wait(pause)
        if parseError and lines and lines[-1] not in ("OK", PROMPT):
            raise CommandError(name_of(data))
        return lines if waitForResponse else None

    def _exchange(
        self, command: str, data: str, timeout: float, prompt: str | None = None, *, wait: bool = True
    ) -> list[str]:
        """One write and its complete answer. NoAnswer, Interrupted, ModemAbsent."""
        with self._txLock:
            if not self.alive:
                raise ModemAbsent(self._why_dead)
            answered = threading.Event()
            self._command = command
            self._response: list[str] = []
            self._expectResponseTermSeq: str | None = prompt
            self._responseEvent: threading.Event | None = answered if wait else None
            try:
                SerialComms.write(self, data, waitForResponse=False)
                if wait and not self._listen(timeout, answered):
                    raise NoAnswer(command, self._response)
                lines = self._response
            finally:
                # Nobody waits any more, whatever came out of the port.
                self._responseEvent = None
                self._expectResponseTermSeq = None
                self._command = None
            if wait and not (lines and (lines[-1] == PROMPT or FINAL.match(lines[-1]))):
                raise Interrupted(command, lines, "the modem restarted" if self.alive else self._why_dead)
            return lines

    # ---- one PDU

    def request_prompt(self, length: int, timeout: float) -> list[str]:
        """AT+CMGS=length (TS 27.005 clause 4.3): [.., PROMPT], or the refusal. The caller has this modem to itself."""
        lines: list[str] = self.write(
            f"AT+CMGS={length}", timeout=timeout, parseError=False, expectedResponseTermSeq=PROMPT
        )
        return lines

    def send_pdu(self, pdu: str, timeout: float) -> list[str]:
        """The PDU and Ctrl-Z into the prompt, and all lines of the answer. Never tried again by itself.

        NoAnswer after `timeout`, Interrupted, ModemAbsent; ModemBusy when the port did not take all octets.
        """
        self._sorter.begin_submission()
        return self._exchange(PDU_EXCHANGE, pdu + CTRL_Z, timeout)

    def await_reference(self, timeout: float, *, poll: float) -> list[str]:
        """After an OK that came alone: +CMGS or the refusal, if it comes within `timeout`; later ones are notices."""
        sorter = self._sorter
        try:
            while timeout > 0 and not sorter.claimed:
                self.pause(poll)
                timeout -= poll
            return sorter.claimed or []
        finally:
            sorter.claimed = None

    def give_up_submission(self, *, quiet: float, timeout: float) -> list[str]:
        """`resync` after a PDU without answer: its answer if it comes meanwhile; one that comes later is a notice."""
        sorter = self._sorter
        sorter.late, sorter.claimed = True, []
        try:
            self.resync(quiet=quiet, timeout=timeout)
        finally:
            claimed, sorter.claimed = sorter.claimed, None
        return claimed

    def pause(self, seconds: float) -> None:
        """Give the modem time; ModemAbsent as soon as the port dies."""
        if self._listen(seconds, self._dead):
            raise ModemAbsent(self._why_dead)

    def resync(self, *, quiet: float, timeout: float, tries: int = 3) -> None:
        """Leave a prompt if there is one, let old answers pass, and make sure that the next answer is ours.

        ESC, wait until nothing has come for `quiet` seconds, AT twice; and again while anything else than one OK each
        came, since an old answer in its place means that the true one is still to come. A prompt may come after the
        ESC, so an AT without answer begins anew with ESC. NoAnswer when AT stays unanswered.
        """
        with self._txLock:
            for last in (*[False] * (tries - 1), True):
                self._exchange("ESC", ESC, timeout, wait=False)
                self._drain(quiet)
                try:
                    if all([self._answers_cleanly(quiet, timeout) for _ in range(2)]):
                        return
                except NoAnswer:
                    if last:
                        raise

    def _answers_cleanly(self, quiet: float, timeout: float) -> bool:
        answer = self._exchange("AT", "AT\r", timeout)
        return not self._drain(quiet) and answer in (["OK"], ["AT", "OK"])

    def _drain(self, quiet: float) -> bool:
        """Let pass what comes until the line was quiet for that long (or for ever chatters); whether anything came."""
        first = before = self._chunks
        for _ in range(20):
            self.pause(quiet)
            if before == self._chunks:
                break
            before = self._chunks
        return first != before

    # ---- ways of the library that are closed

    @property
    def smsEncoding(self) -> str:
        """PDU mode needs no character set: nothing is asked of the modem."""
        return "GSM"

    @smsEncoding.setter
    def smsEncoding(self, encoding: str) -> None:
        """Nothing to set."""

    def _unlockSim(self, pin: str | None) -> None:  # noqa: ARG002 - the library's signature
        raise InvalidStateException("the PIN is the session's to give, once")

    def sendSms(self, *_: object, **__: object) -> None:
        """Closed: it writes AT+CMGS and the text as two acts, and gives up before the network does."""
        raise InvalidStateException("messages are sent with request_prompt and send_pdu")
