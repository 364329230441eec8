"""Many small files that are dropped together: each is answered for itself, whatever the others are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gatewayd.interfaces.dropfolder import arrivals, contents, reading
from gatewayd.interfaces.dropfolder.arrivals import Arrival, grouped
from gatewayd.store import batches
from tests.scenarios.test_dropfolder_crash import PowerCut
from tests.security.dropping import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def alert(index: int) -> bytes:
    return f"To: 33639980{index:03}\n\nAlerte {index}\n".encode()


def dropped(office: Office, count: int) -> None:
    for index in range(count):
        office.drop(f"a{index}", alert(index), age=1000 - index)


def folders(office: Office) -> dict[str, str]:
    return {answer.name: answer.folder for answer in office.answers()}


def test_they_come_in_the_order_in_which_they_were_written(office: Office) -> None:
    dropped(office, 12)
    assert office.turn().accepted == 12
    assert [text for _, text in office.queue()] == [f"Alerte {index}" for index in range(12)]
    assert set(folders(office).values()) == {"done"}


def test_one_that_the_database_cannot_take_refuses_itself_only(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = batches._stage

    def fails(connection: Any, batch_id: int, rows: Any) -> None:
        if any(row.text == "Alerte 1" for row in rows):
            raise ValueError("what nobody foresaw")
        stage(connection, batch_id, rows)

    monkeypatch.setattr(batches, "_stage", fails)
    dropped(office, 4)
    assert office.turn().accepted == 3
    assert folders(office) == {"a0": "done", "a1": "corrupt", "a2": "done", "a3": "done"}
    assert [text for _, text in office.queue()] == ["Alerte 0", "Alerte 2", "Alerte 3"]


def test_one_that_cannot_be_read_now_waits_by_itself(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    kind_of = contents.kind_of

    def fails(stream: Any, name: str) -> Any:
        if name == "a1":
            raise OSError(5, "Input/output error")
        return kind_of(stream, name)

    dropped(office, 3)
    with monkeypatch.context() as patched:
        patched.setattr(reading, "kind_of", fails)
        assert office.turn().filed == 2
        assert office.turn().filed == 0
    assert [path.name for path in office.claimed_files()] == ["a1"]
    office.restart()
    assert office.turn().accepted == 1
    assert set(folders(office).values()) == {"done"}
    assert len(office.queue()) == 3


def test_one_that_is_still_written_waits_by_itself(office: Office) -> None:
    def writes_on(step: str) -> None:
        if step == "judged":
            for path in (office.root / "claimed").glob("*/in/a1"):
                if path.read_bytes() == alert(1):
                    path.write_bytes(alert(1) + b"and more\n")

    office.restart(writes_on)
    dropped(office, 3)
    assert office.turn().filed == 2
    assert office.turn().filed == 1
    assert [text for _, text in office.queue()] == ["Alerte 0", "Alerte 2", "Alerte 1\nand more"]


def test_a_small_file_of_many_rows_is_a_long_list(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 2)
    rows = "".join(f"06399800{index:02};x\n" for index in range(5))
    for name in ("list.csv", "same.csv"):
        office.drop(name, f"tel;message\n{rows}".encode())
    dropped(office, 2)
    assert (office.turn().accepted, office.turn().accepted) == (7, 0)
    assert folders(office) == {"a0": "done", "a1": "done", "list.csv": "done", "same.csv": "rejected"}
    assert len(office.queue()) == 7


def test_a_transaction_takes_no_more_than_its_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    take, taken = batches._take, []

    def slow(*of: Any) -> Any:
        office.clock.pass_by(0.015)
        return take(*of)

    def accepted(step: str) -> None:
        if step == "accepted":
            taken.append(len(office.queue()))

    monkeypatch.setattr(batches, "_take", slow)
    office.restart(accepted)
    dropped(office, 5)
    office.turn()
    assert taken == [2, 4, 5]


def test_a_power_cut_between_two_transactions_of_a_group(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def first(step: str) -> None:
        if step == "accepted":
            raise PowerCut

    monkeypatch.setattr("gatewayd.interfaces.dropfolder.folder.TRANSACTION", 0.0)
    office.restart(first)
    dropped(office, 4)
    with pytest.raises(PowerCut):
        office.turn()
    assert len(office.queue()) == 1
    office.restart()
    assert office.turn().filed == 4
    assert [text for _, text in office.queue()] == [f"Alerte {index}" for index in range(4)]


def test_links_among_them_are_refused_alone(office: Office) -> None:
    (office.root / "secret").write_bytes(alert(9))
    (office.root / "drop/a9").symlink_to(office.root / "secret")
    office.age("a9")
    dropped(office, 2)
    office.turn()
    assert {path.name: path.parent.name for path in office.root.glob("[cdr]*/a?")} == {
        "a0": "done",
        "a1": "done",
        "a9": "corrupt",
    }
    assert len(office.queue()) == 2


def test_groups_are_of_a_feed_bounded_and_hold_a_name_once() -> None:
    small = [Arrival(index, "x" if index % 2 else ".", f"{index}", 10) for index in range(4)]
    assert list(grouped(small)) == [(".", ["0", "2"]), ("x", ["1", "3"])]
    again = Arrival(9, ".", "0", 20)
    assert list(grouped([small[0], again])) == [(".", ["0"])]
    large = Arrival(5, ".", "large", arrivals.SMALL + 1)
    assert list(grouped([small[0], large, small[2]])) == [(".", ["large"]), (".", ["0", "2"])]
    heavy = [Arrival(index, ".", f"{index}", arrivals.SMALL) for index in range(40)]
    assert [len(names) for _, names in grouped(heavy)] == [32, 8]


def test_what_is_replaced_while_it_waits_is_taken_as_it_is_then(office: Office) -> None:
    dropped(office, 2)
    (office.root / "drop/new").write_bytes(alert(7))
    os.rename(office.root / "drop/new", office.root / "drop/a1")
    office.age("a1")
    office.turn()
    assert sorted(text for _, text in office.queue()) == ["Alerte 0", "Alerte 7"]
