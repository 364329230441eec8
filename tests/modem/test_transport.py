"""Opening a port, and what is said when it cannot be opened."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import serial

from gatewayd.errors import ModemAbsent
from gatewayd.modem import transport
from gatewayd.modem.transport import Port
from tests.modem.scripted import PATIENCE, scripted

REFUSED = serial.SerialException(errno.EACCES, "Permission denied")


def test_a_port_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModemAbsent, match="is not there"):
        Port.open(str(tmp_path / "ttyUSB7"))


def test_a_port_that_is_taken_says_by_whom() -> None:
    with scripted() as modem:
        port = Port.open(modem.path)
        with pytest.raises(ModemAbsent, match="in use"):
            Port.open(modem.path)
        port.close()
        Port.open(modem.path).close()


def test_the_holder_is_named(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    with device.open("rb") as held, subprocess.Popen(["sleep", "60"], stdin=held) as holder:
        try:
            assert transport.holder_of(str(device)) == transport.OURSELVES
            held.close()
            assert transport.holder_of(str(device)) == f"sleep (pid {holder.pid})"
        finally:
            holder.kill()


def test_a_refused_permission_says_which_group(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    device.chmod(0o660)
    if os.geteuid() == 0:
        os.chown(device, -1, grp.getgrnam("dialout").gr_gid)
    words = transport.explain(str(device), REFUSED)
    assert "usermod -aG" in words
    assert "udev rule" in words


def test_nobody_is_told_to_join_a_group_that_opens_nothing(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch(mode=0o600)
    words = transport.explain(str(device), REFUSED)
    assert "usermod" not in words
    assert f"it belongs to {pwd.getpwuid(os.geteuid()).pw_name}" in words


def test_a_url_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ModemAbsent, match="cannot be opened"):
        Port.open("carrier-pigeon://x")


def test_raw_tcp_is_read_without_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = Port.open(f"socket://127.0.0.1:{server.getsockname()[1]}")
        far, _ = server.accept()
        port.write(b"AT\r")
        assert far.recv(100) == b"AT\r"
        far.sendall(b"\r\nOK\r\n")
        assert port.read() == b"\r\nOK\r\n"
        far.close()
        with pytest.raises(ModemAbsent):
            port.read()
        port.close()


def test_a_blocked_reader_can_be_freed() -> None:
    with scripted() as modem:
        port = Port.open(modem.path)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(port.read()))
        reader.start()
        port.wake()
        reader.join(PATIENCE)
        assert got == [b""]
        port.close()
        port.close()


def test_a_reader_waits_no_longer_than_it_may_and_is_freed_once() -> None:
    with scripted() as modem:
        port = Port.open(modem.path)
        assert port.timed
        assert port.read(0.01) == b""
        port.wake()
        assert port.read(PATIENCE) == b""
        modem.say("RING")
        assert port.read(PATIENCE).startswith(b"R")
        port.close()


def test_a_port_that_vanished_is_absent_to_reader_and_writer() -> None:
    with scripted() as modem:
        port = Port.open(modem.path)
        modem.vanish()
        with pytest.raises(ModemAbsent, match="went away"):
            port.read()
        with pytest.raises(ModemAbsent, match="went away"):
            port.write(b"AT\r")
        port.close()
