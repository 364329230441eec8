"""Writes a file's report again when the last of its messages has come to an end; also after a restart.

The database remembers which accepted files still owe their last report, so nothing is lost when the process ends
between a message's last state and the writing. A report that somebody deleted or moved comes back once, with that.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from gatewayd.clock import Clock
from gatewayd.interfaces.dropfolder.names import REPORT
from gatewayd.interfaces.dropfolder.report import Line, ReportStyle, write_report
from gatewayd.interfaces.dropfolder.spool import Spool
from gatewayd.interfaces.spreadsheet.table import DONE
from gatewayd.store.batches import Batches

log = structlog.get_logger(__name__)


class Reporter:
    """Call `run_once()` every few seconds, from the drop folder's thread."""

    def __init__(self, spool: Spool, batches: Batches, style: ReportStyle, clock: Clock) -> None:
        self._spool, self._batches, self._style, self._clock = spool, batches, style, clock

    def run_once(self) -> int:
        """Writes the reports that are due; their number. Raises OSError, StorageUnavailable: try again later."""
        due = self._batches.settled()
        for batch in due:
            path = self._spool.root / DONE / f"{batch.filed_as}{REPORT}"
            write_report(path, report_lines(self._batches, batch.id), self._style)
            self._batches.reported(batch.id, self._clock.utc_now())
            log.info("drop.report_completed", batch=batch.id, file=batch.filed_as)
        return len(due)


def report_lines(batches: Batches, batch_id: int) -> Iterator[Line]:
    """The rows of a file with their present fate, as the database has them, in the file's order."""
    for row in batches.rows(batch_id):
        yield Line(row.line, row.recipient, row.state or "", row.reason, row.sent_at, row.parts)
