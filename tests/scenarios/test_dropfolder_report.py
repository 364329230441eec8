"""The report is there at acceptance, and is written again when the last of the file's messages has left or ended, and
when the network tells more."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.interfaces.dropfolder import reporter
from tests.security.dropping import Office

LIST = b"tel;message\n0639980001;Bonjour\n112;Bonjour\n0639980002;Bonjour\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.drop("a.csv", LIST)
    office.turn()
    return office


def test_at_acceptance_all_wait(office: Office) -> None:
    assert office.answer().states == ["queued", "rejected", "queued"]


def test_it_is_not_written_again_while_a_message_waits(office: Office) -> None:
    office.settle_messages("blocked", "opt_out", only="+33639980001")
    assert office.report_turn() == 0
    assert office.answer().states == ["queued", "rejected", "queued"]


def test_it_is_written_again_when_all_have_come_to_an_end(office: Office) -> None:
    office.settle_messages("blocked", "opt_out")
    assert office.report_turn() == 1
    assert office.answer().states == ["blocked", "rejected", "blocked"]
    assert office.answer().reasons[0] == "bloqué : cette personne a dit STOP"
    assert office.report_turn() == 0


def test_also_after_a_restart_and_when_the_report_was_thrown_away(office: Office) -> None:
    office.settle_messages("blocked", "opt_out")
    (office.root / "done" / "a.csv.report.csv").unlink()
    office.restart()
    assert office.report_turn() == 1
    assert office.answer().states == ["blocked", "rejected", "blocked"]


def sent(office: Office) -> None:
    """Both messages have left."""
    for state in ("sending", "sent"):
        office.settle_messages(state, "")


def report(office: Office) -> Path:
    return office.root / "done" / "a.csv.report.csv"


def test_it_tells_what_the_network_reports_later(office: Office) -> None:
    sent(office)
    assert office.report_turn() == 1
    assert office.answer().states == ["sent", "rejected", "sent"]
    office.settle_messages("delivered", "", only="+33639980001")
    office.clock.pass_by(61)
    assert office.report_turn() == 1
    assert office.answer().states == ["delivered", "rejected", "sent"]
    office.settle_messages("undelivered", "report:45", only="+33639980002")
    office.clock.pass_by(61)
    assert office.report_turn() == 1
    assert office.answer().states == ["delivered", "rejected", "undelivered"]


def test_it_is_written_at_most_once_a_minute(office: Office) -> None:
    sent(office)
    office.report_turn()
    for number in ("+33639980001", "+33639980002"):
        office.settle_messages("delivered", "", only=number)
        office.clock.pass_by(20)
        assert office.report_turn() == 0
    office.clock.pass_by(20)
    assert office.report_turn() == 1
    assert office.answer().states == ["delivered", "rejected", "delivered"]


def test_it_is_not_written_without_a_change(office: Office) -> None:
    sent(office)
    office.report_turn()
    before = report(office).stat()
    for _ in range(3):
        office.clock.pass_by(3600)
        assert office.report_turn() == 0
    assert report(office).stat() == before


def test_an_unknown_one_that_is_resolved_is_told(office: Office) -> None:
    for state in ("sending", "unknown"):
        office.settle_messages(state, "")
    office.report_turn()
    office.settle_messages("sent", "")
    office.clock.pass_by(61)
    office.report_turn()
    assert office.answer().states == ["sent", "rejected", "sent"]


def test_a_change_is_told_after_a_restart(office: Office) -> None:
    sent(office)
    office.report_turn()
    office.settle_messages("delivered", "")
    office.restart()
    assert office.report_turn() == 1
    assert office.answer().states == ["delivered", "rejected", "delivered"]


def test_a_report_that_was_taken_away_does_not_come_back_a_second_time(office: Office) -> None:
    sent(office)
    office.report_turn()
    report(office).unlink()
    office.settle_messages("delivered", "")
    office.clock.pass_by(61)
    assert office.report_turn() == 0
    assert not report(office).exists()


def test_the_report_of_a_later_file_is_never_written_over(office: Office) -> None:
    for path in (office.root / "done").iterdir():
        path.unlink()  # somebody tidied up, long before the messages left
    office.drop("a.csv", b"tel;message\n0639980003;Bonsoir\n")
    office.turn()
    sent(office)
    for _ in range(2):
        office.report_turn()
        office.clock.pass_by(61)
    assert [row[1] for row in office.answer().report] == ["'+33639980003"]
    assert office.answer().states == ["sent"]
    office.settle_messages("delivered", "", only="+33639980001")
    office.report_turn()
    assert [row[1] for row in office.answer().report] == ["'+33639980003"]


def test_the_answer_to_one_message_is_not_written_into_the_file_of_the_next(tmp_path: Path) -> None:
    office = Office(tmp_path)
    for number in ("33639980001", "33639980002"):
        office.drop("alert", f"To: {number}\n\nx".encode())
        office.turn()
        if number.endswith("1"):
            (tmp_path / "done" / "alert").unlink()
            (tmp_path / "done" / "alert.report.csv").unlink()
    office.settle_messages("blocked", "opt_out", only="+33639980001")
    office.report_turn()
    assert (tmp_path / "done" / "alert").read_text() == "To: 33639980002\n\nx"
    assert office.calls.due(office.clock.utc_now(), 9) == []  # whose file is gone is told nothing


def test_a_crash_while_it_is_written_leaves_it_owed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(office)
    with monkeypatch.context() as patched:
        patched.setattr(reporter, "write_report", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            office.report_turn()
    office.restart()
    assert office.report_turn() == 1
    assert office.answer().states == ["sent", "rejected", "sent"]


def _power_cut(*_: object) -> None:
    raise KeyboardInterrupt
