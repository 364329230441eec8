"""What is told of messages, people and SIMs as JSON: the same keys from the command line and from the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayd.clock import rfc3339
from gatewayd.store.campaigns import Campaign
from gatewayd.store.inbox import Incoming
from gatewayd.store.outbox import MessageRecord
from gatewayd.store.people import Consent, OptOut

if TYPE_CHECKING:  # who lists messages has no use for what counts limits
    from gatewayd.services.simlist import Seen


def message_json(message: MessageRecord) -> dict[str, Any]:
    """A message with the keys of the contract."""
    return {
        "id": message.id,
        "recipient": message.recipient,
        "purpose": message.purpose,
        "feed": message.feed,
        "state": message.state,
        "reason": message.reason or None,
        "sim": message.sim or None,
        "parts": message.parts,
        "text": message.text,
        "created_at": rfc3339(message.created_at),
        "sent_at": rfc3339(message.sent_at),
        "delivered_at": rfc3339(message.delivered_at),
    }


def incoming_json(message: Incoming) -> dict[str, Any]:
    """An incoming message for scripts."""
    return {
        "id": message.id,
        "sender": message.sender,
        "sim": message.sim,
        "text": message.text,
        "parts": message.parts,
        "complete": message.complete,
        "sent_at": rfc3339(message.sent_at),
        "received_at": rfc3339(message.received_at),
        "kind": message.kind,
        "tier": message.tier or None,
        "rule": message.rule,
        "review": message.review,
        "reviewed_at": rfc3339(message.reviewed_at),
        "reviewed_by": message.reviewed_by or None,
        "verdict": message.verdict or None,
        "canceled": message.canceled,
    }


def consent_json(one: Consent) -> dict[str, Any]:
    """A record of a consent, for scripts."""
    return {
        "purpose": one.purpose,
        "given": one.given,
        "method": one.method,
        "wording": one.wording or None,
        "wording_version": one.wording_version or None,
        "wording_language": one.wording_language or None,
        "wording_sha256": one.wording_sha256 or None,
        "evidence": one.evidence or None,
        "evidence_sha256": one.evidence_sha256 or None,
        "agreed_at": rfc3339(one.agreed_at),
        "recorded_by": one.recorded_by,
        "recorded_at": rfc3339(one.recorded_at),
    }


def optout_json(one: OptOut) -> dict[str, Any]:
    """An opt-out that holds."""
    return {
        "recipient": one.recipient,
        "origin": one.origin,
        "recorded_by": one.recorded_by,
        "recorded_at": rfc3339(one.recorded_at),
    }


def campaign_json(campaign: Campaign) -> dict[str, Any]:
    """A campaign, for scripts."""
    moments = ("start_at", "deadline", "created_at", "test_begun_at", "run_begun_at", "next_run_at", "ended_at")
    words = ("name", "purpose", "template", "audience_kind", "audience", "pool", "priority", "window", "repeat",
             "missed", "created_by", "state", "reason", "test_skipped", "run")  # fmt: skip
    return {name: getattr(campaign, name) for name in words} | {
        name: rfc3339(getattr(campaign, name)) for name in moments
    }


def sim_json(sim: Seen) -> dict[str, Any]:
    """A SIM with its limits and what is left of them."""
    settings, found = sim.settings, sim.found
    return {
        "name": settings.name,
        "pool": settings.pool,
        "iccid": settings.iccid or None,
        "imsi": settings.imsi or None,
        "line_allows": sorted(settings.line_allows) if settings.line_allows is not None else None,
        "state": sim.state,
        "port": found.port if found else None,
        "seen_at": rfc3339(found.seen_at) if found else None,
        "reports": {"sent": sim.heard.sent, "reported": sim.heard.reported},
        "suspended_until": rfc3339(found.suspended_until) if found else None,
        "limits": [
            {
                "limit": one.limit,
                "allowed": one.allowed,
                "used": one.used,
                "left": one.left,
                "renews_at": rfc3339(one.renews_at),
            }
            for one in sim.left
        ],
    }
