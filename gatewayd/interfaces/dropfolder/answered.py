"""A file of smstools3 that has its answer: the headers which that program adds, in the file itself, where it lies.

    sent      Modem, Sent, Sending_time, Message_id, IMSI, IMEI
    failed    Modem, IMSI, IMEI, Fail_reason, Failed
    both      Ignored_headers, where the file asked for what is not done

The file goes to done/ when its message is accepted, and stays there: there it gets these headers when the message has
left or ended. One that is refused gets them before it goes to rejected/ or corrupt/. The text is not touched; the file
appears whole, and what was added before is replaced, so that writing it again changes nothing. A file that somebody has
taken away is not made anew.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path

from gatewayd.domain.message import MessageState
from gatewayd.interfaces.dropfolder.spool import write_whole
from gatewayd.interfaces.eventhandler import FAILED, SENT
from gatewayd.interfaces.messagefiles import smstools
from gatewayd.interfaces.spreadsheet.table import Refused
from gatewayd.store.batches import Fate

TIME = "%y-%m-%d %H:%M:%S"
_ADDED = frozenset(
    {"Modem", "Number", "Sent", "Sending_time", "Message_id", "IMSI", "IMEI", "Fail_reason", "Failed", "PDU"}
    | {"Ignored_headers"}
)
_WENT = (MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED)
_ENDED = (MessageState.FAILED, MessageState.BLOCKED, MessageState.CANCELED, MessageState.EXPIRED)

Headers = Sequence[tuple[str, str]]


def event_of(state: MessageState) -> str:
    """SENT, FAILED, or nothing while nobody knows."""
    return SENT if state in _WENT else FAILED if state in _ENDED else ""


def headers_of(fate: Fate, timezone: tzinfo, now: datetime) -> Headers:
    """What is added for a message that has left or ended; nothing while nobody knows."""
    event = event_of(fate.state)
    card = [("Modem", fate.sim), ("IMSI", fate.imsi), ("IMEI", fate.imei)]
    if event == FAILED:
        why = f"{fate.state}: {fate.reason}" if fate.reason else str(fate.state)
        return [*card, ("Fail_reason", why), ("Failed", _local(fate.ended_at or now, timezone))]
    if event != SENT:
        return []
    took = (fate.ended_at - fate.begun_at).total_seconds() if fate.ended_at and fate.begun_at else 0.0
    return [
        card[0],
        ("Sent", _local(fate.sent_at or now, timezone)),
        ("Sending_time", str(max(0, round(took)))),
        ("Message_id", message_id(fate)),
        *card[1:],
    ]


def refusal_headers(reason: str, timezone: tzinfo, now: datetime) -> Headers:
    """What is added to a file that was refused."""
    return [("Fail_reason", f"rejected: {reason}"), ("Failed", _local(now, timezone))]


def message_id(fate: Fate) -> str:
    """The reference of its last part, by which a status report speaks of it."""
    return "" if fate.reference is None else str(fate.reference)


def add(path: Path, headers: Headers) -> bytes | None:
    """Write these headers into the file; its own headers, or None if there is no such file any more."""
    octets = content(path)
    if octets is None:
        return None
    with write_whole(path) as output:
        output.write(amended(octets, headers))
    return smstools.split(octets)[0]


def amended(octets: bytes, headers: Headers) -> bytes:
    """The file with these headers, and with the name of what it asked for that is not done."""
    return with_headers(octets, [*headers, ("Ignored_headers", _ignored(octets))])


def with_headers(octets: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """The file with these headers behind its own; no value makes a line of its own."""
    block, body = smstools.split(octets)
    end = b"\r\n" if b"\r\n" in block else b"\n"
    kept = [line for line in block.splitlines() if line.split(b":", 1)[0].decode("latin-1") not in _ADDED]
    said = [f"{name}: {''.join(filter(str.isprintable, value))}".encode() for name, value in headers if value]
    return end.join([*kept, *said]) + end + end + body


def asked_for_report(block: bytes) -> bool:
    """Whether the file said `Report: yes`."""
    given = {name: value.casefold() for _, name, value in smstools.headers_of(block)}
    return given.get("Report", "") in ("yes", "true", "1", "on")


def _ignored(octets: bytes) -> str:
    try:
        return ", ".join(smstools.read(octets).ignored)
    except Refused:
        return ""


def content(path: Path) -> bytes | None:
    """What is in a file of one message, never through a link; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size > smstools.LONGEST + 8_192:
            return None
        return stream.read()


def _local(moment: datetime, timezone: tzinfo) -> str:
    return moment.astimezone(timezone).strftime(TIME)
