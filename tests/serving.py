"""The HTTP API of a gateway without modems: a real database, real sockets, the clock of the machine."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from gatewayd.clock import SystemClock
from gatewayd.domain.lint import Sender
from gatewayd.domain.purpose import STRICTEST, Basis, MessageClass, Purpose
from gatewayd.domain.token import Scope
from gatewayd.interfaces.http import app
from gatewayd.interfaces.http.here import Services
from gatewayd.interfaces.http.server import HttpServer, tcp_socket, unix_socket
from gatewayd.services.allowance import Rules
from gatewayd.services.audience import House
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.consents import ConsentBook
from gatewayd.services.intake import Intake, NumberRules
from gatewayd.services.space import Space
from gatewayd.services.submissions import Submissions
from gatewayd.services.tokens import Gatekeeper, TokenDesk
from gatewayd.store.campaigns import Campaigns
from gatewayd.store.engine import Database
from gatewayd.store.inbox import Inbox
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People
from gatewayd.store.sims import Sims

PURPOSES = {
    "events": Purpose("events", "Evénements", Basis.CONSENT),
    "alerte": Purpose("alerte", "Alertes", Basis.VITAL_INTEREST, message_class=MessageClass.ALERT),
}
ALICE, ALICE_E164 = "06 39 98 00 01", "+33639980001"
TO_ALICE = {"purpose": "alerte", "recipient": ALICE, "text": "Bonjour"}


class Serving:
    """A server on a Unix socket and on loopback TCP; `woken` counts how often the dispatcher would have been woken."""

    def __init__(self, directory: Path, *, space: Space | None = None) -> None:
        self.directory, self.clock, self.woken = directory, SystemClock(), 0
        self.database = Database.open(directory / "gatewayd.db", key=bytes(32))
        self.outbox, self.people, numbers = Outbox(self.database), People(self.database), NumberRules("FR")
        intake = Intake(
            self.database,
            self.outbox,
            self.people,
            purposes=PURPOSES,
            numbers=numbers,
            clock=self.clock,
            space=space,
        )
        self.submissions = Submissions(self.database, intake, self.clock, queued=self._wake)
        house = House(
            Sender("Amicale", "", "", "fr"), Rules(PURPOSES, ZoneInfo("Europe/Paris"), (), STRICTEST), numbers
        )
        self.desk = TokenDesk(self.database, self.clock, purposes=PURPOSES)
        services = Services(
            clock=self.clock,
            gatekeeper=Gatekeeper(self.database, self.clock),
            submissions=self.submissions,
            outbox=self.outbox,
            people=self.people,
            book=ConsentBook(
                self.database, purposes=PURPOSES, numbers=numbers, clock=self.clock, moment=datetime.fromisoformat
            ),
            inbox=Inbox(self.database),
            sims=Sims(self.database),
            desk=CampaignDesk(self.database, house, self.clock),
            campaigns=Campaigns(self.database),
            numbers=numbers,
            lines=lambda: [],
            words=lambda _purpose: None,
            changed=self._wake,
            well=lambda: True,
        )
        self.path, tcp = directory / "api.sock", tcp_socket("127.0.0.1", 0)
        self.port: int = tcp.getsockname()[1]
        self.app = app.build(services, hosts=["sms.example.org"])
        self._server = HttpServer(self.app, [unix_socket(self.path), tcp])
        self._server.start()

    def _wake(self) -> None:
        self.woken += 1

    def token(self, *scopes: Scope, name: str = "shop", **how: Any) -> str:
        """A token; submit and read, if nothing is said."""
        return self.desk.create(name, scopes=scopes or (Scope.SUBMIT, Scope.READ), by="test", **how)

    def client(self, token: str = "", *, tcp: bool = False) -> httpx.Client:
        """A client on the Unix socket, or on TCP; close it, or use it in a `with`."""
        given = {"authorization": f"Bearer {token}"} if token else {}
        address = f"http://127.0.0.1:{self.port}" if tcp else "http://localhost"
        transport = httpx.HTTPTransport() if tcp else httpx.HTTPTransport(uds=str(self.path))
        return httpx.Client(base_url=address, transport=transport, headers=given, timeout=30)

    def ask(self, method: str, path: str, token: str = "", *, headers: Mapping[str, Any] = {}, **how: Any) -> Any:
        """One request on the Unix socket."""
        with self.client(token) as client:
            return client.request(method, path, headers=dict(headers), **how)

    def raw(self, octets: bytes) -> bytes:
        """What is answered to these octets, until the other side closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(octets)
            found = b""
            while more := connection.recv(65536):
                found += more
            return found

    def count(self) -> int:
        """How many messages there are."""
        return sum(self.outbox.counts().values())

    def close(self) -> None:
        self._server.ask_to_stop()
        assert self._server.join(20)
        self.database.close()
