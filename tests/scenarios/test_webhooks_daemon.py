"""Webhooks of a running daemon, from outside: a real receiver is told what a modem in another process has done."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gatewayd.modem.simulator.process import start_process
from tests.receiver import SECRET, Receiver
from tests.scenarios.installation import ROOT, Installation

ALICE, ALICE_E164, BOB = "06 39 98 00 01", "+33639980001", "+33639980002"


@pytest.fixture
def app() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def installed(directory: Path, *receivers: Receiver, ports: tuple[str, ...] = ("sim://a",)) -> Installation:
    here = Installation(directory, ports)
    names = ["app", *(f"app{n}" for n in range(2, 9))]
    lines = [
        f"- {{name: {name}, url: '{one.url}', secret: app}}\n" for name, one in zip(names, receivers, strict=False)
    ]
    here.add("webhooks:\n" + "".join(lines))
    here.give("app", SECRET)
    return here


def api(path: Path, token: str) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(path))
    return httpx.Client(transport=transport, base_url="http://localhost", headers={"authorization": f"Bearer {token}"})


@pytest.mark.timeout(120)
def test_what_is_sent_by_the_api_is_told_when_it_arrives_and_so_is_the_stop(tmp_path: Path, app: Receiver) -> None:
    with start_process(["a"], "", tmp_path / "sim") as simulator:
        here = installed(tmp_path, app, ports=tuple(simulator.ports.values()))
        path = tmp_path / "api.sock"
        here.add(f"api: {{socket: {path}}}\n")
        token = here.json("tokens", "create", "shop", "--scope", "submit")["token"]
        with here.daemon() as daemon:
            daemon.ready().all_modems_ok()
            with api(path, token) as client:
                body = {"purpose": "alerte", "recipient": ALICE, "text": "Votre colis est là."}
                accepted = client.post("/v1/messages", json=body).json()
            app.wait_for(lambda told: any(one.type == "message.delivered" for one in told))
            simulator.control("deliver", sim="a", sender=ALICE_E164, text="STOP")
            app.wait_for(lambda told: {"optout.made", "incoming.received"} <= {one.type for one in told})
            assert daemon.terminate() == 0
    own = [one for one in app.told if one.data.get("id") == accepted["id"] and one.type.startswith("message.")]
    assert [one.type for one in own] == ["message.queued", "message.sent", "message.delivered"]
    assert [one.data["final"] for one in own] == [False, False, True]
    assert {(one.data["feed"], one.data["recipient"]) for one in own} == {("shop", ALICE_E164)}
    (reply,) = (one.data for one in app.told if one.type == "incoming.received")
    assert (reply["sender"], reply["text"], reply["kind"]) == (ALICE_E164, "STOP", "opt_out")
    assert app.forged == 0
    log = daemon.log.read_text()
    assert ALICE_E164 not in log
    assert SECRET not in log


@pytest.mark.timeout(120)
def test_what_the_command_line_does_beside_a_stopped_daemon_is_told_when_it_is_back(
    tmp_path: Path, app: Receiver
) -> None:
    here = installed(tmp_path, app, ports=())
    with here.daemon() as daemon:
        daemon.ready()
        assert daemon.terminate() == 0
    assert here.run("send", "-p", "alerte", BOB, "un").returncode == 0
    assert here.run("messages", "cancel", "1").returncode == 0
    assert here.run("optouts", "add", ALICE).returncode == 0
    assert app.told == []
    (listed,) = here.json("webhooks", "list")
    assert (listed["pending"], listed["state"]) == (3, "ok")
    with here.daemon() as daemon:
        daemon.ready()
        app.wait_for(lambda told: len(told) >= 3)
        assert daemon.terminate() == 0
    assert app.types() == ["message.queued", "message.canceled", "optout.made"]
    (listed,) = here.json("webhooks", "list")
    assert (listed["pending"], listed["dead"], listed["told"]) == (0, 0, 3)


@pytest.mark.timeout(180)
def test_killed_at_any_moment_it_tells_everything_at_least_once(tmp_path: Path, app: Receiver) -> None:
    here = installed(tmp_path, app, ports=())  # what a modem was doing when it was killed, nobody would know
    canceled = range(1, 7)
    for id_ in canceled:
        with here.daemon() as daemon:
            daemon.ready()
            known = len(app.told)
            assert here.run("send", "-p", "alerte", BOB, f"numéro {id_}").returncode == 0
            assert here.run("messages", "cancel", str(id_)).returncode == 0
            if id_ % 2:
                app.wait_for(lambda told, known=known: len(told) > known)  # type: ignore[misc]  # mypy and defaults
            daemon.kill()
    with here.daemon() as daemon:
        daemon.ready()
        app.wait_for(lambda told: {one.data["id"] for one in told if one.data["final"]} == {*canceled})
        assert daemon.terminate() == 0
    keys = {(one.type, one.data["id"], one.id) for one in app.told}
    assert len(keys) == len({key[:2] for key in keys}) == 2 * len(canceled)  # twice perhaps, but under one key


@pytest.mark.timeout(120)
def test_killed_between_the_answer_and_its_record_it_tells_the_same_once_more(tmp_path: Path, app: Receiver) -> None:
    here = installed(tmp_path, app, ports=())
    with here.daemon() as daemon:
        daemon.ready()
        app.answer = lambda _told: (daemon.kill(), (204, {}))[1]  # type: ignore[func-returns-value]  # in this order
        assert here.run("optouts", "add", ALICE).returncode == 0
        app.wait_for(lambda told: len(told) == 1)
    app.answer = lambda _told: (204, {})
    with here.daemon() as daemon:
        daemon.ready()
        app.wait_for(lambda told: len(told) == 2)
        assert daemon.terminate() == 0
    assert [(one.type, one.id) for one in app.told] == [("optout.made", app.told[0].id)] * 2


@pytest.mark.timeout(120)
def test_one_that_never_answers_delays_no_other(tmp_path: Path, app: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tarpit:  # takes connections, and says nothing
        here = installed(tmp_path, app)
        port = tarpit.getsockname()[1]
        here.add(f"- {{name: tarpit, url: 'http://127.0.0.1:{port}/', secret: app}}\n")
        here.add(f"api: {{socket: {tmp_path}/api.sock}}\n")
        token = here.json("tokens", "create", "looks", "--scope", "read")["token"]
        with here.daemon() as daemon:
            daemon.ready()
            here.run("send", "-p", "alerte", BOB, "un")
            app.wait_for(lambda told: any(one.data.get("final") for one in told), seconds=30)
            with api(tmp_path / "api.sock", token) as client:
                assert client.get("/health").status_code == 200
                figures = client.get("/v1/metrics").text
            assert daemon.terminate() == 0
        assert 'gatewayd_webhook_pending{name="tarpit"} 3.0' in figures
        assert 'gatewayd_webhook_dead{name="tarpit"} 0.0' in figures


def test_a_test_a_wrong_secret_and_an_unknown_name(tmp_path: Path, app: Receiver) -> None:
    here = installed(tmp_path, app, ports=())
    done = here.json("webhooks", "test", "app")
    assert (done["told"], done["status"]) == (True, 204)
    assert app.types() == ["webhook.test"]
    assert here.run("webhooks", "test", "nobody").returncode == 2
    assert here.json("webhooks", "dead") == []
    assert here.json("webhooks", "replay") == {"replayed": 0}
    assert here.run("webhooks", "replay", "7").returncode == 2
    (listed,) = here.json("webhooks", "list")
    assert listed["state"] == "not met yet"
    app.answer = lambda _told: (500, {})
    failed = here.run("webhooks", "test", "app")
    assert (failed.returncode, "status 500" in failed.stderr) == (1, True)
    here.give("app", "hunter2")
    for words in (("check",), ("webhooks", "test", "app"), ("run",)):
        refused = here.run(*words)
        assert refused.returncode == 2
        assert "whsec_" in refused.stderr
        assert "hunter2" not in refused.stderr + refused.stdout


def test_status_tells_of_an_endpoint_that_cannot_be_told(tmp_path: Path, app: Receiver) -> None:
    here = installed(tmp_path, app, ports=())
    app.answer = lambda _told: (500, {})
    with here.daemon() as daemon:
        daemon.ready()
        here.run("optouts", "add", ALICE)
        app.wait_for(lambda told: len(told) >= 1)
        assert daemon.terminate() == 0
    (told,) = here.json("status")["webhooks"]
    assert told == {"name": "app", "pending": 1, "dead": 0, "trouble": "status 500"}
    assert "webhook app (status 500): 1 waiting" in here.run("status").stdout


def test_a_daemon_without_them_does_not_even_load_what_sends_them() -> None:
    look = "import sys, gatewayd.cli.main, gatewayd.daemon.process; print({'h11', 'standardwebhooks'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
