"""The drop folder: each turn takes what has arrived, accepts its good rows in one transaction, and files the answer.

What is taken ends in exactly one of done/, rejected/ and corrupt/, with a report beside it:

    claimed -> read -> staged -> accepted (some rows a transaction) -> reported -> decided -> moved -> forgotten

A crash between two steps is taken up by the next turn. Before the first rows are accepted the file is simply judged
again; after that the database knows the claim, the other rows follow, and the filing goes on. The same list in the same
feed under another claim is refused; a file of one message is itself, whatever it says. When the database cannot be
written, or the file changes while it is read, the claim waits for a later turn.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import BinaryIO

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import Purpose
from gatewayd.errors import DiskNearlyFull, GatewaydError, StorageUnavailable
from gatewayd.interfaces.dropfolder import answered
from gatewayd.interfaces.dropfolder.arrivals import Arrivals, Renamed
from gatewayd.interfaces.dropfolder.contents import Content, Feed, Kind, content_of, kind_of
from gatewayd.interfaces.dropfolder.names import safe_name
from gatewayd.interfaces.dropfolder.report import ReportStyle, write_refusal, write_report
from gatewayd.interfaces.dropfolder.reporter import report_lines
from gatewayd.interfaces.dropfolder.spool import Claim, Spool
from gatewayd.interfaces.eventhandler import FAILED
from gatewayd.interfaces.messagefiles.smstools import LONGEST
from gatewayd.interfaces.spreadsheet.table import CORRUPT, DONE, REJECTED, Bounds, Refused
from gatewayd.services.intake import Judged, NumberRules, RowJudge
from gatewayd.services.space import Space
from gatewayd.store.batches import Batch, Batches, StagedRow
from gatewayd.store.handler_calls import HandlerCalls, NewCall

log = structlog.get_logger(__name__)

SETTLE_SECONDS = 10.0
_FILES_PER_TURN = 50
_ROWS_PER_CHUNK = 1_000
APPROVAL = "approval"  # the reason of `held` while a file waits for it
NO_GOOD_ROW = "no_good_row"
_CHUNK = 1 << 20
_TROUBLES = 1_000


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did: files filed, messages accepted; `more`: files are ready which it left to the next turn."""

    filed: int
    accepted: int
    more: bool


@dataclass(frozen=True, slots=True)
class _File:
    """An opened file: its name as it was dropped, what it is, and how it looked when it was opened."""

    stream: BinaryIO
    name: str
    kind: Kind
    look: tuple[int, int]


class _StillWritten(Exception):
    """The file changed while it was read."""


def _nothing(_step: str) -> None:
    return None


