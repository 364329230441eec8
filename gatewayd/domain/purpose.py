"""Why we write: purposes with their legal basis, class, hours; and the limits of a SIM. Values only.

The configuration makes these; the rules in `consent.py`, `hours.py` and `pacing.py` read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum


class Basis(StrEnum):
    """The legal basis of a purpose (GDPR article 6(1))."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGITIMATE_INTEREST = "legitimate_interest"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTEREST = "vital_interest"


class MessageClass(StrEnum):
    """What a line's contract must allow before a SIM carries it."""

    INFORMATION = "information"
    MARKETING = "marketing"
    ALERT = "alert"


class Encoding(StrEnum):
    """`auto`: UCS-2 where the text needs it; `gsm7`: the text is written as GSM 7-bit can."""

    AUTO = "auto"
    GSM7 = "gsm7"


@dataclass(frozen=True, slots=True)
class Hours:
    """When a purpose may write, in local time; `days` are ISO weekdays (Monday is 1); `until` 00:00 means midnight."""

    days: frozenset[int] = frozenset(range(1, 8))
    since: time = time(0, 0)
    until: time = time(0, 0)
    holidays: bool = True


@dataclass(frozen=True, slots=True)
class PurposeWording:
    """What people read before they agree: a `shipped` wording (`wordings.SHIPPED`), or a `text` of its own.

    `question` is its short form, asked by SMS; `frequency` says how often is written; both texts are templates.
    """

    frequency: str
    shipped: str = ""
    version: str = ""
    text: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose: `key` is its name in the configuration, `hours` absent means any time.

    footer          what the texts of its campaigns end with
    completes       a message whose first part is out is completed, though an opt-out came meanwhile: it had started
    resend_unknown  what may have gone out, and nobody could tell in time, is sent once more: only for alerts
    """

    key: str
    label: str
    basis: Basis
    message_class: MessageClass = MessageClass.INFORMATION
    pool: str = "default"
    hours: Hours | None = None
    retention_days: int = 1095
    encoding: Encoding = Encoding.AUTO
    max_parts: int = 4
    time_to_live: timedelta = timedelta(days=3)
    wording: PurposeWording | None = None
    completes: bool = True
    resend_unknown: bool = False
    footer: str = ""

    @property
    def priority(self) -> int:
        """Lower goes first: alerts before information before marketing."""
        return {MessageClass.ALERT: 0, MessageClass.INFORMATION: 5, MessageClass.MARKETING: 9}[self.message_class]

    @property
    def asks_the_date(self) -> bool:
        """Whether it may write depends on the hour, or on the age of a consent."""
        return self.hours is not None or self.basis is Basis.CONSENT


@dataclass(frozen=True, slots=True)
class Limits:
    """What a SIM may send: parts per window, distinct recipients per window, the pause between submissions (seconds).

    None sets no such limit. Minute and hour slide; day and month are calendar windows in local time, and a month begins
    on `billing_day`.
    """

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    recipients_per_day: int | None = None
    recipients_per_month: int | None = None
    billing_day: int = 1
    gap: float = 0.0
    jitter: float = 0.0


# Holds where nobody configured a limit: what the strictest French "unlimited" plan is known to bear.
STRICTEST = Limits(
    per_minute=6, per_hour=60, per_day=100, recipients_per_day=50, recipients_per_month=99, gap=5.0, jitter=5.0
)


@dataclass(frozen=True, slots=True)
class SimSettings:
    """A SIM as the configuration knows it; `line_allows` None: nobody said what its contract allows."""

    name: str
    iccid: str = ""
    imsi: str = ""
    pool: str = "default"
    line_allows: frozenset[MessageClass] | None = None
    limits: Limits = field(default=STRICTEST)
    price_per_sms: float | None = None

    def carries(self, message_class: MessageClass) -> bool:
        """Marketing needs a line whose contract names it; an unset contract carries the rest."""
        if self.line_allows is None:
            return message_class is not MessageClass.MARKETING
        return message_class in self.line_allows
