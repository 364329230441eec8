"""The tables, and what the database itself refuses.

The transitions of a message are those of `domain.message.TRANSITIONS`: triggers made from that table abort every other
change, whoever asks for it. A message has one running attempt at most, a part is sent once at most, and what is said
about an attempt is never taken back; the audit trail only grows. Names are the words of PRODUCT. Times are
microseconds since 1970, UTC.

Each message passes through these tables with the commit waiting, and each page changed is enciphered: so an index is
partial wherever it can be, and leaves out what few ask for. A query uses a partial index only if it repeats its
condition in the same words: READY, LATER, WAITING, OPEN, OWING and FILED are those words.

A file a subject: base (what tables are made with), queue, people, inbox, audit, campaigns, handler,
feeds, webhooks. `store/migrations.py` makes them in a file.
"""

from gatewayd.store.schema import audit, people, queue
from gatewayd.store.schema.audit import trail
from gatewayd.store.schema.base import metadata
from gatewayd.store.schema.campaigns import (
    campaign_approvals,
    campaign_recipients,
    campaign_rows,
    campaign_triggers,
    campaigns,
)
from gatewayd.store.schema.feeds import receipts, tokens
from gatewayd.store.schema.handler import handler_calls, imported
from gatewayd.store.schema.inbox import QUARANTINED, TO_REVIEW, arrivals, incoming
from gatewayd.store.schema.people import consents, contacts, optouts, questions, wordings
from gatewayd.store.schema.queue import (
    FILED,
    LATER,
    OPEN,
    OWING,
    READY,
    REMARKABLE,
    REMARKABLE_STATES,
    WAITING,
    attempts,
    batch_rows,
    batches,
    message_counts,
    messages,
    sim_recipients,
    sims,
)
from gatewayd.store.schema.webhooks import AWAITED, UNNOTED, deliveries, happenings, telling_triggers, webhooks

__all__ = [
    "AWAITED",
    "FILED",
    "LATER",
    "OPEN",
    "OWING",
    "QUARANTINED",
    "READY",
    "REMARKABLE",
    "REMARKABLE_STATES",
    "TO_REVIEW",
    "UNNOTED",
    "WAITING",
    "arrivals",
    "attempts",
    "batch_rows",
    "batches",
    "campaign_approvals",
    "campaign_recipients",
    "campaign_rows",
    "campaigns",
    "consents",
    "contacts",
    "deliveries",
    "handler_calls",
    "happenings",
    "imported",
    "incoming",
    "message_counts",
    "messages",
    "metadata",
    "optouts",
    "questions",
    "receipts",
    "sim_recipients",
    "sims",
    "telling_triggers",
    "tokens",
    "trail",
    "triggers",
    "webhooks",
    "wordings",
]


def triggers() -> list[str]:
    """What no constraint can say, as triggers of SQLite."""
    return [*queue.triggers(), *people.triggers(), *audit.triggers(), *campaign_triggers()]
