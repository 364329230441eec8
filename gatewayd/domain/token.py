"""Tokens of the API: `gwd_` and 256 random bits, of which only the SHA-256 is kept. Pure.

So much randomness cannot be guessed, which is why a plain hash is enough; the prefix lets scanners of published files
find one that got out. What a token may do is a set of scopes; `admin` holds the other two.

    submit   send messages, for the purposes that the token names; look at and cancel its own feed's
    read     look at everything: messages, people, inbox, SIMs, campaigns, figures
    admin    change everything
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum

from gatewayd.errors import UsageError

PREFIX = "gwd_"
OCTETS = 32
_SHAPE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
OWN_FEEDS = frozenset({"cli", "gatewayd", "replies", "double_opt_in", "import"})
"""Feeds that are no token's: whoever had one of them would see whom they wrote to."""


class Scope(StrEnum):
    """What a token may do."""

    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"


def written(octets: bytes) -> str:
    """A token as it is shown once."""
    return PREFIX + octets.hex()


def sha256(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def widened(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes with those they hold."""
    given = frozenset(scopes)
    return frozenset(Scope) if Scope.ADMIN in given else given


def named(name: str, what: str) -> str:
    """A name of a token or a feed. UsageError."""
    if not _SHAPE.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a {what}; expected a short one: a-z, 0-9, - and _")
    if name in OWN_FEEDS:
        raise UsageError(f"{name!r} is gatewayd's own; expected another name")
    return name
