"""The drop folder: each turn takes what has arrived, accepts its good rows, and files the answer.

What is taken ends in exactly one of done/, rejected/ and corrupt/, with a report beside it. A claim is one file, or
some small ones of a feed. All its files take a step before the next one, which is made durable once for all of them:

    claimed    renamed into a private folder               synced: this folder, claimed/, the feed's
    read       opened, and known by content and claim
    judged     each row has its fate                       rows of a long list are staged, some in a transaction
    accepted   the good rows are messages                  small files: some in a transaction of 20 ms, each wholly;
                                                           a long list: some rows in a transaction
    reported   the reports are written                     synced: each of them, then their private folder
    decided    where each file goes, in one file           synced: it, and its folder; there is no way back
    moved      files and reports to where they go          synced: each of the answer folders
    filed      the database knows their names              one transaction, with the calls that are owed
    forgotten  the private folder is gone

A crash between two steps is taken up by the next turn. Before it is decided the claim is simply judged again: the
database knows which of its files are accepted, and these are not accepted again; of a long list the other rows follow.
After it the filing goes on. The same list in the same feed under another claim is refused; a file of one message is
itself, whatever it says. A file that is refused, even by a fault of ours, refuses itself only. When the database cannot
be written the claim waits for a later turn; a file that cannot be read, or changes meanwhile, waits by itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TypeVar

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import Purpose
from gatewayd.errors import DiskNearlyFull, GatewaydError, StorageUnavailable
from gatewayd.interfaces.dropfolder import answered
from gatewayd.interfaces.dropfolder.arrivals import Arrivals, Renamed, grouped
from gatewayd.interfaces.dropfolder.contents import Content, Feed, Kind, kind_of
from gatewayd.interfaces.dropfolder.names import REPORT, safe_name
from gatewayd.interfaces.dropfolder.reading import File, Judge, StillWritten, open_file
from gatewayd.interfaces.dropfolder.report import Line, ReportStyle, refusal_into, report_into
from gatewayd.interfaces.dropfolder.reporter import report_lines
from gatewayd.interfaces.dropfolder.spool import Answers, Claim, Decision, Spool
from gatewayd.interfaces.eventhandler import FAILED
from gatewayd.interfaces.messagefiles.smstools import LONGEST
from gatewayd.interfaces.spreadsheet.table import CORRUPT, DONE, REJECTED, Bounds, Refused
from gatewayd.services.intake import NumberRules
from gatewayd.services.space import Space
from gatewayd.store.batches import Batch, Batches, NewFile, StagedRow
from gatewayd.store.handler_calls import NewCall

log = structlog.get_logger(__name__)

SETTLE_SECONDS = 10.0
FILES_PER_TURN = 100
TRANSACTION = 0.02
"""Seconds after which small files are left to the next transaction: a STOP waits for the writer."""
APPROVAL = "approval"  # the reason of `held` while a file waits for it
NO_GOOD_ROW = "no_good_row"
_TROUBLES = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did: files filed, messages accepted; `more`: files are ready which it left to the next turn."""

    filed: int
    accepted: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is said to who dropped a file, with a row of the report for each row that it has.

    `staged`: the batch that is forgotten when these are written.
    """

    name: str
    token: str
    accepted: int = 0
    rows: Iterable[Line] = ()
    refusal: Refused | None = None
    staged: int = 0


@dataclass(frozen=True, slots=True)
class _Small:
    """A file whose rows are judged and in memory."""

    file: File
    new: NewFile


@dataclass(frozen=True, slots=True)
class _Long:
    """A list whose rows are judged and staged, or accepted in part before a crash."""

    file: File
    batch: Batch
    purpose: Purpose
    ahead: int = 0


def _nothing(_step: str) -> None:
    return None


class DropFolder:
    """Call `run_once()` whenever something may have arrived, and every few seconds in any case; from one thread.

    `handled`: there is an event handler. `checkpoint` is told of each step (the words of the drawing above); tests end
    the process there.
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
        handled: bool = False,
        renamed: Renamed = tuple,
        checkpoint: Callable[[str], None] = _nothing,
    ) -> None:
        self._spool, self._batches = spool, batches
        self._feeds = {feed.folder: feed for feed in feeds}
        self._numbers, self._style, self._clock = numbers, style, clock
        self._bounds, self._reached = bounds or Bounds(), checkpoint
        self._arrivals, self._space = Arrivals(spool, clock, settle, renamed), space
        self._handled = handled
        self._told: set[tuple[str, ...]] = set()

    def run_once(self) -> Turn:
        """Files what a crash or a full disk left behind, then what has arrived. Never raises because of a file."""
        filed = accepted = 0
        # On a disk that is nearly full they stay where they are, and are taken once there is room.
        room = self._space is None or not self._space.low()
        arrivals, more = self._arrivals.take(FILES_PER_TURN) if room else ([], False)
        claims = (self._claim(feed, names) for feed, names in grouped(arrivals))
        for claim in chain(self._spool.leftovers(), filter(None, claims)):
            try:
                if claim.decisions is None:
                    accepted += self._decide(claim)
                filed += self._file(claim)
            except (StorageUnavailable, OSError) as error:
                self._waits(claim.token, error)
        return Turn(filed, accepted, more=more)

    def _claim(self, feed: str, names: Sequence[str]) -> Claim | None:
        try:
            claim, stayed = self._spool.claim(feed, names)
        except OSError as error:
            claim, stayed = None, dict.fromkeys(names, error)
        for name, why in stayed.items():
            if self._is_news(feed, name):
                log.warning("drop.not_claimed", file=safe_name(name), feed=feed, error=why.strerror)
        if claim is None or len(stayed) == len(names):
            return None
        self._reached("claimed")
        for name in names:
            if name not in stayed:
                log.info("drop.claimed", file=safe_name(name), feed=feed, claim=claim.token_of(name))
        return claim

    def _waits(self, token: str, error: Exception) -> None:
        if self._is_news(token, str(error)):
            log.warning("drop.claim_waits", claim=token, error=str(error) or type(error).__name__)

    def _is_news(self, *what: str) -> bool:
        """A trouble that lasts is told once, not at every turn."""
        if len(self._told) > _TROUBLES:
            self._told.clear()
        news = what not in self._told
        self._told.add(what)
        return news

    def _decide(self, claim: Claim) -> int:
        """From `read` to `decided`; returns the messages accepted."""
        feed = self._feeds.get(claim.feed)
        if feed is None:
            raise OSError(f"the feed {claim.feed} is no longer configured")
        self._require_room()
        with ExitStack() as opened:
            files = self._read(claim, feed, opened)
            self._reached("read")
            judged = self._judge(feed, files)
            self._reached("judged")
            judged = [one for one in judged if self._is_unchanged(one)]
        answers = [one for one in judged if isinstance(one, _Answer)]
        answers += self._accept_small([one for one in judged if isinstance(one, _Small)])
        answers += self._accept_long(feed, [one for one in judged if isinstance(one, _Long)])
        decisions = self._report(claim, answers)
        self._reached("reported")
        if decisions:
            claim.decide(decisions)
            self._reached("decided")
        return sum(answer.accepted for answer in answers)

    def _apart(self, name: str, token: str, step: Callable[[], T]) -> T | _Answer | None:
        """A step of one file, which refuses nothing but itself; None: it waits for a later turn."""
        try:
            return step()
        except Refused as refusal:
            return self._refused(name, token, refusal)
        except StorageUnavailable:
            raise
        except (OSError, StillWritten) as error:
            self._waits(token, error)
            return None
        except GatewaydError:
            raise
        except Exception:  # one poisoned file must not stop all others, turn after turn
            log.exception("drop.file_failed", claim=token)
            return self._refused(name, token, Refused(CORRUPT, "internal"))

    def _refused(
        self, name: str, token: str, refusal: Refused, rows: Iterable[Line] = (), *, staged: int = 0
    ) -> _Answer:
        log.warning("drop.refused", claim=token, file=safe_name(name), reason=refusal.reason)
        return _Answer(name, token, 0, rows, refusal, staged)

    def _read(self, claim: Claim, feed: Feed, opened: ExitStack) -> list[File | _Answer]:
        found = []
        for name in claim.names():
            open_it = partial(open_file, claim, name, feed, self._bounds, opened)
            found.append(self._apart(name, claim.token_of(name), open_it))
        return [one for one in found if one is not None]

    def _judge(self, feed: Feed, files: Sequence[File | _Answer]) -> list[_Small | _Long | _Answer]:
        opened = [file for file in files if isinstance(file, File)]
        known = self._batches.found(feed.folder, [one.token for one in opened], [one.fingerprint for one in opened])
        before = {batch.fingerprint: batch for batch in known} | {batch.claim: batch for batch in known}
        decimal = "," if self._style.language == "fr" else "."
        judge = Judge(feed, self._numbers, self._bounds, decimal=decimal)
        judged: list[_Small | _Long | _Answer | None] = [one for one in files if isinstance(one, _Answer)]
        for file in opened:
            batch = before.get(file.token) or before.get(file.fingerprint)
            judged.append(self._apart(file.name, file.token, partial(self._judge_one, feed, judge, file, batch)))
        return [one for one in judged if one is not None]

    def _is_unchanged(self, one: _Small | _Long | _Answer) -> bool:
        if isinstance(one, _Answer):
            return True
        try:
            one.file.require_unchanged()
        except StillWritten as error:
            self._waits(one.file.token, error)
            return False
        return True

    def _judge_one(self, feed: Feed, judge: Judge, file: File, before: Batch | None) -> _Small | _Long | _Answer:
        if before is not None:
            return _Long(file, _own(before, file.token), feed.purpose)
        content = judge.content(file)
        chunks = judge.chunks(content)
        if not file.whole:
            return self._stage(feed, file, content, chunks)
        rows, more = next(chunks), next(chunks, None)
        if more is not None:
            return self._stage(feed, file, content, chain((rows, more), chunks))
        file.require_unchanged()
        if all(row.reason for row in rows):
            return self._refused(file.name, file.token, _no_good_row(rows[0].reason), _lines(rows))
        state, reason = _begins(feed)
        new = NewFile(
            safe_name(file.name), feed.folder, file.fingerprint, file.token, _kind(file), rows,
            _asked(feed.purpose, content), state, reason, content.ahead,
        )  # fmt: skip
        return _Small(file, new)

    def _stage(self, feed: Feed, file: File, content: Content, chunks: Iterable[list[StagedRow]]) -> _Long | _Answer:
        """Writes every row's fate into the database, a chunk at a time. Raises Refused."""
        batch = self._batches.begin(
            name=safe_name(file.name), feed=feed.folder, fingerprint=file.fingerprint, claim=file.token,
            now=self._clock.utc_now(), kind=_kind(file),
        )  # fmt: skip
        good, first = 0, ""
        try:
            for chunk in chunks:
                good += sum(not row.reason for row in chunk)
                first = first or chunk[0].reason
                self._require_room()
                self._batches.stage(batch.id, chunk)
        except (Refused, DiskNearlyFull):
            self._batches.discard(batch.id)
            raise
        file.require_unchanged()
        if not good:
            rows = report_lines(self._batches, batch.id)
            return self._refused(file.name, file.token, _no_good_row(first), rows, staged=batch.id)
        return _Long(file, batch, _asked(feed.purpose, content), content.ahead)

    def _accept_small(self, small: Sequence[_Small]) -> list[_Answer]:
        answers: list[_Answer] = []
        while len(answers) < len(small):
            self._require_room()
            answers += self._take(small[len(answers) :])
            self._reached("accepted")
        return answers

    def _take(self, small: Sequence[_Small]) -> list[_Answer]:
        """Accepts the first of them in one transaction; where one of them makes it fail, each has one of its own."""
        clock = self._clock
        try:
            taken = self._batches.take(
                [one.new for one in small], clock.utc_now(), seconds=TRANSACTION, monotonic=clock.monotonic
            )
        except (GatewaydError, OSError):
            raise
        except Exception:  # one of them is poisoned: alone, it refuses itself only
            if len(small) > 1:
                return [answer for one in small for answer in self._take([one])]
            log.exception("drop.file_failed", claim=small[0].new.claim)
            return [self._refused(small[0].file.name, small[0].new.claim, Refused(CORRUPT, "internal"))]
        return [self._accepted(one, batch) for one, batch in zip(small, taken, strict=False)]

    def _accepted(self, one: _Small, batch: Batch) -> _Answer:
        new = one.new
        if batch.claim != new.claim:
            return self._refused(one.file.name, new.claim, _already_accepted(batch))
        count = sum(not row.reason for row in new.rows)
        log.info("drop.accepted", claim=new.claim, feed=new.feed, purpose=new.purpose.key, messages=count)
        return _Answer(one.file.name, new.claim, count, _lines(new.rows, str(new.state), new.reason))

    def _accept_long(self, feed: Feed, long: Sequence[_Long]) -> list[_Answer]:
        answers = []
        for one in long:
            answers.append(self._apart(one.file.name, one.file.token, partial(self._accept_rows, feed, one)))
            self._reached("accepted")
        return [answer for answer in answers if answer is not None]

    def _accept_rows(self, feed: Feed, one: _Long) -> _Answer:
        """All rows, or those that a crash has left to be accepted."""
        batch, file = one.batch, one.file
        state, reason = _begins(feed)
        at = batch.accepted_at or self._clock.utc_now()
        accepted = self._batches.accept(batch.id, one.purpose, at, state=state, reason=reason, ahead=one.ahead)
        if not accepted:
            self._batches.discard(batch.id)
            raise StillWritten("the same list is being accepted")  # the next turn finds that one
        rows = report_lines(self._batches, batch.id)
        if batch.accepted_at is not None:
            return _Answer(file.name, file.token, 0, rows)
        log.info("drop.accepted", claim=file.token, feed=feed.folder, purpose=one.purpose.key, messages=accepted)
        return _Answer(file.name, file.token, accepted, rows)

    def _report(self, claim: Claim, answers: Sequence[_Answer]) -> list[Decision]:
        """Writes what is to lie in the answer folders, and says under which names."""
        with claim.answering() as out:
            return [self._write(out, claim, answer) for answer in answers]

    def _write(self, out: Answers, claim: Claim, answer: _Answer) -> Decision:
        """The report, and a refused file of a program with its headers."""
        refusal = answer.refusal
        folder = DONE if refusal is None else refusal.folder
        decision = Decision(answer.name, answer.token, folder, self._spool.free_name(folder, answer.name))
        report = out.new(f"{decision.out}{REPORT}")
        if refusal is None or refusal.reason == NO_GOOD_ROW:  # that one has a row a recipient
            report_into(report, answer.rows, self._style)
        else:
            refusal_into(report, refusal.reason, refusal.facts, self._style)
        if answer.staged:
            self._batches.discard(answer.staged)
        octets = None if refusal is None else answered.content(claim.folder / "in" / answer.name)
        if refusal is None or octets is None or not _is_of_a_program(octets, answer.name):
            return decision
        why = str(refusal.facts.get("why", refusal.reason))
        headers = answered.refusal_headers(why, self._style.timezone, self._clock.utc_now())
        out.new(decision.out).write(answered.amended(octets, headers))
        return replace(decision, told=True)

    def _file(self, claim: Claim) -> int:
        """From `moved` to `forgotten`; returns how many files."""
        decisions = claim.decisions or ()
        self._spool.file(claim, decisions)
        self._reached("moved")
        told = [one for one in decisions if one.told and self._handled]
        calls = [NewCall(one.token, FAILED, f"{one.folder}/{one.target}") for one in told]
        done = {one.token: one.target for one in decisions if one.folder == DONE}
        self._batches.filed(done, self._clock.utc_now(), calls)
        self._reached("filed")
        self._spool.forget(claim)
        self._reached("forgotten")
        for one in decisions:
            log.info("drop.filed", claim=one.token, folder=one.folder, file=one.target)
        return len(decisions)

    def _require_room(self) -> None:
        if self._space is not None:
            self._space.require()