class DropFolder:
    """Call `run_once()` whenever something may have arrived, and every few seconds in any case; from one thread.

    `checkpoint` is told of each step (the words of the drawing above); tests end the process there.
    """

    def __init__(
        self,
        spool: Spool,
        batches: Batches,
        feeds: Sequence[Feed],
        *,
        numbers: NumberRules,
        style: ReportStyle,
        clock: Clock,
        bounds: Bounds | None = None,
        settle: float = SETTLE_SECONDS,
        space: Space | None = None,
        calls: HandlerCalls | None = None,
        renamed: Renamed = tuple,
        checkpoint: Callable[[str], None] = _nothing,
    ) -> None:
        self._spool, self._batches = spool, batches
        self._feeds = {feed.folder: feed for feed in feeds}
        self._numbers, self._style, self._clock = numbers, style, clock
        self._bounds, self._reached = bounds or Bounds(), checkpoint
        self._arrivals, self._space = Arrivals(spool, clock, settle, renamed), space
        self._calls = calls
        self._told: set[tuple[str, ...]] = set()

    def run_once(self) -> Turn:
        """Files what a crash or a full disk left behind, then what has arrived. Never raises because of a file."""
        filed = accepted = 0
        # On a disk that is nearly full they stay where they are, and are taken once there is room.
        room = self._space is None or not self._space.low()
        arrivals, more = self._arrivals.take(_FILES_PER_TURN) if room else ([], False)
        claims = (self._claim(arrival.feed, arrival.name) for arrival in arrivals)
        for claim in chain(self._spool.leftovers(), filter(None, claims)):
            count = self._answer(claim)
            if count is not None:
                filed, accepted = filed + 1, accepted + count
        return Turn(filed, accepted, more=more)

    def _claim(self, feed: str, name: str) -> Claim | None:
        try:
            claim = self._spool.claim(feed, name)
        except OSError as error:
            if self._is_news(feed, name):
                log.warning("drop.not_claimed", file=safe_name(name), feed=feed, error=error.strerror)
            return None
        self._reached("claimed")
        log.info("drop.claimed", file=safe_name(name), feed=feed, claim=claim.token)
        return claim

    def _answer(self, claim: Claim) -> int | None:
        """The number of messages accepted; None when the claim must wait."""
        accepted = 0
        try:
            if claim.answer is None:
                accepted = self._decide(claim)
                self._reached("decided")
            self._file(claim)
        except (StorageUnavailable, OSError, _StillWritten) as error:
            if self._is_news(claim.token, str(error)):
                log.warning("drop.claim_waits", claim=claim.token, error=str(error) or type(error).__name__)
            return None
        return accepted

    def _is_news(self, *what: str) -> bool:
        """A trouble that lasts is told once, not at every turn."""
        if len(self._told) > _TROUBLES:
            self._told.clear()
        news = what not in self._told
        self._told.add(what)
        return news

    def _file(self, claim: Claim) -> None:
        folder, name = claim.answer or ("", "")
        self._spool.file(claim)
        self._reached("moved")
        if self._calls is not None and folder != DONE and claim.is_message:
            self._calls.owe([NewCall(claim.token, FAILED, f"{folder}/{name}")], self._clock.utc_now())
        if folder == DONE:
            self._batches.filed(claim.token, name)
        self._spool.forget(claim)
        self._reached("forgotten")
        log.info("drop.filed", claim=claim.token, folder=folder, file=name)

    def _decide(self, claim: Claim) -> int:
        """Judges the file, writes the report, and makes the decision durable; returns the messages accepted."""
        name, accepted, folder = claim.name or "", 0, DONE
        self._require_room()
        try:
            accepted = self._accept_or_quarantine(claim, name)
        except Refused as refusal:
            log.warning("drop.refused", claim=claim.token, file=safe_name(name), reason=refusal.reason)
            folder = refusal.folder
            if refusal.reason != NO_GOOD_ROW:  # that one has written its own report, a row a recipient
                write_refusal(claim.report, refusal.reason, refusal.facts, self._style)
            self._answer_program(claim, str(refusal.facts.get("why", refusal.reason)))
        self._reached("reported")
        claim.decide(folder, self._spool.free_name(folder, name))
        return accepted

    def _answer_program(self, claim: Claim, reason: str) -> None:
        """A refused file of smstools3 says so in its headers, and its program is told when it is filed."""
        name = claim.name or ""
        try:
            with claim.open(LONGEST) as stream:
                if kind_of(stream, name) is not Kind.SMSTOOLS:
                    return
        except Refused:
            return
        headers = answered.refusal_headers(reason, self._style.timezone, self._clock.utc_now())
        if answered.add(claim.folder / "in" / name, claim.answered, headers) is not None:
            claim.mark_message()

    def _accept_or_quarantine(self, claim: Claim, name: str) -> int:
        try:
            return self._accept(claim, name)
        except (GatewaydError, OSError, _StillWritten):
            raise
        except Exception as error:  # one poisoned file must not stop all others, turn after turn
            log.exception("drop.file_failed", claim=claim.token)
            raise Refused(CORRUPT, "internal") from error

    def _accept(self, claim: Claim, name: str) -> int:
        """Accepts the file's good rows, and writes the report; returns their number. Raises Refused."""
        feed = self._feeds.get(claim.feed)
        if feed is None:
            raise OSError(f"the feed {claim.feed} is no longer configured")
        with claim.open(self._bounds.octets) as stream:
            look, kind = _look(stream), kind_of(stream, name)
            batch = self._batches.begin(
                name=safe_name(name),
                feed=feed.folder,
                fingerprint=_fingerprint(stream, feed, claim.token if kind.single else ""),
                claim=claim.token,
                now=self._clock.utc_now(),
                kind=str(kind) if kind.single else "",
            )
            self._reached("read")
            if batch.accepted_at is not None:
                accepted = self._accepted_before(batch, feed, claim)
            else:
                accepted = self._accept_rows(batch, feed, _File(stream, name, kind, look), claim)
        write_report(claim.report, report_lines(self._batches, batch.id), self._style)
        return accepted

    def _accepted_before(self, batch: Batch, feed: Feed, claim: Claim) -> int:
        """A crash came after the first rows were accepted: the others follow; or another file had the same content."""
        if batch.claim != claim.token or batch.accepted_at is None:
            raise Refused(REJECTED, "already_accepted", at=batch.accepted_at, name=batch.name)
        state, reason = _begins(feed)
        self._batches.accept(batch.id, feed.purpose, batch.accepted_at, state=state, reason=reason)
        return 0

    def _accept_rows(self, batch: Batch, feed: Feed, file: _File, claim: Claim) -> int:
        try:
            content = self._content(feed, file)
            good = self._stage(batch.id, feed, content)
        except (Refused, DiskNearlyFull):
            self._batches.discard(batch.id)
            raise
        self._reached("staged")
        if _look(file.stream) != file.look:
            raise _StillWritten("the file was written while it was read")
        if not good:
            why = next(report_lines(self._batches, batch.id)).reason
            write_report(claim.report, report_lines(self._batches, batch.id), self._style)
            self._batches.discard(batch.id)
            raise Refused(REJECTED, NO_GOOD_ROW, why=why)
        state, reason = _begins(feed)
        accepted = self._batches.accept(
            batch.id, _asked(feed.purpose, content), self._clock.utc_now(), state=state, reason=reason,
            ahead=content.ahead,
        )  # fmt: skip
        self._reached("accepted")
        log.info("drop.accepted", claim=claim.token, feed=feed.folder, purpose=feed.purpose.key, messages=accepted)
        return accepted

    def _content(self, feed: Feed, file: _File) -> Content:
        decimal = "," if self._style.language == "fr" else "."
        return content_of(file.stream, file.name, file.kind, feed, self._bounds, decimal=decimal)

    def _stage(self, batch_id: int, feed: Feed, content: Content) -> int:
        """Writes every row's fate into the database, a chunk at a time; returns the good ones. Raises Refused."""
        rows = good = 0
        judge = RowJudge(feed.purpose, self._numbers, feed.template)
        with closing(content.rows) as read:
            judged = (row if isinstance(row, Judged) else judge.judge(row) for row in read)
            while chunk := [_staged(row) for row in islice(judged, _ROWS_PER_CHUNK)]:
                rows += len(chunk)
                good += sum(not row.reason for row in chunk)
                self._require_room()
                self._batches.stage(batch_id, chunk)
        if not rows:
            raise Refused(REJECTED, "no_rows")
        return good

    def _require_room(self) -> None:
        if self._space is not None:
            self._space.require()


def _staged(row: Judged) -> StagedRow:
    if row.plan is None:
        return StagedRow(row.line, row.recipient, row.reason)
    return StagedRow(row.line, row.recipient, "", row.plan.text, str(row.plan.alphabet), len(row.plan.parts))


def _begins(feed: Feed) -> tuple[MessageState, str]:
    """The state in which a message of this feed begins, and why."""
    return (MessageState.HELD, APPROVAL) if feed.approval_required else (MessageState.QUEUED, "")


def _asked(purpose: Purpose, content: Content) -> Purpose:
    """The purpose, with the shorter life that a file may ask for."""
    if content.lives is None or content.lives >= purpose.time_to_live:
        return purpose
    return replace(purpose, time_to_live=content.lives)


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
