"""The power fails at each step of a file's way: every row is accepted exactly once, and the file is answered once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatewayd.interfaces.dropfolder import reading
from gatewayd.store import batches
from tests.security.dropping import Office

LIST = "tel;message\n0639980001;Réunion à 19 h\n0199001234;Bonjour\n0639980002;À bientôt\n".encode()
STEPS = ["claimed", "read", "judged", "accepted", "reported", "decided", "moved", "filed", "forgotten"]


@pytest.fixture(params=["small", "long"], autouse=True)
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of these for a file that is read at once, and for one that is staged."""
    if request.param == "long":
        monkeypatch.setattr(reading, "SMALL", 0)
    return str(request.param)


class PowerCut(BaseException):
    """Nothing may catch this."""


def power_cut_at(wanted: str) -> Callable[[str], None]:
    """Ends everything when a step is reached."""

    def reached(step: str) -> None:
        if step == wanted:
            raise PowerCut(step)

    return reached


@pytest.mark.parametrize("step", STEPS)
def test_each_row_once_and_one_answer(tmp_path: Path, step: str) -> None:
    office = Office(tmp_path)
    office.restart(power_cut_at(step))
    office.drop("a.csv", LIST)
    with pytest.raises(PowerCut):
        office.turn()
    office.restart()
    office.turn()
    office.turn()
    assert office.queue() == [("+33639980001", "Réunion à 19 h"), ("+33639980002", "À bientôt")]
    answer = office.answer()
    assert (answer.folder, answer.name) == ("done", "a.csv")
    assert answer.states == ["queued", "rejected", "queued"]
    assert office.claimed_files() == []
    assert list((office.root / "claimed").iterdir()) == []


def test_a_power_cut_between_two_rows_of_the_acceptance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    accept, calls = batches._ACCEPT.run, []

    def fails_at_the_second(*of: Any, **values: Any) -> Any:
        calls.append(of)
        if len(calls) == 2:
            raise PowerCut
        return accept(*of, **values)

    office = Office(tmp_path)
    monkeypatch.setattr(batches, "SOME", 1)
    monkeypatch.setattr(batches._ACCEPT, "run", fails_at_the_second)
    office.drop("relu/a.csv", LIST)
    with pytest.raises(PowerCut):
        office.turn()
    assert len(office.queue()) == (0 if size == "small" else 1), "a small file comes in wholly"
    office.restart()
    office.turn()
    assert office.states() == [(f"+3363998000{last}", "held", "approval") for last in (1, 2)]
    assert office.answer().states == ["held", "rejected", "held"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("again", STEPS)
def test_a_second_failure_while_recovering(tmp_path: Path, step: str, again: str) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", LIST)
    for cut in (step, again):
        office.restart(power_cut_at(cut))
        try:
            office.turn()
        except PowerCut:
            continue
    office.restart()
    office.turn()
    assert len(office.queue()) == 2
    assert office.answer().folder == "done"


@pytest.mark.parametrize("step", ["claimed", "read", "judged", "reported", "decided", "moved", "filed", "forgotten"])
def test_a_refused_file_is_answered_once(tmp_path: Path, step: str) -> None:
    office = Office(tmp_path)
    office.restart(power_cut_at(step))
    office.drop("a.csv", b"tel;message\n112;Bonjour\n")
    with pytest.raises(PowerCut):
        office.turn()
    office.restart()
    office.turn()
    assert (office.answer().folder, office.answer().states) == ("rejected", ["rejected"])
    assert office.queue() == []


@pytest.mark.parametrize("step", STEPS)
def test_the_file_beside_it_is_not_harmed(tmp_path: Path, step: str) -> None:
    office = Office(tmp_path)
    office.restart(power_cut_at(step))
    for name, number in (("a.csv", "0639980001"), ("b.csv", "0639980002"), ("c.csv", "0639980003")):
        office.drop(name, f"tel;message\n{number};Bonjour {name}\n".encode())
    with pytest.raises(PowerCut):
        office.turn()
    office.restart()
    office.turn()
    assert sorted(office.queue()) == [(f"+3363998000{n}", f"Bonjour {name}.csv") for n, name in enumerate("abc", 1)]
    assert [(answer.folder, answer.name) for answer in office.answers()] == [("done", f"{name}.csv") for name in "abc"]


def test_a_file_changed_between_the_failure_and_the_next_life_is_read_afresh(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.restart(power_cut_at("judged"))
    office.drop("a.csv", LIST)
    with pytest.raises(PowerCut):
        office.turn()
    office.claimed_files()[0].write_bytes(LIST + b"0639980003;Salut\n")
    office.restart()
    assert office.turn().accepted == 3
    office.drop("b.csv", LIST)
    assert office.turn().accepted == 2
    office.drop("c.csv", LIST + b"0639980003;Salut\n")
    assert office.turn().accepted == 0


def test_its_twin_was_accepted_while_it_waited(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.restart(power_cut_at("judged"))
    office.drop("a.csv", LIST)
    with pytest.raises(PowerCut):
        office.turn()
    claim = next((office.root / "claimed").iterdir())
    claim.rename(tmp_path / "aside")
    office.restart()
    office.drop("b.csv", LIST)
    assert office.turn().accepted == 2
    (tmp_path / "aside").rename(claim)
    assert office.turn().accepted == 0
    assert [(answer.folder, answer.name) for answer in office.answers()] == [("done", "b.csv"), ("rejected", "a.csv")]


@pytest.mark.parametrize("restarts", [False, True])
def test_two_files_of_one_name_that_cannot_be_moved_yet_are_both_answered(tmp_path: Path, restarts: bool) -> None:
    office = Office(tmp_path)
    done = tmp_path / "done"
    done.rename(tmp_path / "away")
    done.write_text("no folder")
    for number in (1, 2, 3):
        office.drop("a.csv", f"tel;message\n063998000{number};Bonjour\n".encode())
        office.turn()
        if restarts:
            office.restart()
    done.unlink()
    (tmp_path / "away").rename(done)
    office.turn()
    assert [answer.name for answer in office.answers()] == ["a-2.csv", "a-3.csv", "a.csv"]
    assert sorted(answer.report[0][1] for answer in office.answers()) == [f"'+3363998000{n}" for n in (1, 2, 3)]
