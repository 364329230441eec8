"""What is told of campaigns as JSON: the same keys from the command line and from the API."""

from __future__ import annotations

from collections.abc import Sequence

from gatewayd.clock import rfc3339
from gatewayd.domain.lint import Remark
from gatewayd.interfaces.shapes import campaign_json
from gatewayd.services.campaigns import Tested
from gatewayd.services.explaining import Explanation, Told
from gatewayd.services.reporting import Report
from gatewayd.store.campaigns import Approval, Campaign


def shown_json(campaign: Campaign, approvals: Sequence[Approval], tested: Tested | None) -> dict[str, object]:
    """A campaign with who agreed to it and how its test stands."""
    agreed = [{"by": one.approved_by, "at": rfc3339(one.approved_at), "recipients": one.size} for one in approvals]
    test = None
    if tested is not None:
        numbers = [
            {"number": number, "state": state, "received": received} for number, state, received in tested.states
        ]
        test = {"numbers": numbers, "stop_and_start_tried": tested.stop_tried}
    return campaign_json(campaign) | {"approvals": agreed, "test": test}


def explanation_json(found: Explanation) -> dict[str, object]:
    """What a campaign would do, without the people."""
    return {
        "campaign": found.campaign.name,
        "people": found.size,
        "included": found.included,
        "reasons": dict(found.reasons),
        "parts": found.parts,
        "alphabets": dict(found.alphabets),
        "forcing_ucs2": dict(found.forcing),
        "price": found.price,
        "approvals_needed": found.approvals,
        "opens_at": rfc3339(found.opens_at),
        "ends_at": rfc3339(found.ends_at),
        "expires_at": rfc3339(found.expires_at),
        "waits_for": dict(found.waits),
        "late": found.late,
        "remarks": [remark_json(one) for one in found.remarks],
        "sims": [
            {"sim": one.sim, "messages": one.messages, "parts": one.parts, "price": one.price,
             "new_recipients": one.new, "left": one.left, "left_after": one.left_after, "over_limit": one.waiting,
             "ends_at": rfc3339(one.ends_at), "by_deadline": one.by_deadline}
            for one in found.shares
        ],
        "sample": [{"recipient": number, "text": text} for number, text in found.sample],
    }  # fmt: skip


def remark_json(one: Remark) -> dict[str, object]:
    """What a text does not tell, or a line may not carry."""
    return {"about": one.about, "remark": one.words}


def told_json(one: Told) -> dict[str, object]:
    """What one person would get, or why not."""
    return {
        "recipient": one.number,
        "reason": one.reason or None,
        "alphabet": one.alphabet or None,
        "parts": one.parts,
    }


def foretold_json(one: Told) -> dict[str, object]:
    """And from which SIM, about when, and what keeps it back: known where the whole campaign was looked at."""
    return told_json(one) | {
        "sim": one.sim or None,
        "leaves_at": rfc3339(one.leaves_at),
        "waits_for": one.waits_for or None,
        "late": one.late,
    }


def report_json(found: Report) -> dict[str, object]:
    """What became of a campaign."""
    return {
        "campaign": found.campaign.name,
        "state": found.campaign.state,
        "accepted": found.accepted,
        "sent": found.sent,
        "states": {str(state): count for state, count in found.states.items()},
        "failed_by_cause": dict(found.causes),
        "blocked_by_reason": dict(found.blocked),
        "left_out_by_reason": found.left_out,
        "optouts": found.optouts,
        "optout_percent": found.optout_percent,
        "replies": found.replies,
        "parts": found.parts,
        "cost": found.cost,
        "sims": [
            {"sim": sim.name, "sent": sim.sent, "delivered": sim.delivered, "failed": sim.failed, "parts": sim.parts,
             "cost": sim.price}
            for sim in found.sims
        ],
        "sent_by_hour": [{"hour": rfc3339(hour), "sent": count} for hour, count in found.hours],
        "submissions": found.submissions,
        "messages_submitted": found.submitted,
        "messages_to_others": found.strays,
        "texts_with_others_numbers": found.betrayed,
    }  # fmt: skip
