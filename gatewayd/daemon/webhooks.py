"""Webhooks in the daemon: a courier and a worker for each endpoint, so that one that is down delays no other.

Imported only where the configuration has `webhooks`: without them the daemon needs neither TLS nor HTTP. An endpoint
that does not answer is no illness of the daemon's; `status` and `webhooks list` tell of it.
"""

from __future__ import annotations

import threading

from gatewayd.clock import Clock
from gatewayd.config import Settings, WebhookSettings
from gatewayd.credentials import Credentials
from gatewayd.daemon.rules import interest_of
from gatewayd.daemon.supervision import Task, Worker
from gatewayd.domain.webhooks import place_of, secrets_of
from gatewayd.errors import ConfigurationError, UsageError
from gatewayd.interfaces.webhooks import Sender, Target
from gatewayd.services.webhooks import Courier, Endpoint
from gatewayd.store.engine import Database

PATIENCE = 3600.0
"""Seconds that a turn may take: a hundred deliveries, each as slow as it may be."""


class Couriers:
    """Those of all endpoints. `start` and `stop` belong to one thread. ConfigurationError: a secret is missing."""

    def __init__(self, settings: Settings, secrets: Credentials, database: Database, clock: Clock) -> None:
        endpoints = [Endpoint(one.name, interest_of(one), sender_of(one, secrets, clock)) for one in settings.webhooks]
        self._couriers = [Courier(endpoint, database, clock) for endpoint in endpoints]
        self._workers = [
            Worker(Task(f"webhook {endpoint.name}", courier.run_once, PATIENCE, threading.Event()), clock)
            for endpoint, courier in zip(endpoints, self._couriers, strict=True)
        ]

    def start(self) -> None:
        """Tell it."""
        for worker in self._workers:
            worker.start()

    def ask_to_stop(self) -> None:
        """No further delivery."""
        for courier, worker in zip(self._couriers, self._workers, strict=True):
            courier.stop()
            worker.ask_to_stop()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        return all(worker.join(seconds) for worker in self._workers)

    @property
    def alive(self) -> bool:
        """Whether they turn as they should; not whether anybody listens to them."""
        return all(worker.alive for worker in self._workers)

    @property
    def crashes(self) -> int:
        """Turns that ended in a defect."""
        return sum(worker.crashes for worker in self._workers)


def sender_of(one: WebhookSettings, secrets: Credentials, clock: Clock) -> Sender:
    """What sends to it. ConfigurationError: its secret is missing, or is none."""
    try:
        found = secrets_of(secrets.text(one.secret))
    except UsageError as error:
        raise ConfigurationError(f"the credential `{one.secret}` of the webhook {one.name}: {error}") from None
    return Sender(Target(place_of(one.url), found, one.allow, one.ca), clock)
