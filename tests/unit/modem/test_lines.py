"""Whose line is it? Pure: lines in, verdicts out."""

from __future__ import annotations

import pytest

from gatewayd.modem.lines import HEADER_LIFETIME, PDU_EXCHANGE, LineSorter, Verdict

REPORT = "07913396050066F006580B913336999800F04211423191548042114231915480" + "00"
LENGTH = len(REPORT) // 2 - 8


class Time:
    """A clock to be turned."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "final", ["OK", "ERROR", "+CMS ERROR: 38", "+CMS ERROR:330", "+CME ERROR: SIM busy", "COMMAND NOT SUPPORT"]
)
def test_final_results_end_an_answer(final: str) -> None:
    assert LineSorter().sort(final, "AT+CSQ") is Verdict.FINAL


@pytest.mark.parametrize("line", ["OKAY", "ERROR IN TEXT", "+CMGL: 1,1,,25", "OK, see you"])
def test_lines_that_only_begin_like_a_final_result_do_not(line: str) -> None:
    assert LineSorter().sort(line, "AT+CMGL=4") is Verdict.ANSWER


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ('+CMTI: "ME",3', "AT+CSQ"),
        ('+CMTI: "ME",3', "AT+CMTI?"),
        ('+CDSI: "SR",1', PDU_EXCHANGE),
        ("^RSSI:18", "AT+CIMI"),
        ('^HCSQ:"LTE",50', "AT+CGSN"),
        ("+CREG: 5", "AT+CREG?"),
        ("+CEREG: 1", "AT+CEREG?"),
        ("RING", "AT+CSQ"),
        ("+CPIN: READY", "AT+CSQ"),
        ("Call Ready", "AT+CSQ"),
        ("+CMGS: 77", "AT+CIMI"),
        ("+CMGS: 77", "AT+CMGS=20"),
    ],
)
def test_what_came_by_itself_is_no_answer(line: str, command: str) -> None:
    sorter = LineSorter()
    assert sorter.sort(line, command) is Verdict.NOTICE
    assert sorter.notice == [line]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("+CREG: 0,1", "AT+CREG?"),
        ("+CPIN: SIM PIN", "AT+CPIN?"),
        ("208150000000001", "AT+CIMI"),
        ("+CMGS: 7", PDU_EXCHANGE),
        ("+ICCID: 8933150000000000017", "AT+CICCID"),
        ("#CCID: 8933150000000000017", "AT#CCID"),
        (REPORT, "AT+CMGL=4"),
    ],
)
def test_an_answer_is_an_answer(line: str, command: str) -> None:
    assert LineSorter().sort(line, command) is Verdict.ANSWER


def test_a_report_is_kept_together_across_an_answer() -> None:
    sorter = LineSorter()
    assert sorter.sort(f"+CDS: {LENGTH}", "AT+CSQ") is Verdict.NOTHING
    assert sorter.sort("+CSQ: 20,99", "AT+CSQ") is Verdict.ANSWER
    assert sorter.sort("OK", "AT+CSQ") is Verdict.FINAL
    assert sorter.sort(REPORT, None) is Verdict.NOTICE
    assert sorter.notice == [f"+CDS: {LENGTH}", REPORT]


def test_the_pdu_of_a_listing_is_not_taken_for_the_report_that_broke_into_it() -> None:
    sorter = LineSorter()
    sorter.sort(f"+CDS: {LENGTH}", "AT+CMGL=4")
    assert sorter.sort(REPORT + "0011", "AT+CMGL=4") is Verdict.ANSWER
    assert sorter.sort(REPORT, "AT+CMGL=4") is Verdict.NOTICE


def test_a_header_whose_pdu_got_lost_is_forgotten() -> None:
    time = Time()
    sorter = LineSorter(time)
    sorter.sort(f"+CDS: {LENGTH}", None)
    time.now = HEADER_LIFETIME + 0.1
    assert sorter.sort(REPORT, "AT+CMGL=4") is Verdict.ANSWER


def test_the_ok_of_a_late_reference_ends_nothing() -> None:
    sorter = LineSorter()
    assert sorter.sort("+CMGS: 77", "AT+CIMI") is Verdict.NOTICE
    assert sorter.sort("OK", "AT+CIMI") is Verdict.NOTHING
    assert sorter.sort("208150000000001", "AT+CIMI") is Verdict.ANSWER
    assert sorter.sort("OK", "AT+CIMI") is Verdict.FINAL


def test_a_late_refusal_ends_no_command_that_has_nothing_to_do_with_messages() -> None:
    sorter = LineSorter()
    sorter.late = True
    assert sorter.sort("+CMS ERROR: 38", "AT+CIMI") is Verdict.NOTICE
    assert sorter.sort("+CMS ERROR: 38", "AT+CIMI") is Verdict.FINAL


def test_a_refusal_of_a_message_command_is_its_own() -> None:
    sorter = LineSorter()
    sorter.late = True
    assert sorter.sort("+CMS ERROR: 321", "AT+CMGR=1") is Verdict.FINAL


def test_what_follows_a_lone_ok_is_claimed() -> None:
    sorter = LineSorter()
    sorter.begin_submission()
    assert sorter.sort("OK", PDU_EXCHANGE) is Verdict.FINAL
    assert sorter.sort("+CMGS: 12", None) is Verdict.NOTHING
    assert sorter.claimed == ["+CMGS: 12"]


def test_an_ok_after_its_reference_claims_nothing() -> None:
    sorter = LineSorter()
    sorter.begin_submission()
    sorter.sort("+CMGS: 12", PDU_EXCHANGE)
    assert sorter.sort("OK", PDU_EXCHANGE) is Verdict.FINAL
    assert sorter.claimed is None


@pytest.mark.parametrize("line", ["OK", "ERROR", "garbage", "+CMS ERROR: 1"])
def test_results_nobody_waits_for_are_nothing(line: str) -> None:
    assert LineSorter().sort(line, None) is Verdict.NOTHING
