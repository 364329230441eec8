"""`gatewayd run` as a process, on simulated modems in another process: their ledger says what the network saw."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from tests.scenarios.installation import Installation

FIRST, SECOND = "+33639980001", "+33639980002"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["a"], "report=0", tmp_path / "sim") as process:
        yield process


@pytest.fixture
def installed(tmp_path: Path, simulator: SimulatorProcess) -> Installation:
    return Installation(tmp_path, tuple(simulator.ports.values()))


def test_it_tells_its_manager_of_its_life(installed: Installation) -> None:
    with installed.daemon(watchdog=1.0) as daemon:
        daemon.ready().all_modems_ok()
        daemon.wait_for(lambda told: told.count("WATCHDOG=1") >= 3)
        assert "STATUS=1 of 1 modems ok, 0 waiting, 0 unknown" in daemon.told
        assert daemon.terminate() == 0
        daemon.wait_for(lambda told: "STOPPING=1" in told)
        assert daemon.told.index("READY=1") < daemon.told.index("STOPPING=1")


def test_what_was_accepted_before_and_what_comes_is_sent(installed: Installation, simulator: SimulatorProcess) -> None:
    installed.run("send", "-p", "alerte", FIRST, "avant")
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        installed.run("send", "-p", "alerte", SECOND, "après")
        simulator.wait(accepted=2)
        assert daemon.terminate() == 0
    assert [(entry.destination, entry.text) for entry in simulator.ledger()] == [(FIRST, "avant"), (SECOND, "après")]
    assert installed.states() == {1: "sent", 2: "sent"}


@pytest.mark.timeout(120)
def test_sigterm_lets_a_running_submission_end(installed: Installation, simulator: SimulatorProcess) -> None:
    simulator.control("options", sim="a", options="latency=15&report=0")  # longer than a look takes a busy machine
    installed.run("send", "-p", "alerte", FIRST, "un")
    installed.run("send", "-p", "alerte", SECOND, "deux")
    with installed.daemon() as daemon:
        daemon.ready()
        installed_waits_for_sending(installed)
        assert daemon.terminate() == 0
    assert [entry.destination for entry in simulator.ledger()] == [FIRST]
    assert installed.states() == {1: "sent", 2: "queued"}


def installed_waits_for_sending(installed: Installation) -> None:
    """Until message 1 is on the wire; each look is a process of its own, so this is no busy loop."""
    for _ in range(40):
        if "ON THE WIRE" in (shown := installed.run("messages", "show", "1").stdout) and "running" in shown:
            return
    raise AssertionError(installed.run("messages", "show", "1").stdout)


def test_killed_in_a_submission_it_is_unknown_and_never_sent_again(
    installed: Installation, simulator: SimulatorProcess
) -> None:
    simulator.control("options", sim="a", options="latency=4&report=0")
    installed.run("send", "-p", "alerte", FIRST, "un")
    installed.run("send", "-p", "alerte", SECOND, "deux")
    with installed.daemon() as daemon:
        daemon.ready()
        installed_waits_for_sending(installed)
        daemon.kill()
    simulator.wait(accepted=1)
    simulator.control("options", sim="a", options="report=0")
    with installed.daemon() as daemon:
        daemon.ready()
        simulator.wait(accepted=2, seconds=40)
        assert daemon.terminate() == 0
    assert [entry.destination for entry in simulator.ledger()] == [FIRST, SECOND]
    assert installed.states() == {1: "unknown", 2: "sent"}
    assert installed.json("status")["unknown"] == [1]
    (doubt,) = installed.json("status")["unknown_since"]
    assert (doubt["id"], doubt["part"], doubt["settled_by"]) == (1, 1, "late answer, report")
    said = installed.run("status").stdout
    assert "messages resolve ID --as-sent" in said
    assert "late answer, report, until" in said
    assert installed.run("messages", "resolve", "1", "--as-sent").returncode == 0
    assert installed.states() == {1: "sent", 2: "sent"}
    assert "operator" in installed.run("messages", "show", "1").stdout
    assert "awaited" in installed.run("messages", "show", "2").stdout
    assert installed.json("sims", "list")[0]["reports"] == {"sent": 0, "reported": 0}


def test_a_dropped_file_is_sent_and_answered(installed: Installation, simulator: SimulatorProcess) -> None:
    drop, done = installed.spool / "drop", installed.spool / "done"
    with installed.daemon() as daemon:
        daemon.ready()
        draft = drop / ".membres.csv.part"
        draft.write_text(f"téléphone;texte\n{FIRST};Bonjour\n06 39 98 00 02;Salut\n01 99 00 12 34;Non\n", "cp1252")
        draft.rename(drop / "membres.csv")
        simulator.wait(accepted=2, seconds=40)
        assert daemon.terminate() == 0
    assert (done / "membres.csv").exists()
    assert "01 99 00 12 34" in (done / "membres.csv.report.csv").read_text("utf-8-sig")
    assert {entry.destination for entry in simulator.ledger()} == {FIRST, SECOND}


def test_a_second_daemon_is_refused(installed: Installation) -> None:
    with installed.daemon() as daemon:
        daemon.ready()
        done = installed.run("run")
        assert done.returncode == 1
        assert f"process {daemon.process.pid}) already runs on {installed.state}" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert installed.json("status")["pid"] == daemon.process.pid


def test_sighup_changes_nothing_and_says_so(installed: Installation) -> None:
    with installed.daemon() as daemon:
        daemon.ready()
        daemon.process.send_signal(signal.SIGHUP)
        assert daemon.terminate() == 0
        assert "daemon.not_reloaded" in daemon.log.read_text()


def test_a_mistyped_iccid_is_told_by_status_and_by_check(installed: Installation) -> None:
    assert installed.json("status")["mistyped"] is None
    installed.add('sims: [{name: accueil, iccid: "8933000000000000001"}]\n')
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        told = installed.json("status")["mistyped"]
        (found,) = [sim for sim in installed.json("sims", "list") if sim["port"]]
        assert told.startswith("accueil: listed in the configuration and never found; ")
        assert f"; {found['name']} (ICCID {found['iccid']}): found" in told
        assert "an ICCID or IMSI mistyped?" in " ".join(installed.run("status").stdout.split())
        (warned,) = [one["text"] for one in installed.json("check")["warnings"] if "mistyped" in one["text"]]
        assert warned.startswith(f"accueil: listed in the configuration and in no modem; {found['name']}: found")
        assert daemon.terminate() == 0
    installed.file.write_text(installed.file.read_text().replace("8933000000000000001", found["iccid"]))
    assert installed.json("status")["mistyped"] is None


def test_status_modems_and_sims_tell_what_the_daemon_found(
    installed: Installation, simulator: SimulatorProcess
) -> None:
    iccid = simulator.identities["a"]["iccid"]
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        (line,) = installed.json("status")["lines"]
        (modem,) = [modem for modem in installed.json("modems", "list") if modem["configured"]]
        (sim,) = installed.json("sims", "list")
        probed = installed.run("modems", "probe")
    assert (line["port"], line["state"]) == (simulator.ports["a"], "ok")
    assert (modem["port"], modem["state"], modem["sim"]) == (simulator.ports["a"], "ok", line["sim"])
    assert (sim["iccid"], sim["state"], sim["name"]) == (iccid, "ok", line["sim"])
    assert {limit["limit"]: limit["left"] for limit in sim["limits"]} == {"per_minute": 1000, "per_day": 100000}
    assert f"process {daemon.process.pid}) holds it" in probed.stdout
    assert installed.json("status")["running"] is False


def test_neither_numbers_nor_texts_are_in_the_log_or_the_database_file(
    installed: Installation, simulator: SimulatorProcess
) -> None:
    installed.run("send", "-p", "alerte", FIRST, "Un secret")
    with installed.daemon() as daemon:
        daemon.ready()
        simulator.wait(accepted=1, seconds=40)
        daemon.terminate()
    log = daemon.log.read_text()
    assert "attempt.sent" in log
    assert "recipient=p:" in log
    for file in (daemon.log, *installed.state.glob("gatewayd.db*"), installed.state / "status.json"):
        content = file.read_bytes()
        assert b"639980001" not in content, file
        assert b"Un secret" not in content, file


def test_an_encrypted_database_is_no_sqlite_file_to_others(installed: Installation) -> None:
    installed.run("send", "-p", "alerte", FIRST, "x")
    with sqlite3.connect(installed.state / "gatewayd.db") as connection, pytest.raises(sqlite3.DatabaseError):
        connection.execute("SELECT * FROM messages")
    connection.close()
