"""A command line as V.250 writes it, taken apart: `AT` then commands, `;` after an extended one.

Pure. What stands before `AT` is ignored, as a module that waits for these two letters does; a line without them is
nothing at all, and gets no answer. Quoted strings may hold `;` and `,`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_ATTENTION = re.compile("AT", re.IGNORECASE | re.ASCII)
_EXTENDED = re.compile(r"([+^$#*%][A-Za-z0-9]+)[ ]*(=\?|\?|=)?")
_REGISTER = re.compile(r"(S\d+)(\?|=)?(\d*)", re.IGNORECASE)
_BASIC = re.compile(r"(&?[A-Za-z])(\d*)")
_VALUES = re.compile(r'("[^"]*"|[^";])*')
_VALUE = re.compile(r'(?:"[^"]*"|[^",])*')


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `op` is "" (run), "?" (read), "=?" (test) or "=" (set, with `values`)."""

    name: str
    op: str = ""
    values: str = ""

    def arguments(self) -> list[str]:
        """The values between commas, without quotes; an absent one is empty."""
        found, at = [], 0
        while at <= len(self.values):
            value = _VALUE.match(self.values, at)
            found.append(value[0].strip().replace('"', "") if value else "")
            at = (value.end() if value else at) + 1
        return found

    def numbers(self) -> list[int | None]:
        """The values as integers; an absent one is None, another word raises ValueError."""
        return [_number(value) if value else None for value in self.arguments()]


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError(value)
    return int(value)


@lru_cache(maxsize=2048)
def parse(line: str) -> tuple[Command, ...] | None:
    """The commands of a line, in order; None where there is no `AT`; a command of name "" is not to be understood."""
    start = _ATTENTION.search(line)
    if start is None:
        return None
    body, at = line[start.end() :].strip(), 0
    commands: list[Command] = []
    while at < len(body):
        if body[at] in " ;":
            at += 1
            continue
        command, at = _next(body, at)
        commands.append(command)
        if not command.name:
            break
    return tuple(commands) or (Command("AT"),)


def _next(body: str, at: int) -> tuple[Command, int]:
    if body[at] in "Dd":
        return Command("D", "=", body[at + 1 :]), len(body)
    if extended := _EXTENDED.match(body, at):
        values = _VALUES.match(body, extended.end()) if extended[2] == "=" else None
        end = values.end() if values else extended.end()
        if end < len(body) and body[end] != ";":
            return Command(""), len(body)
        return Command(extended[1].upper(), extended[2] or "", values[0] if values else ""), end + 1
    if register := _REGISTER.match(body, at):
        return Command(register[1].upper(), register[2] or "", register[3]), register.end()
    if basic := _BASIC.match(body, at):
        return Command(basic[1].upper(), "=" if basic[2] else "", basic[2]), basic.end()
    return Command(""), len(body)
