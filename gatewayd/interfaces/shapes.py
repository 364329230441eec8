"""What is told of messages, people and SIMs as JSON: the same keys from the command line and from the API."""

from __future__ import annotations

from typing import Any

from gatewayd.clock import rfc3339
from gatewayd.store.outbox import MessageRecord


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
