"""docs/feeds.md, "Coming from smstools3 or gammu-smsd": its commands, typed as they are printed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.scenarios.installation import Installation
from tests.scenarios.printed import DOCS, Printed
from tests.scenarios.test_inherit import GAMMU, queue

WAITING = {
    "smstools3": [("+33639980001", "held", "Déjà")],
    "gammu-smsd": [("+33639980001", "held", "court"), ("+33639980002", "held", "long et fin")],
    "smsdrc": [("+33639980003", "held", "fichier")],
}


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.fixture
def printed(installed: Installation, tmp_path: Path) -> Printed:
    """The two old gateways lie where their packages put them, and this page says they do."""
    for folder in ("outgoing", "in", "out"):
        (tmp_path / folder).mkdir()
    (tmp_path / "outgoing/a").write_bytes("To: 33639980001\n\nDéjà".encode())
    (tmp_path / "smsd.conf").write_text(f"devices = GSM1\noutgoing = {tmp_path}/outgoing\n[GSM1]\ndevice = /dev/null\n")
    (tmp_path / "out/OUT+33639980003.txt").write_bytes(b"fichier")
    (tmp_path / "smsdrc").write_text(f"[smsd]\nInboxPath = {tmp_path}/in/\nOutboxPath = {tmp_path}/out/\n")
    connection = sqlite3.connect(tmp_path / "smsd.db")
    connection.executescript(GAMMU)
    connection.execute("INSERT INTO gammu VALUES (18)")
    connection.commit()
    connection.close()
    names = ("/etc/smsd.conf", "/var/lib/gammu/smsd.db", "/etc/gammu-smsdrc")
    return Printed(installed, {name: str(tmp_path / Path(name).name.removeprefix("gammu-")) for name in names})


def commands(printed: Printed) -> dict[str, str]:
    """What the page prints, by the program that is left; with the file that a comment names instead."""
    (block,) = [one for one in printed.blocks("feeds.md", "sh") if "gatewayd import" in one]
    smstools, gammu = block.splitlines()
    database, _, rc = gammu.partition("# or ")
    return {"smstools3": smstools, "gammu-smsd": database, "smsdrc": database.replace(database.split()[4], rc)}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("left", WAITING)
def test_the_commands_run_as_they_are_printed(installed: Installation, printed: Printed, left: str) -> None:
    command = commands(printed)[left]
    assert command.endswith("--dry-run") or "--dry-run " in command
    printed.shell(command)
    assert queue(installed) == []
    for _ in range(2):  # "the import may be repeated: each message comes in once"
        printed.shell(command.replace("--dry-run", ""))
        assert queue(installed) == WAITING[left]


@pytest.mark.timeout(180)
def test_all_that_is_held_is_released_as_it_is_printed(installed: Installation, printed: Printed) -> None:
    found = commands(printed)
    for left in WAITING:
        printed.shell(found[left].replace("--dry-run", ""))
    (release,) = [one for one in printed.blocks("feeds.md", "sh") if "messages release" in one]
    printed.shell(release)
    assert [state for _, state, _ in queue(installed)] == ["queued"] * 4


@pytest.mark.timeout(180)
def test_the_options_that_are_named_are_taken(installed: Installation, printed: Printed) -> None:
    section = (DOCS / "feeds.md").read_text("utf-8").split("## Coming from")[1]
    named = [one for one in ("--queued", "--apply-stops", "--keep-inbox") if f"`{one}`" in section]
    assert len(named) == 3
    printed.shell(f"{commands(printed)['gammu-smsd'].replace('--dry-run', '')} {' '.join(named)}")
    assert [state for _, state, _ in queue(installed)] == ["queued"] * 2
    assert "+33639980001" in {one["recipient"] for one in installed.json("optouts", "list")}
    for shown in ("messages list --state held", "inbox list", "sims list"):
        assert f"`gatewayd {shown}`" in section
        printed.shell(f"sudo gatewayd {shown}")


def test_gammu_is_understood_by_its_short_name(installed: Installation, printed: Printed) -> None:
    command = commands(printed)["gammu-smsd"].replace("import gammu-smsd", "import gammu").replace("--dry-run", "")
    printed.shell(command)
    assert queue(installed) == WAITING["gammu-smsd"]
