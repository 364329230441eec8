"""sd_notify, received on a real datagram socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gatewayd.systemd_notify import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_messages_arrive_as_systemd_reads_them(tmp_path: Path, abstract: bool) -> None:
    address = f"@gatewayd-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if abstract else address)
        manager.settimeout(5)
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
        notifier = Notifier(environment)
        assert notifier.listening
        assert notifier.watchdog_seconds == 60
        assert environment == {}
        notifier.ready()
        notifier.status("2 modems\nok")
        notifier.watchdog()
        notifier.extend(1.5)
        notifier.stopping()
        assert [manager.recv(100) for _ in range(5)] == [
            b"READY=1",
            b"STATUS=2 modems ok",
            b"WATCHDOG=1",
            b"EXTEND_TIMEOUT_USEC=1500000",
            b"STOPPING=1",
        ]


def test_without_a_manager_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.ready()
    assert not notifier.listening
    assert notifier.watchdog_seconds is None


def test_a_manager_that_went_away_is_no_fault(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_another_process_s_watchdog_is_not_ours() -> None:
    assert Notifier({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}).watchdog_seconds is None
