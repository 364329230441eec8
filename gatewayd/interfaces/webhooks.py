"""A webhook's request: made, signed, sent to an address that was checked, and its answer read as far as it matters.

The name is resolved once; each address that it has must be one that may be sent to, and the connection goes to such an
address and to nothing else: a name that means another machine a moment later changes nothing. The certificate must be
the name's. No redirect is followed, no proxy is asked, and of the answer only the head counts: what comes slowly, or
never ends, is cut off by the time and the octets that it may take.

The signature is that of Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`), by their library;
with two secrets there are two, so that a receiver can be given a new one without a gap.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import h11
from standardwebhooks import Webhook

from gatewayd import __version__
from gatewayd.clock import Clock, rfc3339
from gatewayd.domain.webhooks import Address, Answer, Network, Place, refusal
from gatewayd.interfaces.telling import event_json
from gatewayd.services.webhooks import Thing
from gatewayd.store.happenings import Occurrence

TIME_OUT = 20.0
"""Seconds from the look-up's end to the answer's head; `CONNECT` of them for a connection."""
CONNECT = 8.0
DRAIN = 2.0
_HEAD, _BODY = 16 * 1024, 64 * 1024
_ADDRESSES = 3
TEST = "webhook.test"

Resolve = Callable[[str, int], Sequence[str]]


def addresses_of(host: str, port: int) -> Sequence[str]:
    """All addresses that a name has now."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Target:
    """Where an endpoint is, and what it knows us by; `allowed`: networks besides the public ones."""

    place: Place
    secrets: Sequence[str] = field(repr=False)
    allowed: Sequence[Network] = ()
    authorities: Path | None = None


class Sender:
    """Sends to one endpoint; called by one thread."""

    def __init__(
        self,
        target: Target,
        clock: Clock,
        *,
        resolve: Resolve = addresses_of,
        time_out: float = TIME_OUT,
    ) -> None:
        self._target, self._clock, self._resolve, self._time_out = target, clock, resolve, time_out
        self._signers = [Webhook(secret) for secret in target.secrets]
        self._tls: ssl.SSLContext | None = None

    def __call__(self, what: Occurrence, thing: Thing) -> Answer:
        """Tell what happened."""
        return self._send(f"evt_{what.key}", event_json(what, thing))

    def test(self, key: str) -> Answer:
        """Send something that means nothing."""
        return self._send(f"evt_{key}", {"type": TEST, "timestamp": rfc3339(self._clock.utc_now()), "data": {}})

    def _send(self, key: str, told: Mapping[str, object]) -> Answer:
        # What is no UTF-8 by itself (half of a pair of surrogates, say) becomes a question mark.
        octets = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        body, now = octets.decode(), self._clock.utc_now()
        headers = {
            "host": _host(self._target.place),
            "user-agent": f"gatewayd/{__version__}",
            "content-type": "application/json",
            "content-length": str(len(octets)),
            "connection": "close",
            "webhook-id": key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(key, now, body) for signer in self._signers),
        }
        try:
            return self._exchange(headers, octets, now)
        except _Refused as error:
            return Answer(None, str(error))
        except (OSError, h11.ProtocolError, UnicodeError) as error:
            return Answer(None, _words(error, self._time_out))

    def _exchange(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer:
        checked = self._checked()
        until = self._clock.monotonic() + self._time_out
        with self._connected(checked, until) as connection:
            protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD)
            request = h11.Request(method="POST", target=self._target.place.target, headers=[*headers.items()])
            octets = [protocol.send(event) for event in (request, h11.Data(body), h11.EndOfMessage())]
            connection.settimeout(self._left(until))
            connection.sendall(b"".join(part for part in octets if part))
            response = self._head(protocol, connection, until)
            self._drain(protocol, connection, min(until, self._clock.monotonic() + DRAIN))
        return Answer(response.status_code, retry_after=_retry_after(response, now))

    def _checked(self) -> list[str]:
        """The addresses of the endpoint. _Refused: one of them may not be sent to."""
        place = self._target.place
        found = self._resolve(place.host, place.port)
        for words in found:
            address: Address = ipaddress.ip_address(words)
            if why := refusal(address, place, self._target.allowed):
                raise _Refused(f"the name leads to {words}, and nothing is sent there: {why}")
        if not found:
            raise _Refused("the name leads to no address")
        return list(found[:_ADDRESSES])

    def _connected(self, addresses: Sequence[str], until: float) -> socket.socket:
        """A connection to the first that answers, and nowhere else."""
        place, failed = self._target.place, OSError(errno.EHOSTUNREACH, "no address answers")
        for address in addresses:
            try:
                plain = socket.create_connection((address, place.port), min(CONNECT, self._left(until)))
            except OSError as error:
                failed = error
                continue
            if not place.secure:
                return plain
            try:
                plain.settimeout(self._left(until))
                return self._context().wrap_socket(plain, server_hostname=place.host)
            except BaseException:
                plain.close()
                raise
        raise failed

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._target.authorities)
        return self._tls

    def _head(self, protocol: h11.Connection, connection: socket.socket, until: float) -> h11.Response:
        """The answer's status and headers."""
        while True:
            event = protocol.next_event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                connection.settimeout(self._left(until))
                protocol.receive_data(connection.recv(4096))
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("no answer")

    def _drain(self, protocol: h11.Connection, connection: socket.socket, until: float) -> None:
        """Let the receiver end its answer in peace; how it ends means nothing."""
        octets = 0
        with contextlib.suppress(OSError, h11.ProtocolError):
            while octets < _BODY:
                event = protocol.next_event()
                if event is h11.NEED_DATA:
                    connection.settimeout(self._left(until))
                    more = connection.recv(16_384)
                    octets += len(more)
                    protocol.receive_data(more)
                elif not isinstance(event, h11.Data):
                    return

    def _left(self, until: float) -> float:
        left = until - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Refused(Exception):
    """The endpoint's name leads where nothing may be sent."""


def _host(place: Place) -> str:
    name = f"[{place.host}]" if ":" in place.host else place.host
    return name if place.port == (443 if place.secure else 80) else f"{name}:{place.port}"


def _retry_after(response: h11.Response, now: datetime) -> float | None:
    """Seconds that the endpoint asks for, or until the hour that it names."""
    words = next((value.decode("latin-1") for name, value in response.headers if name == b"retry-after"), "")
    if words.isascii() and words.isdigit():
        return float(words[:9])
    try:
        return (parsedate_to_datetime(words) - now).total_seconds() if words else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _words(error: Exception, time_out: float) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {time_out:g} s"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved: is it right, and has the service a network? (docs/webhooks.md)"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted: {error.verify_message}"
    if isinstance(error, h11.ProtocolError | UnicodeError):
        return "what it answers is no HTTP"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EPERM, errno.EAFNOSUPPORT):
        return "no network: the service needs a drop-in (docs/webhooks.md)"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
