"""Attack: something in the drop folder that is no file of its own: links, pipes, sockets, folders."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gatewayd.interfaces.dropfolder.arrivals import Arrivals
from gatewayd.interfaces.dropfolder.spool import Spool
from tests.security.dropping import Office, StandingClock

LIST = b"tel;message\n0639980001;Bonjour\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    (tmp_path / "secret.csv").write_bytes(LIST)
    return Office(tmp_path / "spool")


def test_nothing_is_read_through_a_symbolic_link(office: Office, tmp_path: Path) -> None:
    (office.root / "drop" / "a.csv").symlink_to(tmp_path / "secret.csv")
    office.settle()
    office.turn()
    assert (office.answer().folder, office.queue()) == ("corrupt", [])
    assert (tmp_path / "secret.csv").read_bytes() == LIST


def test_a_link_to_nowhere_is_answered_as_well(office: Office) -> None:
    (office.root / "drop" / "a.csv").symlink_to("/nowhere/at/all")
    office.settle()
    office.turn()
    assert office.answer().folder == "corrupt"


def test_a_hard_link_is_not_read(office: Office, tmp_path: Path) -> None:
    os.link(tmp_path / "secret.csv", office.root / "drop" / "a.csv")
    office.age("a.csv")
    office.turn()
    assert (office.answer().folder, office.queue()) == ("corrupt", [])


def test_a_pipe_blocks_nobody(office: Office) -> None:
    os.mkfifo(office.root / "drop" / "a.csv")
    office.age("a.csv")
    office.turn()
    assert office.answer().folder == "corrupt"


def test_a_socket_is_no_file(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(office.root / "drop")  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.csv")
        office.age("a.csv")
        office.turn()
    assert office.answer().folder == "corrupt"


def test_a_folder_is_left_where_it_is(office: Office) -> None:
    (office.root / "drop" / "a.csv").mkdir()
    (office.root / "drop" / "a.csv" / "b.csv").write_bytes(LIST)
    office.settle()
    assert office.turn().filed == 0
    assert office.queue() == []


def test_a_file_that_becomes_a_link_when_it_is_claimed_is_not_read(office: Office, tmp_path: Path) -> None:
    def swap(step: str) -> None:
        if step == "claimed":
            path = office.claimed_files()[0]
            path.unlink()
            path.symlink_to(tmp_path / "secret.csv")

    office.restart(swap)
    office.drop("a.csv", LIST)
    office.turn()
    assert (office.answer().folder, office.queue()) == ("corrupt", [])


@pytest.mark.parametrize("feed", ["rappels", "rappels/lyon"])
def test_a_feed_folder_that_is_a_link_gives_nothing_away(tmp_path: Path, feed: str) -> None:
    """Whoever may write into drop/ may put a link in a feed's place: what lies behind it was taken as dropped."""
    private = tmp_path / "private"
    (private / "lyon").mkdir(parents=True)
    for folder in (private, private / "lyon"):
        (folder / "gatewayd.db").write_bytes(b"SQLite")
        os.utime(folder / "gatewayd.db", (1, 1))
    spool = Spool(tmp_path / "spool", ["autres", feed])
    spool.prepare()
    (spool.root / "drop" / "rappels").rename(spool.root / "drop" / "away")
    (spool.root / "drop" / "rappels").symlink_to(private)
    spool.prepare()
    (spool.root / "drop" / "autres" / "a.csv").write_bytes(LIST)
    os.utime(spool.root / "drop" / "autres" / "a.csv", (1, 1))
    taken, _ = Arrivals(spool, StandingClock(), 10).take(10)
    assert [arrival.name for arrival in taken] == ["a.csv"]  # the other feed goes on
    with pytest.raises(NotADirectoryError):
        spool.claim(feed, "gatewayd.db")
    assert (private / "gatewayd.db").exists()
    assert not list((spool.root / "claimed").iterdir())


def test_a_feed_folder_in_whose_place_a_file_lies_stops_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", ["autres", "rappels"])
    spool.prepare()
    (spool.root / "drop" / "rappels").rmdir()
    (spool.root / "drop" / "rappels").write_bytes(LIST)
    (spool.root / "drop" / "autres" / "a.csv").write_bytes(LIST)
    os.utime(spool.root / "drop" / "autres" / "a.csv", (1, 1))
    spool.prepare()
    taken, _ = Arrivals(spool, StandingClock(), 10).take(10)
    assert [arrival.name for arrival in taken] == ["a.csv"]
