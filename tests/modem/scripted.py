"""A modem whose every word a test decides, at the far end of a pseudo-terminal, over a family of lines.

Answers are a table, command to text or to a function; the line between is clean, slow, one octet at a time, or noisy
(stray octets and chatter before each burst); and octets may get lost. It keeps what it heard, and tests wait for that,
never for a time.
"""

from __future__ import annotations

import os
import random
import select
import threading
import tty
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

ESC, CTRL_Z = b"\x1b", b"\x1a"
OK = "\r\nOK\r\n"
LINES = ("clean", "slow", "bytewise", "noisy")
PATIENCE = 10.0
LOSS = 0.02

Answer: TypeAlias = "str | Callable[[ScriptedModem, str], str]"


def info(*lines: str) -> str:
    """Information lines and OK, as a modem with echo off writes them."""
    return "".join(f"\r\n{line}\r\n" for line in lines) + OK


def ec25() -> dict[str, Answer]:
    """The answers of a healthy module: whole commands, or their beginnings up to `=`."""
    answers: dict[str, Answer] = {
        "AT": OK,
        "AT+CGSN": info("867962041234561"),
        "AT+CGMI": info("Quectel"),
        "AT+CGMM": info("EC25"),
        "AT+CGMR": info("EC25EFAR06A03M4G"),
        "AT+CPIN?": info("+CPIN: READY"),
        "AT+QCCID": info("+QCCID: 8933150000000000017F"),
        "AT+CIMI": info("208150000000001"),
        "AT+CPMS=?": info('+CPMS: ("SM","ME","MT"),("SM","ME","MT"),("SM","ME","MT")'),
        "AT+CPMS=": info("+CPMS: 0,255,0,255,0,255"),
        "AT+CPMS?": info('+CPMS: "ME",0,255,"ME",0,255,"ME",0,255'),
        "AT+CNMI?": info("+CNMI: 2,1,0,1,0"),
        "AT+CSCA?": info('+CSCA: "+33639980000",145'),
        "AT+CREG?": info("+CREG: 1,1"),
        "AT+CEREG?": info("+CEREG: 1,1"),
        "AT+CSQ": info("+CSQ: 20,99"),
        "AT+CMGS=": "\r\n> ",
        "PDU": info("+CMGS: 7"),
    }
    for command in ("ATE0", "AT+CMEE=", "AT+CSCS=", "AT+CSMS=", "AT+CMGF=", "AT+CNMI=", "AT+CMMS=", "AT+CMGD="):
        answers[command] = OK
    answers |= {"AT+CREG=": OK, "AT+CEREG=": OK}
    return answers


class ScriptedModem:
    """Speaks on its own thread; `answers` may be changed at any time, "PDU" is the answer to a PDU."""

    def __init__(self, line: str = "clean", answers: dict[str, Answer] | None = None) -> None:
        self.answers = ec25() | (answers or {})
        self.heard: list[str] = []
        self.pdus: list[str] = []
        self.escapes = 0
        self._line = line
        self._losses: random.Random | None = None
        self._changed = threading.Condition()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._wake = os.pipe()
        self.prompting = False
        self._pending = b""
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def say(self, text: str | bytes) -> None:
        """Write to the host, over the line."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        for piece in self._pieces(data):
            if self._gone.is_set():
                return
            os.write(self._master, piece)
            if self._line == "slow":
                self._gone.wait(0.002)

    def lose(self, seed: int) -> None:
        """From now on octets get lost on the way to the host, the same ones for the same seed."""
        self._losses = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def wait_for(self, command: str, count: int = 1) -> None:
        """Until a command that begins so was heard that many times."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(command) >= count, PATIENCE), (command, self.heard)

    def count(self, command: str) -> int:
        return sum(1 for heard in self.heard if heard.startswith(command))

    def vanish(self) -> None:
        """Unplugged: the port is gone when this returns."""
        if self._gone.is_set():
            return
        self._gone.set()
        if threading.current_thread() is not self._thread:
            # A descriptor closed under a thread that reads it would be read again under its next owner.
            os.write(self._wake[1], b"x")
            self._thread.join()
        for descriptor in (self._master, self._slave, *self._wake):
            os.close(descriptor)

    def _pieces(self, data: bytes) -> Iterable[bytes]:
        if self._line == "bytewise":
            return [bytes([octet]) for octet in data]
        if self._line == "slow":
            return [data[start : start + 7] for start in range(0, len(data), 7)]
        if self._losses is not None:
            data = bytes(octet for octet in data if self._losses.random() > LOSS)
        if self._line == "noisy":
            return [b'\xe9\x00\r\n^RSSI:18\r\n\r\n^HCSQ:"LTE",50,41,131,22\r\n' + data]
        return [data]

    def _listen(self) -> None:
        while not self._gone.is_set():
            select.select([self._master, self._wake[0]], [], [])
            if self._gone.is_set():
                return
            self._pending += os.read(self._master, 4096)
            while not self._gone.is_set() and self._take():
                pass

    def _take(self) -> bool:
        """One command, PDU or ESC out of what came; False when there is none whole."""
        if ESC in self._pending:
            self._pending = self._pending.partition(ESC)[2]
            self._note("ESC")
            if self.prompting:
                self.prompting = False
                self.say(OK)
            return True
        end = CTRL_Z if self.prompting else b"\r"
        word, found, rest = self._pending.partition(end)
        if not found:
            return False
        self._pending = rest
        self._answer("PDU" if self.prompting else word.decode().strip(), word.decode())
        return True

    def _answer(self, command: str, word: str) -> None:
        if command == "PDU":
            self.prompting = False
            self.pdus.append(word)
        name = command if command in self.answers else command.partition("=")[0] + "="
        answer = self.answers.get(name, "\r\nERROR\r\n")
        text = answer if isinstance(answer, str) else answer(self, word)
        if text.endswith(("> ", ">")):
            self.prompting = True
        self._note(command)
        if text:
            self.say(text)

    def _note(self, command: str) -> None:
        with self._changed:
            self.escapes += command == "ESC"
            self.heard.append(command)
            self._changed.notify_all()


@contextmanager
def scripted(line: str = "clean", answers: dict[str, Answer] | None = None) -> Iterator[ScriptedModem]:
    """A modem for the length of a test."""
    modem = ScriptedModem(line, answers)
    try:
        yield modem
    finally:
        modem.vanish()
