"""The folders: what has arrived, claiming it, opening it safely, and filing it with its report.

    SPOOL/drop/[FEED/]NAME --claim--> SPOOL/claimed/TOKEN@FEED/in/NAME --file--> SPOOL/{done,rejected,corrupt}/NAME
                                      SPOOL/claimed/TOKEN@FEED/out/...                ... and NAME.report.csv beside it

A claim is a rename into a private folder, so that no writer's name leads to the file any more; a link is moved as a
link and refused when it is opened. Small files of a feed are claimed together (TOKEN+@FEED), and each step makes all
of them durable at once: a disk that does 50 syncs a second then files hundreds. `answer` says where each file goes, and
what is to lie there waits in out/. `leftovers()` finds what a crash left between two steps: without `answer` the claim
is judged again, with it the filing goes on where it stopped. A file that must wait stays in its claim when the others
have gone. Answer folders are written by this process alone; an existing name is never overwritten.

Needs: all folders on one file system.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
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
class Decision:
    """Where the file that was dropped as `name` goes; `told`: a program waits to hear that it was refused."""

    name: str
    token: str
    folder: str
    target: str
    told: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """The answer folder, and the name in it."""
        return self.folder, self.target

    @property
    def out(self) -> str:
        """What is to lie there waits under this name."""
        return f"{self.folder}-{self.target}"


@dataclass(frozen=True, slots=True)
class Claim:
    """Files taken from `feed` (its folder below drop/) into a private folder: one, or several that go together."""

    folder: Path
    token: str
    feed: str
    together: bool = False

    def names(self) -> Sequence[str]:
        """The files' names as they were dropped, the oldest first; those that have been filed are gone."""
        try:
            with os.scandir(self.folder / "in") as entries:
                found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries]
        except FileNotFoundError:
            return []
        return [name for _, name in sorted(found)]

    def token_of(self, name: str) -> str:
        """What names this file in the database, before a crash and after it."""
        if not self.together:
            return self.token
        return hashlib.sha256(f"{self.token}/".encode() + os.fsencode(name)).hexdigest()[:16]

    @property
    def decisions(self) -> Sequence[Decision] | None:
        """Where the files go; None while there is no decision."""
        try:
            lines = (self.folder / "answer").read_text("ascii").splitlines()
        except FileNotFoundError:
            return None
        return [Decision(**json.loads(line)) for line in lines]

    def decide(self, decisions: Iterable[Decision]) -> None:
        """Makes the decisions durable: from now on the files go there, whatever happens."""
        with write_whole(self.folder / "answer") as output:
            output.writelines(f"{json.dumps(asdict(decision))}\n".encode() for decision in decisions)

    @contextmanager
    def answering(self) -> Iterator[Answers]:
        """For writing what is to lie in the answer folders; on stable storage at the end."""
        out = self.folder / "out"
        out.mkdir(mode=0o700, exist_ok=True)
        _empty(out)  # an attempt that was broken off
        with ExitStack() as opened:
            answers = Answers(out, opened)
            yield answers
            answers.sync()

    def open(self, name: str, limit: int) -> BinaryIO:
        """A file for reading, never through a link. Raises Refused."""
        descriptor = self._descriptor(name)
        try:
            _check(os.fstat(descriptor), limit)
        except Refused:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb")

    def _descriptor(self, name: str) -> int:
        inside = os.open(self.folder / "in", _FOLDER)
        try:
            return os.open(name, _OPEN, dir_fd=inside)
        except PermissionError as error:
            raise Refused(REJECTED, "no_permission") from error
        except OSError as error:  # ELOOP: a symbolic link; ENXIO: a socket
            raise Refused(CORRUPT, "not_a_file") from error
        finally:
            os.close(inside)


