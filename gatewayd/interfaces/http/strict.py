"""One connection, read strictly: what two programs could read differently is refused, and the connection closed.

h11 refuses most of what is no HTTP. Refused besides: two lines of what is said once (`_ONCE`), even if they agree,
`Content-Length` beside `Transfer-Encoding`, line ends without CR, folded lines, and `Transfer-Encoding` in HTTP/1.0. A
head that is not there within ten seconds, or that is longer than 16 KiB, ends the connection; so does one connection
too many, and an answer of which nothing is read for half a minute. On a Unix socket the peer is known by the kernel's
word: `uid:1000`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.guard import ALWAYS

LONGEST_HEAD = 16 * 1024
HEAD_SECONDS = 10.0
READ_SECONDS = 30.0
MOST_CONNECTIONS = 100

_PEERCRED = struct.Struct("3i")
_END = re.compile(rb"\r?\n\r?\n")
_FORBIDDEN = (
    (re.compile(rb"(?<!\r)\n"), "a line ends without CR"),
    (re.compile(rb"\r(?!\n)"), "CR without LF"),
    (re.compile(rb"\n[ \t]"), "a folded line"),
    (re.compile(rb"\0"), "NUL"),
)
_ONCE = (
    b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization", b"origin", b"sec-fetch-site",
    b"idempotency-key", b"last-event-id",
)  # fmt: skip


def fault(head: bytes) -> str:
    """What in the head of a request, as far as it is there, could be read in two ways; "" if nothing."""
    for pattern, words in _FORBIDDEN:
        if pattern.search(head):
            return words
    if len(head) > LONGEST_HEAD:
        return "a head too long"
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    names = [name.strip().lower() for name, _, _ in lines]
    if any(name.strip().lower() == b"content-length" and b"," in value for name, _, value in lines):
        return "two content-lengths in a line"
    for once in _ONCE:
        if names.count(once) > 1:
            return f"two {once.decode()} lines"
    if b"transfer-encoding" in names and (b"content-length" in names or b"HTTP/1.0" in head.partition(b"\r\n")[0]):
        return "transfer-encoding beside content-length, or in HTTP/1.0"
    return ""


class StrictProtocol(H11Protocol):
    """uvicorn's protocol over h11, with the checks of this module."""

    _hurry: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Note the peer; let nobody in who is one too many."""
        super().connection_made(transport)
        found: socket.socket = transport.get_extra_info("socket")
        if found.family == socket.AF_UNIX:
            pid, uid, _ = _PEERCRED.unpack(found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size))
            self.client = (f"uid:{uid}", pid)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.close()
            return
        self._hurry_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._relax()
        self._forgive()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Look at each head before h11 does."""
        if self.conn.their_state is h11.IDLE:
            waiting = self.conn.trailing_data[0]
            end = _END.search(waiting)
            # Where it has not ended, the last octet may be half of a line end.
            if wrong := fault(waiting[: end.end()] if end is not None else waiting[:-1]):
                self.send_400_response(f"Refused: {wrong}.")
                return
            if waiting:
                self._hurry_up()
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:
            self._relax()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP with a problem document; where an answer has begun, the connection ends."""
        body = problems.written(400, detail=msg)
        length = (b"content-length", str(len(body)).encode())
        headers = [(b"content-type", problems.MEDIA_TYPE.encode()), length, (b"connection", b"close"), *ALWAYS]
        try:
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            self.transport.abort()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The other side reads slower than it is written to: it may do so for a while."""
        super().pause_writing()
        self._forgive()
        self._patience = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads."""
        self._forgive()
        super().resume_writing()

    def _forgive(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hurry_up(self) -> None:
        if self._hurry is None:
            self._hurry = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _relax(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
