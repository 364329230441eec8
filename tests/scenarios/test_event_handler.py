"""A program that knows smstools3 drops a file, finds its headers in the answer, and is called."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gatewayd.interfaces.dropfolder.answered import with_headers
from gatewayd.interfaces.eventhandler import EventHandler
from gatewayd.modem.simulator.process import start_process
from gatewayd.store.batches import Batches
from tests.scenarios.installation import Installation
from tests.scenarios.test_dropfolder_crash import PowerCut, power_cut_at
from tests.security.dropping import Office

ALERT = b"To: 33639980001\nReport: yes\nFlash: yes\n\nServer down\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def owed(office: Office) -> list[tuple[str, str]]:
    office.clock.pass_by(120)
    return [(call.event, call.file) for call in office.calls.due(office.clock.now, 100)]


def in_file(office: Office, path: str) -> list[str]:
    return (office.root / path).read_text().split("\n\n")[0].splitlines()


def sent(office: Office) -> None:
    office.settle_messages("sending", "")
    office.settle_messages("sent", "")


def test_what_was_sent_says_so_in_the_file_and_is_called_once(office: Office) -> None:
    office.drop("a", ALERT)
    office.turn()
    assert owed(office) == []
    sent(office)
    office.report_turn()
    assert owed(office) == [("SENT", "done/a")]
    headers = in_file(office, "done/a")
    assert headers[:3] == ["To: 33639980001", "Report: yes", "Flash: yes"]
    assert headers[3].startswith("Sent: 26-11-24 12:02")
    assert headers[-2:] == ["Sending_time: 0", "Ignored_headers: Flash"]
    assert (office.root / "done/a").read_text().endswith("\n\nServer down\n")
    office.report_turn()
    assert owed(office) == [("SENT", "done/a")]


def test_the_networks_word_is_a_report_with_a_file_of_its_own(office: Office) -> None:
    office.drop("a", ALERT)
    office.turn()
    sent(office)
    office.report_turn()
    office.clock.pass_by(120)
    office.settle_messages("delivered", "")
    office.report_turn()
    assert owed(office) == [("SENT", "done/a"), ("REPORT", "incoming/sim.r000001")]
    said = (office.root / "incoming/sim.r000001").read_text()
    assert said.startswith("From: 33639980001\n")
    assert "\n\nSMS STATUS REPORT\n" in said
    assert "\nStatus: 0,Ok,short message received by the SME\n" in said


def test_without_a_wish_for_it_no_report_is_called(office: Office) -> None:
    office.drop("a", b"To: 33639980001\n\nx")
    office.turn()
    sent(office)
    office.settle_messages("delivered", "")
    office.report_turn()
    assert owed(office) == [("SENT", "done/a")]


@pytest.mark.parametrize(("state", "reason"), [("blocked", "opt_out"), ("expired", "time_to_live")])
def test_what_ended_otherwise_is_failed_and_stays_in_done(office: Office, state: str, reason: str) -> None:
    office.drop("a", ALERT)
    office.turn()
    office.settle_messages(state, reason)
    office.report_turn()
    assert owed(office) == [("FAILED", "done/a")]
    headers = in_file(office, "done/a")
    assert f"Fail_reason: {state}: {reason}" in headers
    assert any(header.startswith("Failed: 26-11-24 12:0") for header in headers)


def test_what_nobody_knows_is_told_once_it_is_known(office: Office) -> None:
    office.drop("a", ALERT)
    office.turn()
    office.settle_messages("sending", "")
    office.settle_messages("unknown", "gatewayd:timeout")
    office.report_turn()
    assert owed(office) == []
    office.clock.pass_by(120)
    office.settle_messages("sent", "")
    office.report_turn()
    assert owed(office) == [("SENT", "done/a")]


@pytest.mark.parametrize(
    ("content", "path", "reason"),
    [
        (b"To: 33199001234\n\nx", "rejected/a", "landline"),
        (b"To: 1\nTo: 2\n\nx", "rejected/a", "several_recipients"),
        (b"To: 33639980001\nAlphabet: UTF\n\n\xff", "corrupt/a", "wrong_alphabet"),
    ],
)
def test_a_refused_file_says_why_and_is_called(office: Office, content: bytes, path: str, reason: str) -> None:
    office.drop("a", content)
    office.turn()
    assert owed(office) == [("FAILED", path)]
    octets = (office.root / path).read_bytes()
    assert f"\nFail_reason: rejected: {reason}\n".encode() in octets
    assert octets.endswith(content.split(b"\n\n")[1])


def test_lists_and_gammu_call_nobody(office: Office) -> None:
    office.drop("a.csv", b"tel;message\n112;x\n")
    office.drop("OUT0639980001.txt", b"x")
    office.turn()
    sent(office)
    office.report_turn()
    assert owed(office) == []


@pytest.mark.parametrize("step", ["claimed", "reported", "decided", "moved", "forgotten"])
def test_a_power_cut_owes_the_refusal_once(tmp_path: Path, step: str) -> None:
    office = Office(tmp_path)
    office.restart(power_cut_at(step))
    office.drop("a", b"To: 112\n\nx")
    with pytest.raises(PowerCut):
        office.turn()
    office.restart()
    office.turn()
    assert owed(office) == [("FAILED", "rejected/a")]
    assert (office.root / "rejected/a").read_bytes().count(b"Fail_reason") == 1
    assert list((office.root / "claimed").iterdir()) == []


def test_a_crash_between_file_and_database_writes_the_same_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("a", ALERT)
    office.turn()
    sent(office)

    def fail(*_words: object, **_more: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "reported", fail)
        with pytest.raises(PowerCut):
            office.report_turn()
    assert owed(office) == []
    office.restart()
    office.report_turn()
    assert owed(office) == [("SENT", "done/a")]
    assert sum(header.startswith("Sent:") for header in in_file(office, "done/a")) == 1


def test_a_file_that_was_taken_away_is_not_made_anew(office: Office) -> None:
    office.drop("a", ALERT)
    office.turn()
    (office.root / "done/a").unlink()
    sent(office)
    office.report_turn()
    assert owed(office) == []
    assert not (office.root / "done/a").exists()


def test_a_link_in_its_place_is_not_followed(office: Office, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(ALERT)
    office.drop("a", ALERT)
    office.turn()
    (office.root / "done/a").unlink()
    (office.root / "done/a").symlink_to(victim)
    sent(office)
    office.report_turn()
    assert victim.read_bytes() == ALERT


def test_nobody_makes_a_header_out_of_a_reason() -> None:
    made = with_headers(b"To: 1\n\nx", [("Fail_reason", "a\nTo: 2")])
    assert made == b"To: 1\nFail_reason: aTo: 2\n\nx"


# The call itself.


def handler(office: Office, tmp_path: Path, script: str, timeout: float = 20) -> tuple[EventHandler, Path]:
    log, program = tmp_path / "log", tmp_path / "event"
    program.write_text(f"#!/bin/sh\nlog={log}\n{script}\n")
    program.chmod(0o755)
    return EventHandler(office.calls, office.root, [str(program), "first"], office.clock, timeout=timeout), log


def test_it_is_run_with_a_list_of_words(office: Office, tmp_path: Path) -> None:
    made, log = handler(office, tmp_path, 'printf "%s|" "$@" >>$log; env >>$log')
    office.drop("a; touch x $(id)", b"To: 112\n\nx")
    office.turn()
    made.run_once()
    words, *environment = log.read_text().splitlines()
    assert words.split("|")[:3] == ["first", "FAILED", f"{office.root}/rejected/a; touch x $(id)"]
    assert not [line for line in environment if line.startswith(("CREDENTIALS", "GATEWAYD", "HOME"))]
    made.run_once()
    assert log.read_text().count("FAILED") == 1


def test_a_failing_one_is_called_again_with_pauses_and_given_up(office: Office, tmp_path: Path) -> None:
    made, log = handler(office, tmp_path, "echo called >>$log; exit 3")
    office.drop("a", b"To: 112\n\nx")
    office.turn()
    for pause in (0, 1, 30, 120, 600, 3600, 21_600, 100_000):
        office.clock.pass_by(pause)
        made.run_once()
    assert log.read_text().count("called") == 6
    assert owed(office) == []


def test_a_report_waits_for_the_call_that_its_message_was_sent_and_no_other_does(
    office: Office, tmp_path: Path
) -> None:
    made, log = handler(office, tmp_path, 'echo "$2 ${3##*/}" >>$log; test "$2" != SENT || test -e $log.well')
    for name, number in (("a", b"33639980001"), ("b", b"112")):
        office.drop(name, b"To: " + number + b"\nReport: yes\n\nx")
    office.turn()
    sent(office)
    office.settle_messages("delivered", "")
    office.report_turn()
    for pause in (0, 1, 30):
        office.clock.pass_by(pause)
        made.run_once()
    assert log.read_text().splitlines() == ["FAILED b", "SENT a", "SENT a"]
    (tmp_path / f"{log.name}.well").touch()
    office.clock.pass_by(120)
    made.run_once()
    assert log.read_text().splitlines()[3:] == ["SENT a", "REPORT sim.r000001"]


def test_a_clock_that_is_put_back_delays_no_call(office: Office, tmp_path: Path) -> None:
    made, log = handler(office, tmp_path, "echo called >>$log")
    office.clock.pass_by(400 * 86_400)
    office.drop("a", b"To: 112\n\nx")
    office.turn()
    office.clock.pass_by(-400 * 86_400)
    made.run_once()
    assert log.read_text() == "called\n"


def test_a_stop_ends_it_and_it_is_called_again_in_the_next_life(office: Office, tmp_path: Path) -> None:
    made, log = handler(office, tmp_path, "echo begun >>$log; sleep 600")
    office.drop("a", b"To: 112\n\nx")
    office.turn()
    turn = threading.Thread(target=made.run_once)
    turn.start()
    while not log.exists():
        turn.join(0.01)
    made.stop()
    turn.join(30)
    assert not turn.is_alive()
    again, _ = handler(office, tmp_path, "echo again >>$log")
    again.run_once()
    assert log.read_text().splitlines()[-1] == "again"
    assert owed(office) == []


def test_a_program_that_is_not_there_is_a_failure_like_others(office: Office, tmp_path: Path) -> None:
    made = EventHandler(office.calls, office.root, [str(tmp_path / "none")], office.clock, timeout=5)
    office.drop("a", b"To: 112\n\nx")
    office.turn()
    made.run_once()
    assert owed(office) == [("FAILED", "rejected/a")]


def test_a_running_daemon_tells_which_sim_sent_it(tmp_path: Path) -> None:
    with start_process(["a"], "report=0", tmp_path / "sim") as simulator:
        installed = Installation(tmp_path, tuple(simulator.ports.values()))
        pipe, program = tmp_path / "pipe", tmp_path / "event"
        os.mkfifo(pipe)
        program.write_text(f'#!/bin/sh\necho "$@" >{pipe}\n')
        program.chmod(0o755)
        with installed.file.open("a") as more:
            more.write(f"event_handler: {{command: [{program}]}}\n")
        with installed.daemon() as daemon:
            daemon.ready().all_modems_ok()
            (installed.spool / "drop" / ".a.part").write_bytes(b"To: 33639980001\n\nServer down")
            (installed.spool / "drop" / ".a.part").rename(installed.spool / "drop" / "a")
            event, file, reference = pipe.read_text().split()
            assert daemon.terminate() == 0
        assert (event, file) == ("SENT", f"{installed.spool}/done/a")
        assert [entry.text for entry in simulator.ledger()] == ["Server down"]
    headers = dict(line.split(": ", 1) for line in Path(file).read_text().split("\n\n")[0].splitlines())
    assert headers["Message_id"] == reference
    assert {"Modem", "Sent", "IMSI", "IMEI"} < headers.keys()
