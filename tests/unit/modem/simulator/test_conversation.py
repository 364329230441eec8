"""The AT conversation over raw bytes, as an EC25 holds it."""

from __future__ import annotations

import pytest

from tests.unit.modem.simulator.bench import ALICE, BOB, CTRL_Z, ESC, Bench, lines, submit_pdu


def test_echo_is_on_until_it_is_turned_off() -> None:
    bench = Bench(echo=True)
    assert bench.raw("AT\r") == "AT\r\r\nOK\r\n"
    assert bench.raw("ATE0\r") == "ATE0\r\r\nOK\r\n"
    assert bench.raw("AT\r") == "\r\nOK\r\n"


def test_a_reset_brings_the_echo_back() -> None:
    bench = Bench()
    bench.ask("ATZ")
    assert bench.raw("AT\r") == "AT\r\r\nOK\r\n"


def test_identity() -> None:
    bench = Bench()
    assert bench.ask("ATI") == ["Quectel", "EC25", "Revision: EC25EFAR06A01M4G", "OK"]
    assert bench.ask("AT+CGMI;+CGMM;+CGMR") == ["Quectel", "EC25", "EC25EFAR06A01M4G", "OK"]
    imei, imsi = bench.ask("AT+CGSN")[0], bench.ask("AT+CIMI")[0]
    assert (len(imei), len(imsi), imsi[:5]) == (15, 15, "00101")
    assert bench.ask("AT+QCCID")[0].startswith("+QCCID: 8933")


def test_an_identity_belongs_to_its_name() -> None:
    assert Bench(name="a").ask("AT+CIMI;+CCID") == Bench(name="a").ask("AT+CIMI;+CCID")
    assert Bench(name="a").ask("AT+CIMI") != Bench(name="b").ask("AT+CIMI")


def test_errors_are_worded_as_cmee_says() -> None:
    bench = Bench()
    assert bench.ask("AT+NOPE") == ["+CME ERROR: 100"]
    assert bench.ask("AT+CMEE=2;+NOPE") == ["+CME ERROR: unknown"]
    assert bench.ask("AT+CMEE=0;+NOPE") == ["ERROR"]


def test_a_chain_stops_at_the_first_error() -> None:
    bench = Bench()
    assert bench.ask("AT+CSQ;+NOPE;+CMEE=0") == ["+CSQ: 20,99", "+CME ERROR: 100"]
    assert bench.ask("AT+CMEE?") == ["+CMEE: 1", "OK"]


@pytest.mark.parametrize("line", ["", "hello", "\x1b", "0001000B9133"])
def test_a_line_without_at_has_no_answer(line: str) -> None:
    assert Bench().ask(line) == []


@pytest.mark.parametrize("line", ["at", "AT ", "\x1bAT", "xxAT", "ATE0V1X4&C1&D2S0=0", 'AT+CMEE=1;;+CSCS="GSM";'])
def test_at_is_found(line: str) -> None:
    assert Bench().ask(line) == ["OK"]


@pytest.mark.parametrize("line", ["AT+CMEE=9", "AT+CMEE=x", 'AT+CSCS="KLINGON"', "AT+CREG=²", "AT+CFUN=7"])
def test_bad_values(line: str) -> None:
    assert Bench().ask(line) == ["+CME ERROR: 50"]


def test_backspace_takes_back() -> None:
    assert Bench().ask("AT+CSX\bQ") == ["+CSQ: 20,99", "OK"]


def test_pipelined_commands_are_answered_in_order() -> None:
    assert lines(Bench().raw("AT+CSQ\rAT+CMGF?\rAT\r")) == ["+CSQ: 20,99", "OK", "+CMGF: 0", "OK", "OK"]


def test_text_mode_is_refused() -> None:
    assert Bench().ask("AT+CMGF=1") == ["+CMS ERROR: 303"]


def test_a_submission() -> None:
    bench = Bench()
    pdu = submit_pdu("Réunion à 18 h")
    assert bench.raw(f"AT+CMGS={len(pdu) // 2 - 1}\r") == "\r\n> "
    assert bench.raw(pdu + CTRL_Z) == "\r\n+CMGS: 0\r\n\r\nOK\r\n"
    (accepted,) = bench.network.ledger
    assert (accepted.destination, accepted.text, accepted.reference) == (ALICE, "Réunion à 18 h", 0)
    assert (accepted.pdu, accepted.iccid, accepted.sim) == (pdu, bench.sim.card.iccid, "accueil")


