"""Every command in every form; and what each of the less spoken ones says."""

from __future__ import annotations

import re

import pytest

from gatewayd.modem.simulator.commands import COMMANDS
from tests.unit.modem.simulator.bench import BOB, CTRL_Z, ESC, Bench, submit_pdu

_FINAL = re.compile(r"OK|ERROR|\+CM[ES] ERROR: \d+|> ")
_FORMS = [
    "",
    "?",
    "=?",
    "=",
    "=0",
    "=1",
    "=2",
    "=9",
    "=20",
    "=,",
    "=,,,,,,,",
    "=x",
    '="',
    '=";"',
    "=3,0",
    "=0,4",
    "=0,9",
]
_FORMS += [
    "=2,1,0,1,0",
    "=2,1,0,1,9",
    '="ME"',
    '="SM","ME","SR"',
    '="+33639980000",145',
    '="SC",2',
    "=176,12258,0,0,10",
]


@pytest.mark.parametrize("name", sorted(COMMANDS))
@pytest.mark.parametrize("query", ["", "pin=1234", "clac=0&crsm=0&cmms=0&smss=never&creg=0&cgreg=0&cereg=0"])
def test_every_form_has_exactly_one_final_result(name: str, query: str) -> None:
    for form in _FORMS:
        bench = Bench(query)
        answer = bench.ask(f"AT{name.removeprefix('AT')}{form}")
        finals = [line for line in answer if _FINAL.fullmatch(line)]
        assert len(finals) == 1, (form, answer)
        if finals == ["> "]:
            bench.raw(ESC)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ATI", ["Quectel", "EC25", "Revision: EC25EFAR06A01M4G"]),
        ("AT+COPS?", ['+COPS: 0,0,"Fiction",7']),
        ("AT+COPS=3,2;+COPS?", ['+COPS: 0,2,"00101",7']),
        ("AT+CFUN=4;+CFUN?;+CSQ", ["+CFUN: 4", "+CSQ: 99,99"]),
        ("AT+CFUN=0;+COPS?;+CREG?", ["+COPS: 0", "+CREG: 0,0"]),
        ('AT+CSCS="UCS2";+CSCS?', ['+CSCS: "UCS2"']),
        ("AT+CLIP=1;+CLIP?", ["+CLIP: 1,1"]),
        ("AT+CSMS=1;+CSMS?", ["+CSMS: 1,1,1", "+CSMS: 1,1,1,1"]),
        ("AT+CMMS=2;+CMMS?", ["+CMMS: 2"]),
        ('AT+CLCK="SC",2', ["+CLCK: 0"]),
        ('AT+CPMS="SM","SM","SM"', ["+CPMS: 0,50,0,50,0,50"]),
        ("AT+CPMS?", ['+CPMS: "ME",0,127,"ME",0,127,"ME",0,127']),
        ("AT+QTEMP", ["+QTEMP: 38,36,37"]),
        ("AT+CGATT?", ["+CGATT: 1"]),
        ("AT+CCLK?", ['+CCLK: "26/03/02,09:16:40+00"']),
        ("AT+CREG=2;+CREG?", ['+CREG: 2,1,"1A2B","01C3D4E5",7']),
    ],
)
def test_what_is_said(line: str, said: list[str]) -> None:
    assert Bench().ask(line) == [*said, "OK"]


def test_known_commands_are_listed() -> None:
    listed = Bench().ask("AT+CLAC")
    assert {"+CMGS", "+CNMI", "+CLAC"} <= set(listed)
    assert Bench("clac=0").ask("AT+CLAC") == ["+CME ERROR: 100"]


def test_a_hang_up_ends_the_ringing() -> None:
    bench = Bench()
    bench.sim.ring(BOB, 9)
    assert bench.after(0) == ["RING"]
    assert bench.ask("ATH") == ["OK"]
    assert bench.after(30) == []


@pytest.mark.parametrize(("flag", "left"), [(1, [1, 2, 3]), (2, [1, 2]), (3, [1]), (4, [])])
def test_deleting_by_state(flag: int, left: list[int]) -> None:
    """Four messages: read, unread, unsent, sent."""
    bench = Bench()
    for text in ("lu", "non lu"):
        bench.sim.deliver(BOB, text)
    bench.ask("AT+CMGR=0")
    pdu = submit_pdu()
    for _ in range(2):
        bench.ask(f"AT+CMGW={len(pdu) // 2 - 1}")
        bench.raw(pdu + CTRL_Z)
    stored = bench.module.memory["ME"].messages
    assert sorted(stored) == [0, 1, 2, 3]
    bench.ask("AT+CMSS=3")
    bench.ask(f"AT+CMGD=0,{flag}")
    assert sorted(stored) == left
