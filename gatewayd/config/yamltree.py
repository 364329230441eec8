"""A YAML file as plain values, each with the line it stands on.

The tree is built from PyYAML's events, so that nothing else of YAML is in it: no tags, no objects, no merging, no
duplicate keys, bounded in size, depth and number of values. Plain scalars follow YAML 1.2's core schema: `NO` is a
country and `20:00` an hour, not a boolean and a number of base sixty as YAML 1.1 has them.

Anything else raises ConfigurationError with file and line; there is nothing to recover, for nothing was changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gatewayd.errors import ConfigurationError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MAX_VALUES = 50_000

Place = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?\Z")
_CONSTANTS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Tree:
    """`value`: dict, tuple and scalars; `lines`: the line (from 1) of each key or item, by its path."""

    value: object
    lines: Mapping[Place, int]

    def line(self, path: Place) -> int:
        """The line of `path`, or of the nearest thing above it that stands in the file; 1 for the file itself."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines[path] if path else 1

    def holds(self, path: Place) -> bool:
        """Whether `path`, or a part of it, stands in the file."""
        return path[:1] in self.lines


def read(file: Path) -> Tree:
    """The tree of `file`; ConfigurationError when it cannot be read, is too large or is not such YAML."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(file)) from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError("is too large", file=str(file), expected=f"at most {MAX_BYTES // 1024} KiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError("a character is not UTF-8", file=str(file), line=line) from None
    return parse(text, str(file))


def parse(text: str, file: str = "") -> Tree:
    """The tree of `text`; an empty text is an empty mapping."""
    return _Builder(file).build(text)


@dataclass
class _Builder:
    file: str
    lines: dict[Place, int] = field(default_factory=dict)
    values: int = 0

    def build(self, text: str) -> Tree:
        try:
            events = self._content(yaml.parse(text, Loader=yaml.SafeLoader))
            first = next(events, None)
            value = {} if first is None else self._value(first, events, ())
            extra = next(events, None)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            words = " ".join(filter(None, (error.context, error.problem)))
            raise self._refusal(f"is not YAML: {words}", mark.line + 1 if mark else None) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self._refusal("a character is not allowed in YAML", line) from None
        if extra is not None:
            raise self._refusal("holds a second document", extra.start_mark.line + 1, "one document")
        return Tree({} if value is None else value, self.lines)

    def _content(self, events: Iterator[Any]) -> Iterator[Any]:
        """The events that carry values; `yaml.parse` is lazy, so its errors come out here."""
        frame = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
        return (event for event in events if not isinstance(event, frame))

    def _value(self, event: Any, events: Iterator[Any], path: Place) -> object:
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.values += 1
        if len(path) > MAX_DEPTH or self.values > MAX_VALUES:
            raise self._refusal("is nested too deep or holds too many values", line)
        if isinstance(event, yaml.AliasEvent):
            raise self._refusal(f"the alias *{event.anchor} is not allowed", line, "the value written out")
        if event.tag is not None and event.tag != "!":
            raise self._refusal("a YAML tag is not allowed", line, "a plain value")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return _scalar(event.value) if event.implicit[0] else event.value

    def _mapping(self, events: Iterator[Any], path: Place) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                raise self._refusal("a key is not a word", line, "`key: value`")
            if event.value in found:
                first = self.lines[(*path, event.value)]
                raise self._refusal(f"`{event.value}` is given twice, first on line {first}", line, "one of the two")
            self.lines[(*path, event.value)] = line
            found[event.value] = self._value(next(events), events, (*path, event.value))
        return found

    def _sequence(self, events: Iterator[Any], path: Place) -> tuple[object, ...]:
        found: list[object] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            found.append(self._value(event, events, (*path, len(found))))
        return tuple(found)

    def _refusal(self, message: str, line: int | None, expected: str = "") -> ConfigurationError:
        return ConfigurationError(message, file=self.file, line=line, expected=expected)


def _scalar(text: str) -> object:
    """A plain (unquoted) scalar by the core schema of YAML 1.2; hexadecimal, octal, .inf and .nan stay words."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.match(text):
        return int(text) if len(text) <= 30 else text
    if _FLOAT.match(text) and not text.lstrip("+-").isdigit() and len(text) <= 30:
        return float(text)
    return text
