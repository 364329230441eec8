"""What follows from a cause: when the message is tried again, and by whom. Pure; the random source is given.

MESSAGE   never again: the store makes it failed
NETWORK   later, by any SIM: 30 s, doubling to 15 minutes with the message's tries
MODEM     soon, by any SIM: 5 s, doubling likewise
SIM       at once by another SIM; where there is none, later by this one
UNKNOWN   never again by itself: it may have gone out
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatewayd.errors import Cause, CauseClass

LONGEST = 900.0
_FIRST = {CauseClass.NETWORK: 30.0, CauseClass.SIM: 30.0, CauseClass.MODEM: 5.0}


@dataclass(frozen=True, slots=True)
class Retry:
    """`at` None: at once, if the kind of the cause lets it go again at all; `avoid`: another SIM should take it."""

    at: datetime | None
    avoid: bool = False


def backoff(tries: int, rng: random.Random, *, first: float, longest: float = LONGEST) -> float:
    """Seconds to wait after the `tries`-th failure in a row (1 is the first): doubling, with a fifth of jitter."""
    return min(longest, first * 2.0 ** min(max(tries, 1) - 1, 16) * rng.uniform(1.0, 1.2))


def after(cause: Cause, tries: int, *, others_can: bool, now: datetime, rng: random.Random) -> Retry:
    """When the message goes again after its `tries`-th refusal; `others_can`: another SIM of the pool is able."""
    if cause.kind in (CauseClass.MESSAGE, CauseClass.UNKNOWN):
        return Retry(None)
    if cause.kind is CauseClass.SIM and others_can:
        return Retry(None, avoid=True)
    wait = timedelta(seconds=backoff(tries, rng, first=_FIRST[cause.kind]))
    return Retry(now + wait, avoid=cause.kind is CauseClass.SIM)
