"""What the SIM's own memory of the last reference says about a submission without an answer. Pure.

TP-MR counts a SIM's submissions, modulo 256 (TS 23.040 clause 9.2.3.6), and the card keeps the last one in EF_SMSS
(TS 31.102 clause 4.2.28). Nobody says when the modem writes it: before it transmits, at the network's answer, or only
when the network took the message. So "as before" may hide one that the network took, and "one more" one that it never
had. What is believed depends on how the submission ended, and holds for whatever way of writing is not ruled out:

| how it ended | as before it | one more |
| --- | --- | --- |
| ALONE: our process died, machine and modem went on | it did not go out | it went out |
| CUT: the modem restarted, went away, or said nothing | nobody can tell | it went out, if written ON_ACCEPTANCE |
| DOUBTED: the modem itself does not know (time-out, 500) | nobody can tell | nobody can tell |

ALONE is wrong only where two things meet that have nothing to do with each other: our death, and a message that in the
same seconds was refused or unheard ("one more" would lose it), or whose acknowledgement got lost ("as before" would
send it twice). In the other two rows one event explains both, so they are certain or silent: the power that a modem
loses takes the acknowledgement with it. SOONER rules out nothing there: a modem that writes before it transmits and one
that writes at any answer look alike.

"As before" is final once `SETTLED` is over: the phone's own timer may still run. "One more" counts within `FRESH`, for
later it may be another's. Anything else tells nothing.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, StrEnum, auto

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


class Written(StrEnum):
    """When a modem writes the reference on the card, as far as it was seen."""

    UNSEEN = ""
    SOONER = "sooner"  # also for what the network refuses: before it transmits, or at any answer
    ON_ACCEPTANCE = "on_acceptance"  # not for what the network refuses


class Ended(Enum):
    """How a submission ended without an answer of the network."""

    ALONE = auto()
    CUT = auto()
    DOUBTED = auto()


INTERRUPTED = "gatewayd:interrupted"
"""The cause of an attempt whose process died on a machine that went on."""
_CUT = frozenset(
    f"gatewayd:{word}"
    for word in ("crash", "machine-restarted", "no-reference", "not-taken", "port-lost", "restarted", "timeout")
)
_OF_THE_NETWORK = frozenset({1, 8, 21, 28, 29, 30, 50, *range(128, 200)})
"""Refusals that no modem makes up: of the subscriber, of the recipient, of the service centre (TS 24.011 annex E-2,
TS 23.040 clause 9.2.3.22). Others a modem may give of its own, with nothing transmitted."""


def ended(cause: str) -> Ended:
    """How a submission ended whose outcome is unknown for this cause."""
    if cause == INTERRUPTED:
        return Ended.ALONE
    return Ended.CUT if cause in _CUT else Ended.DOUBTED


def judge(
    before: int | None,
    said: int,
    *,
    cause: str,
    written: Written,
    waited: timedelta,
    age: timedelta | None,
) -> Verdict:
    """`before` the submission and now `said`; `waited` at least since then, by a clock that only goes forward; `age` by
    the wall clock, None where that cannot be trusted."""
    how = ended(cause)
    if before is None or how is Ended.DOUBTED:
        return Verdict.UNKNOWN
    if said == before:
        if waited < SETTLED and (age is None or age < SETTLED):
            return Verdict.NOT_YET
        return Verdict.NOT_SENT if how is Ended.ALONE else Verdict.UNKNOWN
    believed = how is Ended.ALONE or written is Written.ON_ACCEPTANCE
    fresh = age is not None and -_SLIP <= age <= FRESH
    return Verdict.SENT if said == _after(before) and believed and fresh else Verdict.UNKNOWN


def lesson(before: int | None, said: int, *, refused: str) -> Written:
    """What a refusal by the network, with this cause, shows of when the modem writes."""
    kind, _, code = refused.partition(":")
    if before is None or kind != "cms" or not code.isdecimal() or int(code) not in _OF_THE_NETWORK:
        return Written.UNSEEN
    if said == before:
        return Written.ON_ACCEPTANCE
    return Written.SOONER if said == _after(before) else Written.UNSEEN


def _after(reference: int) -> int:
    return (reference + 1) % MODULUS
