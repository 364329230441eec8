"""What the daemon tells systemd (sd_notify(3), sd_watchdog_enabled(3)): a datagram a message, nothing to wait for.

Without `NOTIFY_SOCKET` every call does nothing, so a daemon started by hand behaves the same. A message that cannot be
delivered is dropped: systemd, not gatewayd, judges silence. The variables are read once and taken out of the
environment, so that no child process speaks in our name.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping


class Notifier:
    """A line to the service manager. Used by one thread at a time."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        for_us = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environment.pop("WATCHDOG_USEC", "")
        # "@" stands for the zero byte of an abstract socket.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds: float | None = int(usec) / 1e6 if usec.isdigit() and int(usec) and for_us else None

    @property
    def listening(self) -> bool:
        """Whether a service manager listens."""
        return bool(self._address)

    def ready(self) -> None:
        """The daemon has recovered, and serves."""
        self._tell("READY=1")

    def status(self, words: str) -> None:
        """One line for `systemctl status`."""
        self._tell("STATUS=" + " ".join(words.split()))

    def watchdog(self) -> None:
        """All workers are alive."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1")

    def extend(self, seconds: float) -> None:
        """Starting or stopping will take at least this much longer."""
        self._tell(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)  # a full queue must not hold the daemon
            try:
                line.sendto(message.encode(), self._address)
            except OSError:
                return
