"""PIN and PUK: three tries, then ten."""

from __future__ import annotations

from tests.unit.modem.simulator.bench import Bench, submit_pdu


def test_a_card_without_a_pin_is_ready() -> None:
    bench = Bench()
    assert bench.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]
    assert bench.ask("AT+CPIN=1234") == ["+CME ERROR: 3"]


def test_the_right_pin_opens_the_card() -> None:
    bench = Bench("pin=1234")
    assert bench.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert bench.ask("AT+CIMI") == ["+CME ERROR: 11"]
    assert bench.ask(f"AT+CMGS={len(submit_pdu()) // 2 - 1}") == ["+CMS ERROR: 311"]
    assert bench.ask('AT+CPIN="1234"')[:2] == ["OK", "+CPIN: READY"]
    assert bench.submit(submit_pdu())[-1] == "OK"


def test_files_of_the_card() -> None:
    bench = Bench("iccid=8933000000000000012&mr=5")
    assert bench.ask("AT+CRSM=176,12258,0,0,10") == ['+CRSM: 144,0,"983300000000000010F2"', "OK"]
    assert bench.ask("AT+CRSM=176,28483,0,0,1") == ['+CRSM: 144,0,"04"', "OK"]
    assert bench.ask("AT+CRSM=176,1,0,0,2") == ["+CRSM: 106,130", "OK"]


def test_three_wrong_pins_lock_the_card() -> None:
    bench = Bench("pin=1234&puk=87654321")
    for left in (2, 1, 0):
        assert bench.ask("AT+CPIN=0000") == ["+CME ERROR: 16"]
        assert bench.ask("AT+QPINC?")[0] == f'+QPINC: "SC",{left},10'
    assert bench.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert bench.ask("AT+CPIN=1234") == ["+CME ERROR: 12"]
    assert bench.ask("AT+CPIN=11111111,4321") == ["+CME ERROR: 16"]
    assert bench.ask("AT+CPIN=87654321,4321")[0] == "OK"
    assert bench.ask("AT+QPINC?;+CPIN?")[:3:2] == ['+QPINC: "SC",3,10', "+CPIN: READY"]


def test_ten_wrong_puks_block_the_card_for_ever() -> None:
    bench = Bench("pin=1234")
    for _ in range(3):
        bench.ask("AT+CPIN=0000")
    for _ in range(10):
        bench.ask("AT+CPIN=11111111,4321")
    assert bench.ask("AT+CPIN?") == ["+CME ERROR: 13"]


def test_tries_outlive_a_power_cut() -> None:
    bench = Bench("pin=1234")
    bench.ask("AT+CPIN=0000")
    bench.sim.unplug()
    bench.sim.plug()
    bench.ask("ATE0")
    assert bench.ask("AT+QPINC?")[0] == '+QPINC: "SC",2,10'


def test_an_opened_card_locks_again_without_power() -> None:
    bench = Bench("pin=1234&echo=0")
    bench.ask("AT+CPIN=1234")
    bench.sim.unplug()
    bench.sim.plug()
    assert bench.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
