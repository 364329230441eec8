"""Whose line is it: the running command's answer, or something the modem says by itself?

A modem mixes both on one wire. The rule that holds on all of them: the information lines of `AT+NAME` begin with
`+NAME:` or with no prefix at all, and end with a final result; a line of another name came by itself. The exceptions:

- results that are never an answer (+CMTI, +CDS ...), and +CREG: with one value (the answer to a question has two);
- +CDS, +CMT and +CBM have a second line, the PDU, which may come later and behind an answer: its length is in the
  header, and tells it from the PDUs of a listing (TS 27.005 clause 3.4.1);
- +CMGS: without a PDU under way is the late answer of a submission we gave up, and the OK after it is not ours;
- after such a submission, +CMS ERROR on a command that has nothing to do with messages is its late refusal.

Pure but for the age of a header: lines in, verdicts out. A header whose PDU got lost is forgotten after
`HEADER_LIFETIME`, or it would take a PDU out of a later listing. Garbage becomes, at worst, a line of the answer
which nobody reads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import Enum, auto

# What the driver calls the exchange in which a PDU was written; any other is called by its command.
PDU_EXCHANGE = "PDU"
# Seconds between the two lines of +CDS, +CMT and +CBM; 50 ms and an answer in between have been seen.
HEADER_LIFETIME = 5.0
FINAL = re.compile(r"(?:OK|ERROR|\+CM[ES] ERROR:.*|COMMAND NOT SUPPORT|TOO MANY PARAMETERS)\Z")
_NAME = re.compile(r"[+^*$%#!&_][A-Z][A-Z0-9_]*")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){7,}\Z")
_LAST_NUMBER = re.compile(r"(\d+)\s*\Z")
_TWO_LINES = frozenset({"+CDS", "+CMT", "+CBM"})
_NEVER_AN_ANSWER = frozenset(
    {"+CMTI", "+CDSI", "+CBMI", "+CRING", "+CLIP", "+CUSD", "+CIEV", "+CGEV", "+CCWA", "+CSSU"}
)
_REGISTRATION_CHANGE = re.compile(r"\+C[GE]?REG:\s*\d+\s*\Z")
_BARE = frozenset({"RING", "NO CARRIER", "RDY", "START", "CALL READY", "SMS READY", "SMS DONE", "PB DONE"})
_BARE_BEGINNINGS = ("UNDER-VOLTAGE", "OVER-VOLTAGE", "NORMAL POWER DOWN", "VOICE CALL:", "MISSED_CALL:")
_MESSAGE_COMMANDS = ("+CMG", "+CMS", "+CNM", "+CPMS", "+CSMS", "+CSCA", "+CMMS", PDU_EXCHANGE)


class Verdict(Enum):
    """What to do with a line."""

    ANSWER = auto()
    FINAL = auto()
    NOTICE = auto()  # the result is in `LineSorter.notice`
    NOTHING = auto()


class LineSorter:
    """Sorts the lines of one modem.

    `late`: a submission was given up, its answer may still come; as a notice, or into `claimed` while that is a list.
    An OK to a PDU without +CMGS before it may be an old one: what follows is claimed too.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.notice: list[str] = []
        self.late = False
        self._monotonic = monotonic
        self._header = ""
        self._header_at = 0.0
        self._foreign_ok = False
        self._referenced = False
        self.claimed: list[str] | None = None

    def begin_submission(self) -> None:
        """A PDU is about to be written: what comes now for an earlier one cannot be told from its answer."""
        self.late, self.claimed, self._referenced = False, None, False

    def sort(self, line: str, command: str | None) -> Verdict:
        """The verdict on `line` while `command` waits for its answer (None: nobody waits)."""
        if line == "OK":
            return self._ok(command)
        if self._header and self._is_second_line(line, command):
            return self._complete(line)
        if FINAL.match(line):
            return self._final(line, command)
        if match := _NAME.match(line):
            return self._named(line, match[0], command)
        if line.upper() in _BARE or line.upper().startswith(_BARE_BEGINNINGS):
            return self._by_itself(line)
        return self._answer(command)

    def _answer(self, command: str | None) -> Verdict:
        self._foreign_ok = False
        return Verdict.ANSWER if command is not None else Verdict.NOTHING

    def _is_second_line(self, line: str, command: str | None) -> bool:
        if self._monotonic() - self._header_at > HEADER_LIFETIME:
            self._header = ""
            return False
        return _HEX.match(line) is not None and (command is None or _fits(self._header, line))

    def _ok(self, command: str | None) -> Verdict:
        if self._foreign_ok:
            self._foreign_ok = False
            return Verdict.NOTHING
        if command == PDU_EXCHANGE and not self._referenced:
            self.late, self.claimed = True, []
        return Verdict.FINAL if command is not None else Verdict.NOTHING

    def _final(self, line: str, command: str | None) -> Verdict:
        self._foreign_ok = False
        of_messages = command is not None and any(name in command for name in _MESSAGE_COMMANDS)
        if self.late and line.startswith("+CMS") and not of_messages:
            return self._came_late(line)
        return Verdict.FINAL if command is not None else Verdict.NOTHING

    def _named(self, line: str, name: str, command: str | None) -> Verdict:
        if name in _TWO_LINES:
            self._header, self._header_at = line, self._monotonic()
            return Verdict.NOTHING
        if name in _NEVER_AN_ANSWER or _REGISTRATION_CHANGE.match(line):
            return self._by_itself(line)
        if name == "+CMGS":
            return self._reference(line, command)
        if command is not None and name[1:] in command:
            return self._answer(command)
        return self._by_itself(line)

    def _reference(self, line: str, command: str | None) -> Verdict:
        if command == PDU_EXCHANGE:
            self._referenced = True
            return Verdict.ANSWER
        self._foreign_ok = True
        return self._came_late(line)

    def _came_late(self, line: str) -> Verdict:
        self.late = False
        if self.claimed is None:
            return self._by_itself(line)
        self.claimed.append(line)
        return Verdict.NOTHING

    def _complete(self, pdu: str) -> Verdict:
        self.notice = [self._header, pdu]
        self._header = ""
        return Verdict.NOTICE

    def _by_itself(self, line: str) -> Verdict:
        self.notice = [line]
        return Verdict.NOTICE


def _fits(header: str, pdu: str) -> bool:
    """Whether `pdu` has the length that `header` announces: TPDU octets, the service centre not counted."""
    announced = _LAST_NUMBER.search(header)
    if announced is None:
        return True
    octets = len(pdu) // 2
    return int(announced[1]) in (octets, octets - 1 - int(pdu[:2], 16))
