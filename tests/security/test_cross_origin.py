"""A page of another site, in a browser on this machine, sends a request that the browser lets through."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.serving import TO_ALICE, Serving

PAGES = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "https://localhost"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", PAGES)
def test_it_is_refused_even_with_a_token(api: Serving, headers: dict[str, str]) -> None:
    answer = api.ask("POST", "/v1/messages", api.token(), json=TO_ALICE, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:gatewayd:problem:cross-origin")
    assert api.count() == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_not_read(api: Serving, kind: str) -> None:
    body = b'{"purpose":"alerte","recipient":"06 39 98 00 01","text":"Bonjour"}'
    answer = api.ask("POST", "/v1/messages", api.token(), content=body, headers={"content-type": kind} if kind else {})
    assert answer.status_code == 415


def test_no_browser_is_told_that_it_may(api: Serving) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = api.ask("OPTIONS", "/v1/messages", headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith(("access-control", "set-cookie"))]


PAGE = """<body><script>
const body = JSON.stringify({purpose: 'alerte', recipient: '0639980001', text: 'x'});
const bearer = {'Authorization': 'Bearer TOKEN'};
const kannel = '/cgi-bin/sendsms?username=shop&password=TOKEN&to=0639980001&text=x';
const tries = [
  ['/v1/messages', {method: 'POST', body, headers: {...bearer, 'Content-Type': 'application/json'}}],
  ['/v1/messages', {method: 'POST', body, mode: 'no-cors'}],
  [kannel, {mode: 'no-cors'}],
  [kannel, {method: 'POST', mode: 'no-cors', body: new URLSearchParams({a: 1})}],
  ['/v1/inbox', {headers: bearer}],
  ['/health', {}],
];
(async () => {
  const told = [];
  for (const [path, how] of tries)
    told.push(await fetch('http://127.0.0.1:PORT' + path, how).then(answer => answer.type, () => 'refused'));
  document.body.textContent = 'TOLD ' + told.join(' ');
})();
</script></body>"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_in_a_real_browser_reaches_nothing(api: Serving, host: str) -> None:
    """The worst page: on this machine, so that no rule about private networks helps, and it knows a token."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium here (400 MiB): apt-get install chromium")
    token = api.token(purposes=["alerte"])
    with site(PAGE.replace("TOKEN", token).replace("PORT", str(api.port))) as port:
        look = [chromium, "--headless", "--no-sandbox", "--virtual-time-budget=20000", "--dump-dom"]
        done = subprocess.run(
            [*look, f"http://{host}:{port}/"], capture_output=True, text=True, timeout=150, check=False
        )
    assert "TOLD refused opaque opaque opaque refused refused" in done.stdout, done.stderr[-2000:]
    assert api.count() == 0


@contextmanager
def site(page: str) -> Iterator[int]:
    """Another site: a server that hands out one page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # (as the library wants it)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:  # (the test has nobody to tell it)
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
