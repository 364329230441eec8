"""May this purpose write to this person now? Pure: the facts come in, a reason or nothing comes out.

An opt-out is stronger than any basis and any consent. Without one, a purpose on the basis of consent needs a recorded
consent (GDPR articles 6(1)(a) and 7); the other bases need none.

A consent counts for as long as the purpose keeps data (`retention_days`), from the day of the agreement or from the
last SMS that the person sent us, whichever is later: the CNIL counts three years from the last contact that came from
the prospect. What we send, and what became of it, is no such contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gatewayd.domain.purpose import Basis, Purpose

OPT_OUT = "opt_out"
NO_CONSENT = "no_consent"
EXPIRED = "consent_expired"


class Method(StrEnum):
    """How an agreement was given, or withdrawn."""

    PAPER = "paper"
    WEB_FORM = "web_form"
    SMS_DOUBLE_OPT_IN = "sms_double_opt_in"
    PHONE = "phone"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What is known of a recipient: an opt-out that holds, when he agreed if that is not withdrawn, when he last wrote.

    `heard_at` matters only for an agreement of long ago: who asks may leave it out until `decide` says `EXPIRED`.
    """

    opted_out: bool
    agreed_at: datetime | None
    heard_at: datetime | None = None


def decide(purpose: Purpose, facts: GateFacts, now: datetime) -> str | None:
    """None: the message may leave. Otherwise why not: `opt_out`, `no_consent` or `consent_expired`."""
    if facts.opted_out:
        return OPT_OUT
    if purpose.basis is not Basis.CONSENT:
        return None
    if facts.agreed_at is None:
        return NO_CONSENT
    return EXPIRED if expires_at(purpose, facts.agreed_at, facts.heard_at) <= now else None


def expires_at(purpose: Purpose, agreed_at: datetime, heard_at: datetime | None) -> datetime:
    """From when on a consent counts no longer, if the person does not write again."""
    since = agreed_at if heard_at is None or heard_at < agreed_at else heard_at
    return since + timedelta(days=purpose.retention_days)