def _is_of_a_program(octets: bytes, name: str) -> bool:
    return len(octets) <= LONGEST and kind_of(io.BytesIO(octets), name) is Kind.SMSTOOLS


def _own(batch: Batch, token: str) -> Batch:
    """A batch that was accepted before, by this claim. Raises Refused: by another."""
    if batch.claim != token:
        raise _already_accepted(batch)
    return batch


def _already_accepted(batch: Batch) -> Refused:
    return Refused(REJECTED, "already_accepted", at=batch.accepted_at, name=batch.name)


def _no_good_row(why: str) -> Refused:
    return Refused(REJECTED, NO_GOOD_ROW, why=why)


def _lines(rows: Sequence[StagedRow], state: str = "", reason: str = "") -> list[Line]:
    """The report of rows that were just judged; the good ones are in this state."""
    return [
        Line(row.line, row.recipient, "", row.reason)
        if row.reason
        else Line(row.line, row.recipient, state, reason, None, row.parts)
        for row in rows
    ]


def _kind(file: File) -> str:
    """Of a file of one message; a list has none."""
    return str(file.kind) if file.kind.single else ""


def _begins(feed: Feed) -> tuple[MessageState, str]:
    """The state in which a message of this feed begins, and why."""
    return (MessageState.HELD, APPROVAL) if feed.approval_required else (MessageState.QUEUED, "")


def _asked(purpose: Purpose, content: Content) -> Purpose:
    """The purpose, with the shorter life that a file may ask for."""
    if content.lives is None or content.lives >= purpose.time_to_live:
        return purpose
    return replace(purpose, time_to_live=content.lives)
