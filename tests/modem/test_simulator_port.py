"""`sim://` behaves as a serial port does, for a client and a test in different threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import serial

from gatewayd.modem import simulator
from gatewayd.modem.simulator import Network
from gatewayd.modem.simulator.protocol_sim import Serial
from tests.unit.modem.simulator.bench import ALICE, CTRL_Z, lines, submit_pdu


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    simulator.install()
    network = simulator.network(request.node.name)
    yield network
    network.reset()


def url(network: Network, query: str = "", name: str = "accueil") -> str:
    return f"sim://{name}?network={network.name}&echo=0&{query}"


def opened(network: Network, query: str = "", **settings: Any) -> Serial:
    port = serial.serial_for_url(url(network, query), **{"timeout": 5, **settings})
    assert isinstance(port, Serial)
    return port


def until(port: Serial, end: str) -> list[str]:
    return lines(port.read_until(end.encode()).decode("latin-1"))


def test_a_command_is_answered(network: Network) -> None:
    with opened(network) as port:
        port.write(b"AT+CSQ\r")
        assert until(port, "OK\r\n") == ["+CSQ: 20,99", "OK"]
        assert port.in_waiting == 0


def test_a_submission_reaches_the_ledger(network: Network) -> None:
    pdu = submit_pdu()
    with opened(network, "latency=0.05") as port:
        port.write(f"AT+CMGS={len(pdu) // 2 - 1}\r".encode())
        until(port, "> ")
        port.write((pdu + CTRL_Z).encode())
        assert until(port, "OK\r\n") == ["+CMGS: 0", "OK"]
    assert [entry.destination for entry in network.ledger] == [ALICE]


def test_a_blocked_read_wakes_on_what_comes(network: Network) -> None:
    heard: list[bytes] = []
    with opened(network, timeout=30) as port:
        reader = threading.Thread(target=lambda: heard.append(port.read(8)))
        reader.start()
        network.sim("accueil").say(b"\r\nRING\r\n")
        reader.join(5)
    assert heard == [b"\r\nRING\r\n"]


def test_a_read_can_be_cancelled(network: Network) -> None:
    heard: list[bytes] = []
    with opened(network, timeout=None) as port:
        reader = threading.Thread(target=lambda: heard.append(port.read(8)))
        reader.start()
        port.cancel_read()  # whether the reader is blocked already or not
        reader.join(5)
    assert heard == [b""]


def test_closing_frees_a_blocked_read(network: Network) -> None:
    port = opened(network, timeout=None)

    def read() -> None:
        with contextlib.suppress(serial.SerialException):  # the port may be closed before it is read
            port.read(8)

    reader = threading.Thread(target=read)
    reader.start()
    port.close()
    reader.join(5)
    assert not reader.is_alive()


def test_a_timeout_gives_what_there_is(network: Network) -> None:
    with opened(network, timeout=0.01) as port:
        assert port.read(1) == b""
        port.timeout = 0
        port.write(b"AT\r")
        assert port.read(100) == b"\r\nOK\r\n"


def test_an_exclusive_port_cannot_be_shared(network: Network) -> None:
    with opened(network, exclusive=True), pytest.raises(serial.SerialException, match="exclusively"):
        opened(network)
    with opened(network), pytest.raises(serial.SerialException, match="exclusively"):
        opened(network, exclusive=True)
    with opened(network, exclusive=True):
        pass


def test_a_port_that_vanishes_raises_in_a_blocked_read(network: Network) -> None:
    errors: list[Exception] = []
    port = opened(network, timeout=30)

    def read() -> None:
        try:
            port.read(1)
        except serial.SerialException as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    network.sim("accueil").unplug()
    reader.join(5)
    assert len(errors) == 1
    with pytest.raises(serial.SerialException):
        port.write(b"AT\r")
    with pytest.raises(serial.SerialException, match="no such device"):
        opened(network)
    network.sim("accueil").plug()
    with pytest.raises(serial.SerialException):
        port.write(b"AT\r")  # the old handle stays dead
    port.close()
    with opened(network) as again:
        again.write(b"AT\r")
        assert until(again, "OK\r\n") == ["OK"]


def test_a_sim_remembers_what_its_port_forgot(network: Network) -> None:
    with opened(network) as port:
        port.write(b"AT+CMEE=2\r")
    with opened(network) as port:
        port.write(b"AT+CMEE?\r")
        assert until(port, "OK\r\n") == ["+CMEE: 2", "OK"]


def test_flow_control_without_cts_blocks_the_writer(network: Network) -> None:
    with (
        opened(network, "cts=0", rtscts=True, write_timeout=0.01) as port,
        pytest.raises(serial.SerialTimeoutException),
    ):
        port.write(b"AT\r")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("latncy=3", "unknown option 'latncy'"),
        ("latency=soon", "option latency"),
        ("latency", "wants a value"),
        ("report=maybe", "not 0 or 1"),
        ("fault=gremlins", "'gremlins' is not known"),
        ("fault=cms;sometimes=1", "sometimes=1"),
        ("rule=9;explode=1", "explode=1"),
        ("latency=-1", "option latency"),
    ],
)
def test_a_wrong_option_is_told(network: Network, query: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        opened(network, query)


def test_waiting_moves_time_for_sims_that_nobody_reads(network: Network) -> None:
    pdu = submit_pdu()
    with opened(network, "latency=0.05") as port:
        port.write(f"AT+CMGS={len(pdu) // 2 - 1}\r{pdu}{CTRL_Z}".encode())
        assert network.wait_for(lambda: len(network.ledger) == 1)
    assert not network.wait_for(lambda: len(network.ledger) == 2, timeout=0.01)
