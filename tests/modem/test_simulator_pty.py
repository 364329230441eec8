"""Simulated SIMs behind pseudo-terminals, in a process of their own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from gatewayd.errors import ModemAbsent, UsageError
from gatewayd.modem.simulator import OptionsError, SimulatorProcess, serve_pty, start_process
from gatewayd.modem.simulator.options import Options
from tests.unit.modem.simulator.bench import ALICE, BOB, CTRL_Z, lines, submit_pdu


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["a", "b"], {"a": "echo=0", "b": "echo=0&pin=1234"}, tmp_path / "dev") as simulator:
        yield simulator


def opened(simulator: SimulatorProcess, name: str = "a") -> serial.Serial:
    return serial.Serial(simulator.ports[name], timeout=5, exclusive=True)


def ask(port: serial.Serial, line: str, end: str = "OK\r\n") -> list[str]:
    port.write(line.encode() + b"\r")
    return lines(port.read_until(end.encode()).decode("latin-1"))


def submit(port: serial.Serial, end: str = "OK\r\n") -> list[str]:
    pdu = submit_pdu()
    ask(port, f"AT+CMGS={len(pdu) // 2 - 1}", "> ")
    port.write((pdu + CTRL_Z).encode())
    return lines(port.read_until(end.encode()).decode("latin-1"))


def test_each_port_is_its_own_sim(simulator: SimulatorProcess) -> None:
    with opened(simulator, "a") as a, opened(simulator, "b") as b:
        assert ask(a, "AT+CPIN?") == ["+CPIN: READY", "OK"]
        assert ask(b, "AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
        assert ask(a, "AT+CIMI") == [simulator.identities["a"]["imsi"], "OK"]


def test_the_ledger_is_written_before_the_answer(simulator: SimulatorProcess) -> None:
    with opened(simulator) as port:
        assert submit(port) == ["+CMGS: 0", "OK"]
        (entry,) = simulator.ledger()
    assert (entry.destination, entry.text, entry.sim) == (ALICE, "Bonjour", "a")


def test_a_sim_outlives_its_clients(simulator: SimulatorProcess) -> None:
    with opened(simulator) as port:
        submit(port)
        ask(port, "AT+CMEE=2")
    with opened(simulator) as port:
        assert ask(port, "AT+CMEE?") == ["+CMEE: 2", "OK"]
        assert submit(port) == ["+CMGS: 1", "OK"]


def test_a_fault_strikes_and_says_so(simulator: SimulatorProcess) -> None:
    simulator.control("fault", sim="a", fault="answer-lost")
    with opened(simulator) as port:
        pdu = submit_pdu()
        ask(port, f"AT+CMGS={len(pdu) // 2 - 1}", "> ")
        port.write((pdu + CTRL_Z).encode())
        simulator.wait(accepted=1, fired=1)
        assert ask(port, "AT") == ["OK"]
    assert [fault["kind"] for fault in simulator.control("state", sim="a")["fired"]] == ["answer-lost"]


def test_a_message_arrives(simulator: SimulatorProcess) -> None:
    with opened(simulator) as port:
        ask(port, "AT")
        simulator.control("deliver", sim="a", sender=BOB, text="STOP")
        assert lines(port.read_until(b"0\r\n").decode()) == ['+CMTI: "ME",0']


def test_a_long_answer_waits_for_a_slow_reader(tmp_path: Path) -> None:
    with start_process(["a"], "echo=0&me=600", tmp_path) as simulator:
        for _ in range(2):
            simulator.control("deliver", sim="a", sender=BOB, text="ê" * 67 * 250)
        with opened(simulator) as port:
            port.write(b"AT+CPMS?\rAT+CMGL=4\rAT+CSQ\r")
            simulator.control("state", sim="a")  # by now all of it has been said, and nothing read
            heard = lines(port.read_until(b"99\r\n\r\nOK\r\n").decode())
    assert heard[0].startswith('+CPMS: "ME",500,600')
    assert sum(line.startswith("+CMGL: ") for line in heard) == 500
    assert heard[-2:] == ["+CSQ: 20,99", "OK"]


def test_a_port_vanishes_and_comes_back(simulator: SimulatorProcess) -> None:
    with opened(simulator) as port:
        simulator.control("unplug", sim="a")
        assert not os.path.lexists(simulator.ports["a"])
        with pytest.raises(serial.SerialException):
            port.read(1)
    simulator.control("plug", sim="a")
    with opened(simulator) as port:
        assert ask(port, "AT") == ["OK"]


def test_a_port_vanishes_in_the_middle_of_a_pdu(simulator: SimulatorProcess) -> None:
    simulator.control("fault", sim="a", fault="unplug;at=half")
    pdu = submit_pdu()
    with opened(simulator) as port:
        ask(port, f"AT+CMGS={len(pdu) // 2 - 1}", "> ")
        port.write((pdu + CTRL_Z).encode())
        with pytest.raises(serial.SerialException):
            port.read(1)
    assert simulator.ledger() == []


def test_latency_passes_by_itself(simulator: SimulatorProcess) -> None:
    simulator.control("options", sim="a", options="echo=0&latency=0.05&report_delay=0.05")
    with opened(simulator) as port:
        ask(port, "AT+CNMI=2,1,0,1,0")
        assert submit(port) == ["+CMGS: 0", "OK"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"do": "dance", "sim": "a"}, "do is one of"),
        ({"do": "plug", "sim": "z"}, "sim is one of a, b"),
        ({"do": "deliver", "sim": "a"}, "deliver wants sender"),
        ({"do": "fault", "sim": "a", "fault": "gremlins"}, "not known"),
        ({"do": "wait", "accepted": 1, "seconds": 0}, "in time there were only"),
        ({"do": "wait", "accepted": "many"}, "invalid literal"),
    ],
)
def test_a_wrong_request_is_refused(simulator: SimulatorProcess, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        simulator.control(**request_)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(simulator: SimulatorProcess, number: int) -> None:
    simulator.process.send_signal(number)
    assert simulator.process.wait(5) == 0
    assert sorted(os.listdir(simulator.directory)) == ["ledger.jsonl"]
    with pytest.raises(ModemAbsent):
        simulator.control("state", sim="a")


def test_it_ends_with_the_one_who_started_it(simulator: SimulatorProcess) -> None:
    assert simulator.process.stdin is not None
    simulator.process.stdin.close()
    assert simulator.process.wait(5) == 0


def test_many_events_do_not_fill_a_pipe(simulator: SimulatorProcess) -> None:
    for _ in range(2):
        simulator.control("fault", sim="a", fault="cme;code=14;command=+CSQ;times=1000")
        with opened(simulator) as port:
            for _ in range(1000):
                assert ask(port, "AT+CSQ", "14\r\n") == ["+CME ERROR: 14"]


def test_stop_is_a_request_too(simulator: SimulatorProcess) -> None:
    simulator.control("stop")
    assert simulator.process.wait(5) == 0


def test_each_port_is_announced_in_json(capsys: pytest.CaptureFixture[str], simulator: SimulatorProcess) -> None:
    assert set(simulator.identities["a"]) == {"sim", "port", "device", "iccid", "imsi", "imei"}
    assert json.dumps(simulator.identities["a"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a\nb", "control.sock"])
def test_a_name_must_be_a_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name"):
        serve_pty([name], Options(), None, tmp_path)


def test_a_wrong_option_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(OptionsError):
        start_process(["a"], "latncy=1", tmp_path)
