"""`gatewayd drop`: a file is in the feed's folder, whole and under a name of its own, or the command says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.cli.drop import _put as put
from tests.scenarios.installation import Installation


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    found = Installation(tmp_path)
    (found.spool / "drop").mkdir(parents=True)
    return found


def test_two_who_drop_files_of_one_name_at_one_moment_lose_none(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {text: tmp_path / text / "list.csv" for text in ("mine", "another's")}
    for text, file in files.items():
        file.parent.mkdir()
        file.write_text(text)
    rename, folder = Path.rename, installed.spool / "drop"

    def meanwhile(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        assert installed.run("drop", str(files["another's"])).returncode == 0
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", meanwhile)
    put(files["mine"], folder)
    assert sorted(path.read_text() for path in folder.iterdir()) == ["another's", "mine"]
    assert sorted(path.name for path in folder.iterdir()) == ["list-2.csv", "list.csv"]


@pytest.mark.parametrize("name", ["list.csv.part", "list.csv~", "a.TMP"])
def test_a_name_that_is_left_alone_is_refused(installed: Installation, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    done = installed.run("drop", str(tmp_path / name))
    assert done.returncode == 2
    assert "rename it" in done.stderr
    assert list((installed.spool / "drop").iterdir()) == []
