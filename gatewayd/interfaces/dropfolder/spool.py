"""The folders: what has arrived, claiming it, opening it safely, and filing it with its report.

    SPOOL/drop/[FEED/]NAME --claim--> SPOOL/claimed/TOKEN@FEED/in/NAME --file--> SPOOL/{done,rejected,corrupt}/NAME
                                                                                 ... and NAME.report.csv beside it

A claim is a rename into a private folder, so that no writer's name leads to the file any more; a link is moved as a
link and refused when it is opened. Each step is a rename or an fsynced file, and `leftovers()` finds what a crash
left between two of them: without the file `answer` the claim is judged again, with it the filing goes on where it
stopped. Answer folders are written by this process alone; an existing name is never overwritten.

Needs: all folders on one file system.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from gatewayd.interfaces.dropfolder.names import REPORT, numbered, safe_name
from gatewayd.interfaces.spreadsheet.table import CORRUPT, DONE, REJECTED, Refused

ANSWERS = (DONE, REJECTED, CORRUPT)
_REMEMBERED = 1_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Claim:
    """A file taken from `feed` (its folder below drop/) into a private folder; `token` names it in the database."""

    folder: Path
    token: str
    feed: str

    @property
    def name(self) -> str | None:
        """The file's name as it was dropped; None once it has been filed."""
        try:
            with os.scandir(self.folder / "in") as entries:
                return next((entry.name for entry in entries), None)
        except FileNotFoundError:
            return None

    @property
    def answered(self) -> Path:
        """Where a message's file with its answer waits to take the place of what was dropped."""
        return self.folder / "answered"

    @property
    def is_message(self) -> bool:
        """Whether a program waits to be told what became of it."""
        return (self.folder / "message").exists()

    def mark_message(self) -> None:
        """A program waits to be told."""
        with write_whole(self.folder / "message"):
            pass

    @property
    def report(self) -> Path:
        """Where the report waits until the file is filed."""
        return self.folder / "report.csv"

    @property
    def answer(self) -> tuple[str, str] | None:
        """The decided folder and name, or None while there is no decision."""
        try:
            folder, _, name = (self.folder / "answer").read_text("utf-8").partition("/")
        except FileNotFoundError:
            return None
        return folder, name

    def decide(self, folder: str, name: str) -> None:
        """Makes the decision durable: from now on the file goes there, whatever happens."""
        with write_whole(self.folder / "answer") as output:
            output.write(f"{folder}/{name}".encode())

    def open(self, limit: int) -> BinaryIO:
        """The file for reading, never through a link. Raises Refused."""
        descriptor = self._descriptor()
        try:
            _check(os.fstat(descriptor), limit)
        except Refused:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb")

    def _descriptor(self) -> int:
        inside = os.open(self.folder / "in", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return os.open(self.name or "", _OPEN, dir_fd=inside)
        except PermissionError as error:
            raise Refused(REJECTED, "no_permission") from error
        except OSError as error:  # ELOOP: a symbolic link; ENXIO: a socket
            raise Refused(CORRUPT, "not_a_file") from error
        finally:
            os.close(inside)


def _check(status: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused(CORRUPT, "not_a_file")
    if status.st_nlink != 1:
        raise Refused(CORRUPT, "linked_elsewhere")
    if status.st_size > limit:
        raise Refused(REJECTED, "too_large", size=status.st_size, limit=limit)


class Spool:
    """The folders below `root`; `feeds` are folders below drop/, `.` being drop/ itself."""

    def __init__(self, root: Path, feeds: Iterable[str]) -> None:
        self.root = root
        self.feeds = tuple(feeds)
        self._claimed = root / "claimed"
        self._counts: dict[tuple[str, str], int] = {}
        self._owned: set[tuple[str, str]] = set()  # where files are to go that could not be moved there yet

    def prepare(self) -> None:
        """Makes the folders that are missing; only `claimed/` is private, the others' modes are the administrator's."""
        for folder in (*(f"drop/{feed}" for feed in self.feeds), *ANSWERS):
            if not os.path.lexists(self.root / folder):  # what is no folder is told when it is looked into
                (self.root / folder).mkdir(parents=True, exist_ok=True)
        self._claimed.mkdir(mode=0o700, exist_ok=True)
        mode = stat.S_IMODE(self._claimed.stat().st_mode)
        if mode & 0o077:  # else it is left as it is: its setgid bit hands the folder's group down to the reports
            self._claimed.chmod(mode & 0o700)

    def arrivals(self, feed: str) -> Iterator[os.DirEntry[str]]:
        """All that lies in a feed's folder, in no order and without looking at it; a folder thrown away comes back.
        NotADirectoryError: somebody has put something else in its place."""
        with self._opened(feed) as folder, os.scandir(folder) as entries:
            yield from entries

    @contextmanager
    def _opened(self, feed: str) -> Iterator[int]:
        """A feed's folder, and never another one through a link: who may write into drop/ may put one there."""
        (self.root / "drop").mkdir(parents=True, exist_ok=True)
        folder = os.open(self.root / "drop", _FOLDER)  # which is the administrator's, and may be a link
        try:
            for part in [] if feed == "." else feed.split("/"):
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
                within = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = within
            yield folder
        finally:
            os.close(folder)

    def claim(self, feed: str, name: str) -> Claim:
        """Takes a file; raises OSError, and then it stays where it was."""
        token = secrets.token_hex(8)
        claim = Claim(self._claimed / f"{token}@{quote(feed, safe='')}", token, feed)
        with self._opened(feed) as folder:
            (claim.folder / "in").mkdir(parents=True, mode=0o700)
            try:
                os.rename(name, claim.folder / "in" / name, src_dir_fd=folder)
            except OSError:
                _remove(claim)
                raise
            for changed in (claim.folder / "in", self._claimed):
                sync_folder(changed)
            os.fsync(folder)
        return claim

    def leftovers(self) -> list[Claim]:
        """Claims which have not been filed wholly: decided ones first, for they own a name; then the oldest."""
        with os.scandir(self._claimed) as entries:
            claims_by_age = (entry for entry in entries if "@" in entry.name and entry.is_dir(follow_symlinks=False))
            ages = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in claims_by_age)
        claims = []
        for _, name in ages:
            token, _, feed = name.partition("@")
            claim = Claim(self._claimed / name, token, unquote(feed))
            if claim.name is None and claim.answer is None:  # nothing was taken, or all was filed
                _remove(claim)
            else:
                claims.append(claim)
        self._owned = {claim.answer for claim in claims if claim.answer is not None}
        return sorted(claims, key=lambda claim: claim.answer is None)

    def free_name(self, folder: str, name: str) -> str:
        """A safe name which neither a file nor a report has in an answer folder, nor is to have."""
        wanted = safe_name(name)
        if not self._taken(folder, wanted):
            return wanted
        count = self._counts.get((folder, wanted), 2)  # a program that calls all its files so has thousands there
        while self._taken(folder, numbered(wanted, count)):
            count += 1
        if len(self._counts) >= _REMEMBERED:
            self._counts.clear()
        self._counts[folder, wanted] = count
        return numbered(wanted, count)

    def _taken(self, folder: str, name: str) -> bool:
        path, names = self.root / folder / name, (name, f"{name}{REPORT}", name.removesuffix(REPORT))
        if any((folder, one) in self._owned for one in names):
            return True
        return os.path.lexists(path) or os.path.lexists(f"{path}{REPORT}")

    def file(self, claim: Claim) -> None:
        """Moves file and report to where `claim.decide()` said, as far as a crash has left them to be moved."""
        if claim.answer is None:
            raise ValueError(f"no decision about {claim.token}")
        folder, name = claim.answer
        target = self.root / folder / name
        self._owned.add((folder, name))
        present = claim.name
        if present is not None:
            (claim.folder / "in" / present).rename(target)
        if claim.answered.exists():
            claim.answered.rename(target)
        if claim.report.exists():
            claim.report.rename(f"{target}{REPORT}")
        sync_folder(target.parent)
        self._owned.discard((folder, name))

    def forget(self, claim: Claim) -> None:
        """The last step: nothing is left to be done about this claim."""
        _remove(claim)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def write_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when it is complete and on stable storage; its group may read it."""
    temporary = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    complete = False
    try:
        with os.fdopen(os.open(temporary, flags, 0o640), "wb") as output:
            os.fchmod(output.fileno(), 0o640)  # whatever the umask: the secretary is to read this
            yield output
            output.flush()
            os.fsync(output.fileno())
        temporary.rename(path)
        sync_folder(path.parent)
        complete = True
    finally:
        if not complete:
            temporary.unlink(missing_ok=True)


def _remove(claim: Claim) -> None:
    for file in ("answer", "report.csv", "answered", "message"):
        (claim.folder / file).unlink(missing_ok=True)
        (claim.folder / f".{file}.tmp").unlink(missing_ok=True)
    if (claim.folder / "in").is_dir():
        (claim.folder / "in").rmdir()
    claim.folder.rmdir()
