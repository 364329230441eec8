"""A gammu-smsd: its SQLite database (schema 8 to 18), or its folders as smsdrc names them. Nothing is changed.

The database is opened read-only; a column that an older schema lacks is as if it said nothing. A long message stands in
several rows, the first of which has the number; a part that is missing leaves the message out, and `notes` say so. What
asked for something that is not done here is counted in `told`. What was sent when gammu-smsd crashed, and waits there
still, is left out.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gatewayd.errors import UsageError
from gatewayd.interfaces.legacy.inheritance import Heard, Inheritance, Modem, Waiting, bounded
from gatewayd.interfaces.messagefiles import gammu, smstools
from gatewayd.interfaces.spreadsheet.table import Refused

_SQLITE = b"SQLite format 3\0"
_SCHEMAS = range(8, 19)
_INBOX = re.compile(r"IN([0-9]{8}_[0-9]{6})_([0-9]+)_(\+?[0-9]+)_([0-9]+)\.txt")
_FLASH, _USSD = 0, 127
_BINARY = "8bit"

Row = dict[str, Any]


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
            phones = {row["id"]: Modem(row["id"], row.get("imsi") or "") for row in _rows(connection, "phones")}
            _outbox(connection, zone, found)
            _inbox(connection, zone, phones, found)
            _sent(connection, zone, phones, found)
    except (sqlite3.Error, TypeError, KeyError) as error:
        raise UsageError(f"{file}: this is no database of gammu-smsd ({error})") from error
    return found


def _rows(connection: sqlite3.Connection, table: str, order: str = "1") -> Iterator[Row]:
    """Each row by the names of its columns, in small letters; none where there is no such table."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608  (names of ours)
    names = [name.lower() for name, *_ in cursor.description]
    for row in bounded(cursor, table):
        yield dict(zip(names, row, strict=True))


def _outbox(connection: sqlite3.Connection, zone: tzinfo, found: Inheritance) -> None:
    more: dict[int, dict[int, str]] = defaultdict(dict)
    for part in _rows(connection, "outbox_multipart"):
        more[part["id"]][part["sequenceposition"]] = part["textdecoded"] or ""
    went = {_itself(row) for row in _rows(connection, "sentitems") if _was_sent(row)}
    for row in _rows(connection, "outbox", "ID"):
        rest = more[row["id"]] if str(row.get("multipart")).lower() in ("true", "1") else {}
        before = "it was sent already, and a crash left it here" if _itself(row) in went else ""
        if reason := _not_a_text(row) or _broken(row, rest) or before:
            found.notes.append(f"outbox {row['id']}: {reason}, it stays out")
            continue
        whole = (row["textdecoded"] or "") + "".join(rest[place] for place in sorted(rest))
        found.waiting.append(_waiting(row, whole, zone))
        _wishes(row, found.told)


def _itself(row: Row) -> tuple[object, ...]:
    """A message, or its first part: among what waits, and among what was sent."""
    return row["id"], row["destinationnumber"], row.get("textdecoded")


def _was_sent(row: Row) -> bool:
    return "Error" not in str(row["status"])


def _not_a_text(row: Row) -> str:
    if row.get("class") == _USSD:
        return "a USSD code is no message"
    return "it is binary" if row.get("coding") == _BINARY else ""


def _broken(row: Row, rest: dict[int, str]) -> str:
    udh = row.get("udh") or ""
    wanted = int(udh[8:10], 16) if rest and re.fullmatch("050003[0-9A-Fa-f]{6}", udh) else len(rest) + 1
    return "" if sorted(rest) == list(range(2, wanted + 1)) else "a part is missing"


def _waiting(row: Row, text: str, zone: tzinfo) -> Waiting:
    octet, priority = row.get("relativevalidity"), row.get("priority") or 0
    return Waiting(
        f"gammu:{row['id']}:{row['insertintodb']}",
        row["destinationnumber"] or "",
        text,
        ahead=(priority > 0) - (priority < 0),
        lives=smstools.relative(octet) if isinstance(octet, int) and 0 <= octet <= 255 else None,
        not_before=_time(str(row.get("sendingdatetime")), zone),
    )


