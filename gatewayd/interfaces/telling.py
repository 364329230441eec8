"""What is told of something that happened, as JSON: one shape for webhooks and for whoever else is told."""

from __future__ import annotations

from typing import Any

from gatewayd.clock import rfc3339
from gatewayd.interfaces.shapes import campaign_json, incoming_json, message_json, optout_json
from gatewayd.services.webhooks import Thing
from gatewayd.store.campaigns import Campaign
from gatewayd.store.happenings import Occurrence
from gatewayd.store.inbox import Incoming
from gatewayd.store.outbox import MessageRecord
from gatewayd.store.people import OptOut
from gatewayd.store.sims import Sim


def event_json(what: Occurrence, thing: Thing) -> dict[str, Any]:
    """What is told of something that happened: `{"type", "timestamp", "data"}`."""
    return {"type": str(what.event), "timestamp": rfc3339(what.at), "data": _data(what, thing)}


def _data(what: Occurrence, thing: Thing) -> dict[str, Any]:
    match thing:
        case MessageRecord():
            return message_json(thing) | {"final": what.final}
        case Incoming():
            return incoming_json(thing)
        case OptOut():
            return optout_json(thing) | {"lifted_at": rfc3339(thing.lifted_at)}
        case Campaign():
            told = ("name", "purpose", "state", "reason", "run", "created_at", "ended_at")
            return {name: value for name, value in campaign_json(thing).items() if name in told}
        case Sim():
            return {"name": thing.name, "pool": thing.pool, "port": thing.port, "state": what.reason or "ok"}
