"""The HTTP API of a gateway without modems: a real database, real sockets, the clock of the machine."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from gatewayd.clock import SystemClock
from gatewayd.domain.campaign import CampaignRules
from gatewayd.domain.field import Field, FieldType
from gatewayd.domain.lint import Sender
from gatewayd.domain.purpose import STRICTEST, Basis, MessageClass, Purpose, PurposeWording, SimSettings
from gatewayd.domain.token import Scope
from gatewayd.interfaces.http import app
from gatewayd.interfaces.http.here import Services
from gatewayd.interfaces.http.server import HttpServer, tcp_socket, unix_socket
from gatewayd.services.allowance import Rules
from gatewayd.services.audience import House
from gatewayd.services.intake import NumberRules
from gatewayd.services.space import Space
from gatewayd.services.tokens import TokenDesk
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People
from gatewayd.store.webhooks import Webhooks
from tests.documented import Document

PURPOSES = {
    "events": Purpose(
        "events", "Evénements", Basis.CONSENT, wording=PurposeWording("une fois par mois", "association")
    ),
    "alerte": Purpose("alerte", "Alertes", Basis.VITAL_INTEREST, message_class=MessageClass.ALERT),
}
FIELDS = {
    "ville": Field("ville", FieldType.TEXT, "où"),
    "paye": Field("paye", FieldType.BOOLEAN, "cotisation"),
    "part": Field("part", FieldType.NUMBER, "cotisation"),
}
TRUSTED = "+33639980098"
HOUSE: dict[str, Any] = {
    "fields": FIELDS,
    "segments": {"lyon": 'ville = "Lyon"'},
    "rules": CampaignRules(trusted_numbers=(TRUSTED,)),
}
ALICE, ALICE_E164 = "06 39 98 00 01", "+33639980001"
TO_ALICE = {"purpose": "alerte", "recipient": ALICE, "text": "Bonjour"}


@cache
def _document() -> Document:
    """The same for all: made once, for that takes a while."""
    return Document(app.document())


class Serving:
    """A server on a Unix socket and on loopback TCP; `woken` counts how often the dispatcher would have been woken."""

    def __init__(
        self, directory: Path, *, space: Space | None = None, sims: Sequence[SimSettings] = (), events: bool = False
    ) -> None:
        self.directory, self.clock, self.woken = directory, SystemClock(), 0
        self.database = Database.open(directory / "gatewayd.db", key=bytes(32))
        self.outbox, self.people = Outbox(self.database), People(self.database)
        Webhooks(self.database).configure({}, listeners=events)
        self.desk = TokenDesk(self.database, self.clock, purposes=PURPOSES)
        sending = Rules(PURPOSES, ZoneInfo("Europe/Paris"), sims, STRICTEST)
        services = Services(
            self.database,
            House(Sender("Amicale", "rgpd@example.org"), sending, NumberRules("FR"), **HOUSE),
            self.clock,
            space=space,
            lines=lambda: [],
            changed=self._wake,
            well=lambda: True,
            events=events,
        )
        self.services, self.submissions = services, services.submissions
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
        hooks = {"response": [self._check]}
        return httpx.Client(base_url=address, transport=transport, headers=given, timeout=30, event_hooks=hooks)

    def _check(self, answer: httpx.Response) -> None:
        """Each answer of each test is as the document says."""
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return
        answer.read()
        _document().check(answer)

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
        self.services.streams.end()
        self._server.ask_to_stop()
        assert self._server.join(20)
        self.database.close()
