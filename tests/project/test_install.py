"""`make install` into a root of its own: what is there afterwards, and that it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFIX = "/opt/gateway"
EXPECTED = {
    "bin/gatewayd",
    "lib/systemd/system/gatewayd.service",
    "lib/sysusers.d/gatewayd.conf",
    "lib/tmpfiles.d/gatewayd.conf",
    "lib/udev/rules.d/70-gatewayd.rules",
    "share/doc/gatewayd/README.md",
    "share/doc/gatewayd/LICENSE",
    "share/doc/gatewayd/config/gatewayd.yaml",
}

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("install")]


def make(target: str, destination: Path) -> str:
    """`make TARGET` from a clean environment, but for what a machine needs to reach its packages."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "PYTHON", "VIRTUAL_ENV"))}
    command = ["make", "-C", str(ROOT), target, f"DESTDIR={destination}", f"PREFIX={PREFIX}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=kept, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", name="installed")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("root")
    mine = root / "etc/gatewayd/gatewayd.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("# mine\n")
    make("install", root)
    yield root
    shutil.rmtree(root)


def test_the_files_are_there(installed: Path) -> None:
    found = {path for path in EXPECTED if (installed / PREFIX.lstrip("/") / path).is_file()}
    assert found == EXPECTED


def test_the_links_of_the_readme_lead_somewhere(installed: Path) -> None:
    books = installed / PREFIX.lstrip("/") / "share/doc/gatewayd"
    links = re.findall(r"\]\((?!https?:)([\w./-]+)", (books / "README.md").read_text())
    assert len(links) > 20
    assert [link for link in links if not (books / link).is_file()] == []


def test_a_configuration_that_is_there_is_left_alone(installed: Path) -> None:
    assert (installed / "etc/gatewayd/gatewayd.yaml").read_text() == "# mine\n"


def test_the_program_runs(installed: Path) -> None:
    program = installed / PREFIX.lstrip("/") / "bin/gatewayd"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, cwd="/", env={})
    assert re.fullmatch(r"gatewayd \d+\.\d+\.\d+\n", done.stdout)


def test_the_program_is_found_through_a_link(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "gw").symlink_to(installed / PREFIX.lstrip("/") / "bin/gatewayd")
    subprocess.run([tmp_path / "gw", "--version"], capture_output=True, check=True, cwd="/", env={"PATH": "/usr/bin"})


def test_the_unit_starts_what_was_installed(installed: Path) -> None:
    unit = (installed / PREFIX.lstrip("/") / "lib/systemd/system/gatewayd.service").read_text()
    assert f"ExecStart={PREFIX}/bin/gatewayd --config /etc/gatewayd/gatewayd.yaml run\n" in unit


def test_nothing_installed_names_the_root_it_was_installed_into(installed: Path) -> None:
    named = [
        path
        for path in installed.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and os.fsencode(installed) in path.read_bytes()
    ]
    # venv notes there how it was called; nothing reads it.
    assert [path.name for path in named] == ["pyvenv.cfg"]


def test_uninstall_leaves_only_what_is_the_users(installed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "root"
    shutil.copytree(installed, copy, symlinks=True)
    make("uninstall", copy)
    assert [path.relative_to(copy) for path in copy.rglob("*") if not path.is_dir()] == [
        Path("etc/gatewayd/gatewayd.yaml")
    ]
