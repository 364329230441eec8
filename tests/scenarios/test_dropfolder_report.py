"""The report is there at acceptance, and is written again when the last of the file's messages has come to an end."""

from __future__ import annotations

from pathlib import Path

import pytest

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
