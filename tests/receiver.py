"""A program that is told what happens: a real HTTP server, which checks each signature by the library."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy1vbmx5"


@dataclass(frozen=True)
class Told:
    """A request whose signature was good."""

    id: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["type"])

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["data"]
        return found


class Receiver:
    """Listens on the loopback. `answer` says with which status, and which headers, each request is answered; `taken`
    are those that were answered well."""

    def __init__(self, secret: str = SECRET) -> None:
        self.told: list[Told] = []
        self.taken: list[Told] = []
        self.forged = 0
        self.answer: Callable[[Told], tuple[int, Mapping[str, str]]] = lambda _told: (204, {})
        self._news = threading.Condition()
        receiver, webhook = self, Webhook(secret)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                octets = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    body = webhook.verify(octets, headers)
                except WebhookVerificationError:
                    receiver.forged += 1
                    self.send_error(401)
                    return
                told = Told(headers["webhook-id"], self.path, headers, body)
                status, more = receiver.answer(told)
                with receiver._news:
                    receiver.told.append(told)
                    receiver.taken += [told] * (200 <= status < 300)
                    receiver._news.notify_all()
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/hooks"

    def types(self) -> list[str]:
        return [told.type for told in self.told]

    def wait_for(self, enough: Callable[[list[Told]], bool], seconds: float = 40.0) -> list[Told]:
        """Until what was told satisfies the question."""
        with self._news:
            heard = self._news.wait_for(lambda: enough(self.told), seconds)
        assert heard, [json.dumps(told.body) for told in self.told]
        return self.told

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