def _wishes(row: Row, told: Counter[str]) -> None:
    """What a message asks for in vain."""
    hours = (row.get("sendafter") or "00:00:00", row.get("sendbefore") or "23:59:59", row.get("senddays", 127))
    told["had hours or days of its own: those of the purpose hold"] += hours != ("00:00:00", "23:59:59", 127)
    told["was to be sent by a certain modem: the purpose says which SIMs"] += bool(row.get("senderid"))
    told["asked for no delivery report: here one is always asked for"] += row.get("deliveryreport") == "no"
    told["was to flash: it arrives as any other"] += row.get("class") == _FLASH


def _inbox(connection: sqlite3.Connection, zone: tzinfo, phones: dict[str, Modem], found: Inheritance) -> None:
    joined: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    came: dict[tuple[str, str, str], tuple[str, str]] = {}
    for index, row in enumerate(_rows(connection, "inbox", "ID")):
        udh, at = row["udh"] or "", str(row["receivingdatetime"])
        several = bool(re.match("050003|060804", udh))
        key = (row["sendernumber"] or "", udh[:-2] if several else str(index), at[:13] if several else "")
        joined[key].append((udh, row["textdecoded"] or ""))
        came.setdefault(key, (at, str(row.get("recipientid") or "")))
    for key, parts in joined.items():
        at, phone = came[key]
        modem = phones.get(phone, Modem(phone))
        found.heard.append(Heard(key[0], "".join(text for _, text in sorted(parts)), _time(at, zone), modem))


def _sent(connection: sqlite3.Connection, zone: tzinfo, phones: dict[str, Modem], found: Inheritance) -> None:
    for row in _rows(connection, "sentitems"):
        if _was_sent(row):
            modem = phones.get(row["senderid"], Modem(row["senderid"] or ""))
            found.sent[modem].add(row["destinationnumber"] or "", _time(str(row["sendingdatetime"]), zone))


def _folders(file: Path, zone: tzinfo) -> Inheritance:
    found, keys = Inheritance(), _keys(file.read_text("utf-8", "replace"))
    if "outboxpath" not in keys and "inboxpath" not in keys:
        raise UsageError(f"{file}: neither a database of gammu-smsd nor an smsdrc with InboxPath and OutboxPath")
    if port := keys.get("port", keys.get("device")):
        found.yaml += ["modems:", f"  - port: {port}"]
    modem = Modem(keys.get("phoneid", ""))
    for path in _files(keys.get("outboxpath")):
        _waiting_file(path, found)
    _heard_files(_files(keys.get("inboxpath")), zone, modem, found)
    if keys.get("sentsmspath") != keys.get("outboxpath"):
        for path in _files(keys.get("sentsmspath")):
            if name := gammu.name_of(path.name):
                found.sent[modem].add(name.to, datetime.fromtimestamp(path.stat().st_mtime, zone))
    if failed := len(_files(keys.get("errorsmspath"))):
        found.notes.append(f"{keys['errorsmspath']}: {failed} that could not be sent stay there")
    return found


def _waiting_file(path: Path, found: Inheritance) -> None:
    name = gammu.name_of(path.name)
    if name is None:
        found.notes.append(f"{path}: no name of gammu's, it stays out")
        return
    try:
        text = gammu.text_of(path.read_bytes()[: smstools.LONGEST], name)
    except Refused as refusal:
        found.notes.append(f"{path}: {refusal.reason}, it stays out")
        return
    found.waiting.append(Waiting(f"gammu:{path.name}", name.to, text, name.ahead))
    found.told["was to flash: it arrives as any other"] += "f" in name.flags


def _heard_files(paths: Iterable[Path], zone: tzinfo, modem: Modem, found: Inheritance) -> None:
    joined: dict[tuple[str, str, str], str] = {}
    for path in paths:
        if match := _INBOX.fullmatch(path.name):
            key = (match[3], match[1], match[2])
            joined[key] = joined.get(key, "") + gammu.text_of(path.read_bytes()[:65_536], gammu.Name(""))
    for (sender, at, _), text in joined.items():
        came = datetime.strptime(at, "%Y%m%d_%H%M%S").replace(tzinfo=zone)
        found.heard.append(Heard(sender, text, came, modem))


def _keys(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and line.strip()[:1] not in "#;")
    return {key.strip().casefold(): value.strip() for key, value in pairs}


def _files(folder: str | None) -> list[Path]:
    paths = sorted(bounded(Path(folder).iterdir(), folder)) if folder and Path(folder).is_dir() else []
    return [path for path in paths if path.is_file() and not path.is_symlink() and not path.name.startswith(".")]


def _time(written: str, zone: tzinfo) -> datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(written).replace(tzinfo=zone)
    return None
