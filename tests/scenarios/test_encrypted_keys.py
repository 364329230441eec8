"""The database's key is in systemd's encrypted store only: root's commands find it as the daemon does.

With the real systemd-creds, in a namespace where its store and its key are empty ones in memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.installation import ROOT, Installation, environment

NOBODY = 65534
STORE = "/run/credstore.encrypted"
# A Python below /root cannot be read by the user whom root becomes: what is imported late is imported before.
_LOADED = "import concurrent.futures.thread, sqlcipher3, sys; from gatewayd.cli.main import main; main()"
NAMESPACE = """
set -e
mkdir -p /var/lib/systemd
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/systemd
mkdir -m 0700 {store}
for name in db-key log-key; do
    systemd-creds encrypt --with-key=host --name=$name "{state}/credentials/$name" {store}/gatewayd.$name 2>/dev/null
    mv "{state}/credentials/$name" "{safe}"
done
{then}
"""


@pytest.fixture
def installed() -> Iterator[Installation]:
    """One that a service's user owns, with a message in its queue."""
    if os.geteuid() != 0 or not shutil.which("systemd-creds"):
        pytest.skip("needs root and systemd-creds")
    place = Path(tempfile.mkdtemp(prefix="gatewayd-encrypted-"))
    place.chmod(0o755)
    installation = Installation(place)
    (place / "safe").mkdir(mode=0o700)
    installation.state.mkdir(mode=0o700)
    installation.spool.mkdir()
    for directory in (installation.state, installation.spool):
        os.chown(directory, NOBODY, NOBODY)
    done = installation.run("send", "-p", "alerte", "+33639980001", "Bonjour")
    assert done.returncode == 0, done.stderr
    yield installation
    shutil.rmtree(place)


def after_encrypting(installed: Installation, then: str) -> subprocess.CompletedProcess[str]:
    """What `then` says once the keys are in the store alone; `$gatewayd` is the command."""
    state, safe = installed.state, installed.directory / "safe"
    script = NAMESPACE.format(store=STORE, state=state, safe=safe, then=then)
    more = environment(gatewayd=" ".join(installed.command()), GATEWAYD_CONFIG=str(installed.file))
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=ROOT, env=more, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_root_reads_the_queue_and_adds_to_it(installed: Installation) -> None:
    done = after_encrypting(
        installed, "$gatewayd messages list --json\n$gatewayd send -p alerte +33639980002 x\n$gatewayd check"
    )
    assert done.returncode == 0, done.stderr
    assert '"recipient": "+33639980001"' in done.stdout
    assert "accepted message 2" in done.stdout
    assert list((installed.state / "credentials").iterdir()) == [], "no new key was made"
    assert {path.stat().st_uid for path in installed.state.rglob("*")} == {NOBODY}


def test_root_runs_the_daemon_in_a_terminal(installed: Installation) -> None:
    done = after_encrypting(installed, f"timeout -s INT 15 {sys.executable} -c '{_LOADED}' run || true")
    assert "daemon.started" in done.stderr
    assert "daemon.stopped" in done.stderr
    assert "encrypted=yes" in done.stderr


def test_a_store_of_another_machine_is_a_sentence(installed: Installation) -> None:
    elsewhere = "umount /var/lib/systemd\nmount -t tmpfs tmpfs /var/lib/systemd\n"
    done = after_encrypting(installed, f"{elsewhere}$gatewayd status")
    assert done.returncode == 2
    assert f"{STORE}/gatewayd.db-key: systemd-creds cannot decrypt it" in done.stderr
    assert "was it encrypted on another machine?" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_services_user_is_told_to_be_root(installed: Installation) -> None:
    done = after_encrypting(installed, f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups $gatewayd status")
    assert done.returncode == 2
    assert "for root (type sudo first)" in done.stderr
