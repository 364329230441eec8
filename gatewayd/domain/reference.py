"""What the SIM's own memory of the last reference says about a submission without an answer. Pure.

TP-MR counts a SIM's submissions, modulo 256 (TS 23.040 clause 9.2.3.6), and the card keeps the last one in EF_SMSS
(TS 31.102 clause 4.2.28).

    as before the submission    nothing was originated, once `SETTLED` is over: the network's own timer may still run
    one more                    it was originated, under this reference; within `FRESH`, for later it may be another's
    anything else               nobody can tell
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto

MODULUS = 256
SETTLED = timedelta(seconds=60)
"""Longer than the phone's timer for one submission: TR1M, 35 to 45 s (TS 24.011 clause 10.1)."""
FRESH = timedelta(hours=1)
_SLIP = timedelta(minutes=5)
"""By how much the wall clock may have been put back meanwhile."""


class Verdict(Enum):
    """What became of the submission."""

    SENT = auto()
    NOT_SENT = auto()
    NOT_YET = auto()
    UNKNOWN = auto()


def judge(before: int | None, said: int, *, waited: timedelta, age: timedelta | None) -> Verdict:
    """`before` the submission and now `said`; `waited` at least since then, by a clock that only goes forward; `age` by
    the wall clock, None where that cannot be trusted."""
    if before is None:
        return Verdict.UNKNOWN
    if said == before:
        settled = waited >= SETTLED or (age is not None and age >= SETTLED)
        return Verdict.NOT_SENT if settled else Verdict.NOT_YET
    fresh = age is not None and -_SLIP <= age <= FRESH
    return Verdict.SENT if said == (before + 1) % MODULUS and fresh else Verdict.UNKNOWN