class Answers:
    """Files of one folder that become durable together: all are handed to the disk before the first is waited for."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._folder, self._opened = folder, opened
        self._files: list[BinaryIO] = []

    def new(self, name: str) -> BinaryIO:
        """A file that its group may read."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        output = self._opened.enter_context(os.fdopen(os.open(self._folder / name, flags, 0o640), "wb"))
        os.fchmod(output.fileno(), 0o640)  # whatever the umask: the secretary is to read this
        self._files.append(output)
        return output

    def sync(self) -> None:
        """Wait until all of them, and their names, are on stable storage."""
        for output in self._files:
            output.flush()
            os.posix_fadvise(output.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for output in self._files:
            os.fsync(output.fileno())
        sync_folder(self._folder)


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
        self._owned: set[tuple[str, str]] = set()  # places that are promised to files which are not there yet

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

    def claim(self, feed: str, names: Sequence[str]) -> tuple[Claim, dict[str, OSError]]:
        """Takes files of a feed, and says which stayed where they were, and why."""
        token = secrets.token_hex(8)
        together = len(names) > 1
        claim = Claim(self._claimed / f"{token}{'+' * together}@{quote(feed, safe='')}", token, feed, together)
        stayed = {}
        with self._opened(feed) as folder:
            (claim.folder / "in").mkdir(parents=True, mode=0o700)
            for name in names:
                try:
                    os.rename(name, claim.folder / "in" / name, src_dir_fd=folder)
                except OSError as error:
                    stayed[name] = error
            for changed in (claim.folder / "in", claim.folder, self._claimed):
                sync_folder(changed)
            os.fsync(folder)
        if len(stayed) == len(names):
            _remove(claim)
        return claim, stayed

    def leftovers(self) -> list[Claim]:
        """Claims which have not been filed wholly: decided ones first, for they own names; then the oldest."""
        with os.scandir(self._claimed) as entries:
            claims_by_age = (entry for entry in entries if "@" in entry.name and entry.is_dir(follow_symlinks=False))
            ages = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in claims_by_age)
        claims = []
        for _, name in ages:
            token, _, feed = name.partition("@")
            claim = Claim(self._claimed / name, token.removesuffix("+"), unquote(feed), token.endswith("+"))
            _adopt(claim)
            if claim.decisions is None and not claim.names():  # nothing was taken, or all was filed
                _remove(claim)
            else:
                claims.append(claim)
        self._owned = {decision.place for claim in claims for decision in claim.decisions or ()}
        return sorted(claims, key=lambda claim: claim.decisions is None)

    def free_name(self, folder: str, name: str) -> str:
        """A safe name which neither a file nor a report has in an answer folder, nor is to have; it is given once."""
        free = self._numbered(folder, safe_name(name))
        self._owned.add((folder, free))
        return free

    def _numbered(self, folder: str, wanted: str) -> str:
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

    def file(self, claim: Claim, decisions: Sequence[Decision]) -> None:
        """Moves files and reports to where they go, as far as a crash has left them to be moved."""
        places = {decision.place for decision in decisions}
        self._owned |= places
        for decision in decisions:
            target, out = self.root / decision.folder / decision.target, claim.folder / "out" / decision.out
            for source, name in (
                (claim.folder / "in" / decision.name, target),
                (out, target),  # the file with its answer takes the place of what was dropped
                (Path(f"{out}{REPORT}"), Path(f"{target}{REPORT}")),
            ):
                with suppress(FileNotFoundError):
                    source.rename(name)
        for folder in {folder for folder, _ in places}:
            sync_folder(self.root / folder)
        self._owned -= places

    def forget(self, claim: Claim) -> None:
        """The last step: nothing is left to be done about these decisions, nor about the claim if all have gone."""
        if claim.names():
            (claim.folder / "answer").unlink(missing_ok=True)
        else:
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


def _adopt(claim: Claim) -> None:
    """Brings a claim of an earlier version, which kept the answer of its one file beside it, into today's form."""
    try:
        folder, slash, target = (claim.folder / "answer").read_text("utf-8").partition("/")
    except FileNotFoundError:
        slash = target = ""
    decided = slash and not folder.startswith("{")
    told = (claim.folder / "message").exists()
    for name, ending in (("answered", ""), ("report.csv", REPORT)):
        if decided and (claim.folder / name).exists():
            (claim.folder / "out").mkdir(mode=0o700, exist_ok=True)
            (claim.folder / name).rename(claim.folder / "out" / f"{folder}-{target}{ending}")
        (claim.folder / name).unlink(missing_ok=True)
    if decided:
        claim.decide([Decision(next(iter(claim.names()), target), claim.token, folder, target, told)])
    (claim.folder / "message").unlink(missing_ok=True)


def _remove(claim: Claim) -> None:
    for name in ("answer", ".answer.tmp"):
        (claim.folder / name).unlink(missing_ok=True)
    if (claim.folder / "out").is_dir():
        _empty(claim.folder / "out")
        (claim.folder / "out").rmdir()
    if (claim.folder / "in").is_dir():
        (claim.folder / "in").rmdir()
    claim.folder.rmdir()


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
