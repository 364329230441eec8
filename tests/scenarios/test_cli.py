"""The operator's commands, as processes: what they print, and their exit statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gatewayd.store.engine import BUSY_SECONDS, Database
from tests.scenarios.installation import ROOT, Installation, environment

FIRST, SECOND = "+33639980001", "+33639980002"
MESSAGE_KEYS = {
    "id", "recipient", "purpose", "feed", "state", "reason", "sim", "parts", "text", "created_at", "sent_at",
    "delivered_at",
}  # fmt: skip


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_version_and_help_end_well(installed: Installation) -> None:
    assert installed.run("--version").stdout.startswith("gatewayd 0.")
    done = installed.run("--help")
    assert done.returncode == 0
    for command in ("run", "check", "demo", "send", "status", "messages", "modems", "sims", "consents", "optouts"):
        assert f" {command} " in done.stdout


@pytest.mark.parametrize("words", [("fly",), ("send",), ("messages", "list", "--state", "lost"), ("messages", "show")])
def test_wrong_usage_is_2(installed: Installation, words: tuple[str, ...]) -> None:
    assert installed.run(*words).returncode == 2


def test_check_says_what_to_know_and_changes_nothing(installed: Installation) -> None:
    done = installed.run("check")
    assert done.returncode == 0, done.stderr
    assert "can be used" in done.stdout
    assert "no modem is configured" in done.stdout
    assert "there is no database key yet" in done.stdout
    assert not installed.state.exists()


def test_check_lists_every_problem_with_its_line(installed: Installation) -> None:
    installed.file.write_text("organisation: {nam: x}\ncountry: fr\nmodems: 3\n")
    done = installed.run("check")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(f"{installed.file}:{line}: " in "".join(lines) for line in (1, 3))
    assert json.loads(installed.run("check", "--json").stdout)["valid"] is False


def test_check_names_a_pin_that_is_missing_or_open_to_others(installed: Installation) -> None:
    text = installed.file.read_text().replace("modems: []", "modems: [{port: /dev/ttyUSB0, pin: sim-pin}]")
    installed.file.write_text(text)
    assert "the credential `sim-pin` is missing" in installed.run("check").stderr
    secret = installed.directory / "credentials" / "sim-pin"
    secret.parent.mkdir()
    secret.write_text("1234\n")
    secret.chmod(0o644)
    done = installed.run("check")
    assert done.returncode == 2
    assert f"chmod 600 {secret}" in done.stderr
    assert "1234" not in done.stderr
    secret.chmod(0o600)
    assert installed.run("check").returncode == 0


@pytest.mark.parametrize("command", [("run",), ("status",), ("send", "-p", "x", FIRST, "y")])
def test_a_bad_configuration_ends_every_command_with_one_sentence(
    installed: Installation, command: tuple[str, ...]
) -> None:
    installed.file.write_text("organisation: {nam: x}\n")
    done = installed.run(*command)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "gatewayd.yaml:1: organisation.nam: unknown key, did you mean `name`?" in done.stderr
    assert "and 1 more" in done.stderr


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    here = Installation(tmp_path)
    here.file.unlink()
    done = here.run("status")
    assert done.returncode == 2
    assert "cannot be read: No such file" in done.stderr


def test_without_consent_nothing_is_accepted(installed: Installation) -> None:
    done = installed.run("send", "--purpose", "events", "06 39 98 00 01", "Bonjour")
    assert done.returncode == 3
    assert "no consent" in done.stderr
    assert "gatewayd consents record" in done.stderr
    assert installed.json("messages", "list") == []


def test_with_consent_it_is_accepted_and_its_price_told(installed: Installation) -> None:
    assert installed.run("consents", "record", "-p", "events", "06 39 98 00 01").returncode == 0
    done = installed.run("send", "-p", "events", "06 39 98 00 01", "Bonjour, ça va ?")
    assert done.returncode == 0, done.stderr
    assert f"message 1 to {FIRST}: 1 SMS, UCS-2" in done.stdout
    (message,) = installed.json("messages", "list")
    assert set(message) == MESSAGE_KEYS
    assert installed.json("messages", "show", "1") == message
    assert (message["state"], message["recipient"], message["text"]) == ("queued", FIRST, "Bonjour, ça va ?")
    assert message["created_at"].endswith("Z")
    assert message["sent_at"] is message["sim"] is message["reason"] is None


def test_a_text_may_come_from_stdin(installed: Installation) -> None:
    done = installed.run("send", "-p", "alerte", FIRST, "-", "--json", given="Crue ce soir.\n")
    told = json.loads(done.stdout)
    assert told.pop("waits")["opens_at"] is None
    assert told == {"id": 1, "recipient": FIRST, "alphabet": "gsm7", "parts": 1}


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("-p", "nothing", FIRST, "x"), 2, "there is no purpose 'nothing'"),
        (("-p", "alerte", "06 39 98 00", "x"), 2, "this number cannot be used"),
        (("-p", "alerte", "01 99 00 12 34", "x"), 3, "landline"),
        (("-p", "alerte", "+44 7700 900123", "x"), 3, "where we may not write"),
        (("-p", "alerte", "112", "x"), 3, "emergency"),
        (("-p", "alerte", FIRST, ""), 2, "this text cannot be used"),
        (("-p", "alerte", FIRST, "x" * 2000), 3, "allows 4"),
    ],
)
def test_refusals_of_send(installed: Installation, words: tuple[str, ...], status: int, sentence: str) -> None:
    done = installed.run("send", *words)
    assert done.returncode == status
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_opt_out_cancels_what_waits_and_stops_every_purpose(installed: Installation) -> None:
    installed.run("send", "-p", "alerte", FIRST, "un")
    done = installed.run("optouts", "add", "0639980001", "--origin", "letter", "--by", "Zoé")
    assert "1 waiting message canceled" in done.stdout
    assert installed.run("send", "-p", "alerte", FIRST, "deux").returncode == 3
    assert installed.states() == {1: "canceled"}
    (optout,) = installed.json("optouts", "list")
    assert set(optout) == {"recipient", "origin", "recorded_by", "recorded_at"}
    assert (optout["recipient"], optout["origin"], optout["recorded_by"]) == (FIRST, "letter", "Zoé")
    shown = installed.json("consents", "show", "06 39 98 00 01")
    assert shown["opted_out_at"] == optout["recorded_at"]


def test_consents_show_their_proof(installed: Installation) -> None:
    words = ("--method", "web_form", "--wording", "J'accepte", "--evidence", "classeur 3", "--by", "Zoé")
    installed.run("consents", "record", "-p", "events", FIRST, SECOND, *words)
    shown = installed.json("consents", "show", SECOND)
    assert (shown["recipient"], shown["opted_out_at"]) == (SECOND, None)
    (consent,) = shown["consents"]
    recorded_at, agreed_at = (datetime.fromisoformat(consent.pop(name)) for name in ("recorded_at", "agreed_at"))
    assert timedelta(0) <= recorded_at - agreed_at < timedelta(minutes=1), "said now, and recorded at once"
    assert len(consent.pop("wording_sha256")) == len(consent.pop("audit")["hash"]) == 64
    assert consent == {
        "purpose": "events", "given": True, "method": "web_form", "wording": "J'accepte", "evidence": "classeur 3",
        "recorded_by": "Zoé", "wording_version": None, "wording_language": None, "evidence_sha256": None,
    }  # fmt: skip
    assert installed.run("consents", "record", "-p", "event", FIRST).returncode == 2


@pytest.mark.parametrize("written", ["+33 (0)6 39 98 00 01", "06\u201139\u201198\u201100\u201101"])
def test_an_opt_out_stops_what_waits_however_the_number_is_written(installed: Installation, written: str) -> None:
    installed.run("send", "-p", "alerte", "0639980001", "Bonjour")
    assert "1 waiting message canceled" in installed.run("optouts", "add", written).stdout
    assert installed.run("send", "-p", "alerte", "0639980001", "Bonjour").returncode == 3


@pytest.mark.parametrize("words", [("consents", "record", "-p", "events"), ("optouts", "add")])
def test_of_several_numbers_the_bad_one_is_named_and_none_is_recorded(
    installed: Installation, words: tuple[str, ...]
) -> None:
    done = installed.run(*words, FIRST, "06 39 98 00")
    assert done.returncode == 2
    assert "06 39 98 00: " in done.stderr
    assert installed.json("consents", "show", FIRST)["consents"] == []
    assert installed.json("optouts", "list") == []


def test_messages_are_filtered_held_released_and_canceled(installed: Installation) -> None:
    for number in (FIRST, SECOND, FIRST):
        assert installed.run("send", "-p", "alerte", number, "x").returncode == 0
    assert [m["id"] for m in installed.json("messages", "list", "--recipient", "0639980001")] == [3, 1]
    assert [m["id"] for m in installed.json("messages", "list", "--limit", "1")] == [3]
    assert installed.json("messages", "list", "--purpose", "events") == []
    assert installed.run("messages", "hold", "1", "2").returncode == 0
    assert [m["id"] for m in installed.json("messages", "list", "--state", "held")] == [2, 1]
    assert installed.run("messages", "release", "1").returncode == 0
    assert installed.run("messages", "cancel", "2").returncode == 0
    assert installed.states() == {1: "queued", 2: "canceled", 3: "queued"}
    done = installed.run("messages", "cancel", "2", "3", "99")
    assert done.returncode == 1
    assert "message 2 is canceled" in done.stderr
    assert "there is no message 99" in done.stderr
    assert installed.states()[3] == "canceled"


def test_only_an_unknown_message_is_resolved(installed: Installation) -> None:
    installed.run("send", "-p", "alerte", FIRST, "x")
    assert installed.run("messages", "resolve", "1").returncode == 2
    assert installed.run("messages", "resolve", "1", "--as-sent", "--resend").returncode == 2
    done = installed.run("messages", "resolve", "1", "--as-sent")
    assert done.returncode == 1
    assert "message 1 is queued" in done.stderr


def test_status_without_a_daemon(installed: Installation) -> None:
    found = installed.json("status")
    assert (found["running"], found["pid"], found["lines"], found["unknown"]) == (False, None, [], [])
    assert found["messages"]["queued"] == 0
    assert "gatewayd does not run" in installed.run("status").stdout


def test_a_port_that_is_not_there_is_explained(tmp_path: Path) -> None:
    installed = Installation(tmp_path, (str(tmp_path / "ttyUSB9"),))
    with installed.daemon() as daemon:
        daemon.ready().wait_for(lambda told: any("absent" in words for words in told))
        assert installed.json("status")["started_at"].endswith("Z")
        for words in (("status",), ("modems", "list")):
            assert "absent: nothing is plugged in there" in installed.run(*words).stdout


def test_sims_that_were_never_found_are_listed(installed: Installation) -> None:
    text = installed.file.read_text() + 'sims: [{name: accueil, iccid: "8933000000000000001"}]\n'
    installed.file.write_text(text)
    (sim,) = installed.json("sims", "list")
    assert (sim["name"], sim["iccid"], sim["port"], sim["limits"]) == ("accueil", "8933000000000000001", None, [])
    assert "never seen" in installed.run("sims", "list").stdout


def test_a_database_without_its_key_is_refused(installed: Installation) -> None:
    installed.run("send", "-p", "alerte", FIRST, "x")
    (installed.state / "credentials" / "db-key").unlink()
    done = installed.run("messages", "list")
    assert done.returncode == 2
    assert "the key of" in done.stderr
    assert not (installed.state / "credentials" / "db-key").exists()


def test_a_text_cannot_act_on_the_terminal(installed: Installation) -> None:
    installed.run("send", "-p", "alerte", FIRST, "[red]x[/red] \u202egnp.exe")
    done = installed.run("messages", "show", "1")
    assert "[red]x[/red]" in done.stdout
    assert "\u202e" not in done.stdout


def test_a_reader_who_has_enough_is_no_error(installed: Installation) -> None:
    for _ in range(3):
        installed.run("send", "-p", "alerte", FIRST, "x" * 600)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run(
            installed.command("messages", "list", "--json"), check=False, cwd=ROOT, env=environment(), stdout=out,
            stderr=subprocess.PIPE, text=True, timeout=50,
        )  # fmt: skip
    assert "Traceback" not in done.stderr


def test_probing_tells_what_a_port_is(installed: Installation) -> None:
    done = installed.run("modems", "probe", "sim://accueil?report=1&csq=20", "/dev/nowhere", "--json")
    assert done.returncode == 0
    modem, nothing = json.loads(done.stdout)
    assert (modem["model"], modem["registered"], modem["signal_dbm"], modem["error"]) == ("EC25", True, -73, None)
    assert modem["iccid"].startswith("89")
    assert "is not there" in nothing["error"]
    assert "For the configuration:" in installed.run("modems", "probe", "sim://accueil").stdout


def test_simulated_modems_are_ports_for_any_program(installed: Installation) -> None:
    place = installed.directory / "simulated"
    words = ("modems", "simulate", "accueil", "--directory", str(place), "--options", "csq=31", "--json")
    with subprocess.Popen(
        installed.command(*words), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as simulator:
        assert simulator.stdout is not None
        ready = json.loads(simulator.stdout.readline())
        probed = json.loads(installed.run("modems", "probe", ready["port"], "--json").stdout)
        second = installed.run(*words)
        assert (second.returncode, "another simulator" in second.stderr) == (2, True)
        assert (place / "accueil").exists(), "nor does it take anything from the first"
        simulator.send_signal(signal.SIGINT)
        assert simulator.wait(20) == 0
    assert [(modem["iccid"], modem["signal_dbm"]) for modem in probed] == [(ready["iccid"], -51)]
    assert not (place / "accueil").exists()


def test_a_message_is_accepted_while_the_daemon_writes_for_long(installed: Installation) -> None:
    assert installed.run("status").returncode == 0
    key = bytes.fromhex((installed.state / "credentials" / "db-key").read_text())
    database = Database.open(installed.state / "gatewayd.db", key=key)
    held, written = threading.Event(), threading.Event()

    def hold(_connection: object) -> None:
        held.set()
        written.wait(50)

    writing = threading.Thread(target=database.write, args=(hold,))
    writing.start()
    assert held.wait(20)
    command = installed.command("send", "-p", "alerte", FIRST, "Crue")
    with subprocess.Popen(command, cwd=ROOT, env=environment()) as send:
        with pytest.raises(subprocess.TimeoutExpired):
            send.wait(BUSY_SECONDS + 4)
        written.set()
        assert send.wait(50) == 0
    writing.join()
    database.close()
    assert installed.states() == {1: "queued"}


def test_outside_its_hours_send_and_show_say_when_a_message_may_leave(installed: Installation) -> None:
    now = datetime.now(ZoneInfo("Europe/Paris"))
    day = (now + timedelta(days=2)).strftime("%a").lower()
    text = installed.file.read_text()
    installed.file.write_text(
        text.replace("basis: vital_interest,", f'basis: contract, hours: {{days: {day}, from: "08:00", to: "20:00"}},')
    )
    done = installed.run("send", "-p", "alerte", FIRST, "Bonjour")
    assert done.returncode == 0, done.stderr
    assert "accepted message 1" in done.stdout
    assert f"outside the hours of `alerte`: they begin on {now + timedelta(days=2):%A}" in done.stdout
    assert "at 08:00 (Europe/Paris)" in done.stdout
    assert "gatewayd does not run" in done.stdout
    told = installed.json("send", "-p", "alerte", FIRST, "Bonjour")["waits"]
    opens = datetime.fromisoformat(told["opens_at"]).astimezone(ZoneInfo("Europe/Paris"))
    assert (opens.date(), opens.hour) == ((now + timedelta(days=2)).date(), 8)
    assert [one["why"] for one in told["because"]] == ["hours", "daemon", "no_sim"]
    shown = installed.run("messages", "show", "1").stdout
    assert "outside the hours of `alerte`" in shown
    assert set(installed.json("messages", "show", "1")) == MESSAGE_KEYS, "scripts get what the contract says"
