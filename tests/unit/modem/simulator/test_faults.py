"""Each fault, seen from the wire and from the ledger: what the client is told against what the network did."""

from __future__ import annotations

import pytest

from gatewayd.errors import UsageError
from gatewayd.modem.simulator.faults import KINDS, Fault
from tests.unit.modem.simulator.bench import BOB, CTRL_Z, ESC, Bench, lines, submit_pdu


def submitted(fault: str, query: str = "") -> tuple[Bench, list[str]]:
    """A bench on which a submission met this fault, and what the client read."""
    bench = Bench(query)
    bench.ask("AT+CNMI=2,1,0,1,0")
    bench.sim.arm(fault)
    return bench, bench.submit(submit_pdu())


@pytest.mark.parametrize(
    ("fault", "said", "accepted"),
    [
        ("answer-lost", [], 1),
        ("answer-late;seconds=50", [], 1),
        ("answer-twice", ["+CMGS: 0", "OK", "+CMGS: 0", "OK"], 1),
        ("ok-only", ["OK"], 1),
        ("no-ok", ["+CMGS: 0"], 1),
        ("cms;code=38", ["+CMS ERROR: 38"], 0),
        ("cms;code=500;at=accepted", ["+CMS ERROR: 500"], 1),
        ("cme;code=14", ["+CME ERROR: 14"], 0),
        ("cme;code=100;at=accepted", ["+CME ERROR: 100"], 1),
        ("unplug;at=half", [], 0),
        ("unplug;at=body", [], 0),
        ("unplug;at=accepted", [], 1),
        ("reboot;at=half", [], 0),
        ("reboot;at=body", [], 0),
        ("reboot;at=accepted", [], 1),
        ("silence;at=half", [], 0),
        ("silence;at=body", [], 0),
        ("silence;at=accepted", [], 1),
        ("unregister;at=body", ["+CMS ERROR: 331"], 0),
        ("unregister;at=prompt", ["+CMS ERROR: 331"], 0),
        ("urc;command=+CMGS", ["^RSSI:18", "+CMGS: 0", "OK"], 1),
        ("urc;text=^BOOT:1,2,3", ["^BOOT:1,2,3", "+CMGS: 0", "OK"], 1),
        ("stray-byte", ["\xe9", "+CMGS: 0", "OK"], 1),
        ("cmti;text=STOP", ["+CMGS: 0", '+CMTI: "ME",0', "OK"], 1),
        ("smsc-empty", ["+CMS ERROR: 330"], 0),
    ],
)
def test_a_submission_meets_a_fault(fault: str, said: list[str], accepted: int) -> None:
    bench, heard = submitted(fault)
    assert heard == ["> ", *said]
    assert len(bench.network.ledger) == accepted
    assert [struck.kind for struck in bench.sim.fired] == [fault.partition(";")[0]]
    assert bench.sim.armed == ()


@pytest.mark.parametrize("fault", ["unplug;at=command", "reboot;at=command", "silence;at=command"])
def test_a_fault_before_the_command_runs(fault: str) -> None:
    bench, heard = submitted(fault)
    assert heard == []
    assert len(bench.network.ledger) == 0


@pytest.mark.parametrize("fault", ["unplug;at=prompt", "reboot;at=prompt", "silence;at=prompt"])
def test_a_fault_instead_of_the_prompt(fault: str) -> None:
    bench, heard = submitted(fault)
    assert heard == []
    assert len(bench.network.ledger) == 0


def test_an_answer_comes_late_while_the_module_listens() -> None:
    bench, _ = submitted("answer-late;seconds=50")
    assert bench.ask("AT+CSQ") == ["+CSQ: 20,99", "OK"]
    assert bench.after(49) == []
    assert bench.after(1) == ["+CMGS: 0", "OK"]


def test_a_prompt_comes_late_and_swallows_what_was_written() -> None:
    bench = Bench()
    bench.sim.arm("prompt-late;seconds=6")
    assert bench.ask("AT+CMGS=20") == []
    assert bench.ask("AT+CSQ") == []
    assert bench.after(6) == ["> "]
    assert lines(bench.raw(ESC)) == ["OK"]


def test_a_missing_prompt_still_takes_a_pdu() -> None:
    bench, heard = submitted("prompt-missing")
    assert heard == ["+CMGS: 0", "OK"]
    assert len(bench.network.ledger) == 1


def test_a_prompt_without_its_space() -> None:
    bench = Bench()
    bench.sim.arm("prompt-bare")
    assert bench.raw("AT+CMGS=20\r") == "\r\n>"


def test_an_unplugged_port_comes_back() -> None:
    bench, _ = submitted("unplug;at=accepted;seconds=20", "echo=0")
    assert not bench.module.attached
    assert bench.ask("AT") == []
    bench.after(20)
    assert bench.module.attached
    assert bench.ask("AT") == ["OK"]


def test_a_port_that_is_not_there_yet() -> None:
    bench = Bench("fault=unplug;seconds=20&echo=0")
    bench.after(19)
    assert not bench.module.attached
    bench.after(1)
    assert bench.ask("AT") == ["OK"]


def test_a_reboot_tells_when_it_is_over() -> None:
    bench, _ = submitted("reboot;at=accepted;seconds=15", "pin=1234")  # locked: refused before the fault is met
    bench.ask("AT+CPIN=1234")
    assert bench.submit(submit_pdu()) == ["> "]
    assert bench.after(14) == []
    assert bench.after(1) == ["RDY", "+CFUN: 1", "+CPIN: SIM PIN", "+QUSIM: 1"]
    assert bench.ask("ATE0") == ["ATE0", "OK"]  # the echo is on again


