"""An office with a drop folder: drop files, let the gateway take its turn, look at the answers and at the queue."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import openpyxl
import sqlalchemy as sa

from gatewayd.domain import template
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.interfaces.dropfolder.contents import Feed
from gatewayd.interfaces.dropfolder.folder import DropFolder, Turn
from gatewayd.interfaces.dropfolder.names import REPORT
from gatewayd.interfaces.dropfolder.report import ReportStyle
from gatewayd.interfaces.dropfolder.reporter import Reporter
from gatewayd.interfaces.dropfolder.spool import ANSWERS, Spool
from gatewayd.interfaces.spreadsheet.table import Bounds
from gatewayd.services.intake import Intake, NumberRules
from gatewayd.services.space import Space
from gatewayd.store.batches import Batches
from gatewayd.store.engine import Database
from gatewayd.store.handler_calls import HandlerCalls
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People
from gatewayd.store.schema import batches, messages

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
EVENTS = Purpose("events", "Activités", Basis.CONSENT)
REMINDER = "Bonjour {{ prenom }}, la réunion est le {{ date }}."


class Answer(NamedTuple):
    """Where a file ended, under which name, and the rows of its report below the headings."""

    folder: str
    name: str
    report: list[list[str]]

    @property
    def states(self) -> list[str]:
        return [row[2] for row in self.report]

    @property
    def reasons(self) -> list[str]:
        return [row[3] for row in self.report]


class StandingClock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def utc_now(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - NOON).total_seconds()

    def trusted(self) -> bool:
        return True

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


_opened: list[Office] = []


def close_all() -> None:
    """At the end of a test: newer Pythons complain of a database that nobody closed."""
    while _opened:
        _opened.pop().close()


class Office:
    """A spool with three feeds, a real database file, and the gateway's drop folder over both."""

    def __init__(
        self, folder: Path, *, purpose: Purpose = EVENTS, bounds: Bounds | None = None, space: Space | None = None
    ) -> None:
        self.root, self.clock, self.purpose = folder, StandingClock(), purpose
        self._bounds, self.space = bounds, space
        self._feeds = [
            Feed(".", purpose),
            Feed("rappels", purpose, template.compile(REMINDER)),
            Feed("relu", purpose, approval_required=True),
        ]
        self.database: Database | None = None
        _opened.append(self)
        self.restart()

    def restart(self, checkpoint: Callable[[str], None] | None = None) -> None:
        """A new process, as far as this one can play it: nothing is kept but the disk."""
        self.close()
        spool = Spool(self.root, [feed.folder for feed in self._feeds])
        spool.prepare()
        self.database = Database.open(self.root / "gatewayd.db")
        store, style = Batches(self.database), ReportStyle("fr", ZoneInfo("Europe/Paris"))
        self.calls = HandlerCalls(self.database)
        numbers = NumberRules("FR", frozenset({"IE"}))
        self.people = People(self.database)
        self.intake = Intake(
            self.database,
            Outbox(self.database),
            self.people,
            purposes={self.purpose.key: self.purpose},
            numbers=numbers,
            clock=self.clock,
        )
        self._reporter = Reporter(spool, store, style, self.clock, handled=True)
        self._folder = DropFolder(
            spool,
            store,
            self._feeds,
            numbers=numbers,
            style=style,
            clock=self.clock,
            bounds=self._bounds,
            space=self.space,
            handled=True,
            checkpoint=checkpoint or (lambda _step: None),
        )

    def close(self) -> None:
        if self.database is not None:
            self.database.close()

    # The secretary.

    def drop(self, name: str, content: bytes, *, age: float = 3600) -> None:
        """Writes a file into drop/ which was last written `age` seconds ago."""
        (self.root / "drop" / name).write_bytes(content)
        self.age(name, age)

    def age(self, name: str, age: float = 3600) -> None:
        written = self.clock.now.timestamp() - age
        os.utime(self.root / "drop" / name, (written, written), follow_symlinks=False)

    def settle(self) -> None:
        """Lets the first look at every file pass, and then more time than a file must rest."""
        self.turn()
        self.clock.pass_by(60)

    def answers(self) -> list[Answer]:
        """All answered files, by folder and name; each must have a report beside it."""
        found = []
        for folder in ANSWERS:
            present = {path.name for path in (self.root / folder).iterdir()}
            files = {name for name in present if not (name.endswith(REPORT) and name[: -len(REPORT)] in present)}
            found += [Answer(folder, name, self._report(folder, name)) for name in sorted(files)]
        return found

    def answer(self) -> Answer:
        """The only answer there is."""
        answers = self.answers()
        assert len(answers) == 1, answers
        return answers[0]

    def _report(self, folder: str, name: str) -> list[list[str]]:
        text = (self.root / folder / f"{name}{REPORT}").read_bytes().decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))[1:]

    @staticmethod
    def workbook(rows: Sequence[Sequence[object]]) -> bytes:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(list(row))
        output = io.BytesIO()
        book.save(output)
        return output.getvalue()

    # The gateway.

    def turn(self) -> Turn:
        return self._folder.run_once()

    def report_turn(self) -> int:
        return self._reporter.run_once()

    def claimed_files(self) -> list[Path]:
        return sorted((self.root / "claimed").glob("*/in/*"))

    @contextmanager
    def database_locked(self) -> Iterator[None]:
        """Another process holds the database for longer than anybody waits."""
        other = sqlite3.connect(self.root / "gatewayd.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()

    # The queue and the people.

    def consent(self, number: str) -> None:
        self.people.record_consent(
            number, self.purpose.key, method="web_form", recorded_by="test", at=self.clock.utc_now()
        )

    def opt_out(self, number: str) -> None:
        self.people.add_optout(number, origin="hand", by="test", at=self.clock.utc_now())

    def _messages(self, *columns: str) -> list[Any]:
        assert self.database is not None
        with self.database.read() as connection:
            found = connection.execute(sa.select(*(messages.c[name] for name in columns)).order_by(messages.c.id))
            return [tuple(row) for row in found]

    def queue(self) -> list[tuple[str, str]]:
        """Recipient and text of every message that was accepted, in that order."""
        return self._messages("recipient", "text")

    def states(self) -> list[tuple[str, str, str]]:
        return self._messages("recipient", "state", "reason")

    def filed(self) -> list[str]:
        """The names under which the database knows the files that are done."""
        assert self.database is not None
        with self.database.read() as connection:
            return sorted(connection.execute(sa.select(batches.c.filed_as)).scalars())

    def expiries(self) -> list[datetime]:
        return [row[0] for row in self._messages("expires_at")]

    def settle_messages(self, state: str, reason: str, only: str = "") -> None:
        """Brings messages to an end, as the dispatcher would."""
        assert self.database is not None
        lease = "test" if state == "sending" else None
        change = sa.update(messages).where(messages.c.recipient.startswith(only))
        change = change.values(state=state, reason=reason, lease=lease)
        self.database.write(lambda connection: connection.execute(change))
