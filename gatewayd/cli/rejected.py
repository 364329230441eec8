"""Rows of a list that cannot be used, for a person."""

from __future__ import annotations

from collections.abc import Sequence

from gatewayd.interfaces.people_shapes import why_rejected
from gatewayd.services.contacts import Rejected


def rejected_rows(found: Sequence[Rejected]) -> list[tuple[str, str, str]]:
    """Line, number, why."""
    return [(f"line {one.line}", one.number, why_rejected(one)) for one in found]
