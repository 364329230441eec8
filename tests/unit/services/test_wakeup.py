"""The bell between processes."""

from __future__ import annotations

import threading
from pathlib import Path

from gatewayd.services.wakeup import listen, ring


def test_a_ring_is_heard(tmp_path: Path) -> None:
    heard = threading.Event()
    listener = listen(tmp_path / "wakeup.sock", heard.set)
    ring(tmp_path / "wakeup.sock")
    assert heard.wait(5)
    listener.stop()


def test_nobody_listens(tmp_path: Path) -> None:
    ring(tmp_path / "wakeup.sock")
    ring(tmp_path / "no" / "such" / "directory.sock")
    (tmp_path / "wakeup.sock").write_text("not a socket")
    ring(tmp_path / "wakeup.sock")


def test_a_thousand_rings_nobody_reads_do_not_block(tmp_path: Path) -> None:
    answering, heard = threading.Event(), threading.Event()

    def busy() -> None:
        heard.set()
        answering.wait(10)

    listener = listen(tmp_path / "wakeup.sock", busy)
    for _ in range(1000):
        ring(tmp_path / "wakeup.sock")
    assert heard.wait(5)
    answering.set()
    listener.stop()


def test_a_socket_left_behind_is_replaced_and_stop_removes_it(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80)  # longer than a socket's address may be
    deep.mkdir(parents=True)
    path = deep / "wakeup.sock"
    path.write_text("left behind")
    heard = threading.Event()
    listener = listen(path, heard.set)
    assert path.stat().st_mode & 0o777 == 0o600
    ring(path)
    assert heard.wait(5)
    listener.stop()
    listener.stop()
    assert not path.exists()
