"""A gammu-smsd: its SQLite database (schema 8 to 18), or its folders as smsdrc names them. Nothing is changed.

The database is opened read-only. A long message stands in several rows, the first of which has the number; a part that
is missing leaves the message out, and `notes` say so.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from urllib.parse import quote

from gatewayd.errors import UsageError
from gatewayd.interfaces.legacy.inheritance import Heard, Inheritance, Waiting
from gatewayd.interfaces.messagefiles import gammu
from gatewayd.interfaces.spreadsheet.table import Refused

_SQLITE = b"SQLite format 3\0"
_SCHEMAS = range(8, 19)
_INBOX = re.compile(r"IN([0-9]{8}_[0-9]{6})_([0-9]+)_(\+?[0-9]+)_([0-9]+)\.txt")


def read(file: Path, zone: tzinfo) -> Inheritance:
    """All that is there. OSError, UsageError: it cannot be read, or is no such thing."""
    with file.open("rb") as stream:
        head = stream.read(16)
    if head == _SQLITE:
        return _database(file, zone)
    return _folders(file, zone)


def _database(file: Path, zone: tzinfo) -> Inheritance:
    found = Inheritance()
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("SELECT Version FROM gammu").fetchone()
            if version not in _SCHEMAS:
                raise UsageError(f"{file}: schema {version} of gammu-smsd; 8 to 18 are known")
            _outbox(connection, found)
            _inbox(connection, zone, found)
            _sent(connection, found)
    except (sqlite3.Error, TypeError) as error:
        raise UsageError(f"{file}: this is no database of gammu-smsd ({error})") from error
    return found


def _outbox(connection: sqlite3.Connection, found: Inheritance) -> None:
    more: dict[int, dict[int, str]] = defaultdict(dict)
    for message, place, text in connection.execute(
        "SELECT ID, SequencePosition, TextDecoded FROM outbox_multipart ORDER BY ID, SequencePosition"
    ):
        more[message][place] = text or ""
    rows = connection.execute(
        "SELECT ID, InsertIntoDB, DestinationNumber, TextDecoded, MultiPart, UDH FROM outbox ORDER BY ID"
    )
    for message, since, number, text, several, udh in rows:
        rest = more[message] if str(several).lower() in ("true", "1") else {}
        wanted = int(udh[8:10], 16) if rest and re.fullmatch("050003[0-9A-Fa-f]{6}", udh or "") else len(rest) + 1
        if sorted(rest) != list(range(2, wanted + 1)):
            found.notes.append(f"outbox {message}: a part is missing, it stays out")
            continue
        whole = (text or "") + "".join(rest[place] for place in sorted(rest))
        found.waiting.append(Waiting(f"gammu:{message}:{since}", number or "", whole))


def _inbox(connection: sqlite3.Connection, zone: tzinfo, found: Inheritance) -> None:
    rows = connection.execute("SELECT ReceivingDateTime, SenderNumber, TextDecoded, UDH FROM inbox ORDER BY ID")
    joined: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    came: dict[tuple[str, str, str], str] = {}
    for index, (at, sender, text, udh) in enumerate(rows):
        several = bool(re.match("050003|060804", udh or ""))
        key = (sender or "", udh[:-2] if several else str(index), str(at)[:13] if several else "")
        joined[key].append((udh or "", text or ""))
        came.setdefault(key, str(at))
    for key, parts in joined.items():
        found.heard.append(Heard(key[0], "".join(text for _, text in sorted(parts)), _time(came[key], zone)))


def _sent(connection: sqlite3.Connection, found: Inheritance) -> None:
    rows = connection.execute(
        "SELECT SenderID, count(*), count(DISTINCT DestinationNumber), max(SendingDateTime) FROM sentitems "
        "WHERE Status NOT LIKE '%Error%' GROUP BY SenderID ORDER BY SenderID"
    )
    for modem, parts, people, last in rows:
        found.history.append(f"{modem or 'a modem without a name'}: {parts} SMS to {people} people, the last {last}")


def _folders(file: Path, zone: tzinfo) -> Inheritance:
    found, keys = Inheritance(), _keys(file.read_text("utf-8", "replace"))
    if "outboxpath" not in keys and "inboxpath" not in keys:
        raise UsageError(f"{file}: neither a database of gammu-smsd nor an smsdrc with InboxPath and OutboxPath")
    if port := keys.get("port", keys.get("device")):
        found.yaml += ["modems:", f"  - port: {port}"]
    for path in _files(keys.get("outboxpath")):
        name = gammu.name_of(path.name)
        with contextlib.suppress(Refused):
            if name is not None:
                text = gammu.text_of(path.read_bytes()[:65_536], name)
                found.waiting.append(Waiting(f"gammu:{path.name}", name.to, text, name.ahead))
    _heard_files(_files(keys.get("inboxpath")), zone, found)
    return found


def _heard_files(paths: Iterable[Path], zone: tzinfo, found: Inheritance) -> None:
    joined: dict[tuple[str, str, str], str] = {}
    for path in paths:
        if match := _INBOX.fullmatch(path.name):
            key = (match[3], match[1], match[2])
            joined[key] = joined.get(key, "") + gammu.text_of(path.read_bytes()[:65_536], gammu.Name(""))
    for (sender, at, _), text in joined.items():
        found.heard.append(Heard(sender, text, datetime.strptime(at, "%Y%m%d_%H%M%S").replace(tzinfo=zone)))


def _keys(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and line.strip()[:1] not in "#;")
    return {key.strip().casefold(): value.strip() for key, value in pairs}


def _files(folder: str | None) -> list[Path]:
    paths = sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else []
    return [path for path in paths if path.is_file() and not path.is_symlink() and not path.name.startswith(".")]


def _time(written: str, zone: tzinfo) -> datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(written).replace(tzinfo=zone)
    return None
