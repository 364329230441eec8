"""The recovery ladder: what is done for a modem that does not answer AT, one step at each failed check. Pure.

    missed  step
    1       WAIT      once is nothing: it may be busy with the network
    2       RESYNC    ESC, drain, AT: it may sit in a prompt
    3       REOPEN    close the port and open it again: the driver of the system may be stuck
    4       RESET     AT+CFUN=1,1 and wait for the port to come back (TS 27.007 clause 8.2)
    5       GIVE_UP   tell the operator: power, cable, hub

A step that works ends in an answer, and the count begins anew.
"""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A step of the ladder; NONE: the modem answers."""

    NONE = "none"
    WAIT = "wait"
    RESYNC = "resync"
    REOPEN = "reopen"
    RESET = "reset"
    GIVE_UP = "give_up"


_LADDER = (Step.NONE, Step.WAIT, Step.RESYNC, Step.REOPEN, Step.RESET, Step.GIVE_UP)


def step_for(missed: int) -> Step:
    """The step after `missed` checks in a row without an answer."""
    return _LADDER[min(max(missed, 0), len(_LADDER) - 1)]