def test_references_go_up_and_wrap() -> None:
    bench = Bench("mr=255")
    assert [bench.submit(submit_pdu())[-2] for _ in range(3)] == ["+CMGS: 255", "+CMGS: 0", "+CMGS: 1"]
    assert bench.ask("AT+CRSM=176,28483,0,0,2") == ['+CRSM: 144,0,"01FF"', "OK"]


def test_esc_forgets_the_pdu() -> None:
    bench = Bench()
    bench.ask("AT+CMGS=20")
    assert lines(bench.raw(submit_pdu()[:20] + ESC)) == ["OK"]
    assert bench.ask("AT") == ["OK"]
    assert len(bench.network.ledger) == 0


def test_a_command_written_into_the_prompt_is_a_bad_pdu() -> None:
    bench = Bench()
    bench.ask("AT+CMGS=20")
    assert bench.raw("AT+CSQ\r") == ""
    assert lines(bench.raw(CTRL_Z)) == ["+CMS ERROR: 304"]


def test_a_wrong_length_is_refused() -> None:
    pdu = submit_pdu()
    bench = Bench()
    assert bench.submit(pdu, len(pdu) // 2) == ["> ", "+CMS ERROR: 304"]
    assert bench.ask("AT+CMGS=999") == ["+CMS ERROR: 304"]
    assert len(bench.network.ledger) == 0


def test_a_submission_takes_the_network_its_time() -> None:
    bench = Bench("latency=3")
    assert bench.submit(submit_pdu()) == ["> "]
    assert bench.raw("AT+CSQ\r") == ""  # waits for its turn
    assert bench.after(2.9) == []
    assert len(bench.network.ledger) == 0
    assert bench.after(0.2) == ["+CMGS: 0", "OK", "+CSQ: 20,99", "OK"]


def test_no_service_centre_no_submission() -> None:
    bench = Bench("smsc=")
    assert bench.ask("AT+CSCA?") == ['+CSCA: "",129', "OK"]
    assert bench.submit(submit_pdu())[-1] == "+CMS ERROR: 330"
    bench.ask('AT+CSCA="+33639980000",145')
    assert bench.submit(submit_pdu())[-1] == "OK"


def test_the_network_refuses_by_rule() -> None:
    bench = Bench("rule=11;cms=38&rule=22;cms=1")
    assert bench.submit(submit_pdu(to=ALICE))[-1] == "+CMS ERROR: 38"
    assert bench.submit(submit_pdu(to=BOB))[-1] == "+CMS ERROR: 1"
    assert bench.submit(submit_pdu(to="+33639980033"))[-1] == "OK"
    assert [entry.reference for entry in bench.network.ledger] == [2]  # refused ones used theirs up


def test_a_status_report_is_said_when_asked_for() -> None:
    bench = Bench("report_delay=5")
    bench.ask("AT+CNMI=2,1,0,1,0")
    assert bench.submit(submit_pdu(report=True))[-1] == "OK"
    header, pdu = bench.after(5)
    assert header == f"+CDS: {len(pdu) // 2 - 8}"
    assert pdu[16:24] == "06000B91"  # after the service centre: SMS-STATUS-REPORT, TP-MR 0, TP-RA
    assert pdu.endswith("00")


@pytest.mark.parametrize("query", ["report=0", "rule=11;silent"])
def test_no_report(query: str) -> None:
    bench = Bench(query)
    bench.ask("AT+CNMI=2,1,0,1,0")
    assert bench.submit(submit_pdu(report=True))[-1] == "OK"
    assert bench.after(60) == []


def test_a_report_that_is_stored() -> None:
    bench = Bench("rule=11;status=0x46")
    bench.ask("AT+CNMI=2,1,0,2,0")
    assert bench.submit(submit_pdu(report=True))[-1] == '+CDSI: "SR",0'
    bench.ask('AT+CPMS="SR"')
    assert bench.ask("AT+CMGR=0")[1].endswith("46")


def test_an_absent_recipient() -> None:
    bench = Bench("rule=11;absent")
    bench.ask("AT+CNMI=2,1,0,1,0")
    assert bench.submit(submit_pdu(report=True))[-1].endswith("22")


def test_a_message_is_stored_announced_read_and_deleted() -> None:
    bench = Bench()
    bench.sim.deliver(BOB, "STOP")
    assert bench.after(0) == ['+CMTI: "ME",0']
    assert bench.ask("AT+CPMS?")[0].startswith('+CPMS: "ME",1,127')
    listed = bench.ask("AT+CMGL=0")
    assert listed[0].startswith("+CMGL: 0,0,,")
    assert bench.ask("AT+CMGR=0")[0].startswith("+CMGR: 1,,")
    assert bench.ask("AT+CMGD=0") == ["OK"]
    assert bench.ask("AT+CMGR=0") == ["+CMS ERROR: 321"]


def test_a_long_message_comes_in_parts() -> None:
    bench = Bench()
    bench.sim.deliver(BOB, "é" * 200)
    bench.sim.deliver(BOB, "😀" * 40)
    assert [line[:12] for line in bench.after(0)] == ['+CMTI: "ME",'] * 4


def test_a_full_memory_makes_messages_wait() -> None:
    bench = Bench("me=1")
    bench.sim.deliver(BOB, "un")
    bench.sim.deliver(BOB, "deux")
    assert bench.after(0) == ['+CMTI: "ME",0']
    assert bench.ask("AT+CMGD=0") == ["OK", '+CMTI: "ME",0']


def test_the_first_message_is_answered() -> None:
    bench = Bench("rule=11;reply=STOP")
    assert bench.submit(submit_pdu())[-1] == '+CMTI: "ME",0'
    assert bench.submit(submit_pdu())[-1] == "OK"


def test_what_is_stored_may_be_sent() -> None:
    bench = Bench("me=1")
    pdu = submit_pdu()
    bench.ask(f"AT+CMGW={len(pdu) // 2 - 1}")
    assert lines(bench.raw(pdu + CTRL_Z)) == ["+CMGW: 0", "OK"]
    assert bench.ask("AT+CMSS=0") == ["+CMSS: 0", "OK"]
    assert bench.ask("AT+CMGR=0")[0].startswith("+CMGR: 3,,")
    bench.ask(f"AT+CMGW={len(pdu) // 2 - 1}")
    assert lines(bench.raw(pdu + CTRL_Z)) == ["+CMS ERROR: 322"]


def test_indications_are_negotiated() -> None:
    bench = Bench("ds=1&cnmi_refuse=2,1,0,1,0")
    assert bench.ask("AT+CNMI=?") == ["+CNMI: (0-2),(0-3),(0,2,3),(0-1),(0,1)", "OK"]
    assert bench.ask("AT+CNMI=2,1,0,1,0") == ["+CMS ERROR: 302"]
    assert bench.ask("AT+CNMI=2,1,0,2,0") == ["+CMS ERROR: 302"]
    assert bench.ask("AT+CNMI=1,1,0,1,0;+CNMI?") == ["+CNMI: 1,1,0,1,0", "OK"]


def test_registration_is_told() -> None:
    bench = Bench("creg=0&cereg=5")
    assert bench.ask("AT+CREG?;+CEREG?") == ["+CREG: 0,0", "+CEREG: 0,5", "OK"]
    bench.ask("AT+CEREG=2")
    bench.sim.unregister(10)
    assert bench.after(0) == ["+CEREG: 2"]
    assert bench.submit(submit_pdu())[-1] == "+CMS ERROR: 331"
    assert bench.after(10) == ['+CEREG: 5,"1A2B","01C3D4E5",7']


def test_a_call_rings() -> None:
    bench = Bench()
    bench.ask("AT+CLIP=1")
    bench.sim.ring(BOB, 2)
    ringing = ["RING", f'+CLIP: "{BOB}",145,,,,0']
    assert bench.after(0) == ringing
    assert bench.ask("AT+CLCC")[0].startswith("+CLCC: 1,1,4")
    assert bench.after(5) == ringing
    assert bench.after(5) == []


def test_ussd_answers_later() -> None:
    assert Bench("ussd=10 EUR").ask('AT+CUSD=1,"#123#",15') == ["OK", '+CUSD: 0,"10 EUR",15']


def test_unsolicited_lines_wait_for_the_end_of_a_pdu() -> None:
    bench = Bench()
    pdu = submit_pdu()
    bench.ask(f"AT+CMGS={len(pdu) // 2 - 1}")
    bench.sim.deliver(BOB, "STOP")
    assert bench.raw() == ""
    assert lines(bench.raw(pdu + CTRL_Z)) == ["+CMGS: 0", "OK", '+CMTI: "ME",0']


def test_a_command_after_a_submission_on_one_line_is_refused() -> None:
    assert Bench().ask("AT+CMGS=20;+CSQ") == ["+CME ERROR: 100"]
