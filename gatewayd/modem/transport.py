"""Bytes: opens any pyserial URL, for us alone, and moves octets until the port goes away.

`Port.open` takes a device (`/dev/serial/by-path/...`) or a URL (`sim://`, `socket://`, `rfc2217://`). One that cannot
be opened is `ModemAbsent` with words that say what to do: plug in, join the group, stop the other program. A device is
locked (flock, and TIOCEXCL where the kernel forgets it with the last close).

`Port.read` waits until something came and returns all of it: one system call to wait and one to read, because
this stands on the path of every message. `Port.wake` frees a waiting reader; a port that dies raises `ModemAbsent`.
A write which the modem does not take within `WRITE_TIMEOUT` (flow control held) is `ModemBusy`.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import select
import stat
import termios
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import serial

from gatewayd.errors import ModemAbsent, ModemBusy

WRITE_TIMEOUT = 10.0
OURSELVES = "gatewayd itself, by another name of this port"
# How long a reader without a file descriptor may sleep before it looks whether it is still wanted.
_READ_TIMEOUT = 1.0
_CHUNK = 4096
_BUSY = {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}
_GONE = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO}
_REFUSED = {errno.EACCES, errno.EPERM}


class Flow(StrEnum):
    """Flow control of a line; hardware lines that are not wired must not be waited for."""

    NONE = "none"
    RTSCTS = "rtscts"
    XONXOFF = "xonxoff"


class Port:
    """An open port. One thread at a time reads, any thread writes; `close` only after the reader has returned."""

    def __init__(self, name: str, device: serial.Serial) -> None:
        self.name = name
        self._device = device
        self._fd = _descriptor(device)
        self.timed = self._fd is not None  # `read` keeps to the seconds it is given; else it returns now and then
        self._wake_read, self._wake_write = os.pipe()
        self._poll = select.poll()
        if self._fd is not None:
            self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)
        self._closed = False

    @classmethod
    def open(cls, url: str, *, baudrate: int = 115200, flow: Flow = Flow.NONE) -> Port:
        """Open and lock `url`; ModemAbsent tells why not."""
        try:
            device = serial.serial_for_url(
                url,
                do_not_open=True,
                baudrate=baudrate,
                timeout=_READ_TIMEOUT,
                write_timeout=WRITE_TIMEOUT,
                rtscts=flow is Flow.RTSCTS,
                xonxoff=flow is Flow.XONXOFF,
            )
            device.exclusive = True
            device.open()
            _take_for_us_alone(url, device)
        except (serial.SerialException, OSError, ValueError) as error:
            raise ModemAbsent(explain(url, error)) from error
        return cls(url, device)

    def read(self, seconds: float | None = None) -> bytes:
        """What has arrived, at least one octet; b"" when woken, or when the time is over. ModemAbsent when the port is
        gone."""
        try:
            if self._fd is None:
                return bytes(self._device.read(self._device.in_waiting or 1))
            ready = self._poll.poll(None if seconds is None else seconds * 1000)
            if not ready:
                return b""
            if len(ready) > 1 or ready[0][0] == self._wake_read:
                os.read(self._wake_read, _CHUNK)
                return b""
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return b""
        except (serial.SerialException, OSError, ValueError, TypeError) as error:
            # ValueError and TypeError: pyserial's way to say that the port was closed meanwhile.
            raise ModemAbsent(f"{self.name} went away: {error}") from error
        if not data:
            raise ModemAbsent(f"{self.name} went away")
        return data

    def write(self, data: bytes) -> None:
        """Hand all of `data` to the port; ModemBusy when it is not taken in time, ModemAbsent when it is gone."""
        try:
            if self._fd is not None:
                with suppress(BlockingIOError):
                    data = data[os.write(self._fd, data) :]
            if data:
                self._device.write(data)
        except serial.SerialTimeoutException as error:
            raise ModemBusy(
                f"{self.name} takes no more bytes since {WRITE_TIMEOUT:.0f} s: flow control is held; "
                "if the modem has no RTS/CTS lines, they must not be used"
            ) from error
        except (serial.SerialException, OSError, ValueError, TypeError) as error:
            raise ModemAbsent(f"{self.name} went away: {error}") from error

    def wake(self) -> None:
        """Free the reader: its `read` returns b"" once."""
        if self._fd is None and hasattr(self._device, "cancel_read"):
            self._device.cancel_read()
        elif not self._closed:
            os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Give the port back; closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        # A device that was pulled out cannot be closed properly, and need not be.
        with suppress(serial.SerialException, OSError):
            self._device.close()
        os.close(self._wake_read)
        os.close(self._wake_write)


def explain(url: str, error: BaseException) -> str:
    """Why `url` could not be opened, and what to do about it, in plain words."""
    number = getattr(error, "errno", None)
    if number in _REFUSED:
        return f"{url}: permission refused; {_permission_advice(url)}"
    if number in _BUSY:
        holder = holder_of(url)
        if holder == OURSELVES:
            return f"{url} is in use by {holder}: one of the two in `modems:` is too many"
        return (
            f"{url} is in use by {holder or 'another program'}; stop it, or keep it away (ModemManager: the udev rule)"
        )
    if number in _GONE and _is_device(url):
        return f"{url} is not there; is the modem plugged in and powered? `gatewayd modems list` shows what is"
    return f"{url} cannot be opened: {error}"


def holder_of(path: str) -> str:
    """Which process has `path` open, as "ModemManager (pid 612)"; or OURSELVES; "" when none is visible to us."""
    try:
        target = os.path.realpath(path, strict=True)
    except OSError:
        return ""
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda process: int(process.name) != os.getpid()):
        try:
            if any(os.path.realpath(link) == target for link in (process / "fd").iterdir()):
                if int(process.name) == os.getpid():
                    return OURSELVES
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # another user's process, or one that ended
    return ""


def _permission_advice(path: str) -> str:
    try:
        device = os.stat(path)
        group = grp.getgrgid(device.st_gid).gr_name
        user = pwd.getpwuid(os.geteuid()).pw_name
    except (OSError, KeyError):
        return "the user of gatewayd must be in the device's group (udev rule)"
    if device.st_gid == 0 or not device.st_mode & stat.S_IWGRP:  # no group that user could, or should, be in
        owner = _name_of(device.st_uid)
        return f"it belongs to {owner}, and user {user} is not let in: run as {owner}, or install the udev rule"
    return f"user {user} must be in group {group} (`usermod -aG {group} {user}`), or install the udev rule"


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _is_device(url: str) -> bool:
    return "://" not in url


def _descriptor(device: serial.Serial) -> int | None:
    """The descriptor of ports whose octets can be read without pyserial: real devices and raw TCP."""
    if type(device) is serial.Serial or type(device).__module__ == "serial.urlhandler.protocol_socket":
        return int(device.fileno())
    return None


def _take_for_us_alone(url: str, device: serial.Serial) -> None:
    """TIOCEXCL keeps out programs that do not know flock, such as ModemManager.

    Not on a PTY: its other end keeps it alive, so the mark would outlive us and shut out our next start.
    """
    descriptor = _descriptor(device)
    if _is_device(url) and descriptor is not None and not os.ttyname(descriptor).startswith("/dev/pts/"):
        fcntl.ioctl(descriptor, termios.TIOCEXCL)
