"""Each client that docs/ names sends through a running daemon, as its page prints it, and hears what was answered.

What went out is said by the ledger of the simulated network; what came back, by the API and by SPOOL/incoming/.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import pytest

from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from tests.scenarios.installation import Installation
from tests.scenarios.printed import Printed

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("clients")]

ANSWER = "Bien reçu, j’arrive"
Found = TypeVar("Found")


class Gateway:
    """A daemon on one simulated SIM, its API on a socket and on a port, and the pages of docs/ for it."""

    def __init__(self, here: Installation, simulator: SimulatorProcess) -> None:
        self.here, self.simulator, self.port = here, simulator, free_port()
        self.socket = here.directory / "api.sock"
        with here.file.open("a") as stream:
            stream.write(f"api: {{socket: {self.socket}, listen: '127.0.0.1:{self.port}', events: true}}\n")
        self.printed = Printed(
            here,
            {
                "/run/gatewayd/api.sock": str(self.socket),
                "127.0.0.1:8787": f"127.0.0.1:{self.port}",
                "/etc/gatewayd-site.token": f"{here.directory}/site.token",
                "/etc/gatewayd-replies.token": f"{here.directory}/replies.token",
                "/etc/gatewayd-$token.token": f"{here.directory}/$token.token",
                "/etc/gatewayd-zabbix.token": f"{here.directory}/zabbix.token",
            },
        )
        self.token = str(here.json("tokens", "create", "looks", "--scope", "read", "--scope", "submit")["token"])
        for number in ("+33639980002", "+33639980003"):
            assert here.run("consents", "record", number, "-p", "events", "--method", "paper").returncode == 0

    def get(self, path: str) -> Any:
        transport, headers = httpx.HTTPTransport(uds=str(self.socket)), {"authorization": f"Bearer {self.token}"}
        with httpx.Client(transport=transport, base_url="http://localhost", headers=headers) as client:
            return client.get(path).raise_for_status().json()

    @contextmanager
    def sends(self, number: str, text: str) -> Iterator[None]:
        """What is done in here makes the network accept one message, this one, and no other."""
        before = len(self.simulator.ledger())
        yield
        self.simulator.wait(accepted=before + 1, seconds=60)
        assert [(one.destination, one.text) for one in self.simulator.ledger()[before:]] == [(number, text)]

    def is_answered(self, number: str) -> None:
        """The recipient writes back: the API tells it, and a file."""
        self.simulator.control("deliver", sim="a", sender=number, text=ANSWER)
        (message,) = until(lambda: self.get(f"/v1/inbox?sender={number[1:]}")["messages"])
        assert message["text"] == ANSWER
        until(lambda: [one for one in self.incoming() if number[1:] in one and ANSWER in one])

    def incoming(self) -> list[str]:
        return [path.read_text("utf-8") for path in (self.here.spool / "incoming").glob("a.*")]

    def answered(self, path: str) -> str:
        """A file of the spool, as far as it is there."""
        place = self.here.spool / path
        return place.read_text("utf-8") if place.exists() else ""

    def has_line(self, path: str, pattern: str) -> bool:
        return bool(re.search(rf"^{pattern}$", self.answered(path), re.MULTILINE))

    def drop(self, name: str, content: bytes) -> None:
        draft = self.here.spool / "drop" / f".{name}.part"
        draft.write_bytes(content)
        draft.rename(self.here.spool / "drop" / name)


def until(look: Callable[[], Found], seconds: float = 40) -> Found:
    """What is looked for, once it is there."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    place = tmp_path_factory.mktemp("clients")
    with start_process(["a"], "report=1", place / "sim") as simulator:
        here = Installation(place, tuple(simulator.ports.values()))
        iccid = simulator.identities["a"]["iccid"]
        with here.file.open("a") as stream:
            stream.write(f"sims: [{{name: a, iccid: '{iccid}'}}]\n")
        found = Gateway(here, simulator)
        (handler,) = [one for one in found.printed.blocks("feeds.md", "sh") if "RECEIVED" in one]
        noted = f'#!/bin/sh\necho "$@" >> {here.spool}/handled\n'
        program = found.printed.write("event", handler.replace("#!/bin/sh\n", noted), 0o755)
        with here.file.open("a") as stream:
            stream.write(f"event_handler: {{command: [{program}]}}\n")
        with here.daemon() as daemon:
            daemon.ready().all_modems_ok()
            yield found
            assert daemon.terminate() == 0