def test_a_reboot_on_demand() -> None:
    bench = Bench("boot=10")
    assert bench.ask("AT+CFUN=1,1") == ["OK"]
    assert bench.after(1) == []
    assert bench.ask("AT") == []
    assert bench.after(10) == ["RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"]


def test_silence_ends() -> None:
    bench = Bench()
    bench.sim.arm("silence;seconds=30")
    assert bench.ask("AT") == []
    bench.after(30)
    assert bench.ask("AT") == ["OK"]


def test_the_sim_is_busy_for_the_first_commands() -> None:
    bench = Bench("fault=sim-busy;times=3")
    assert [bench.ask(line)[-1] for line in ("AT", "AT+CPIN?", "AT+CIMI", "AT+CSCA?", "AT+CPIN?")] == [
        "OK",
        *["+CME ERROR: 14"] * 3,
        "OK",
    ]


def test_some_indications_are_refused() -> None:
    bench = Bench("fault=cnmi-refused;text=2,1,0,1,0;times=2")
    asked = ("AT+CNMI=2,1,0,1,0", "AT+CNMI=2,1,0,2,0", "AT+CNMI=2,1,0,1,0", "AT+CNMI=2,1,0,1,0")
    assert [bench.ask(line)[-1] for line in asked] == ["+CMS ERROR: 302", "OK", "+CMS ERROR: 302", "OK"]


def test_a_fault_may_wait_for_another_command() -> None:
    bench = Bench()
    bench.sim.arm("answer-lost;command=+CSQ")
    bench.sim.arm("cme;code=30;command=+COPS")
    assert bench.ask("AT") == ["OK"]
    assert bench.ask("AT+CSQ") == []
    assert bench.ask("AT+COPS?") == ["+CME ERROR: 30"]


def test_a_fault_may_wait_for_its_turn_and_strike_again() -> None:
    bench = Bench()
    bench.sim.arm("cms;code=42;after=1;times=2")
    assert [bench.submit(submit_pdu())[-1] for _ in range(4)] == ["OK", "+CMS ERROR: 42", "+CMS ERROR: 42", "OK"]


def test_errors_armed_one_after_another_strike_one_after_another() -> None:
    bench = Bench("fault=cms;code=38&fault=cms;code=42")
    assert [bench.submit(submit_pdu())[-1] for _ in range(3)] == ["+CMS ERROR: 38", "+CMS ERROR: 42", "OK"]


def reported(fault: str) -> tuple[Bench, list[str]]:
    bench = Bench(f"fault={fault}")
    bench.ask("AT+CNMI=2,1,0,1,0")
    return bench, bench.submit(submit_pdu(report=True))[1:]


def test_a_report_is_split_in_time() -> None:
    bench, heard = reported("cds-split;seconds=0.05")
    assert heard[:2] == ["+CMGS: 0", "OK"]
    assert heard[2].startswith("+CDS: ")
    (pdu,) = bench.after(0.05)
    assert len(pdu) // 2 - 8 == int(heard[2][6:])


def test_a_report_comes_before_the_answer() -> None:
    _, heard = reported("report-early")
    assert (heard[0][:5], heard[2:]) == ("+CDS:", ["+CMGS: 0", "OK"])


def test_a_report_is_lost() -> None:
    _, heard = reported("report-lost")
    assert heard == ["+CMGS: 0", "OK"]


def test_reports_and_messages_wait_for_a_module_that_is_away() -> None:
    bench = Bench("fault=unplug;at=accepted&report_delay=1&echo=0")
    bench.ask("AT+CNMI=2,1,0,1,0")
    bench.submit(submit_pdu(report=True))
    bench.after(5)
    bench.sim.deliver(BOB, "STOP")
    bench.sim.plug()
    assert bench.after(0) == ['+CMTI: "ME",0']
    heard = bench.ask("AT+CNMI=2,1,0,1,0")
    assert [line[:4] for line in heard[:2]] == ["OK", "+CDS"]


def test_messages_wait_for_registration() -> None:
    bench = Bench()
    bench.sim.unregister(60)
    bench.sim.deliver(BOB, "STOP")
    assert bench.after(59) == []
    assert bench.after(1) == ['+CMTI: "ME",0']


def test_a_submission_on_its_way_dies_with_the_module() -> None:
    bench = Bench("latency=5&echo=0")
    bench.submit(submit_pdu())
    bench.sim.unplug(1)
    assert bench.after(10) == []
    assert len(bench.network.ledger) == 0
    assert bench.ask("AT") == ["OK"]


def test_every_kind_is_in_the_manual() -> None:
    from gatewayd.modem.simulator import faults

    assert all(f"`{kind}`" in (faults.__doc__ or "") for kind in KINDS)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "gremlins",
        "cms;code=x",
        "cms;at=prompt",
        "answer-lost;times=0",
        "unplug;seconds=-1",
        "urc;colour=red",
        "cms;38",
    ],
)
def test_a_fault_that_cannot_be(written: str) -> None:
    with pytest.raises(UsageError):
        Fault.parse(written)


def test_a_pdu_that_is_cut_by_the_client_is_never_accepted() -> None:
    bench = Bench()
    pdu = submit_pdu()
    bench.ask(f"AT+CMGS={len(pdu) // 2 - 1}")
    bench.raw(pdu[:30])
    assert lines(bench.raw(CTRL_Z)) == ["+CMS ERROR: 304"]
    assert len(bench.network.ledger) == 0
