"""Folders: arriving, claiming, filing, and what is found again after a crash."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatewayd.interfaces.dropfolder.arrivals import CONSIDERED, Arrivals
from gatewayd.interfaces.dropfolder.spool import Claim, Decision, Spool

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Time:
    """A clock that stands until it is moved."""

    def __init__(self, *, trusted: bool = True) -> None:
        self.seconds, self._trusted = 0.0, trusted

    def utc_now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def trusted(self) -> bool:
        return self._trusted


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path, [".", "rappels"])
    spool.prepare()
    return spool


def test_names_that_come_again_and_again_are_not_counted_from_one(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twenty-thousandth `alert.txt` cost an eighth of a second, and more on a Pi: 40,000 names were looked at."""
    looked: list[str] = []
    exists = os.path.lexists
    for _ in range(50):
        (spool.root / "done" / spool.free_name("done", "alert.txt")).touch()

    def watched(path: Path | str) -> bool:
        looked.append(str(path))
        return exists(path)

    monkeypatch.setattr(os.path, "lexists", watched)
    assert spool.free_name("done", "alert.txt") == "alert-51.txt"
    assert len(looked) < 10
    (spool.root / "done" / "alert.txt").unlink()
    spool.leftovers()  # no name is promised to a file that is still to come
    assert spool.free_name("done", "alert.txt") == "alert.txt"  # its program may wait for that one
    assert spool.free_name("rejected", "alert.txt") == "alert.txt"


def drop(spool: Spool, name: str, *, age: float = 0.0, content: bytes = b"tel\n") -> Path:
    path = spool.root / "drop" / name
    path.write_bytes(content)
    written = NOW.timestamp() - age
    os.utime(path, (written, written))
    return path


def names(arrivals: Arrivals) -> list[str]:
    return [arrival.name for arrival in arrivals.take(50)[0]]


def test_an_old_file_is_taken_at_once_and_the_oldest_first(spool: Spool) -> None:
    drop(spool, "b.csv", age=20)
    drop(spool, "a.csv", age=15)
    drop(spool, "rappels/c.csv", age=30)
    drop(spool, "new.csv", age=5)
    assert names(Arrivals(spool, Time(), 10)) == ["c.csv", "b.csv", "a.csv"]


def test_a_file_is_taken_when_it_has_not_changed_for_a_while(spool: Spool) -> None:
    time = Time(trusted=False)
    arrivals = Arrivals(spool, time, 10)
    drop(spool, "a.csv", age=-3600)
    assert names(arrivals) == []
    time.seconds = 9
    assert names(arrivals) == []
    drop(spool, "a.csv", age=-3600, content=b"tel\nmore\n")
    time.seconds = 18
    assert names(arrivals) == []
    time.seconds = 28
    assert names(arrivals) == ["a.csv"]


def test_an_untrusted_clock_makes_no_file_old(spool: Spool) -> None:
    drop(spool, "a.csv", age=1_000_000)
    assert names(Arrivals(spool, Time(trusted=False), 10)) == []


@pytest.mark.parametrize("name", [".a.csv", "a.csv.part", "a.csv.tmp", "a.filepart", "a.csv~"])
def test_a_file_still_written_is_left_alone(spool: Spool, name: str) -> None:
    drop(spool, name, age=3600)
    assert names(Arrivals(spool, Time(), 10)) == []


def test_a_folder_is_left_alone(spool: Spool) -> None:
    (spool.root / "drop" / "photos").mkdir()
    os.utime(spool.root / "drop" / "photos", (0, 0))
    assert names(Arrivals(spool, Time(), 10)) == []


def test_a_full_folder_is_taken_in_slices_and_hides_no_other_feed(spool: Spool) -> None:
    for count in range(CONSIDERED + 5):
        drop(spool, f"{count}.csv", age=60)
    drop(spool, "rappels/a.csv", age=70)
    ready = Arrivals(spool, Time(), 10).take(2 * CONSIDERED)[0]
    assert (len(ready), ready[0].name) == (CONSIDERED + 1, "a.csv")


def test_a_feed_that_somebody_threw_away_comes_back(spool: Spool) -> None:
    (spool.root / "drop" / "rappels").rmdir()
    assert names(Arrivals(spool, Time(), 10)) == []
    assert (spool.root / "drop" / "rappels").is_dir()


def test_other_things_among_the_claims_are_left_alone(spool: Spool) -> None:
    (spool.root / "claimed" / "lost+found").mkdir()
    (spool.root / "claimed" / "a@b").write_text("")
    assert spool.leftovers() == []


def test_a_claim_is_private_and_named_by_a_token(spool: Spool) -> None:
    drop(spool, "rappels/a\nb.csv")
    claim = spool.claim("rappels", ["a\nb.csv"])[0]
    assert claim.folder.parent.stat().st_mode & 0o777 == 0o700
    assert claim.names() == ["a\nb.csv"]
    assert [found.token for found in spool.leftovers()] == [claim.token]
    assert spool.leftovers()[0].feed == "rappels"


def test_a_claims_folder_of_the_administrators_keeps_its_group_for_the_reports(tmp_path: Path) -> None:
    """With the setgid bit, the report made in there belongs to the people who dropped the file."""
    (tmp_path / "claimed").mkdir()
    (tmp_path / "claimed").chmod(0o2700)
    Spool(tmp_path, ["."]).prepare()
    assert (tmp_path / "claimed").stat().st_mode & 0o7777 == 0o2700


def test_a_claims_folder_open_to_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "claimed").mkdir()
    (tmp_path / "claimed").chmod(0o755)
    Spool(tmp_path, ["."]).prepare()
    assert (tmp_path / "claimed").stat().st_mode & 0o777 == 0o700


