"""What an operator sees: tables for people, JSON for scripts, one sentence for an error.

Nothing that came from outside reaches the terminal as it is: control and bidirectional characters are shown as escapes,
and Rich's markup is never read from data. JSON is one value a call, UTF-8, with times in RFC 3339 UTC; the same
characters are escapes in it, which a program reads as what they are.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import BinaryIO, TypeVar

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from gatewayd.clock import rfc3339 as rfc3339  # noqa: PLC0414  (told to mypy: it is for all that prints JSON)
from gatewayd.domain.unseen import UNSEEN
from gatewayd.errors import UsageError

T = TypeVar("T")

_UNSAFE = re.compile(f"[{UNSEEN}]")

STATE_STYLES: Mapping[str, str] = {
    "delivered": "green",
    "sent": "green",
    "queued": "cyan",
    "scheduled": "cyan",
    "sending": "cyan",
    "held": "yellow",
    "unknown": "bold yellow",
    "blocked": "magenta",
    "canceled": "dim",
    "expired": "yellow",
    "failed": "bold red",
    "undelivered": "red",
    "rejected": "red",
}

ALPHABETS: Mapping[str, str] = {"gsm7": "GSM 7-bit", "ucs2": "UCS-2"}
"""As people read them."""


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; into a file or pipe, wide enough that no row is cut."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 240, highlight=False, soft_wrap=not stream.isatty())


def visible(words: object) -> str:
    """A string whose control characters can be seen and do nothing."""
    return _UNSAFE.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", str(words)
    )


def many(count: int, thing: str, things: str = "") -> str:
    """`1 modem`, `2 modems`; `things` where the plural has no s."""
    return f"{count} {thing}" if count == 1 else f"{count} {things or thing + 's'}"


def say(words: str, style: str = "") -> None:
    """A line on stdout."""
    console().print(Text(visible(words), style=style))


def warn(words: str) -> None:
    """A line on stderr, for what is done but should be known."""
    console(stderr=True).print(Text.assemble(("warning: ", "yellow"), visible(words)))


def fail(words: str) -> None:
    """The sentence of an error, on stderr; one line for each line it has."""
    out = console(stderr=True)
    for line in words.splitlines():
        out.print(Text.assemble(("gatewayd: ", "bold red"), visible(line)))


def state(words: str) -> Text:
    """A message's state in its colour."""
    return Text(words, style=STATE_STYLES.get(words, ""))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: frozenset[str] = frozenset()) -> Table:
    """A table without a frame; cells are Text, or are shown as they are."""
    found = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1), header_style="bold")
    for column in columns:
        found.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        found.add_row(*(cell if isinstance(cell, Text) else Text(visible(cell)) for cell in row))
    return found


def pairs(facts: Iterable[tuple[str, object]]) -> Table:
    """Names and values, one pair a line."""
    found = Table(box=None, show_header=False, show_edge=False, pad_edge=False)
    found.add_column(style="dim", no_wrap=True)
    found.add_column(overflow="fold")
    for name, value in facts:
        found.add_row(name, value if isinstance(value, Text) else Text(visible(value)))
    return found


def bullet(mark: str, style: str, words: str) -> None:
    """A remark behind its mark, which stands alone in its column."""
    found = Table.grid(padding=(0, 1))
    found.add_column(no_wrap=True)
    found.add_column(overflow="fold")
    found.add_row(Text(mark, style=style), Text(visible(words)))
    console().print(found)


def note(words: str) -> None:
    """A remark on stderr, out of the way of what is piped on."""
    console(stderr=True).print(Text(visible(words), style="dim"))


def show(thing: Table | Text) -> None:
    """A table or a line on stdout."""
    console().print(thing)


def open_file(path: Path) -> BinaryIO:
    """A file for the operator alone, since it holds somebody's data; opened before root becomes another user."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0 and "SUDO_UID" in os.environ:
            os.fchown(handle, int(os.environ["SUDO_UID"]), int(os.environ.get("SUDO_GID", "-1")))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return os.fdopen(handle, "wb")


SECTION = 20
"""Rows of a section that are shown unless all are asked for."""


def section(title: str, rows: Sequence[Sequence[str]], limit: int | None = SECTION) -> None:
    """A title with its number of rows, and the first of them."""
    if not rows:
        return
    say(f"{title}: {len(rows)}", style="bold")
    found = Table.grid(padding=(0, 2))
    for row in rows[:limit]:
        found.add_row("", *(Text(visible(cell)) for cell in row))
    show(found)
    if limit is not None and len(rows) > limit:
        say(f"  ... and {len(rows) - limit} more")


def confirmed(question: str = "Write this?") -> bool:
    """Asked of a person at a terminal, and of nobody else."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    console().print(f"{question} Type yes: ", end="")
    return sys.stdin.readline().strip().lower() in ("yes", "y", "oui", "o")


def counted(things: Iterable[T], words: str, total: int | None = None) -> Iterator[T]:
    """The things, with a bar on a terminal's last line that says how many have passed."""
    if not sys.stderr.isatty():
        yield from things
        return
    columns = (BarColumn(), TextColumn("{task.completed:,.0f} " + words), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        for thing in things:
            yield thing
            progress.advance(task)


@contextmanager
def progress(words: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, moved by telling how much of how much is done; nothing elsewhere."""
    columns = (TextColumn(words), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total, description=f"{done} of {total}")


def as_json(value: object) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(_written(value, indent=2) + "\n")


def as_json_line(value: object) -> None:
    """One JSON value on a line of stdout, seen at once."""
    sys.stdout.write(_written(value) + "\n")
    sys.stdout.flush()


def _written(value: object, indent: int | None = None) -> str:
    words = json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)
    # Those below the space are escaped already, but for the line ends that are ours.
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _in_json(found[0]), words)


def _in_json(letter: str) -> str:
    return re.sub("(....)", r"\\u\1", letter.encode("utf-16-be", "surrogatepass").hex())


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def local(moment: datetime | None, zone: tzinfo) -> str:
    """`24/11 09:00:03`-like local time for people: the date only when it is not today's."""
    if moment is None:
        return ""
    there = moment.astimezone(zone)
    today = datetime.now(zone).date()
    return there.strftime("%H:%M:%S" if there.date() == today else "%Y-%m-%d %H:%M")
