"""An smstools3 installation: configuration, black list, spool, what it sent and what it received. Nothing is changed.

Files that cannot be read are named in `notes`, and the others go on. Numbers of the black list that are only the
beginning of one stop whole ranges there; they are named, and not brought in. Folders are those of smsd.conf, else below
/var/spool/sms; sent/ and failed/ are kept there only where smsd.conf names them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

from gatewayd.interfaces.legacy.inheritance import Heard, Inheritance, Modem, Waiting, bounded
from gatewayd.interfaces.messagefiles import smstools
from gatewayd.interfaces.spreadsheet.table import Refused

_ROOT = "/var/spool/sms"
_SHORTEST = 8
_TIME = "%y-%m-%d %H:%M:%S"
_BAUDRATE = "115200"
_NOT_HERE = {
    "checkhandler": "purposes, consents and limits decide what leaves",
    "alarmhandler": "`gatewayd status`, the journal, and the webhook events `sim.*` tell of trouble",
    "regular_run": "a systemd timer runs a program of yours",
    "phonecalls": "a call is not answered, and no event tells of it",
    "admin_to": "`gatewayd status` and the journal tell of trouble",
}
"""Settings of smsd that nothing here answers to, and what does it instead."""


def read(file: Path, zone: tzinfo) -> Inheritance:
    """All that is there. OSError: the configuration cannot be read."""
    sections = _sections(file.read_text("utf-8", "replace"))
    general, found = sections.get("", {}), Inheritance()
    _modems(sections, general, found)
    for key in ("blacklist", "whitelist"):
        if where := general.get(key):
            _list(Path(where), key, found)
    for key in ("outgoing", "checked"):
        for path in _files(Path(general.get(key, f"{_ROOT}/{key}")), found):
            _waiting(path, found)
    for path in _files(Path(general.get("incoming", f"{_ROOT}/incoming")), found):
        _heard(path, zone, found)
    _history(general, zone, found)
    _programs(sections, general, found)
    return found


def _history(general: dict[str, str], zone: tzinfo, found: Inheritance) -> None:
    if where := general.get("sent"):
        for path in _files(Path(where), found):
            _sent(path, zone, found)
    if where := general.get("failed"):
        failed = sum(1 for _ in _files(Path(where), found))
        found.notes += [f"{where}: {failed} that could not be sent stay there"] * bool(failed)


def _programs(sections: dict[str, dict[str, str]], general: dict[str, str], found: Inheritance) -> None:
    """What it called, and what calls it here."""
    for key, instead in _NOT_HERE.items():
        if given := next((its[key] for its in (general, *sections.values()) if its.get(key)), ""):
            found.notes.append(f"{key} = {given}: not done here; {instead}")
    if handler := general.get("eventhandler"):
        found.yaml += ["event_handler:", f"  command: [{handler}]"]


def _sections(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"": {}}
    now = ""
    for line in text.splitlines():
        plain = line.strip()
        if plain.startswith("[") and plain.endswith("]"):
            now = plain[1:-1].strip()
            found.setdefault(now, {})
        elif plain and not plain.startswith("#") and "=" in plain:
            key, _, value = plain.partition("=")
            found[now][key.strip().lower()] = value.split(" #")[0].strip()
    return found


def _modems(sections: dict[str, dict[str, str]], general: dict[str, str], found: Inheritance) -> None:
    names = [name for listed in general.get("devices", "").split(",") for name in _named(listed.strip())]
    ports, limits = [], []
    for name in names:
        its = sections.get("default", {}) | sections.get(name, {})
        ports.append(f"  - port: {its.get('device', '?')}")
        if its.get("baudrate", _BAUDRATE) != _BAUDRATE:
            ports.append(f"    baudrate: {its['baudrate']}")
        if its.get("pin", "ignore") != "ignore":
            ports.append(
                f"    pin: sim-{name.lower()}  # the PIN goes into /etc/gatewayd/credentials/sim-{name.lower()}"
            )
        if limit := its.get("message_limit", general.get("message_limit", "")):
            limits.append(f"# {name}: message_limit = {limit}: `limits: {{per_day: {limit}}}` for its SIM")
    found.yaml += (["modems:", *ports] if ports else []) + limits


def _named(listed: str) -> list[str]:
    """A name of `devices`, or several: `GSM* 1-3`."""
    many = re.fullmatch(r"(\S+)\* *([0-9]{1,3}) *- *([0-9]{1,3})", listed)
    if many is None:
        return [listed] if listed else []
    return [f"{many[1]}{number}" for number in range(int(many[2]), int(many[3]) + 1)]


def _list(path: Path, key: str, found: Inheritance) -> None:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        found.notes.append(f"{path}: {error.strerror}")
        return
    words = [words[0] for line in lines if (words := line.split("#")[0].split())]
    if key == "whitelist":
        found.notes.append(f"{path}: a white list of {len(words)} entries: here consents say who may be written to")
        return
    found.optouts += [smstools.international(word) for word in words if len(word) >= _SHORTEST]
    short = [word for word in words if len(word) < _SHORTEST]
    if short:
        found.notes.append(f"{path}: {len(short)} entries are the beginning of a number, and stay out")


def _files(folder: Path, found: Inheritance) -> Iterator[Path]:
    """The files below a folder, the oldest first, as that program takes them."""
    try:
        listed = bounded(folder.rglob("*"), str(folder))
        paths = [path for path in listed if path.is_file() and not path.is_symlink()]
        ages = sorted((path.stat().st_mtime_ns, path) for path in paths)
    except OSError as error:
        found.notes.append(f"{folder}: {error.strerror}")
        return
    if not folder.is_dir():
        found.notes.append(f"{folder}: there is no such folder")
    yield from (path for _, path in ages if not path.name.startswith(".") and path.suffix != ".LOCK")


def _octets(path: Path, found: Inheritance) -> bytes | None:
    try:
        with path.open("rb") as stream:
            return stream.read(smstools.LONGEST)
    except OSError as error:
        found.notes.append(f"{path}: {error.strerror}")
        return None


def _waiting(path: Path, found: Inheritance) -> None:
    octets = _octets(path, found)
    try:
        if octets is not None:
            message = smstools.read(octets)
            one = Waiting(f"smstools3:{path.name}", message.to, message.text, int(message.urgent), message.validity)
            found.waiting.append(one)
            for header in message.ignored:
                found.told[f"said `{header}`, which is ignored"] += 1
    except Refused as refusal:
        found.notes.append(f"{path}: {refusal.reason}")


def _heard(path: Path, zone: tzinfo, found: Inheritance) -> None:
    octets = _octets(path, found)
    block, body = smstools.split(octets or b"")
    headers = {name: value for _, name, value in smstools.headers_of(block)}
    if "From" not in headers or headers.get("Report", "no") == "yes":
        return
    at = _time(headers.get("Received", ""), zone)
    modem = Modem(headers.get("Modem", headers.get("Subject", "")), headers.get("IMSI", ""))
    with contextlib.suppress(Refused):
        text = smstools.text_of(body, headers.get("Alphabet", ""))
        found.heard.append(Heard(smstools.international(headers["From"]), text, at, modem))


def _sent(path: Path, zone: tzinfo, found: Inheritance) -> None:
    block, _ = smstools.split(_octets(path, found) or b"")
    headers = {name: value for _, name, value in smstools.headers_of(block)}
    if "To" in headers and "Sent" in headers:
        modem = Modem(headers.get("Modem", ""), headers.get("IMSI", ""))
        found.sent[modem].add(smstools.international(headers["To"]), _time(headers["Sent"], zone))


def _time(written: str, zone: tzinfo) -> datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.strptime(written, _TIME).replace(tzinfo=zone)
    return None
