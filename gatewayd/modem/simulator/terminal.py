"""The line discipline of the simulated module: bytes in, bytes out, time given from outside. No thread, no clock.

    feed(data, now)      what the client wrote
    tick(now)            let what is due happen
    next_due()           when that will be next, or None
    take_output(limit)   what the client reads

How it hears, as an EC25 over USB does:

- Bytes that come while a command runs wait, in order, and are the next command: one answer at a time. The waiting line
  is bounded; what exceeds it is lost, as from a UART. Bytes sent before a prompt is given become part of the PDU.
- A line ends with CR; LF and other control characters are dropped; backspace deletes. A line without the letters AT has
  no answer. In a chain, the first command that fails ends it; one that asks for a PDU must be the last.
- Characters are echoed (ATE1, the default) when they are heard, those of a PDU too.
- At the prompt, Ctrl-Z ends the PDU, ESC forgets it and answers OK.
- Unsolicited lines are said at once, in the middle of a command if need be, but never while a PDU is being entered.

Whatever is fed, nothing is raised. What an answer looks like when a fault strikes is decided here, in `_disturbed`.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum

from gatewayd.modem.simulator.faults import Fault, Faults
from gatewayd.modem.simulator.line import Command, parse
from gatewayd.modem.simulator.results import Refusal, bad_parameters, unknown_command

_WAITING = 65536  # octets of input that may wait for a command to end
_LINE = 2048
_BODY = 1024
_CTRL_Z, _ESC, _CR, _BACKSPACE = 0x1A, 0x1B, 0x0D, 0x08
# Control characters but CR and backspace mean nothing on a command line.
_DROPPED = bytes(code for code in range(0x20) if code not in (_CR, _BACKSPACE)) + b"\x7f"


class Phase(Enum):
    """What the next byte is for."""

    IDLE = "a command line"
    BUSY = "nobody yet: a command runs"
    BODY = "a PDU"


class Terminal(ABC):
    """An AT command line. A subclass says what the commands do and what an event does to the module."""

    ends_a_line: frozenset[str] = frozenset()  # commands which are answered later, so that none may follow them

    def __init__(self, *, echo: bool, delay: float, on_fired: Callable[[Fault], None]) -> None:
        self.faults = Faults(on_fired)
        self.echo, self.verbosity, self.delay = echo, 1, delay
        self.attached = True  # whether there is a port at all
        self.deaf = False  # powered, but neither hearing nor speaking
        self.now = 0.0
        self._phase = Phase.IDLE
        self._input, self._output = bytearray(), bytearray()
        self._line, self._body = bytearray(), bytearray()
        self._announced = 0
        self._body_done: Callable[[str], None] = lambda _: None
        self._held: list[str] = []  # unsolicited lines that wait for the end of a PDU
        self._after: list[Callable[[], None]] = []  # what follows the answer of the present command
        self._running = "AT"
        self._timers: list[tuple[float, int, int | None, Callable[[], None]]] = []
        self._timer_count = self._epoch = 0

    # What a subclass says.

    @abstractmethod
    def execute(self, command: Command) -> list[str] | None:
        """Run one command: its information lines, or None when the answer comes later. Raises Refusal or ValueError."""

    @abstractmethod
    def strike(self, point: str) -> bool:
        """Let armed events (unplug, reboot, silence, errors) happen at this point; True ends the command at once."""

    @abstractmethod
    def happens(self, fault: Fault) -> bool:
        """Let one event happen; True ends the command at once."""

    @abstractmethod
    def receive_text(self, text: str) -> None:
        """A message arrives from nobody in particular, in the middle of an answer."""

    # Time.

    def feed(self, data: bytes, now: float) -> None:
        """What the client wrote, at the monotonic time `now`."""
        self.tick(now)
        if self.deaf or not self.attached:
            return
        self._input += data[: _WAITING - len(self._input)]
        self._hear()

    def tick(self, now: float) -> None:
        """Let all that is due at `now` happen."""
        while self._timers and self._timers[0][0] <= now:
            self._run_due(self._timers[0][0])
            self._hear()
        self.now = max(self.now, now)

    def next_due(self) -> float | None:
        """The monotonic time of the next thing that will happen by itself."""
        return self._timers[0][0] if self._timers else None

    def later(self, seconds: float, action: Callable[[], None], *, outlives: bool = False) -> None:
        """Do this in `seconds`; forgotten at a reset of the module unless it `outlives` it."""
        self._timer_count += 1
        epoch = None if outlives else self._epoch
        heapq.heappush(self._timers, (self.now + seconds, self._timer_count, epoch, action))

    def _run_due(self, until: float) -> None:
        """Each thing happens at its own time, however late it is looked at."""
        while self._timers and self._timers[0][0] <= until:
            due, _, epoch, action = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            if epoch is None or epoch == self._epoch:
                action()

    # Output.

    def take_output(self, limit: int = -1) -> bytes:
        """At most `limit` octets (all: -1) of what waits for the client."""
        if limit < 0 or limit >= len(self._output):
            taken = bytes(self._output)
            self._output.clear()
        else:
            taken = bytes(self._output[:limit])
            del self._output[:limit]
        return taken

    @property
    def waiting(self) -> int:
        """Octets that wait for the client."""
        return len(self._output)

    def say(self, data: bytes) -> None:
        """Put octets on the line, unless the module is mute or gone."""
        if self.attached and not self.deaf:
            self._output += data

    def urc(self, *lines: str) -> None:
        """Say unsolicited lines that belong together."""
        if self._phase is Phase.BODY:
            self._held += lines
        else:
            self.say("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1", "replace"))

    # Input.

    def _hear(self) -> None:
        while self._input and self._phase is not Phase.BUSY and not self.deaf:
            if self._phase is Phase.IDLE:
                self._hear_line()
            else:
                self._hear_body()
            if self._timers:
                self._run_due(self.now)

    def _take_input(self, end: int) -> bytes:
        """The input before index `end` (all: -1 or more than there is), echoed."""
        piece = bytes(self._input) if end < 0 else bytes(self._input[:end])
        del self._input[: len(piece)]
        if self.echo:
            self.say(piece)
        return piece

    def _hear_line(self) -> None:
        end = self._input.find(b"\r")
        piece = self._take_input(end + 1 if end >= 0 else -1)
        if _BACKSPACE in piece:
            self._edit_line(piece)
        else:
            self._line += piece
            del self._line[_LINE:]
        if end >= 0:
            line = self._line.translate(None, _DROPPED + b"\r").decode("latin-1")
            self._line.clear()
            self._run(line)

    def _edit_line(self, piece: bytes) -> None:
        for octet in piece:
            if octet == _BACKSPACE:
                del self._line[-1:]
            elif len(self._line) < _LINE:
                self._line.append(octet)

    def _hear_body(self) -> None:
        ends = [at for at in (self._input.find(_CTRL_Z), self._input.find(_ESC)) if at >= 0]
        piece = self._take_input(min(ends) + 1 if ends else -1)
        if self.faults and self._half_passed(piece) and self.strike("half"):
            return
        self._body += piece
        if not ends:
            del self._body[_BODY:]
            return
        body, last = self._body[:-1][:_BODY].decode("latin-1"), piece[-1]
        self._body.clear()
        self._phase = Phase.BUSY
        if last == _ESC:
            self.finish([])
        else:
            self._body_done(body)
        self._say_held()

    def _half_passed(self, piece: bytes) -> bool:
        """Whether this piece brings the PDU past half of its hexadecimal digits."""
        return len(self._body) < self._announced <= len(self._body) + len(piece)

    def _say_held(self) -> None:
        held, self._held = self._held, []
        for line in held:
            self.urc(line)

    # Commands.

    def _run(self, line: str) -> None:
        commands = parse(line)
        if commands is None:
            return
        self._phase = Phase.BUSY
        information: list[str] = []
        for place, command in enumerate(commands, 1):
            self._running = command.name
            try:
                if self.faults and self.strike("command"):
                    return
                if place < len(commands) and command.op == "=" and command.name in self.ends_a_line:
                    raise unknown_command()
                lines = self.execute(command)
            except Refusal as refusal:
                self.finish(information, refusal)
                return
            except ValueError:
                self.finish(information, bad_parameters())
                return
            if lines is None:
                return
            information += lines
        self.finish(information)

    @property
    def running(self) -> str:
        """The name of the command that runs, or ran last."""
        return self._running

    def follow(self, action: Callable[[], None]) -> None:
        """Do this once the present command is answered."""
        self._after.append(action)

    def prompt(self, announced: int, done: Callable[[str], None]) -> None:
        """Ask for a PDU of `announced` octets; `done` is given what the client wrote before Ctrl-Z."""
        self._announced, self._body_done = announced, done
        text, seconds = b"\r\n> ", self.delay
        for fault in self.faults.strikes("prompt", self._running) if self.faults else ():
            if fault.kind == "prompt-late":
                seconds += fault.seconds
            elif fault.kind == "prompt-missing":
                text = b""
            elif fault.kind == "prompt-bare":
                text = b"\r\n>"
            elif self.happens(fault):
                return
        if seconds:
            self.later(seconds, lambda: self._enter_body(text))
        else:
            self._enter_body(text)

    def _enter_body(self, text: bytes) -> None:
        self.say(text)
        self._phase = Phase.BODY

    def abandon(self) -> None:
        """Forget the prompt and the PDU that was being entered."""
        self._body.clear()
        self._phase = Phase.BUSY

    def reset_line(self) -> None:
        """Power was lost: nothing runs, nothing waits, in either direction."""
        self._epoch += 1
        self._phase = Phase.IDLE
        for buffer in (self._input, self._output, self._line, self._body):
            buffer.clear()
        self._held.clear()
        self._after.clear()

    # Answers.

    def finish(self, information: list[str], refusal: Refusal | None = None) -> None:
        """Answer the present command; the next one may be heard."""
        final = refusal.final(self.verbosity) if refusal else "OK"
        segments = self._disturbed(information, final) if self.faults else [(0.0, _answer(information, final))]
        after, self._after = self._after, []
        if self.delay:
            self.later(self.delay, lambda: self._conclude(segments, after))
        else:
            self._conclude(segments, after)

    def _conclude(self, segments: list[tuple[float, bytes]], after: list[Callable[[], None]]) -> None:
        for seconds, text in segments:
            if seconds:
                self.later(seconds, lambda text=text: self.say(text))  # type: ignore[misc]  # binds the loop's value
            else:
                self.say(text)
        self._phase = Phase.IDLE
        for action in after:
            action()

    def _disturbed(self, information: list[str], final: str) -> list[tuple[float, bytes]]:
        """The answer as the armed faults leave it: pieces, each with the seconds after which it is said."""
        before, repeats, seconds = b"", 1, 0.0
        for fault in self.faults.strikes("answer", self._running):
            if fault.kind == "urc":
                before += f"\r\n{fault.text}\r\n".encode("latin-1", "replace")
            elif fault.kind == "stray-byte":
                before += bytes([fault.code & 0xFF])
            elif fault.kind == "cmti":
                # What is said meanwhile is taken back out of the output and put between information and result.
                mark = len(self._output)
                self.receive_text(fault.text)
                middle = bytes(self._output[mark:])
                del self._output[mark:]
                information = [*information, middle.decode("latin-1").strip("\r\n")] if middle else information
            elif fault.kind == "answer-lost":
                repeats = 0
            elif fault.kind == "answer-twice":
                repeats = 2
            elif fault.kind == "ok-only":
                information = []
            elif fault.kind == "no-ok":
                final = ""
            elif fault.kind == "answer-late":
                seconds += fault.seconds
        segments = [(seconds, _answer(information, final))] * repeats
        return [(0.0, before), *segments] if before else segments


def _answer(information: list[str], final: str) -> bytes:
    lines = "\r\n" + "\r\n".join(information) + "\r\n" if information else ""
    result = f"\r\n{final}\r\n" if final else ""
    return (lines + result).encode("latin-1", "replace")
