"""A webhook's sender against a server that says what the attack says, octet by octet."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gatewayd.clock import SystemClock
from gatewayd.domain.webhooks import Answer, Network, place_of
from gatewayd.interfaces.webhooks import Sender, Target, addresses_of
from tests.receiver import SECRET

LOOPBACK: Sequence[Network] = (ipaddress.ip_network("127.0.0.0/8"),)
Talk = Callable[[socket.socket], None]


class Hostile:
    """Takes connections on the loopback, reads a request, and lets `talk` answer; counts who came."""

    def __init__(self, talk: Talk, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self._talk, self._tls, self._over = talk, tls, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError), connection:
                connection.settimeout(20)
                with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as stream:
                    self.asked.append(_request(stream))
                    self._talk(stream)

    def close(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _request(stream: socket.socket) -> bytes:
    octets = b""
    while b"\r\n\r\n" not in octets or len(octets.split(b"\r\n\r\n", 1)[1]) < _length(octets):
        more = stream.recv(4096)
        if not more:
            break
        octets += more
    return octets


def _length(octets: bytes) -> int:
    return next(int(line[15:]) for line in octets.lower().split(b"\r\n") if line.startswith(b"content-length:"))


def says(octets: bytes) -> Talk:
    """Answers these octets and nothing else."""
    return lambda stream: stream.sendall(octets)


def drips(octets: bytes, over: threading.Event, pause: float = 0.1) -> Talk:
    """An octet at a time, and again and again."""

    def drip(stream: socket.socket) -> None:
        while not over.is_set():
            for octet in octets:
                stream.sendall(bytes([octet]))
                if over.wait(pause):
                    return

    return drip


@contextlib.contextmanager
def hostile(talk: Talk, *, tls: ssl.SSLContext | None = None) -> Iterator[Hostile]:
    server = Hostile(talk, tls=tls)
    try:
        yield server
    finally:
        server.close()


def send(
    url: str,
    *,
    resolve: Callable[[str, int], Sequence[str]] = addresses_of,
    allowed: Sequence[Network] = (),
    authorities: Path | None = None,
    time_out: float = 5.0,
) -> tuple[Answer, float]:
    """What came back, and after how many seconds."""
    target = Target(place_of(url), [SECRET], allowed, authorities)
    sender, begun = Sender(target, SystemClock(), resolve=resolve, time_out=time_out), time.monotonic()
    return sender.test("00"), time.monotonic() - begun
