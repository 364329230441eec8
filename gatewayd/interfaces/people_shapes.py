"""What is told of one person, and of a list of people before it is written, as JSON: the same keys everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatewayd.clock import rfc3339
from gatewayd.domain.audit import Row
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.shapes import consent_json, incoming_json, message_json
from gatewayd.services.consents import ConsentPlan
from gatewayd.services.contacts import Plan, Rejected
from gatewayd.services.holdings import Holdings
from gatewayd.services.proof import Held
from gatewayd.store.contacts import Contact, Person
from gatewayd.store.people import Consent, OptOut
from gatewayd.store.questions import Question


def person_json(person: Person) -> dict[str, Any]:
    """What is kept of a person."""
    return {
        "number": person.number,
        "given_name": person.given_name or None,
        "family_name": person.family_name or None,
        "language": person.language or None,
        "fields": dict(person.fields),
    }


def contact_json(one: Contact) -> dict[str, Any]:
    """A contact."""
    return {
        "id": one.id,
        **person_json(one),
        "source": one.source,
        "created_at": rfc3339(one.created_at),
        "updated_at": rfc3339(one.updated_at),
    }


def holdings_json(held: Holdings) -> dict[str, Any]:
    """Everything that is held about a number."""
    return {
        "number": held.number,
        "contact": None if held.contact is None else contact_json(held.contact),
        "consents": [consent_json(one) for one in held.consents],
        "opt_outs": [optout_record_json(one) for one in held.optouts],
        "questions": [question_json(one) for one in held.questions],
        "messages": [message_json(one) for one in held.sent],
        "incoming": [incoming_json(one) for one in held.received],
    }


def question_json(one: Question) -> dict[str, Any]:
    """A question by SMS."""
    return {
        "purpose": one.purpose,
        "reason": one.reason,
        "asked_by": one.asked_by,
        "asked_at": rfc3339(one.asked_at),
        "deadline": rfc3339(one.deadline),
        "message": one.message_id,
        "answer": one.answer or None,
        "answered_at": rfc3339(one.answered_at),
    }


def optout_record_json(one: OptOut) -> dict[str, Any]:
    """An opt-out that holds, or held."""
    return {
        "origin": one.origin,
        "recorded_by": one.recorded_by,
        "recorded_at": rfc3339(one.recorded_at),
        "lifted_at": rfc3339(one.lifted_at),
        "lifted_by": one.lifted_by or None,
    }


def proof_json(held: Held) -> dict[str, Any]:
    """The proof of what a person agreed to."""
    active = next((one for one in held.optouts if one.lifted_at is None), None)
    return {
        "recipient": held.number,
        "opted_out_at": rfc3339(active.recorded_at) if active else None,
        "heard_at": rfc3339(held.heard_at),
        "consents": [{**consent_json(one), "audit": _sealed_json(held, one)} for one in held.consents],
        "questions": [question_json(one) for one in held.questions],
        "opt_outs": [optout_record_json(one) for one in held.optouts],
        "audit": [{"event": row.event, **_entry_json(row)} for row in held.entries],
    }


def _sealed_json(held: Held, one: Consent) -> dict[str, Any] | None:
    row = held.entry_of(one)
    return None if row is None else {**_entry_json(row), "sealed": held.seals(row, one)}


def _entry_json(row: Row) -> dict[str, Any]:
    return {"seq": row.seq, "at": row.at, "hash": row.hash.hex()}


def contact_plan_json(plan: Plan) -> dict[str, Any]:
    """What a list of people would change."""
    return {
        "new": [person_json(person) for person in plan.new],
        "changed": [
            {
                "number": one.new.number,
                "differences": [dict(zip(("field", "old", "new"), each, strict=True)) for each in one.differences],
            }
            for one in plan.changed
        ],
        "unchanged": plan.unchanged,
        "rejected": rejected_json(plan.rejected),
        "opted_out": plan.opted_out,
        "consents": len(plan.consents),
    }


def consent_plan_json(plan: ConsentPlan) -> dict[str, Any]:
    """What a list of agreements would record."""
    return {
        "new": [
            {
                "number": one.recipient,
                "purpose": one.purpose,
                "method": one.method,
                "agreed_at": rfc3339(one.agreed_at),
            }
            for one in plan.new
        ],
        "known": plan.known,
        "opted_out": plan.opted_out,
        "rejected": rejected_json(plan.rejected),
    }


def rejected_json(found: Sequence[Rejected]) -> list[dict[str, Any]]:
    """Rows that cannot be used, with the stable word of the reason where there is one."""
    return [
        {"line": one.line, "number": one.number, "reason": one.reason or None, "words": why_rejected(one)}
        for one in found
    ]


def why_rejected(one: Rejected) -> str:
    """In words."""
    return one.words or sentences.of_row(one.reason, "en")
