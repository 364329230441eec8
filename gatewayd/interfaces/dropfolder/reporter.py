"""Keeps the report beside a file true after its acceptance, also over a restart.

It is written again when the last of the file's messages has left or ended, and after that when a status report, a late
answer or the operator changes one of them: at most once a minute, a long list less often, and never without a change.
The database remembers which files owe a report, so nothing is lost when the process ends between a message's change and
the writing. A report that somebody deleted or moved comes back once, with the first of these, and not again; and never
where a later file has taken its name, whose report and headers are its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from gatewayd.clock import Clock
from gatewayd.interfaces.dropfolder.names import REPORT
from gatewayd.interfaces.dropfolder.programs import Programs
from gatewayd.interfaces.dropfolder.report import Line, ReportStyle, write_report
from gatewayd.interfaces.dropfolder.spool import Spool
from gatewayd.interfaces.spreadsheet.table import DONE
from gatewayd.store.batches import Batch, Batches

log = structlog.get_logger(__name__)

PAUSE = 60.0
"""Seconds between two writings of one report."""
_SHARE = 50
"""A pause is at least so many times as long as the writing took: 100,000 rows cost the drop folder two per cent."""
_TURN = 2.0
"""Seconds of writing after which the other reports wait for the next turn."""


class Reporter:
    """Call `run_once()` every few seconds, from the drop folder's thread."""

    def __init__(
        self, spool: Spool, batches: Batches, style: ReportStyle, clock: Clock, *, handled: bool = False
    ) -> None:
        self._spool, self._batches, self._style, self._clock = spool, batches, style, clock
        self._programs = Programs(spool, batches, style, handled=handled)
        self._again_at: dict[int, float] = {}
        self._look_at = float("-inf")

    def run_once(self) -> int:
        """Writes the reports that are due; their number. Raises OSError, StorageUnavailable: try again later."""
        begun, written = self._clock.monotonic(), 0
        if begun < self._look_at:
            return 0
        self._again_at = {batch: at for batch, at in self._again_at.items() if at > begun}
        owing = self._batches.owing()
        looked = self._clock.monotonic()
        self._look_at = looked + _SHARE * (looked - begun)  # 100,000 files of one message, all waiting, take a while
        for batch in owing:
            if batch.id in self._again_at:
                continue
            written += self._write(batch)
            if self._clock.monotonic() - begun > _TURN:
                break
        return written

    def _write(self, batch: Batch) -> bool:
        begun, first = self._clock.monotonic(), batch.reported_at is None
        path = self._spool.root / DONE / f"{batch.filed_as}{REPORT}"
        its_own = self._batches.has_its_name(batch)
        present = its_own and (first or path.exists())
        self._batches.writing(batch.id)
        if present:
            write_report(path, report_lines(self._batches, batch.id), self._style)
        told, calls = self._programs.tell(batch, self._clock.utc_now()) if its_own else ("", ())
        self._batches.reported(batch.id, self._clock.utc_now(), told=told, calls=calls)
        now = self._clock.monotonic()
        self._again_at[batch.id] = now + max(PAUSE, _SHARE * (now - begun))
        if first:
            log.info("drop.report_completed", batch=batch.id, file=batch.filed_as)
        return present


def report_lines(batches: Batches, batch_id: int) -> Iterator[Line]:
    """The rows of a file with their present fate, as the database has them, in the file's order."""
    for row in batches.rows(batch_id):
        yield Line(row.line, row.recipient, row.state or "", row.reason, row.sent_at, row.parts)
