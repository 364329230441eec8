"""A claimed file, opened: what it is, whether it is the one that was accepted before, and its rows with their fate.

A file of at most `SMALL` octets is read at once; a longer one is read as it is judged. What somebody still writes to is
told from what is whole by its size and time of writing, which must be the same before and after.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from gatewayd.interfaces.dropfolder.arrivals import SMALL
from gatewayd.interfaces.dropfolder.contents import Content, Feed, Kind, content_of, kind_of
from gatewayd.interfaces.dropfolder.spool import Claim
from gatewayd.interfaces.spreadsheet.table import REJECTED, Bounds, Refused
from gatewayd.services.intake import Judged, NumberRules, RowJudge
from gatewayd.store.batches import StagedRow

ROWS_AT_ONCE = 1_000
"""Rows that are judged before they are written; a file that has more is a long one, however small it is."""
_CHUNK = 1 << 20


class StillWritten(Exception):
    """The file changed while it was read."""


@dataclass(frozen=True, slots=True)
class File:
    """An opened file, as it was dropped; `token` names it in the database, `whole`: it is in memory."""

    name: str
    token: str
    kind: Kind
    fingerprint: str
    stream: BinaryIO
    whole: bool
    opened: BinaryIO
    look: tuple[int, int]

    def require_unchanged(self) -> None:
        """Raises StillWritten."""
        if _look(self.opened) != self.look:
            raise StillWritten("the file was written while it was read")


def open_file(claim: Claim, name: str, feed: Feed, bounds: Bounds, opened: ExitStack) -> File:
    """A file of a claim. Raises Refused."""
    stream = source = opened.enter_context(claim.open(name, bounds.octets))
    look, token = _look(source), claim.token_of(name)
    if whole := look[0] <= SMALL:
        stream = io.BytesIO(source.read(SMALL + 1))
    kind = kind_of(stream, name)
    fingerprint = _fingerprint(stream, feed, token if kind.single else "")
    return File(name, token, kind, fingerprint, stream, whole, source, look)


class Judge:
    """Judges the rows of the files of one feed."""

    def __init__(self, feed: Feed, numbers: NumberRules, bounds: Bounds, *, decimal: str) -> None:
        self._feed, self._numbers, self._bounds, self._decimal = feed, numbers, bounds, decimal

    def content(self, file: File) -> Content:
        """What the file holds. Raises Refused, now or while its rows are read."""
        return content_of(file.stream, file.name, file.kind, self._feed, self._bounds, decimal=self._decimal)

    def chunks(self, content: Content) -> Iterator[list[StagedRow]]:
        """Every row's fate, some at a time; `ROWS_AT_ONCE` but for the last list. Refused: there is none."""
        rows = 0
        judge = RowJudge(self._feed.purpose, self._numbers, self._feed.template)
        with closing(content.rows) as read:
            judged = (row if isinstance(row, Judged) else judge.judge(row) for row in read)
            while chunk := [_staged(row) for row in islice(judged, ROWS_AT_ONCE)]:
                rows += len(chunk)
                yield chunk
        if not rows:
            raise Refused(REJECTED, "no_rows")


def _staged(row: Judged) -> StagedRow:
    if row.plan is None:
        return StagedRow(row.line, row.recipient, row.reason)
    return StagedRow(row.line, row.recipient, "", row.plan.text, str(row.plan.alphabet), len(row.plan.parts))


def _fingerprint(stream: BinaryIO, feed: Feed, itself: str) -> str:
    """SHA-256 of the content and of what it would become: another template makes another sending of the same list.

    `itself` names a file of one message, which is not the one before, though it may say the same.
    """
    stream.seek(0)
    digest = hashlib.sha256()
    parts = [feed.folder, feed.purpose.key, feed.template.source if feed.template is not None else ""]
    for part in parts + [itself] * bool(itself):
        digest.update(f"{len(part)}:{part}".encode())
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _look(stream: BinaryIO) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns
