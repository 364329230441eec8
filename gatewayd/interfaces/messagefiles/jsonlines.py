"""JSON lines: an object a line, with a number and a text, or the fields of the feed's template.

    {"to": "06 39 98 00 01", "text": "Réunion à 19 h"}
    {"to": "+33639980002", "prenom": "Zoé", "date": "24 novembre"}

The number is under `to`, or under what would be a column of numbers in a spreadsheet; so is the text. Values are texts,
whole numbers, true or false; null is empty. A line that is no such object is reported and the others go on; a last line
that breaks off means a file cut short, which is refused as a whole. UTF-8 only; lines, keys and rows are bounded.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from typing import BinaryIO

from gatewayd.interfaces.spreadsheet.columns import Columns, read_heading
from gatewayd.interfaces.spreadsheet.table import CORRUPT, REJECTED, Bounds, Refused
from gatewayd.services.intake import Candidate, Judged

_LONGEST_LINE = 1 << 16
_SPACE = b" \t\r\n"
_HALF = re.compile("[\ud800-\udfff]")  # which JSON can say, and neither UTF-8 nor a database


class _BadLine(Exception):
    """A line that cannot be used; its argument is the reason."""


def is_json_lines(head: bytes, name: str) -> bool:
    """By the name, or because it begins with an object, as no heading does."""
    named = name.casefold().endswith((".jsonl", ".ndjson"))
    return named or head.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE).startswith(b"{")


def candidates(
    stream: BinaryIO, bounds: Bounds, asked: frozenset[str] | None
) -> Generator[Candidate | Judged, None, None]:
    """Each line, to be judged or refused already. `asked`: the template's fields; None: each line has its text."""
    stream.seek(0)
    rows = 0
    for line, octets in enumerate(iter(lambda: stream.readline(_LONGEST_LINE + 1), b""), 1):
        if len(octets) > _LONGEST_LINE:
            raise Refused(CORRUPT, "line_too_long", limit=_LONGEST_LINE)
        plain = (octets.removeprefix(codecs.BOM_UTF8) if line == 1 else octets).strip(_SPACE)
        if not plain:
            continue
        rows += 1
        if rows > bounds.rows:
            raise Refused(REJECTED, "too_many_rows", limit=bounds.rows)
        try:
            yield _candidate(line, _object(plain, bounds), asked)
        except _BadLine as error:
            if not octets.endswith(b"\n") and str(error) == "bad_json":
                raise Refused(CORRUPT, "cut_short", line=line) from error
            yield Judged(line, "", str(error))


def _object(octets: bytes, bounds: Bounds) -> Mapping[str, str]:
    try:
        found = json.loads(octets.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # not UTF-8 among them
        raise _BadLine("bad_json") from error
    if not isinstance(found, dict):
        raise _BadLine("no_object")
    if len(found) > bounds.columns:
        raise _BadLine(f"too_many_keys:{bounds.columns}")
    if any(map(_HALF.search, found)):
        raise _BadLine("half_character")
    return {key: _value(key, value, bounds) for key, value in found.items()}


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _BadLine("key_twice")
    return found


def _value(key: str, value: object, bounds: Bounds) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int):
        raise _BadLine(f"bad_value:{key[:40]}")
    said = str(value).lower() if isinstance(value, bool) else str(value).strip()
    if len(said) > bounds.cell:
        raise _BadLine(f"value_too_long:{bounds.cell}")
    if _HALF.search(said):
        raise _BadLine("half_character")
    return said


def _candidate(line: int, row: Mapping[str, str], asked: frozenset[str] | None) -> Candidate | Judged:
    keys = tuple(row)
    cells, columns = list(row.values()), _columns(keys)
    numbers = [cells[keys.index("to")]] if "to" in row else [cells[index] for index in columns.numbers]
    if asked is not None:
        fields = {name: cells[index] for name, index in columns.fields.items()}
        return Candidate(line, numbers, fields=dict.fromkeys(asked, "") | fields)
    return Candidate(line, numbers, text="" if columns.text is None else cells[columns.text])


@lru_cache(maxsize=64)
def _columns(keys: tuple[str, ...]) -> Columns:
    return read_heading(keys)
