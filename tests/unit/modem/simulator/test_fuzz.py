"""Whatever is written, the module raises nothing, and hears the same however the octets are cut."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.modem.simulator.commands import COMMANDS
from gatewayd.modem.simulator.faults import KINDS, Fault
from gatewayd.modem.simulator.submit_check import BadSubmission, check
from tests.unit.modem.simulator.bench import Bench, submit_pdu

_VALUES = st.one_of(
    st.sampled_from(
        ["", "?", "=?", "=", "=0", "=1", "=2", "=4", "=9", "=20", "=,", "=,,,,,,", "=1;", "=x", '="', '=";"']
    ),
    st.sampled_from(["=1,1", "=0,4", "=3,0", "=2,1,0,1,0", "=176,28483,0,0,2", "=99999999999", '="ME"', "=1234,5678"]),
    st.sampled_from(['="SM","ME","SR"', '="+33639980011"', '="SC",2']),
)
_COMMAND = st.builds("".join, st.tuples(st.sampled_from(sorted(COMMANDS)), _VALUES))
_LINE = _COMMAND.map(lambda command: f"AT{'' if command.startswith('AT') else command}\r".encode())
_SUBMISSION = st.sampled_from(
    [f"AT+CMGS={len(pdu) // 2 - 1}\r{pdu}\x1a".encode() for pdu in (submit_pdu(), submit_pdu("😀", report=True))]
)
_STREAM = st.lists(st.one_of(_LINE, _SUBMISSION, st.binary(max_size=30), st.sampled_from([b"\x1b", b"\x1a", b"\b"])))
_QUERY = st.sampled_from(["", "pin=1234", "me=0&sm=0&sr=0", "smsc=", "creg=0&cgreg=0&cereg=0", "clac=0&crsm=0&cmms=0"])
_FAULT = st.sampled_from([f"{kind};times=2;seconds=1" for kind in KINDS] + ["reboot;at=half", "unplug;at=accepted"])


@given(_STREAM, _QUERY, st.lists(_FAULT, max_size=3))
@settings(deadline=None)
def test_nothing_that_is_written_makes_it_raise(stream: list[bytes], query: str, faults: list[str]) -> None:
    bench = Bench(query)
    for fault in faults:
        bench.module.arm(Fault.parse(fault))
    for piece in stream:
        bench.sim.write(piece)
        bench.clock.seconds += 0.4
    bench.sim.read()


@given(_STREAM, _QUERY, st.booleans())
@settings(deadline=None)
def test_one_byte_at_a_time_is_heard_the_same(stream: list[bytes], query: str, echo: bool) -> None:
    whole, cut = Bench(query, echo=echo), Bench(query, echo=echo)
    data = b"AT+CNMI=2,1,0,1,0\r" + b"".join(stream)
    whole.sim.write(data)
    for octet in data:
        cut.sim.write(bytes([octet]))
    assert cut.sim.read() == whole.sim.read()
    assert [entry.pdu for entry in cut.network.ledger] == [entry.pdu for entry in whole.network.ledger]


@given(st.binary(max_size=180), st.integers(0, 200))
@settings(deadline=None)
def test_the_check_raises_only_its_own_error(octets: bytes, announced: int) -> None:
    for length in (announced, len(octets) - 1):
        with contextlib.suppress(BadSubmission):
            check(octets.hex(), length)


@given(st.data())
@settings(deadline=None)
def test_a_damaged_pdu_is_read_or_refused(data: st.DataObject) -> None:
    pdu = bytearray.fromhex(submit_pdu("Bonjour à tous", header=bytes([5, 0, 3, 9, 2, 1])))
    pdu[data.draw(st.integers(0, len(pdu) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadSubmission):
        check(pdu.hex(), len(pdu) - 1)
