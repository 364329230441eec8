"""The whole daemon on a serial port: somebody writes STOP, and the administrator looks at it from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayd.domain.text import Alphabet
from gatewayd.modem.pdu import Deliver, Ports
from gatewayd.modem.simulator import SimulatorProcess, start_process
from tests.scenarios.installation import Installation

WHO, OTHER = "+33639980001", "+33639980002"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["a"], "report=1", tmp_path / "sim") as process:
        yield process


@pytest.fixture
def installed(tmp_path: Path, simulator: SimulatorProcess) -> Installation:
    return Installation(tmp_path, tuple(simulator.ports.values()))


def eventually(question: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Another process does it: it is asked again and again."""
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            return False
    return True


def test_a_stop_through_the_daemon(installed: Installation, simulator: SimulatorProcess) -> None:
    installed.run("send", "-p", "alerte", WHO, "Bonjour")
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        simulator.wait(accepted=1)
        simulator.control("deliver", sim="a", sender=WHO, text="Stop merci")
        simulator.wait(accepted=2)
        refused = installed.run("send", "-p", "alerte", WHO, "Encore")
        assert refused.returncode == 3
        assert eventually(lambda: any((installed.spool / "incoming").glob("*.000001")))
        assert daemon.terminate() == 0
    (file,) = (installed.spool / "incoming").iterdir()
    headers, _, text = file.read_text().partition("\n\n")
    assert text == "Stop merci"
    assert f"From: {WHO[1:]}" in headers.splitlines()
    (message,) = installed.json("inbox", "list", "--to-review")
    assert (message["sender"], message["kind"], message["tier"]) == (WHO, "opt_out", "probable")
    assert [one["recipient"] for one in installed.json("optouts", "list")] == [WHO]
    assert (installed.json("status")["to_review"], installed.json("status")["quarantined"]) == (1, 0)
    assert installed.json("inbox", "list", "--from", "+33 (0)6 39 98 00 01") == [message]
    assert installed.json("inbox", "list", "--from", "06 39 98 00 02") == []
    assert installed.run("inbox", "list", "--from", "06 39 98 00 02").stdout == "No such message.\n"
    walked = installed.run("inbox", "review", given="perhaps\nskip\n")
    assert "Stop merci" in walked.stdout
    assert "a keyword and polite words" in walked.stdout
    assert len(installed.json("inbox", "list", "--to-review")) == 1
    assert installed.states()[1] == "delivered"
    assert "639980001" not in daemon.log.read_text()
    assert "merci" not in daemon.log.read_text()
    assert installed.run("inbox", "review", "1", "lift").returncode == 0
    assert installed.json("inbox", "list", "--to-review") == []
    assert installed.json("optouts", "list") == []
    shown = installed.run("inbox", "show", "1").stdout
    assert "Stop merci" in shown
    assert "it was not meant, said " in shown
    assert installed.run("inbox", "show", "2").returncode == 2
    assert "reviewed by" in installed.run("inbox", "review", "1", "keep").stderr
    assert installed.run("inbox", "review").stdout.startswith("No message to review")


def test_the_administrator_tries_how_a_text_is_read(installed: Installation) -> None:
    found = installed.json("inbox", "read", "stop merci")
    assert (found["kind"], found["tier"], found["review"]) == ("opt_out", "probable", True)
    assert found["rule"].startswith("keyword_with_politeness@")
    assert "ne recevrez plus" in found["answer"]
    assert installed.json("inbox", "read", "On se retrouve à l'arrêt de bus")["answer"] is None
    assert "no consent is recorded" in installed.run("inbox", "read", "-", given="START\n").stdout
    replies = installed.json("check")["replies"]
    assert found["rule"].endswith("@" + replies["version"])
    assert (replies["answers"]["stop"]["parts"], replies["answers"]["stop"]["alphabet"]) == (1, "gsm7")


def test_a_keyword_that_would_do_harm_is_refused_with_its_line(installed: Installation) -> None:
    file = installed.file
    file.write_text(file.read_text() + "replies:\n  words:\n    stop: [pouce, bonjour]\n")
    line = len(file.read_text().splitlines())
    done = installed.run("check")
    assert done.returncode == 2
    assert f"{file}:{line}: replies.words.stop[2]: `bonjour` is an ordinary word" in done.stderr
    file.write_text(file.read_text().replace(", bonjour", ""))
    assert installed.run("check").returncode == 0
    assert installed.json("inbox", "read", "Pouce !")["kind"] == "opt_out"


