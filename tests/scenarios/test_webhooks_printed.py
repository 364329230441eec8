"""What docs/webhooks.md prints to receive webhooks with, run as it stands, and told something by the real sender."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gatewayd.clock import SystemClock
from gatewayd.domain.webhooks import Answer, place_of, secrets_of
from gatewayd.interfaces.webhooks import TEST, Sender, Target
from tests.receiver import SECRET
from tests.scenarios.installation import Installation, environment
from tests.scenarios.printed import Printed

OTHER = "whsec_" + "b3RoZXItc2VjcmV0LW9mLXRoZS10ZXN0cw"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def printed(tmp_path: Path, port: int) -> Printed:
    (tmp_path / "webhook-secret").write_text(SECRET + "\n")
    places = {
        "/etc/adhesion": str(tmp_path),
        "/var/lib/adhesion": str(tmp_path),
        '("127.0.0.1", 8080)': f'("127.0.0.1", {port})',
        "/etc/gatewayd/credentials": f"{tmp_path}/credentials",
    }
    return Printed(Installation(tmp_path), places)


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment()) as process:
        try:
            deadline = time.monotonic() + 30
            while not _listens(port) and time.monotonic() < deadline:
                assert process.poll() is None
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def tell(port: int, key: str, *secrets: str) -> Answer:
    target = Target(place_of(f"http://127.0.0.1:{port}/hooks.php"), secrets)
    return Sender(target, SystemClock()).test(key)


def check(port: int) -> None:
    """Ours is taken, twice as well; with two signatures too; a forged one is not."""
    assert [tell(port, "01", SECRET).status, tell(port, "01", SECRET).status] == [204, 204]
    assert tell(port, "02", OTHER, SECRET).status == 204
    assert tell(port, "03", OTHER).status == 401


def test_a_receiver_in_python(printed: Printed, tmp_path: Path, port: int) -> None:
    (program,) = printed.blocks("webhooks.md", "python")
    path = printed.write("receiver.py", program)
    with running([sys.executable, str(path)], port):
        check(port)
    with closing(sqlite3.connect(tmp_path / "events.db")) as kept:
        assert kept.execute("SELECT id, type FROM events ORDER BY id").fetchall() == [
            ("evt_01", TEST),
            ("evt_02", TEST),
        ]


def test_a_receiver_in_php(printed: Printed, tmp_path: Path, port: int) -> None:
    if shutil.which("php") is None:
        pytest.skip("there is no PHP here: apt-get install php-cli (CI has it)")
    (page,) = printed.blocks("webhooks.md", "php")
    site = tmp_path / "site"
    site.mkdir()
    (site / "hooks.php").write_text(page)
    with running(["php", "-S", f"127.0.0.1:{port}", "-t", str(site)], port):
        check(port)
        (tmp_path / "events.jsonl").rename(tmp_path / "kept")
        (tmp_path / "events.jsonl").mkdir()  # as good as a full disk: what is not stored is not acknowledged
        assert tell(port, "04", SECRET).status == 503
    kept = [json.loads(line) for line in (tmp_path / "kept").read_text().splitlines()]
    assert [(one["id"], one["type"]) for one in kept] == [("evt_01", TEST)] * 2 + [("evt_02", TEST)]


def test_the_secret_that_the_page_makes_is_one(printed: Printed, tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (line,) = [line for block in printed.blocks("webhooks.md", "sh") for line in block.splitlines() if "whsec_" in line]
    printed.shell(line.replace("-o gatewayd ", ""))
    (secret,) = (tmp_path / "credentials" / "webhook-adhesion").read_text().split()
    assert secrets_of(secret) == [secret]
