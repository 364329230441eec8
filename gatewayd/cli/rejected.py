"""Rows of a list that cannot be used, for a person and for a script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatewayd.interfaces.dropfolder import sentences
from gatewayd.services.contacts import Rejected


def rejected_rows(found: Sequence[Rejected]) -> list[tuple[str, str, str]]:
    """Line, number, why."""
    return [(f"line {one.line}", one.number, _why(one)) for one in found]


def rejected_json(found: Sequence[Rejected]) -> list[dict[str, Any]]:
    """The same with the stable word of the reason, where there is one."""
    return [{"line": one.line, "number": one.number, "reason": one.reason or None, "words": _why(one)} for one in found]


def _why(one: Rejected) -> str:
    return one.words or sentences.of_row(one.reason, "en")