def test_a_file_that_has_gone_leaves_no_claim_behind(spool: Spool) -> None:
    claim, stayed = spool.claim(".", ["a.csv"])
    assert isinstance(stayed["a.csv"], FileNotFoundError)
    assert not claim.folder.exists()
    assert spool.leftovers() == []


def decided(spool: Spool, name: str, folder: str = "done") -> tuple[Claim, list[Decision]]:
    drop(spool, name)
    claim, _ = spool.claim(".", [name])
    target = spool.free_name(folder, name)
    with claim.answering() as answers:
        answers.new(f"{folder}-{target}.report.csv").write(b"report")
    claim.decide([Decision(name, claim.token, folder, target)])
    return claim, list(claim.decisions or ())


def filed(spool: Spool, name: str, folder: str = "done") -> Claim:
    claim, decisions = decided(spool, name, folder)
    spool.file(claim, decisions)
    return claim


def test_a_filed_file_has_its_report_beside_it(spool: Spool) -> None:
    claim = filed(spool, "a.csv")
    spool.forget(claim)
    assert sorted(path.name for path in (spool.root / "done").iterdir()) == ["a.csv", "a.csv.report.csv"]
    assert spool.leftovers() == []


def test_no_name_is_overwritten_not_even_a_reports(spool: Spool) -> None:
    for _ in range(3):
        filed(spool, "a.csv")
    (spool.root / "done" / "a.csv").unlink()
    filed(spool, "a.csv")
    assert sorted(path.name for path in (spool.root / "done").glob("*.csv") if "report" not in path.name) == [
        "a-2.csv",
        "a-3.csv",
        "a-4.csv",
    ]


def test_filing_goes_on_where_a_crash_stopped_it(spool: Spool) -> None:
    claim, decisions = decided(spool, "a.csv", "rejected")
    (claim.folder / "in" / "a.csv").rename(spool.root / "rejected" / "a.csv")
    found = spool.leftovers()[0]
    assert (found.names(), found.decisions) == ([], decisions)
    spool.file(found, decisions)
    spool.forget(found)
    assert (spool.root / "rejected" / "a.csv.report.csv").read_text() == "report"
    assert spool.leftovers() == []


def test_decided_claims_come_first_for_they_own_a_name(spool: Spool) -> None:
    drop(spool, "a.csv")
    spool.claim(".", ["a.csv"])
    claim, _ = decided(spool, "b.csv")
    assert spool.leftovers()[0].token == claim.token


def test_files_that_are_claimed_together_have_names_of_their_own_in_the_database(spool: Spool) -> None:
    for name in ("a", "b"):
        drop(spool, name)
    claim, stayed = spool.claim(".", ["a", "b", "gone"])
    assert (list(claim.names()), list(stayed)) == (["a", "b"], ["gone"])
    tokens = [claim.token_of("a"), claim.token_of("b")]
    assert len({claim.token, *tokens}) == 3
    [found] = spool.leftovers()
    assert [found.token_of("a"), found.token_of("b")] == tokens


def test_a_file_that_must_wait_stays_when_the_others_have_gone(spool: Spool) -> None:
    for name in ("a", "b"):
        drop(spool, name)
    claim, _ = spool.claim(".", ["a", "b"])
    claim.decide([Decision("a", claim.token_of("a"), "done", "a")])
    spool.file(claim, claim.decisions or ())
    spool.forget(claim)
    [found] = spool.leftovers()
    assert (found.names(), found.decisions) == (["b"], None)


def test_two_files_decided_together_get_two_names(spool: Spool) -> None:
    """Also a file that is called as the other's report will be."""
    names = ("a_b", "a:b", "a", "a.report.csv", "b.report.csv", "b")
    given = [spool.free_name("done", name) for name in names]
    assert given == ["a_b", "a_b-2", "a", "a.report-2.csv", "b.report.csv", "b-2"]


@pytest.mark.parametrize("moved", [False, True])
def test_what_an_earlier_version_decided_is_filed(spool: Spool, moved: bool) -> None:
    """It kept the answer of its one file beside it: `done/a.csv`, report.csv, answered, message."""
    drop(spool, "a.csv")
    claim, _ = spool.claim(".", ["a.csv"])
    for name, said in (("report.csv", "report"), ("answered", "new"), ("message", ""), ("answer", "rejected/b.csv")):
        (claim.folder / name).write_text(said)
    if moved:
        (claim.folder / "in/a.csv").rename(spool.root / "rejected/b.csv")
        (claim.folder / "answered").rename(spool.root / "rejected/b.csv")
    [found] = spool.leftovers()
    assert [one.told for one in found.decisions or ()] == [True]
    spool.file(found, found.decisions or ())
    spool.forget(found)
    assert [(spool.root / f"rejected/b.csv{end}").read_text() for end in ("", ".report.csv")] == ["new", "report"]
    assert spool.leftovers() == []


def test_what_an_earlier_version_had_not_decided_is_judged_again(spool: Spool) -> None:
    drop(spool, "a.csv")
    claim, _ = spool.claim(".", ["a.csv"])
    (claim.folder / "report.csv").write_text("report")
    [found] = spool.leftovers()
    assert (found.token, found.decisions, list(found.folder.iterdir())) == (claim.token, None, [claim.folder / "in"])


@pytest.mark.parametrize("left", [[], ["in"]])
def test_what_a_crash_left_of_an_empty_claim_is_swept(spool: Spool, left: list[str]) -> None:
    folder = spool.root / "claimed" / "0123@."
    folder.mkdir()
    for name in left:
        (folder / name).mkdir()
    assert spool.leftovers() == []
    assert list((spool.root / "claimed").iterdir()) == []