def test_curl_on_the_socket(gateway: Gateway) -> None:
    token, send, hear = gateway.printed.blocks("curl.md", "sh")
    with gateway.sends("+33639980001", "La sauvegarde de cette nuit a échoué."):
        said = gateway.printed.shell(token, send, send)  # the second time it is the same alert
    assert (gateway.here.directory / ".gatewayd-header").stat().st_mode & 0o777 == 0o600
    assert said[: len(said) // 2] == said[len(said) // 2 :]
    gateway.is_answered("+33639980001")
    heard = gateway.printed.shell(hear)
    assert '"state":"sent"' in heard or '"state":"delivered"' in heard
    assert ANSWER in heard


def test_curl_says_why_by_its_exit_status(gateway: Gateway) -> None:
    token, send, _ = gateway.printed.blocks("curl.md", "sh")
    assert '"reason": "landline"' in gateway.printed.shell(
        token.replace("backup", "refused"), send.replace("06 39 98 00 01", "01 99 00 12 34"), wants=22
    )


def test_the_page_of_the_api_as_it_is_printed(gateway: Gateway) -> None:
    token, send, _, kannel = gateway.printed.blocks("api.md", "sh")
    assert gateway.here.run("consents", "record", "+33639980001", "-p", "events", "--method", "paper").returncode == 0
    with gateway.sends("+33639980001", "La réunion est à 18 h."):
        assert '"state":"queued"' in gateway.printed.shell(token, send)
    gateway.here.run("tokens", "revoke", "zabbix")
    with gateway.sends("+33639980001", "Disque plein sur web1"):
        assert gateway.printed.shell(kannel) == "0: Accepted for delivery"


def test_the_stream_of_events_as_it_is_printed(gateway: Gateway) -> None:
    (stream,) = [one for one in gateway.printed.blocks("api.md", "sh") if "/v1/events" in one]
    heard = gateway.here.directory / "heard"

    def hears_of_it() -> bool:
        gateway.simulator.control("deliver", sim="a", sender="+33639980017", text=ANSWER)
        time.sleep(0.3)  # one that came before it listened is no news
        return "incoming.received" in heard.read_text()

    with (
        heard.open("w") as output,
        subprocess.Popen(
            ["bash", "-c", f"TOKEN={gateway.token}; exec {stream}"], stdout=output, stderr=output
        ) as listener,
    ):
        try:
            until(hears_of_it, 20)
        finally:
            listener.terminate()


def test_the_page_of_the_drop_folder_as_it_is_printed(gateway: Gateway) -> None:
    (drop,) = [block for block in gateway.printed.blocks("feeds.md", "sh") if "alert-" in block]
    with gateway.sends("+33639980001", "Server down"):
        gateway.printed.shell(drop)


def test_curl_by_tcp(gateway: Gateway) -> None:
    with gateway.sends("+33639980004", "Par le port"):
        body = json.dumps({"purpose": "alerte", "recipient": "06 39 98 00 04", "text": "Par le port"})
        said = gateway.printed.shell(
            f"curl -sS --fail-with-body http://127.0.0.1:{gateway.port}/v1/messages "
            f"-H 'Authorization: Bearer {gateway.token}' --json '{body}'"
        )
    assert json.loads(said)["state"] == "queued"
    gateway.is_answered("+33639980004")


def test_python_with_httpx(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    (token,) = gateway.printed.blocks("python.md", "sh")
    gateway.printed.shell(token)
    monkeypatch.setenv("HOME", str(gateway.here.directory))
    program: dict[str, Any] = {}
    page = "".join(gateway.printed.blocks("python.md", "python"))
    exec(page, program)  # noqa: S102  (the page, as it is printed)
    with gateway.sends("+33639980002", "Réunion à 18 h"):
        message = program["send"]("06 39 98 00 02", "Réunion à 18 h", "reunion-camille")
        assert program["send"]("06 39 98 00 02", "Réunion à 18 h", "reunion-camille") == message
    until(lambda: program["state"](message) in ("sent", "delivered"))
    assert program["send"]("06 39 98 00 09", "Réunion", "reunion-sans-accord") is None
    with pytest.raises(RuntimeError, match="landline"):
        program["send"]("01 99 00 12 34", "Réunion", "reunion-fixe")
    last = max([one["id"] for one in program["replies"]()], default=0)
    gateway.is_answered("+33639980002")
    assert [(one["sender"], one["text"]) for one in program["replies"](last)] == [("+33639980002", ANSWER)]
    gateway.is_answered("+33639980012")
    short: dict[str, Any] = {}
    exec(page.replace('"limit": 100', '"limit": 1'), short)  # noqa: S102  (the same, in pages of one)
    both = [one["sender"] for one in short["replies"](last)]
    assert both == ["+33639980002", "+33639980012"]
    for one in (program, short):
        one["gateway"].close()


@contextmanager
def web_server(site: Path) -> Iterator[httpx.Client]:
    """PHP's own, on the pages of a folder."""
    if shutil.which("php") is None:
        pytest.skip("there is no PHP here: apt-get install php-cli php-curl (CI has it)")
    port = free_port()
    with subprocess.Popen(["php", "-S", f"127.0.0.1:{port}", "-t", site], stderr=subprocess.DEVNULL) as server:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=40) as browser:
                until(lambda: answers(browser))
                yield browser
        finally:
            server.terminate()


def answers(browser: httpx.Client) -> bool:
    try:
        browser.get("/")
    except httpx.TransportError:
        return False
    return True


def test_a_form_in_php(gateway: Gateway) -> None:
    site = gateway.here.directory / "site"
    site.mkdir()
    for name, page in zip(("gateway", "inscription", "reponses"), gateway.printed.blocks("php.md", "php"), strict=True):
        (site / f"{name}.php").write_text(page, "utf-8")
    gateway.printed.shell(*gateway.printed.blocks("php.md", "sh"))
    assert {file.stat().st_mode & 0o777 for file in gateway.here.directory.glob("*.token")} >= {0o400}
    scopes = {one["name"]: one["scopes"] for one in gateway.here.json("tokens", "list")}
    assert (scopes["site"], scopes["site-replies"]) == (["submit"], ["read"]), "strangers' page can read nothing"
    with web_server(site) as browser:
        form = browser.get("/inscription.php").text
        (key,) = re.findall('name="form" value="([0-9a-f]{32})"', form)
        text = "Amicale des Jardins : votre inscription est notée. STOP pour ne plus recevoir de SMS."
        with gateway.sends("+33639980003", text):
            for _ in range(2):  # somebody clicks twice
                answer = browser.post("/inscription.php", data={"form": key, "phone": "06.39.98.00.03"})
                assert "un SMS arrive" in answer.text
        refused = browser.post("/inscription.php", data={"form": "0" * 32, "phone": "01 99 00 12 34"})
        assert "un SMS arrive" not in refused.text
        stranger = browser.post("/inscription.php", data={"form": "1" * 32, "phone": "06 39 98 00 09"})
        assert stranger.text == answer.text  # whom nothing may be sent to is nobody else's business
        gateway.is_answered("+33639980003")
        assert ANSWER in browser.get("/reponses.php").text


def test_zabbix_and_nagios_by_the_script(gateway: Gateway) -> None:
    token, script, look = gateway.printed.blocks("zabbix.md", "sh")
    gateway.here.run("tokens", "revoke", "zabbix")
    gateway.printed.shell(token)
    program = gateway.printed.write("sms.sh", script, 0o755)
    alert = "PROBLEM web1/disk : plein à 98 % & plus"
    with gateway.sends("+33639980005", alert):
        said = gateway.printed.shell(f'{program} "$@"', words=("+33639980005", alert))
    assert said == "0: Accepted for delivery"
    gateway.is_answered("+33639980005")
    assert ANSWER in gateway.printed.shell(look)
    assert "rejected" in gateway.printed.shell(f"{program} 15 x", wants=22)


CALLS: Mapping[str, str] = {
    # An alert script for Zabbix as people publish it: blanks alone are encoded, and the plus is not.
    "+33639980006": "curl --silent --location --request GET "
    '"http://127.0.0.1:{port}/cgi-bin/sendsms?username=kannel&password={token}&from=Zabbix&to={to}&text=Probl%20web1"',
    # RapidPro's channel: everything, in the order of the alphabet, a callback among it.
    "+33639980007": 'curl --silent "http://127.0.0.1:{port}/cgi-bin/sendsms?charset=utf8&coding=2&dlr-mask=27'
    "&dlr-url=https%3A%2F%2Frp.example%2Fc%2Fkn%2F1%2Fstatus%3Fuuid%3D2%26status%3D%25d&from=2020"
    '&password={token}&priority=1&text=Probl%20web1&to=%2B{to_digits}&username=kannel"',
    # Nagios with wget.
    "+33639980008": "wget -q -O - "
    "'http://127.0.0.1:{port}/cgi-bin/sendsms?username=kannel&password={token}&to={to_digits}&text=Probl+web1'",
    # PHP's file_get_contents, which speaks HTTP its own way.
    "+33639980010": "php -r 'echo file_get_contents("
    '"http://127.0.0.1:{port}/cgi-bin/sendsms?username=kannel&password={token}&to=00{to_digits}&text=Probl%20web1");\'',
}


@pytest.mark.parametrize("number", CALLS)
def test_programs_that_know_kannel_call_it_by_its_address(gateway: Gateway, number: str) -> None:
    call = CALLS[number]
    if shutil.which(call.split()[0]) is None:
        pytest.skip(f"there is no {call.split()[0]} here (CI has it)")
    gateway.here.run("tokens", "revoke", "kannel")
    token = gateway.here.json("tokens", "create", "kannel", "--scope", "submit", "--purpose", "alerte")["token"]
    with gateway.sends(number, "Probl web1"):
        said = gateway.printed.shell(call.format(port=gateway.port, token=token, to=number, to_digits=number[1:]))
    assert said == "0: Accepted for delivery"
    gateway.is_answered(number)


def test_what_is_no_address_is_refused_and_not_guessed_at(gateway: Gateway) -> None:
    url = f"http://127.0.0.1:{gateway.port}/cgi-bin/sendsms?username=u&password=p&to=0639980011&text=Réunion"
    assert gateway.printed.shell(f"curl -s -o /dev/null -w '%{{http_code}}' '{url}'") == "400"


def test_a_browser_on_a_page_of_another_site_sends_nothing(gateway: Gateway) -> None:
    """Each request that a fetch of another origin can make a browser send, preflight or none, as browsers send them."""
    page = {
        "Host": f"127.0.0.1:{gateway.port}",
        "Origin": "https://evil.example",
        "Referer": "https://evil.example/",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    }
    body = json.dumps({"purpose": "alerte", "recipient": "06 39 98 00 11", "text": "x"})
    bearer = {"Authorization": f"Bearer {gateway.token}"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    no_cors = {"Sec-Fetch-Mode": "no-cors", "Content-Type": "text/plain;charset=UTF-8"}
    navigation = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    before = gateway.get("/v1/messages")["messages"]
    for method, path, more, content in (
        ("OPTIONS", "/v1/messages", asked, None),
        ("POST", "/v1/messages", no_cors, body),
        ("POST", "/v1/messages", {"Content-Type": "application/json", **bearer}, body),
        ("GET", "/v1/inbox", bearer, None),
        ("GET", "/cgi-bin/sendsms?username=u&password=p&to=0639980011&text=x", no_cors, None),
        ("GET", "/health", navigation, None),
    ):
        answer = asked_raw(gateway.port, method, path, page | more, content)
        assert answer.status == 403, (method, path)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")], (method, path)
    assert gateway.get("/v1/messages")["messages"] == before


def asked_raw(port: int, method: str, path: str, headers: Mapping[str, str], content: str | None) -> SimpleNamespace:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, content, dict(headers))
        answer = connection.getresponse()
        answer.read()
        return SimpleNamespace(status=answer.status, headers=dict(answer.getheaders()))
    finally:
        connection.close()


def test_a_list_in_the_drop_folder(gateway: Gateway) -> None:
    with gateway.sends("+33639980042", "Réunion à 18 h"):
        gateway.drop("membres.csv", "téléphone;texte\n06 39 98 00 42;Réunion à 18 h\n".encode("cp1252"))
    gateway.is_answered("+33639980042")
    report = gateway.here.spool / "done" / "membres.csv.report.csv"
    until(lambda: "envoyé" in report.read_text("utf-8-sig") or "remis" in report.read_text("utf-8-sig"))


def test_json_lines(gateway: Gateway) -> None:
    with gateway.sends("+33639980013", "Réunion à 19 h"):
        gateway.drop("membres.jsonl", '{"to": "06 39 98 00 13", "text": "Réunion à 19 h"}\n'.encode())
    gateway.is_answered("+33639980013")


def test_smstools3(gateway: Gateway) -> None:
    with gateway.sends("+33639980014", "The cellar is flooding."):
        gateway.drop("alert.1", b"To: 33639980014\nAlphabet: UTF\nPriority: high\n\nThe cellar is flooding.\n")
    answered = gateway.here.spool / "done" / "alert.1"
    until(lambda: b"\nSent: " in answered.read_bytes())
    assert b"\nModem: a\n" in answered.read_bytes()
    gateway.is_answered("+33639980014")
    (came,) = [one for one in gateway.incoming() if "33639980014" in one]
    assert re.match(r"From: 33639980014\nFrom_TOA: 91 .*\n(?:\w+: .*\n)+\n", came)


def test_an_event_handler_answers_as_the_page_prints_it(gateway: Gateway) -> None:
    """Called as smsd calls its own: for what was sent, failed and came in; and its answer goes out."""
    with gateway.sends("+33639980016", "Bonjour"):
        gateway.drop("alert.2", b"To: 33639980016\nReport: yes\n\nBonjour")
    (reference,) = until(lambda: re.findall("Message_id: ([0-9]+)", gateway.answered("done/alert.2")))
    gateway.drop("alert.3", b"To: 0199001234\n\nx")
    with gateway.sends("+33639980016", "Ouvert du mardi au samedi, de 9 h à 12 h."):
        gateway.simulator.control("deliver", sim="a", sender="+33639980016", text="Horaires")
    for expected in (
        rf"SENT {gateway.here.spool}/done/alert\.2 {reference}",
        rf"REPORT {gateway.here.spool}/incoming/a\.r[0-9]+ {reference}",
        rf"FAILED {gateway.here.spool}/rejected/alert\.3",
        rf"RECEIVED {gateway.here.spool}/incoming/a\.[0-9]+",
    ):
        until(partial(gateway.has_line, "handled", expected))


def test_gammu_smsd(gateway: Gateway) -> None:
    with gateway.sends("+33639980015", "Déjà minuit"):
        gateway.drop("OUTA_+33639980015_00.txt", "Déjà minuit".encode("utf-16"))
    assert until((gateway.here.spool / "done" / "OUTA_+33639980015_00.txt").exists)
    gateway.is_answered("+33639980015")