def test_what_could_not_be_read_waits_for_a_person(installed: Installation, simulator: SimulatorProcess) -> None:
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        simulator.control("urc", sim="a", text="+CDS: 8\r\n0003FFFFFFFFFFFFFF")
        assert eventually(lambda: installed.json("quarantine", "list") != [])
        assert daemon.terminate() == 0
    assert "gatewayd quarantine list" in installed.run("status").stdout
    assert "gatewayd quarantine retry" in installed.run("quarantine", "list").stdout
    again = installed.run("quarantine", "retry", "1")
    assert (again.returncode, "still no PDU" in again.stderr) == (1, True)
    assert installed.run("quarantine", "discard", "7").returncode == 2
    assert installed.run("quarantine", "discard", "1").returncode == 0
    assert installed.run("quarantine", "list").stdout.startswith("Nothing is in quarantine")


def test_a_picture_that_nobody_can_fetch_is_told_in_the_inbox(
    installed: Installation, simulator: SimulatorProcess
) -> None:
    push = Deliver(WHO, alphabet=Alphabet.OCTETS, data=bytes.fromhex("01060603BEAF848C82"), ports=Ports(2948, 9200))
    pdu = push.encode()
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        simulator.control("urc", sim="a", text=f"+CMT: ,{pdu.length}\r\n{pdu.hex}")
        assert eventually(lambda: installed.json("inbox", "list", "--kind", "notice") != [])
        assert daemon.terminate() == 0
    assert "[MMS notification" in " ".join(installed.run("inbox", "list").stdout.split())
    shown = "".join(installed.run("inbox", "show", "1").stdout.split())
    assert pdu.hex in shown
    assert not (installed.spool / "incoming").exists() or not list((installed.spool / "incoming").iterdir())


def test_what_is_no_list_of_opt_outs_is_refused_with_a_sentence(installed: Installation) -> None:
    file = installed.directory / "stop.xlsx"
    for octets, sentence in (
        (b"PK\x03\x04" + b"\n0639980001\n", "save it as CSV"),
        (b"1\n" * (5 << 20) + b"1", "split it"),
    ):
        file.write_bytes(octets)
        done = installed.run("optouts", "import", str(file))
        assert (done.returncode, sentence in done.stderr) == (2, True)
    assert installed.json("optouts", "list") == []


def test_a_list_of_opt_outs_comes_in_and_goes_out(installed: Installation) -> None:
    listed = "Téléphone;Depuis\n06 39 98 00 01;2024\n+33639980002;\n=1+1;\n06 39 98 00 01;\n"
    done = installed.run("optouts", "import", "-", "--origin", "papier", given=listed)
    assert done.returncode == 1
    assert "line 4" in done.stderr
    assert "2 opt-outs recorded" in done.stdout
    assert "0 opt-outs recorded, 1 known" in installed.run("optouts", "import", "-", given=OTHER).stdout
    exported = installed.run("optouts", "export").stdout.splitlines()
    assert exported[0] == "recipient;recorded_at;origin;recorded_by"
    assert [line.split(";")[0] for line in exported[1:]] == [WHO, OTHER]
    assert [line.split(";")[2] for line in exported[1:]] == ["papier", "papier"]
    assert "may be written to again" in installed.run("optouts", "remove", WHO).stdout
    assert "1 opt-out recorded, 1 known" in installed.run("optouts", "import", "-", given="\n".join(exported)).stdout
    (told,) = installed.json("audit", "list", "--event", "optouts.imported", "--limit", "1")
    assert told["details"]["new"] == 1, "one list, one entry, though each row has its own origin"
    day = exported[1].split(";")[1][:10]
    (back,) = installed.json("optouts", "list", "--recipient", "0639980001")
    assert back["origin"] == f"papier {day}"
    assert "may be written to again" in installed.run("optouts", "remove", WHO).stdout
    assert "has not opted out" in installed.run("optouts", "remove", WHO).stdout
