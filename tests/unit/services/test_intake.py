"""Intake: the order of the checks, rows and their reasons, and what a receipt says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gatewayd.domain import template
from gatewayd.domain.message import MessageState
from gatewayd.domain.purpose import Basis, Encoding, Purpose
from gatewayd.errors import NumberError, RefusedByRule, TextError, UsageError
from gatewayd.services.intake import Candidate, NumberRules, RowJudge, plan_text
from tests.security.dropping import EVENTS, Office

FRENCH = NumberRules("FR")


def judge(*rows: Candidate, source: str = "", purpose: Purpose = EVENTS) -> list[tuple[str, str]]:
    judge = RowJudge(purpose, FRENCH, template.compile(source) if source else None)
    return [(judged.recipient, judged.reason) for judged in map(judge.judge, rows)]


def row(line: int, number: str, text: str = "Bonjour", **fields: str) -> Candidate:
    return Candidate(line, [number], text, fields)


def test_a_good_row_has_its_plan() -> None:
    judged = RowJudge(EVENTS, FRENCH, None).judge(row(2, "06 39 98 00 01", "Bonjour"))
    assert (judged.line, judged.recipient, judged.reason) == (2, "+33639980001", "")
    assert judged.plan is not None
    assert judged.plan.parts == ("Bonjour",)


def test_a_number_that_comes_again_is_a_duplicate_even_with_another_text() -> None:
    rows = [row(2, "0639980001", "un"), row(3, "+33639980001", "deux"), row(4, "639980001", "trois")]
    assert [reason for _, reason in judge(*rows)] == ["", "duplicate:2", "duplicate:2"]


def test_a_refused_row_makes_no_later_one_a_duplicate() -> None:
    assert [reason for _, reason in judge(row(2, "0639980001", ""), row(3, "0639980001"))] == ["no_text", ""]


def test_the_first_cell_that_holds_anything_is_the_number() -> None:
    assert judge(Candidate(2, ["", "0639980001", "0639980002"], "a")) == [("+33639980001", "")]
    assert judge(Candidate(2, ["", ""], "a")) == [("", "missing")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_text"),
        ("x" * 1531, "too_many_parts:11/4"),
        ("a\x00b", "control_characters"),
        ("a\x1bb", "control_characters"),
    ],
)
def test_a_text_that_is_refused(text: str, reason: str) -> None:
    assert judge(row(2, "0639980001", text)) == [("+33639980001", reason)]


def test_fields_fill_the_template_and_an_empty_one_is_refused() -> None:
    rows = [row(2, "0639980001", prenom="Zoé"), row(3, "0639980002", prenom="")]
    assert [reason for _, reason in judge(*rows, source="Bonjour {{ prenom }}")] == ["", "empty_field:prenom"]


@pytest.mark.parametrize(
    "source", ["Bonjour {{ prenom|default('à tous', true) }}", "Bonjour{% if prenom %} {{ prenom }}{% endif %}"]
)
def test_an_empty_field_that_the_author_thought_of_is_fine(source: str) -> None:
    assert judge(row(2, "0639980001", prenom=""), source=source) == [("+33639980001", "")]


def test_line_ends_and_decomposed_accents_are_made_ordinary() -> None:
    planned = plan_text("  e\u0301te\u0301\r\nici\r ", EVENTS)
    assert planned.text == "été\nici"
    assert planned.alphabet == "gsm7"


def test_a_purpose_may_write_as_gsm_7_bit_can() -> None:
    assert plan_text("fête", EVENTS).alphabet == "ucs2"
    assert plan_text("fête", dataclasses.replace(EVENTS, encoding=Encoding.GSM7)).alphabet == "gsm7"


def test_a_message_is_accepted_and_the_receipt_says_what_it_costs(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.consent("+33639980001")
    receipt = office.intake.accept("events", "06 39 98 00 01", "x" * 161)
    assert (receipt.recipient, receipt.alphabet, receipt.parts) == ("+33639980001", "gsm7", 2)
    assert office.states() == [("+33639980001", MessageState.QUEUED, "")]


def test_without_consent_or_after_a_stop_nothing_is_accepted(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with pytest.raises(RefusedByRule) as refused:
        office.intake.accept("events", "+33639980001", "Bonjour")
    assert (refused.value.reason, refused.value.exit_status) == ("no_consent", 3)
    office.consent("+33639980001")
    office.opt_out("+33639980001")
    with pytest.raises(RefusedByRule) as refused:
        office.intake.accept("events", "+33639980001", "Bonjour")
    assert refused.value.reason == "opt_out"
    assert office.queue() == []


def test_the_purpose_is_asked_first_then_the_number_then_the_text(tmp_path: Path) -> None:
    intake = Office(tmp_path).intake
    with pytest.raises(UsageError, match="there is no purpose 'x'; the configuration has: events"):
        intake.accept("x", "112", "")
    with pytest.raises(NumberError, match="emergency"):
        intake.accept("events", "112", "")
    with pytest.raises(TextError):
        intake.accept("events", "+33639980001", " ")


def test_a_message_expires_when_its_purpose_says(tmp_path: Path) -> None:
    office = Office(tmp_path, purpose=Purpose("alerts", "Alertes", Basis.VITAL_INTEREST))
    office.intake.accept("alerts", "+33639980001", "Bonjour")
    assert office.expiries() == [office.clock.utc_now() + office.purpose.time_to_live]
