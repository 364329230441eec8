"""SPOOL/incoming/: a file for each message that came in, with the headers of smstools3, for programs that read those.

    From: 33639980001
    From_TOA: 91 international, ISDN/telephone
    From_SMSC: 33639980000
    Sent: 26-11-24 10:00:00
    Received: 26-11-24 10:00:02
    Subject: accueil
    Modem: accueil
    IMSI: 208010000000001
    IMEI: 350000000000001
    Report: no
    Alphabet: UTF-8
    Length: 4

    STOP

Times are local, numbers without plus, the text is UTF-8; `Incomplete: yes` where parts never came. There are no files
of notices without a text (an MMS that waits), and of status reports only for files of smstools3 that asked for one. The
name is that of the SIM, with the number of `gatewayd inbox show`. A file appears when it is whole, and may be taken
away; what nobody takes is removed after `days`, for it holds a number and a text, which the inbox has anyway. After a
crash the last ones may come again, under the same names. A folder that cannot be written delays files, and no STOP.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.reading import Kind
from gatewayd.interfaces.dropfolder.spool import write_whole
from gatewayd.interfaces.eventhandler import RECEIVED
from gatewayd.store.handler_calls import HandlerCalls, NewCall
from gatewayd.store.inbox import Inbox, Incoming

log = structlog.get_logger(__name__)

FOLDER = "incoming"
BATCH = 50
_TIME = "%y-%m-%d %H:%M:%S"
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_OURS = re.compile(r"[A-Za-z0-9_-]+\.r?[0-9]{6,}")
_DAY = 86_400.0


class IncomingFiles:
    """Writes the files, and removes those that are older than `days` (0: none is written). `run_once` belongs to one
    thread, `clear` to any."""

    def __init__(
        self,
        spool: Path,
        inbox: Inbox,
        timezone: tzinfo,
        clock: Clock,
        *,
        days: int = 30,
        calls: HandlerCalls | None = None,
    ) -> None:
        self._folder, self._inbox, self._timezone, self._clock = spool / FOLDER, inbox, timezone, clock
        self._days, self._calls = days, calls
        self._failed = False

    def run_once(self) -> int:
        """Write what has no file yet; how many. StorageUnavailable."""
        done = 0
        while batch := self._inbox.unfiled(BATCH):
            shown = [one for one in batch if self._days and (one.text or one.kind != Kind.NOTICE)]
            try:
                self._write(shown)
            except OSError as error:
                if not self._failed:
                    log.warning("incoming.not_filed", folder=str(self._folder), error=str(error))
                self._failed = True
                return done
            self._failed = False
            self._tell(shown)
            self._inbox.filed([one.id for one in batch], self._clock.utc_now())
            done += len(batch)
        return done

    def _tell(self, batch: list[Incoming]) -> None:
        """The event handler is owed a call for each; one that is owed already is not owed twice."""
        if self._calls is not None and batch:
            new = [NewCall(f"in:{one.id}", RECEIVED, f"{FOLDER}/{name_of(one)}") for one in batch]
            self._calls.owe(new, self._clock.utc_now())

    def clear(self) -> int:
        """Remove what nobody has taken away in time; how many. Only files of ours, by a clock that can be trusted."""
        if not self._clock.trusted():
            return 0
        before, removed = self._clock.utc_now().timestamp() - self._days * _DAY, 0
        try:
            for path in self._old(before):
                path.unlink(missing_ok=True)
                removed += 1
        except OSError as error:
            log.warning("incoming.not_cleared", folder=str(self._folder), error=str(error))
        if removed:
            log.info("incoming.cleared", files=removed)
        return removed

    def _old(self, before: float) -> Iterator[Path]:
        if not self._folder.is_dir():
            return
        with os.scandir(self._folder) as entries:
            for entry in entries:
                ours = _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
                if ours and entry.stat(follow_symlinks=False).st_mtime < before:
                    yield Path(entry.path)

    def _write(self, batch: list[Incoming]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for message in batch:
            with write_whole(self._folder / name_of(message)) as output:
                output.write(content(message, self._timezone).encode("utf-8", "replace"))


def name_of(message: Incoming) -> str:
    """`accueil.000042`."""
    return file_name(message.sim, message.id)


def file_name(sim: str, number: int, kind: str = "") -> str:
    """The name of a file of this SIM; `r` stands before the number of a message whose status report it is."""
    return f"{_UNSAFE.sub('_', sim) or 'sim'}.{kind}{number:06}"


def content(message: Incoming, timezone: tzinfo) -> str:
    """The file: headers, an empty line, the text. No header can hold a line of its sender's making."""
    headers = [
        ("From", message.sender.removeprefix("+")),
        ("From_TOA", _type_of_number(message.sender)),
        ("From_SMSC", message.service_centre.removeprefix("+")),
        ("Sent", _local(message.sent_at, timezone)),
        ("Received", _local(message.received_at, timezone)),
        ("Subject", message.sim),
        ("Modem", message.sim),
        ("IMSI", message.imsi),
        ("IMEI", message.imei),
        ("Report", "no"),
        ("Incomplete", "" if message.complete else "yes"),
        ("Alphabet", "UTF-8"),
        ("Length", str(len(message.text))),
    ]
    lines = [f"{name}: {''.join(filter(str.isprintable, value))}\n" for name, value in headers if value]
    return "".join(lines) + "\n" + message.text


def _local(moment: datetime | None, timezone: tzinfo) -> str:
    return "" if moment is None else moment.astimezone(timezone).strftime(_TIME)


def _type_of_number(sender: str) -> str:
    if sender.startswith("+"):
        return "91 international, ISDN/telephone"
    return "81 unknown, ISDN/telephone" if sender.isdecimal() else "D0 alphanumeric, unknown"
