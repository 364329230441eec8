"""The service unit: verified and scored by systemd itself, as it stands in the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "gatewayd.service"
RULES = ROOT / "systemd" / "70-gatewayd.rules"


@pytest.fixture(name="systemd_analyze")
def _systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    assert found, "the unit is judged by systemd-analyze, which is not here; type: apt-get install systemd"
    return found


def directives(unit: Path = UNIT) -> list[tuple[str, str]]:
    lines = (line.partition("=") for line in unit.read_text().splitlines() if "=" in line and line[:1].isalpha())
    return [(key, value) for key, _, value in lines]


def seconds(key: str) -> int:
    return int(dict(directives())[key].removesuffix("s"))


def test_its_exposure_is_at_most_a_half(systemd_analyze: str) -> None:
    """Threshold 5 is 0.5; an unhardened service has 9.6."""
    command = [systemd_analyze, "security", "--offline=true", "--threshold=5", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_systemd_finds_nothing_wrong_with_it(systemd_analyze: str, tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/gatewayd", "/usr/bin/true"))
    done = subprocess.run([systemd_analyze, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


DROP_INS = {"api.md": 11, "hardware.md": 15, "troubleshooting.md": 5, "webhooks.md": 15}
"""Pages, and the worst score that one of theirs may have, in tenths."""


def drop_ins() -> list[tuple[str, str]]:
    """Each that docs/ prints: the page, and its lines."""
    pages = [(page, (ROOT / "docs" / page).read_text("utf-8")) for page in DROP_INS]
    block = re.compile(r"^```ini\n(\[Service\]\n.*?)^```", re.MULTILINE | re.DOTALL)
    return [(page, lines) for page, text in pages for lines in block.findall(text)]


@pytest.mark.parametrize(("page", "lines"), drop_ins())
def test_each_drop_in_of_the_books_is_understood_and_opens_little(
    systemd_analyze: str, tmp_path: Path, page: str, lines: str
) -> None:
    (tmp_path / "gatewayd.service.d").mkdir()
    (tmp_path / "gatewayd.service.d" / "override.conf").write_text(
        lines.replace("/usr/local/bin/gatewayd", "/usr/bin/true")
    )
    (tmp_path / UNIT.name).write_text(UNIT.read_text().replace("/usr/bin/gatewayd", "/usr/bin/true"))
    places = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    for verb in (["verify"], ["security", "--offline=true", f"--threshold={DROP_INS[page]}", "--no-pager"]):
        command = [systemd_analyze, *verb, UNIT.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=places)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_a_running_submission_is_waited_for() -> None:
    """The network has 120 s to answer, and the outcome must still be recorded."""
    assert seconds("TimeoutStopSec") >= 150


def test_it_is_watched_and_comes_back() -> None:
    said = dict(directives())
    assert (said["Type"], said["Restart"]) == ("notify", "always")
    assert seconds("WatchdogSec") + seconds("TimeoutAbortSec") + seconds("RestartSec") <= 60


def test_modems_that_are_plugged_in_later_are_allowed() -> None:
    """By major number: a name is looked up once, when the service starts."""
    assert [value for key, value in directives() if key == "DeviceAllow"] == ["char-188 rw", "char-166 rw"]


def test_each_vendor_of_the_udev_rule_is_kept_from_modemmanager_and_opened() -> None:
    rules = RULES.read_text()
    devices = re.findall(r'^ATTR\{idVendor\}=="(\w{4})"', rules, re.MULTILINE)
    (ports,) = re.findall(r'^ATTRS\{idVendor\}=="([\w|]+)"', rules, re.MULTILINE)
    assert devices == sorted(set(devices)) == ports.split("|")


def test_the_labels_of_the_udev_rule_meet() -> None:
    rules = RULES.read_text()
    assert set(re.findall(r'GOTO="(\w+)"', rules)) == set(re.findall(r'LABEL="(\w+)"', rules))
