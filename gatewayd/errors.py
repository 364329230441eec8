"""The exception tree: each class is a sentence for the operator and a decision for the caller.

GatewaydError
├── ConfigurationError      the file cannot be used: file, line, what was expected        (exit 2)
├── UsageError              a value given by a person cannot be used                     (exit 2)
│   ├── SegmentError        the words of a segment cannot be read; shows the place       (exit 2)
│   └── KeyReused           an idempotency key that came with another request       (exit 2)
├── RefusedByRule           consent, opt-out, limit, approval: not now, or never          (exit 3)
├── AccessError             who calls the API may not
│   ├── UnknownToken        no token, or one that is not valid
│   ├── OutOfScope          the token does not allow this
│   └── TooOften            more requests than allowed: after `retry_after` seconds
├── KeyBusy                 the first request with this key is still at work: try again
├── PduError                octets that are no PDU, or a PDU that cannot be made
├── TextError               a text that cannot be made into parts
├── NumberError             characters that are no phone number we may write to
├── StoreError
│   ├── StorageUnavailable  locked, read-only or full: try again later
│   │   └── DiskNearlyFull  too little is free to accept anything: when there is room again
│   ├── LeaseLost           another worker owns this message now: stop at once
│   └── TransitionError     a state may not follow another: a defect of ours
└── ModemError
    ├── ModemAbsent         no port, or it went away: not an attempt
    ├── SimLocked           PIN or PUK wanted: waits for the operator
    ├── ModemBusy           an answer did not come, or the modem is not ready: try again
    └── SubmissionError     about one PDU; carries a Cause
        ├── NotSubmitted    nothing was written after the prompt: safe to try again
        ├── SubmissionRefused   the modem or the network said no
        └── OutcomeUnknown  Ctrl-Z was written and no answer came: never try again by itself

An error's docstring is its default message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class GatewaydError(Exception):
    """gatewayd cannot do this."""

    exit_status = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or type(self).__name__).strip().splitlines()[0])


class ConfigurationError(GatewaydError):
    """The configuration cannot be used."""

    exit_status = 2

    def __init__(self, message: str, *, file: str = "", line: int | None = None, expected: str = "") -> None:
        self.file, self.line, self.expected = file, line, expected
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{place}{message}" + (f"; expected {expected}" if expected else ""))


class UsageError(GatewaydError):
    """This value cannot be used."""

    exit_status = 2


class SegmentError(UsageError):
    """The words of this segment cannot be read."""


class KeyReused(UsageError):
    """This idempotency key came with another request before: a new request needs a new key."""


class RefusedByRule(GatewaydError):
    """A rule forbids this."""

    exit_status = 3

    def __init__(self, reason: str, message: str = "") -> None:
        self.reason = reason
        super().__init__(message or reason)


class NothingAccepted(RefusedByRule):
    """None of these messages is accepted."""

    def __init__(self, refusals: Sequence[Mapping[str, object]]) -> None:
        self.refusals = refusals
        super().__init__("nothing_accepted", f"none of these {len(refusals)} messages is accepted")


class AccessError(GatewaydError):
    """This is not allowed."""


class UnknownToken(AccessError):
    """A valid token is needed, as `Authorization: Bearer TOKEN`: `gatewayd tokens create` makes one."""


class OutOfScope(AccessError):
    """The token does not allow this."""


class TooOften(AccessError):
    """More requests than allowed."""

    def __init__(self, retry_after: float, message: str = "") -> None:
        self.retry_after = retry_after
        super().__init__(message)


class KeyBusy(GatewaydError):
    """The first request with this key is still at work: try again in a moment."""


class PduError(GatewaydError):
    """These octets are no PDU."""


class TextError(GatewaydError):
    """This text cannot be sent."""

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        self.reason = reason or f"bad_text:{message}"
        super().__init__(message)


class NumberError(GatewaydError):
    """This is not a phone number that may be written to."""

    def __init__(self, reason: str, message: str = "") -> None:
        self.reason = reason
        super().__init__(message or reason)


class StoreError(GatewaydError):
    """The database cannot do this."""


class StorageUnavailable(StoreError):
    """The database is locked, full or read-only: nothing was changed, try again later."""


class DiskNearlyFull(StorageUnavailable):
    """The disk is nearly full: nothing new is accepted until there is room."""


class LeaseLost(StoreError):
    """Another worker owns this message now."""


class TransitionError(StoreError):
    """This state may not follow the present one."""


class ModemError(GatewaydError):
    """The modem cannot do this."""


class ModemAbsent(ModemError):
    """The modem's port is not there, or went away."""


class SimLocked(ModemError):
    """The SIM wants a PIN or a PUK."""


class ModemBusy(ModemError):
    """The modem did not answer in time, or is not ready."""


class CauseClass(StrEnum):
    """Who is at fault, which decides what happens next (causes: 3GPP TS 24.011 annex E-2, TS 27.005 clause 3.2.5)."""

    MESSAGE = "message"  # this message will never pass: failed
    SIM = "sim"  # this SIM may not send: another SIM
    NETWORK = "network"  # try again later, by any SIM
    MODEM = "modem"  # the modem needs help: the ladder, then again
    UNKNOWN = "unknown"  # it may have gone out


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a submission did not succeed: `code` as "cms:38", "cme:10", "gatewayd:timeout"; `text` in plain words."""

    code: str
    kind: CauseClass
    text: str
    advice: str = ""


class SubmissionError(ModemError):
    """A submission did not succeed."""

    def __init__(self, cause: Cause) -> None:
        self.cause = cause
        super().__init__(f"{cause.code}: {cause.text}")


class NotSubmitted(SubmissionError):
    """Nothing was written after the prompt."""


class SubmissionRefused(SubmissionError):
    """The modem or the network refused the message."""


class OutcomeUnknown(SubmissionError):
    """The message may have gone out: the modem did not say."""
