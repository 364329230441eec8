"""The API of a running daemon, from outside: accepted, sent by the simulated SIM, seen as sent."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
from structlog.testing import capture_logs

from gatewayd.daemon.api import LOOK, LOOK_AGAIN, Door
from gatewayd.interfaces.http.server import tcp_socket
from tests.scenarios.installation import ROOT, Installation
from tests.scenarios.world import FakeClock
from tests.serving import Serving

SENT = ("sent", "delivered")


def test_a_program_sends_a_message_and_learns_what_became_of_it(tmp_path: Path) -> None:
    here, path = Installation(tmp_path, ("sim://a",)), tmp_path / "api.sock"
    with here.file.open("a") as stream:
        stream.write(f"api: {{socket: {path}}}\n")
    token = here.json("tokens", "create", "shop", "--scope", "submit")["token"]
    headers = {"authorization": f"Bearer {token}"}
    with here.daemon() as daemon:
        daemon.ready()
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://localhost", headers=headers) as client:
            body = {"purpose": "alerte", "recipient": "06 39 98 00 01", "text": "Bonjour"}
            accepted = client.post("/v1/messages", json=body)
            assert accepted.status_code == 202
            place = f"/v1/messages/{accepted.json()['id']}"
            deadline = time.monotonic() + 40
            while client.get(place).json()["state"] not in SENT and time.monotonic() < deadline:
                time.sleep(0.1)
            assert client.get(place).json()["state"] in SENT
            assert client.get("/health").status_code == 200
            assert here.run("tokens", "revoke", "shop").returncode == 0
            assert client.get(place).status_code == 401
        assert daemon.terminate() == 0
    assert not path.exists()
    (listed,) = here.json("tokens", "list")
    assert listed["last_used_at"] is not None
    assert listed["revoked_at"] is not None


def test_a_folder_that_takes_the_name_of_a_tokens_feed_is_refused_at_the_start(tmp_path: Path) -> None:
    here = Installation(tmp_path)
    here.add(f"api: {{socket: {tmp_path / 'api.sock'}}}\n")
    here.json("tokens", "create", "rappels", "--scope", "submit")
    settings = here.file.read_text()
    here.file.write_text(settings.replace("purpose: alerte}]", "purpose: alerte}, {folder: rappels, purpose: alerte}]"))
    refused = here.run("run")
    assert refused.returncode == 2
    assert "the drop folder 'rappels' has the name of the feed of the token 'rappels'" in refused.stderr
    assert here.run("tokens", "revoke", "rappels").returncode == 0
    with here.daemon() as daemon:
        daemon.ready()
        assert daemon.terminate() == 0


def test_a_place_where_it_cannot_listen_stops_nothing_else(tmp_path: Path) -> None:
    here = Installation(tmp_path)
    with here.file.open("a") as stream:
        stream.write(f"api: {{socket: {tmp_path}/nowhere/api.sock}}\n")
    with here.daemon() as daemon:
        daemon.ready()
        assert "api.not_listening" in daemon.log.read_text()
        assert daemon.terminate() == 0


def test_a_port_that_another_has_closes_no_socket(tmp_path: Path) -> None:
    here, path = Installation(tmp_path), tmp_path / "api.sock"
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        with here.file.open("a") as stream:
            stream.write(f"api: {{socket: {path}, listen: '{place}'}}\n")
        with here.daemon() as daemon:
            daemon.ready()
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
                assert client.get("http://localhost/health").status_code == 200
            told = daemon.log.read_text()
            assert daemon.terminate() == 0
    assert f"listen={place}" in next(line for line in told.splitlines() if "api.not_listening" in line)
    assert not path.exists()


def test_a_port_that_is_free_again_is_taken(api: Serving) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        clock = FakeClock()
        door = Door(api.app, clock, "listen", f"127.0.0.1:{port}", partial(tcp_socket, "127.0.0.1", port))
        with capture_logs() as logs:
            assert not door.open()
            waits = []
            for _ in range(3):  # the other doors are looked at meanwhile
                waits.append(door.turn())
                clock.advance(10)
            assert (waits, door.turn()) == ([LOOK_AGAIN, LOOK_AGAIN - 10, LOOK_AGAIN - 20], LOOK_AGAIN)
        assert len(logs) == 2, "it is told when it was tried"
    clock.advance(LOOK_AGAIN)
    while door.turn() != LOOK:  # until its loop gives a sign of life
        pass
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    door.ask_to_stop()
    door.close()


def test_a_daemon_without_it_does_not_even_load_its_libraries() -> None:
    look = "import sys, gatewayd.cli.main, gatewayd.daemon.process; print({'fastapi', 'uvicorn'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_program_hears_of_its_message_and_of_the_end(tmp_path: Path) -> None:
    here, path = Installation(tmp_path, ("sim://a",)), tmp_path / "api.sock"
    with here.file.open("a") as stream:
        stream.write(f"api: {{socket: {path}, events: true}}\n")
    token = here.json("tokens", "create", "shop", "--scope", "submit")["token"]
    headers, transport = {"authorization": f"Bearer {token}"}, httpx.HTTPTransport(uds=str(path))
    client = httpx.Client(transport=transport, base_url="http://localhost", headers=headers, timeout=40)
    with here.daemon() as daemon, client:
        daemon.ready()
        with client.stream("GET", "/v1/events") as told:
            lines = told.iter_lines()
            assert next(lines) == ": listening"
            body = {"purpose": "alerte", "recipient": "06 39 98 00 01", "text": "Bonjour"}
            assert client.post("/v1/messages", json=body).status_code == 202
            names = (line.removeprefix("event: ") for line in lines if line.startswith("event: "))
            assert [next(names), next(names)] == ["message.queued", "message.sent"]
            daemon.process.terminate()
            assert [name for name in names if not name.startswith("message.")] == []
        assert daemon.process.wait(40) == 0
