"""Small files that are taken together, and the process killed before each change it makes on the disk or the database.

Each of them is in the queue exactly once after the next life, answered once, and nothing is left in between, whichever
of the changes was the last: renames, new files and folders, removals, commits. What the kernel was told a kill leaves
in place, so that a change is either made or not. A power cut takes what was not synced: the last test holds the order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gatewayd.store.engine import Database
from tests.security.dropping import Office

GOOD = {f"a{index}": f"To: 3363998000{index}\n\nAlerte {index}\n".encode() for index in range(4)}
LIST = b"tel;message\n0639980007;Un\n0199001234;fixe\n0639980008;Deux\n"
FILES = {
    **GOOD,
    "OUT+33639980005.txt": b"gammu",
    "one.jsonl": b'{"to": "0639980006", "text": "json"}\n',
    "list.csv": LIST,
    "twin.csv": LIST,
    "a:b": b"To: 33639980009\n\ncalled as another will be\n",
    "a_b": b"To: 33639980010\n\ncalled so\n",
    "bad": b"To: 112\n\nAlerte\n",
    "cut.jsonl": b'{"to": "06399800',
}
ACCEPTED = sorted(
    [(f"+3363998000{index}", f"Alerte {index}") for index in range(4)]
    + [("+33639980005", "gammu"), ("+33639980006", "json"), ("+33639980007", "Un"), ("+33639980008", "Deux")]
    + [("+33639980009", "called as another will be"), ("+33639980010", "called so")]
)
_CHANGES = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove"})


class Killed(BaseException):
    """Nothing may catch this."""


class Changes:
    """Counts what the process changes below a folder and in the database; kills it before the n-th change."""

    def __init__(self, root: Path) -> None:
        self.root, self.made, self.fatal = str(root), 0, -1
        self.watching = False

    def change(self) -> None:
        if not self.watching:
            return
        self.made += 1
        if self.made > self.fatal >= 0:
            raise Killed

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        opened = event == "open" and self._writes(args)
        if self.watching and (event in _CHANGES or opened):
            self.change()

    def _writes(self, args: tuple[Any, ...]) -> bool:
        path, _, flags = args
        return str(path).startswith(self.root) and bool(flags & (os.O_WRONLY | os.O_RDWR))


_listener: list[Changes] = []
sys.addaudithook(lambda event, args: _listener[0].heard(event, args) if _listener else None)


@contextmanager
def killed_before(office: Office, fatal: int) -> Iterator[Changes]:
    """Before the change of this number, counted from none; -1: never."""
    changes = Changes(office.root)
    changes.fatal = fatal
    database, write = office.database, Database.write

    def committed(self: Database, function: Callable[[Any], Any]) -> Any:
        changes.change()
        return write(self, function)

    Database.write = committed  # type: ignore[method-assign]  # counted on its way; the real one does it
    _listener.append(changes)
    changes.watching = True
    try:
        yield changes
    finally:
        changes.watching = False
        _listener.clear()
        Database.write = write  # type: ignore[method-assign]  # the real one again
        assert office.database is database


def dropped(folder: Path) -> Office:
    office = Office(folder)
    for age, (name, content) in enumerate(FILES.items()):
        office.drop(name, content, age=1000 - age)
    return office


def judge(office: Office) -> None:
    assert sorted(office.queue()) == ACCEPTED
    answers = {answer.name: answer for answer in office.answers()}
    folders = {name: answer.folder for name, answer in answers.items()}
    refused = {"bad": "rejected", "cut.jsonl": "corrupt"}
    twins = {folders.pop("list.csv"), folders.pop("twin.csv")}
    assert twins == {"done", "rejected"}
    done = [name for name in FILES if name not in {"list.csv", "twin.csv", "a:b", *refused}]
    assert folders == {**refused, **dict.fromkeys([*done, "a_b-2"], "done")}
    assert answers["a0"].states == ["queued"]
    assert b"Fail_reason" in (office.root / "rejected/bad").read_bytes()
    assert list((office.root / "claimed").iterdir()) == []
    assert list((office.root / "drop").glob("*.*")) == []
    assert office.filed() == sorted(name for name, answer in answers.items() if answer.folder == "done")
    assert [call.event for call in office.calls.due(office.clock.now, 9)] == ["FAILED"]


def how_many(folder: Path) -> int:
    """The changes that a whole turn makes."""
    office = dropped(folder)
    with killed_before(office, -1) as changes:
        assert office.turn().filed == len(FILES)
    judge(office)
    return changes.made


def test_a_kill_before_each_change(tmp_path: Path) -> None:
    changes = how_many(tmp_path / "whole")
    assert changes > 3 * len(FILES)
    for fatal in range(changes):
        office = dropped(tmp_path / str(fatal))
        with killed_before(office, fatal), pytest.raises(Killed):
            office.turn()
        office.restart()
        office.turn()
        office.turn()
        judge(office)
        office.close()


@pytest.mark.parametrize("step", range(7))
def test_a_second_kill_while_the_next_life_goes_on(tmp_path: Path, step: int) -> None:
    """Some places of the first life, each with all of the second."""
    changes = how_many(tmp_path / "whole")
    first = changes * step // 7 + 1
    for second in range(0, changes, 5):
        office = dropped(tmp_path / f"{step}-{second}")
        for fatal in (first, second):
            with killed_before(office, fatal), suppress(Killed):
                office.turn()
            office.restart()
        office.turn()
        office.turn()
        judge(office)
        office.close()


def test_what_each_step_relies_on_is_on_stable_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut keeps what was synced: so each step syncs what the next one relies on."""
    office, done = Office(tmp_path), []
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_relative_to(tmp_path) and "gatewayd.db" not in path.name:
            token = next(iter((tmp_path / "claimed").iterdir())).name
            done.append(str(path.relative_to(tmp_path)).replace(token, "T"))
        fsync(descriptor)

    office.restart(lambda step: done.append(step.upper()))
    for name in ("a", "b"):
        office.drop(name, GOOD["a0"])
    monkeypatch.setattr(os, "fsync", synced)
    office.turn()
    assert done == [
        *("claimed/T/in", "claimed/T", "claimed", "drop", "CLAIMED", "READ", "JUDGED", "ACCEPTED"),
        *("claimed/T/out/done-a.report.csv", "claimed/T/out/done-b.report.csv", "claimed/T/out", "REPORTED"),
        *("claimed/T/.answer.tmp", "claimed/T", "DECIDED", "done", "MOVED", "FILED", "FORGOTTEN"),
    ]  # fmt: skip
