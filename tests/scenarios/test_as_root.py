"""Root types a command on a service user's directory: all that is written there belongs to that user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.installation import ROOT, Installation, environment

NOBODY = 65534


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that another user may reach: those of pytest are closed."""
    place = Path(tempfile.mkdtemp(prefix="gatewayd-as-root-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def test_what_root_writes_belongs_to_the_owner_of_the_directory(open_place: Path) -> None:
    installed = Installation(open_place)
    installed.state.mkdir(mode=0o700)
    owner = os.geteuid() or NOBODY  # without root's rights, the same must hold for oneself
    os.chown(installed.state, owner, -1)
    assert installed.run("send", "-p", "alerte", "+33639980001", "x").returncode == 0
    assert installed.run("messages", "cancel", "1").returncode == 0
    written = [*installed.state.rglob("*")]
    assert {path.name for path in written} >= {"gatewayd.db", "credentials", "db-key", "log-key"}
    assert {path.stat().st_uid for path in written} == {owner}
    assert all(path.stat().st_mode & 0o077 == 0 for path in written if path.is_file())


def test_who_recorded_it_is_who_typed_it(open_place: Path) -> None:
    installed = Installation(open_place)
    installed.state.mkdir(mode=0o700)
    os.chown(installed.state, os.geteuid() or NOBODY, -1)
    command = ["env", *(f"-u{name}" for name in ("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"))]
    number = "+33639980001"
    done = subprocess.run(
        [*command, *installed.command("consents", "record", "-p", "events", number)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (consent,) = installed.json("consents", "show", number)["consents"]
    assert consent["recorded_by"] == pwd.getpwuid(os.getuid()).pw_name
