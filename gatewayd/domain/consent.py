"""May this purpose write to this person now? Pure: the facts come in, a reason or nothing comes out.

An opt-out is stronger than any basis and any consent. Without one, a purpose on the basis of consent needs a recorded
consent (GDPR articles 6(1)(a) and 7); the other bases need none.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.domain.purpose import Basis, Purpose

OPT_OUT = "opt_out"
NO_CONSENT = "no_consent"


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What is known of a recipient at this moment: an opt-out that holds, a consent not withdrawn."""

    opted_out: bool
    consent: bool


def decide(purpose: Purpose, facts: GateFacts) -> str | None:
    """None: the message may leave. Otherwise why not: `opt_out` or `no_consent`."""
    if facts.opted_out:
        return OPT_OUT
    if purpose.basis is Basis.CONSENT and not facts.consent:
        return NO_CONSENT
    return None
