"""Webhooks: where they may go, what an answer means, and when a delivery is made again. Rules only.

An endpoint is an https URL without credentials. Each address that its name has must be a public one, or be within the
networks that the configuration allows; http, and loopback addresses, are for a URL that names the loopback itself.
Never: link-local addresses (where clouds keep their credentials), multicast, and what is no address of a machine.

    2xx                             told
    410                             the endpoint ends: nothing more is sent to it
    429, 502, 503, 504; no answer   the endpoint is away: it rests, longer each time, and what waits keeps its order
    any other                       this delivery is refused: it comes again later, and others pass it

What was not taken for three days is given up, and kept for thirty as a dead letter.
"""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import urlsplit

from gatewayd.errors import UsageError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LIFE = timedelta(days=3)
"""After which a delivery that is not taken is given up."""
DEAD_KEPT = timedelta(days=30)
DEAD_MOST = 100_000
"""Dead letters of all endpoints together that are kept, the newest."""
RESTS = (5.0, 30.0, 120.0, 300.0, 900.0)
"""Seconds that an endpoint rests after so many failures in a row; the last for all that follow."""
PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds until a refused delivery is made again, after so many tries."""
LONGEST_RETRY_AFTER = 3600.0
_JITTER = 0.2


class Verdict(StrEnum):
    """What an answer means."""

    TOLD = "told"
    GONE = "gone"
    AWAY = "away"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or none (`trouble` says why); `retry_after`: seconds that the endpoint asks for."""

    status: int | None
    trouble: str = ""
    retry_after: float | None = None


def judge(answer: Answer) -> Verdict:
    """What becomes of a delivery that was answered so."""
    if answer.status is None or answer.status in (429, 502, 503, 504):
        return Verdict.AWAY
    if 200 <= answer.status < 300:
        return Verdict.TOLD
    return Verdict.GONE if answer.status == 410 else Verdict.REFUSED


def rest(failures: int, retry_after: float | None, rng: random.Random) -> float:
    """Seconds that an endpoint rests after so many failures in a row."""
    own = _jittered(RESTS[min(failures, len(RESTS)) - 1], rng)
    return max(own, min(retry_after, LONGEST_RETRY_AFTER)) if retry_after is not None else own


def pause(tries: int, rng: random.Random) -> timedelta:
    """Until a refused delivery is made again, after so many tries."""
    return timedelta(seconds=_jittered(PAUSES[min(tries, len(PAUSES)) - 1], rng))


def _jittered(seconds: float, rng: random.Random) -> float:
    return seconds * rng.uniform(1 - _JITTER, 1 + _JITTER)


# By what it is known.

_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}")
MOST_SECRETS = 2


def secrets_of(words: str) -> list[str]:
    """The secrets of a credential, the new one first while there are two. UsageError, without any of its words."""
    found = words.split()
    if not 1 <= len(found) <= MOST_SECRETS or not all(_is_secret(one) for one in found):
        raise UsageError(
            "it holds no secret: a line with whsec_ and 24 to 64 octets in base64, or two while one follows"
        )
    return found


def _is_secret(word: str) -> bool:
    if not _SECRET.fullmatch(word):
        return False
    plain = word.removeprefix("whsec_").rstrip("=")
    return 24 <= len(plain) * 3 // 4 <= 64


# Where.


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint's URL in its parts; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def loopback(self) -> bool:
        """Whether it names this machine itself."""
        return self.host == "localhost" or _is_loopback(self.host)

    @property
    def secure(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self.scheme == "https"


_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,62}\.?)*")
_VISIBLE = re.compile(r"[\x21-\x7e]{1,2000}")


def place_of(url: str) -> Place:
    """The parts of an endpoint's URL. UsageError: it cannot be one."""
    if not _VISIBLE.fullmatch(url):
        raise UsageError("it holds blanks, control characters or letters outside ASCII")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise UsageError("it is no URL") from None
    if parts.scheme not in ("https", "http"):
        raise UsageError("it is neither https nor http")
    if "@" in parts.netloc:
        raise UsageError("it holds a user name or a password: the receiver knows us by the signature")
    if parts.fragment or "\\" in url or not (_HOST.fullmatch(host) or ":" in host) or port == 0:
        raise UsageError("it is no URL of an endpoint")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    place = Place(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target)
    if not place.secure and not place.loopback:
        raise UsageError("it is not https, and others could read and change what is told")
    return place


def refusal(address: Address, place: Place, allowed: Sequence[Network]) -> str:
    """Why nothing is sent to this address; "" where it may be."""
    plain = _unwrapped(address)
    if never := _never(plain):
        return never
    if plain.is_loopback:
        named = place.loopback or any(plain in network for network in allowed if network.network_address.is_loopback)
        return "" if named else "it is an address of this machine itself"
    if place.loopback:
        return "it is no address of this machine itself"
    if any(plain in network for network in allowed) or (plain is address and _is_public(plain)):
        return ""
    return "it is not a public address, and `allow` does not name its network"


def never_allowed(network: Network) -> str:
    """Why a network cannot be allowed; "" where it can."""
    forbidden = next((one for one in _FORBIDDEN if one.version == network.version and network.overlaps(one)), None)
    return f"it overlaps {forbidden}, where nothing is ever sent" if forbidden is not None else ""


def _never(address: Address) -> str:
    if _within(address, _FORBIDDEN):
        return "it is link-local, multicast, or no address of a machine"
    return ""


_FORBIDDEN: tuple[Network, ...] = tuple(
    ipaddress.ip_network(words)
    for words in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32", "::/128",
                  "fe80::/10", "ff00::/8", "fd00:ec2::254/128")
)  # fmt: skip
"""Besides what is no machine's: where clouds answer with the keys of the machine that asks."""
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ipaddress.ip_network(words) for words in ("192.0.0.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16")
)
"""Which the tables of older Pythons take for public ones."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All public addresses of IPv6; Python takes for public also what was never given out, or carries one of IPv4."""


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not _within(address, _NOT_PUBLIC)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _unwrapped(address: Address) -> Address:
    """The address that a packet to this one ends at, where it carries another one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64 or 1 < int(address) < 1 << 32:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
