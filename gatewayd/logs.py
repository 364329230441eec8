"""Structured events on stderr: one stable event name a line, and one redaction through which every line passes.

On a terminal the lines are for people; under systemd they are `<6>event key=value` (the prefix is the journal's level);
elsewhere they carry a timestamp. structlog's events and those of libraries that use `logging` end in the same handler,
whose formatter runs, in this order: exception to text, `Redaction`, rendering. So there is no way around it: neither
for an exception that nobody caught, in any thread, nor for a line that cannot be made, of which only the place is told.
Each message that is sent has its line, so what cannot be a number, a PDU or an escape is seen at one glance.

`Redaction` promises that a line holds neither numbers nor texts:
- the values of `recipient`, `number`, `sender` (and their plurals) become `p:3f9a1c2e`, a pseudonym by HMAC-SHA256
  under a key of its own: one person is one word in every line, and nobody without the key can try numbers out;
- whatever else looks like a phone number or a PDU, in any value, key or traceback, is masked; a `hash` is none;
- the values of `text`, `pdu` and the like are left out, and so are the statements and parameters of database errors;
- line ends, ESC, bidirectional and other control characters are escaped: a line stays one line, and cannot lie.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gatewayd.domain.masking import is_digest, masked

log = structlog.get_logger(__name__)

_LOGGERS = ("logging", "structlog", __name__)
"""The modules through which a line passes on its way."""

NUMBER_KEYS = frozenset({"recipient", "number", "sender", "recipients", "numbers", "senders"})
TEXT_KEYS = frozenset({"text", "texts", "pdu", "pdus", "body", "content", "template", "fields", "data"})

_LOG_DIGITS, _TRAIL_DIGITS = 8, 16
_MAX_VALUE = 2_000
_MAX_TRACEBACK = 12_000
_PLAIN = re.compile(r"[\w.:/@+,%\[\]-]+\Z")

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "warn": 4, "error": 3, "exception": 3, "critical": 2}


class Pseudonyms:
    """Numbers to `p:` and hex digits, by HMAC-SHA256 under a key of at least 16 bytes.

    The word of the logs begins the word of the audit trail, so that the two can be laid side by side. Among a
    hundred thousand people two share their eight digits; among a thousand times as many, hardly two share
    sixteen.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("a key of at least 16 bytes")
        self._key = key

        self.in_trail = lru_cache(maxsize=1024)(self._in_trail)  # each message asks some times for its recipient

    def of(self, number: str) -> str:
        """The word that stands for an E.164 number in the logs."""
        return self.in_trail(number)[: len("p:") + _LOG_DIGITS]

    def _in_trail(self, number: str) -> str:
        """The word that stands for it in the audit trail."""
        digest = hmac.digest(self._key, number.encode("utf-8", "surrogatepass"), "sha256")
        return "p:" + digest[: _TRAIL_DIGITS // 2].hex()


class Redaction:
    """The one processor through which every event passes."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        clean: EventDict = {}
        for key, value in event.items():
            shown, word = _key(key)
            if word not in TEXT_KEYS:
                clean[shown] = self._value(word, value)
        return clean

    def _value(self, key: str, value: Any) -> Any:
        if key in NUMBER_KEYS:
            return self._pseudonym(value)
        if value is None or isinstance(value, bool) or (key == "hash" and isinstance(value, str) and is_digest(value)):
            return value
        if isinstance(value, float):
            return round(value, 3)
        if not isinstance(value, str | int) and isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._each(value)
        limit = _MAX_TRACEBACK if key == "exception" else _MAX_VALUE
        words = _words(value)
        # What is cut off goes first, with a margin at the cut, where half a number could stand.
        return masked(words) if len(words) <= limit else masked(words[:limit])[:-40] + "..."

    def _each(self, values: Any) -> Any:
        if isinstance(values, Mapping):
            return {masked(str(k)): self._value(str(k).lower(), v) for k, v in values.items() if k not in TEXT_KEYS}
        return [self._value("", item) for item in values]

    def _pseudonym(self, value: Any) -> Any:
        if isinstance(value, list | tuple | set | frozenset):
            return [self._pseudonym(item) for item in value]
        return None if value is None else self._pseudonyms.of(_words(value))


@lru_cache(maxsize=256)
def _key(key: str) -> tuple[str, str]:
    """A key as it is shown, and as it is judged by: there are few, and each line has some."""
    return masked(key), key.lower()


def _words(value: Any) -> str:
    """A value as text; bytes as the text they most likely are."""
    return (
        value
        if isinstance(value, str)
        else value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else str(value)
    )


def _logfmt(event: EventDict) -> str:
    """`event key=value key="two words"`; the exception, which has several lines escaped into one, comes last."""
    trace = event.pop("exception", None)
    name = str(event.pop("event", ""))
    words = [name, *(f"{key}={_quoted(value)}" for key, value in event.items())]
    if trace:
        words.append(f"exception={_quoted(trace)}")
    return " ".join(words)


def _quoted(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    if isinstance(value, list):
        return ",".join(_quoted(item) for item in value) or "-"
    words = str(value)
    return words if _PLAIN.match(words) else '"' + words.replace('"', "'") + '"'


def _for_journal(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """The journal adds time and unit; it takes the level from the prefix (sd-daemon(3))."""
    level = str(event.pop("level", "info"))
    return f"<{_PRIORITY.get(level, 6)}>{_logfmt(event)}"


def _for_file(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Where nobody adds a time, the line carries its own."""
    stamp, level = datetime.now(UTC).isoformat().replace("+00:00", "Z"), event.pop("level", "info")
    return f"{stamp} {level:<7} {_logfmt(event)}"


def _trace(info: Any) -> str:
    """A plain traceback, without the values of variables; "" if there was no exception."""
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    return logging.Formatter().formatException(info) if isinstance(info, tuple) and info[0] is not None else ""


class _Formatter(logging.Formatter):
    """A record as one line: what structlog handed over, or what a library says, with its name."""

    def __init__(self, *processors: Processor) -> None:
        super().__init__()
        self._processors = processors

    def format(self, record: logging.LogRecord) -> str:
        """The event through all processors, the last of which renders it."""
        event: Any = {"level": record.levelname.lower()}
        if isinstance(record.msg, dict):
            event = record.msg | event
        else:
            event |= {"event": record.getMessage(), "logger": record.name, "exc_info": record.exc_info}
        if trace := _trace(event.pop("exc_info", None)):
            event["exception"] = trace
        for process in self._processors:
            event = process(None, "", event)
        return str(event)


def _as_it_is(_logger: WrappedLogger, _method: str, event: EventDict) -> tuple[tuple[EventDict], dict[str, Any]]:
    """The event, whole, into a record of `logging`."""
    return (event,), {}


class _Handler(logging.StreamHandler[IO[str]]):
    """To one stream; what the library would say of a line that failed holds all its values."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002  (the library's signature)
        """The place of the line, and why it failed; a stream that takes nothing is given up for this line."""
        kind = getattr(sys.exc_info()[0], "__name__", "?")
        with contextlib.suppress(Exception):
            self.stream.write(f"log.failed place={_place()} error={kind}{self.terminator}")
            self.flush()


def _place() -> str:
    """Which line was to be logged: the first frame that is not of those who log."""
    frame = sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_LOGGERS):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).stem}:{frame.f_lineno}"


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, thread: str) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    failure = error if error is not None else kind()
    log.critical("program.failed", thread=thread, exc_info=(kind, failure, trace))


def _catch_the_uncaught() -> None:
    """Python would print them with all that their words hold."""
    sys.excepthook = lambda kind, error, trace: _uncaught(kind, error, trace, "main")
    threading.excepthook = lambda of: _uncaught(
        of.exc_type, of.exc_value, of.exc_traceback, of.thread.name if of.thread else "?"
    )
    sys.unraisablehook = lambda of: _uncaught(of.exc_type, of.exc_value, of.exc_traceback, "clean-up")


def style_for(stream: IO[str], environment: Mapping[str, str] = os.environ) -> str:
    """`console` on a terminal, `journal` under systemd, else `plain`."""
    if stream.isatty():
        return "console"
    return "journal" if "JOURNAL_STREAM" in environment or "INVOCATION_ID" in environment else "plain"


def _renderer(style: str) -> tuple[Processor, ...]:
    if style == "console":
        stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        return stamp, structlog.dev.ConsoleRenderer(colors=True, pad_event_to=28)
    return (_for_journal if style == "journal" else _for_file,)


def configure(key: bytes, *, level: str = "info", stream: IO[str] | None = None, style: str = "") -> None:
    """Sends every log line of this process to `stream` (stderr), redacted under `key`; may be called again."""
    target = stream if stream is not None else sys.stderr
    handler = _Handler(target)
    handler.setFormatter(_Formatter(Redaction(Pseudonyms(key)), *_renderer(style or style_for(target))))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)  # libraries speak only when something is wrong
    logging.getLogger("gatewayd").setLevel(level.upper())
    logging.captureWarnings(capture=True)
    # Who runs where, and which line of the program speaks, is asked of each record, and told nowhere.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    _catch_the_uncaught()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _as_it_is],
        logger_factory=logging.getLogger,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
