"""The driver and the simulated SIM, which share no code: what was told against what the network accepted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayd.clock import SystemClock
from gatewayd.errors import ModemAbsent, NotSubmitted, OutcomeUnknown, SimLocked, SubmissionError, SubmissionRefused
from gatewayd.modem import simulator
from gatewayd.modem.initialise import Timeouts
from gatewayd.modem.notices import LateReference, MessageStored, PortLost, Registration, ReportReceived
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import Session, open_session
from gatewayd.modem.simulator import Network
from tests.modem.conftest import Notices, Pdu, nothing
from tests.modem.scripted import PATIENCE
from tests.unit.modem.simulator.bench import ALICE, submit_pdu

QUICK = Timeouts(
    command=3, alive=0.5, prompt=0.5, submit=0.8, no_reference=0.3, pin=3, listing=3, restart=2, quiet=0.05, poll=0.05
)


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    simulator.install()
    network = simulator.network(request.node.name)
    yield network
    network.reset()


@pytest.fixture
def arrived() -> Notices:
    return Notices()


@pytest.fixture
def session(network: Network, arrived: Notices) -> Iterator[Session]:
    opened = open_on(network, arrived)
    yield opened
    opened.close()


def open_on(network: Network, arrived: Notices, query: str = "", pin: str | None = None) -> Session:
    url = f"sim://accueil?network={network.name}&{query}"
    return open_session(url, pin=pin, clock=SystemClock(), pin_guard=PinGuard(), on_notice=arrived, timeouts=QUICK)


def pdu(*, report: bool = False) -> Pdu:
    written = submit_pdu(report=report)
    return Pdu(written, len(written) // 2 - 1)


def test_a_message_reaches_the_ledger(network: Network, session: Session) -> None:
    reference = session.submit(pdu(), nothing)
    (accepted,) = network.ledger
    assert (accepted.destination, accepted.reference, accepted.iccid) == (ALICE, reference, session.sim.iccid)


def test_references_follow_each_other(network: Network, session: Session) -> None:
    assert [session.submit(pdu(), nothing) for _ in range(3)] == [entry.reference for entry in network.ledger]


# What struck; what the driver says; how often the network accepted the PDU.
FAULTS = [
    ("answer-lost", OutcomeUnknown, 1),
    ("no-ok", None, 1),
    ("ok-only", OutcomeUnknown, 1),
    ("answer-twice", None, 1),
    ("prompt-bare", None, 1),
    ("prompt-late;seconds=0.7", NotSubmitted, 0),
    ("prompt-missing", NotSubmitted, 0),
    ("cms;code=38", SubmissionRefused, 0),
    ("cms;code=500;at=accepted", SubmissionRefused, 1),
    ("cms;code=332;at=accepted", OutcomeUnknown, 1),
    ("cme;code=30", SubmissionRefused, 0),
    ("unplug;at=command", ModemAbsent, 0),
    ("unplug;at=prompt", ModemAbsent, 0),
    ("unplug;at=body", OutcomeUnknown, 0),
    ("unplug;at=accepted", OutcomeUnknown, 1),
    ("reboot;at=body;seconds=0.1", OutcomeUnknown, 0),
    ("reboot;at=accepted;seconds=0.1", OutcomeUnknown, 1),
    ("silence;at=command;seconds=0.7", NotSubmitted, 0),
    ("silence;at=accepted;seconds=1", OutcomeUnknown, 1),
    ("urc", None, 1),
    ("stray-byte", None, 1),
    ("cmti", None, 1),
    ("sim-busy;command=+CMGS;times=2", None, 1),
]


@pytest.mark.parametrize(("fault", "told", "accepted"), FAULTS)
def test_what_is_told_agrees_with_the_ledger(
    network: Network, session: Session, fault: str, told: type[Exception] | None, accepted: int
) -> None:
    sim = network.sim("accueil")
    sim.arm(fault)
    outcome: type[Exception] | None = None
    try:
        session.submit(pdu(), nothing)
    except (SubmissionError, ModemAbsent) as error:
        outcome = type(error)
    assert [struck.kind for struck in sim.fired] != []
    assert (outcome, len(network.ledger)) == (told, accepted)


@pytest.mark.parametrize(
    "fault", [fault for fault, _, _ in FAULTS if not fault.startswith("unplug")] + ["answer-late;seconds=0.9"]
)
def test_after_each_fault_the_next_message_is_itself(network: Network, session: Session, fault: str) -> None:
    """No answer of one submission is taken for that of another, no PDU goes into the wrong prompt."""
    network.sim("accueil").arm(fault)
    with_fault = pdu()
    try:
        session.submit(with_fault, nothing)
    except SubmissionError:
        before = len(network.ledger)
    else:
        before = 1
    for _ in range(20):
        try:
            reference = session.submit(pdu(), nothing)
            break
        except NotSubmitted:
            continue
    assert len(network.ledger) == before + 1
    assert network.ledger[-1].reference == reference


def test_a_late_answer_is_told_afterwards(network: Network, session: Session, arrived: Notices) -> None:
    network.sim("accueil").arm("answer-late;seconds=3")
    with pytest.raises(OutcomeUnknown):
        session.submit(pdu(), nothing)
    arrived.wait_for(LateReference(network.ledger[0].reference))


def test_an_answer_that_is_only_a_little_late_is_the_answer(network: Network, session: Session) -> None:
    network.sim("accueil").arm("answer-late;seconds=0.85")
    assert session.submit(pdu(), nothing) == network.ledger[0].reference


def test_a_status_report_arrives(session: Session, arrived: Notices) -> None:
    assert session.reports
    session.submit(pdu(report=True), nothing)
    arrived.wait_for_kind(ReportReceived)


def test_a_report_split_in_two_arrives(network: Network, session: Session, arrived: Notices) -> None:
    """Experiment 4."""
    network.sim("accueil").arm("cds-split;seconds=0.1")
    session.submit(pdu(report=True), nothing)
    session.check()
    arrived.wait_for_kind(ReportReceived)


def test_a_message_is_received_read_and_deleted(network: Network, session: Session, arrived: Notices) -> None:
    network.sim("accueil").deliver(ALICE, "STOP")
    arrived.wait_for_kind(MessageStored)
    (told,) = (notice for notice in arrived.seen if isinstance(notice, MessageStored))
    assert told.memory == session.setup.memory
    (listed,) = session.list_stored()
    assert (listed.index, bool(listed.pdu)) == (told.index, True)
    session.delete_by_index(told.index)
    assert session.list_stored() == []


def test_the_loss_of_the_network_is_told_and_found(network: Network, session: Session, arrived: Notices) -> None:
    assert session.check().able
    network.sim("accueil").unregister()
    arrived.wait_for_kind(Registration)
    assert not session.check().able


def test_an_unplugged_modem_is_told_and_can_be_opened_again(
    network: Network, session: Session, arrived: Notices
) -> None:
    sim = network.sim("accueil")
    sim.unplug()
    arrived.wait_for_kind(PortLost)
    assert not session.alive
    session.close()
    with pytest.raises(ModemAbsent):
        open_on(network, arrived)
    sim.plug()
    again = open_on(network, arrived)
    assert again.sim == session.sim
    again.close()


def test_the_sim_is_opened_with_its_pin_and_never_twice_with_a_wrong_one(network: Network, arrived: Notices) -> None:
    with pytest.raises(SimLocked):
        open_on(network, arrived, "pin=1234", pin="9999")
    assert network.sim("accueil").module.card.pin_tries == 2
    session = open_on(network, arrived, "pin=1234", pin="1234")
    assert session.check().able
    session.close()


def test_a_port_in_use_is_not_shared(network: Network, session: Session, arrived: Notices) -> None:
    with pytest.raises(ModemAbsent, match="in use"):
        open_on(network, arrived)
    assert session.alive


def test_modems_that_refuse_direct_reports_are_taken_as_they_are(network: Network, arrived: Notices) -> None:
    session = open_on(network, arrived, "cnmi_refuse=2,1,0,1,0&manufacturer=Maker&model=X")
    assert session.setup.cnmi == "2,1,0,2,0"
    assert session.reports
    session.close()


def test_a_silent_modem_is_reset_and_comes_back(network: Network, session: Session) -> None:
    sim = network.sim("accueil")
    sim.fall_silent()
    assert not session.check().answers
    sim.wake()
    assert session.check().answers
    assert session.submit(pdu(), nothing) == network.ledger[0].reference


# ---- over a pseudo-terminal, the simulator in another process


@pytest.fixture
def process(tmp_path: Path) -> Iterator[simulator.SimulatorProcess]:
    with simulator.start_process(["a"], "latency=0", tmp_path / "sims") as running:
        yield running


def open_pty(process: simulator.SimulatorProcess, on_notice: Callable[[object], None] = print) -> Session:
    return open_session(
        process.ports["a"], pin=None, clock=SystemClock(), pin_guard=PinGuard(), on_notice=on_notice, timeouts=QUICK
    )


def test_many_messages_over_a_pseudo_terminal(process: simulator.SimulatorProcess) -> None:
    session = open_pty(process)
    references = [session.submit(pdu(), nothing) for _ in range(300)]
    session.close()
    assert [entry.reference for entry in process.ledger()] == references


def test_a_hangup_of_the_pseudo_terminal_is_unknown(process: simulator.SimulatorProcess) -> None:
    session = open_pty(process)
    process.control("fault", sim="a", fault="unplug;at=accepted")
    with pytest.raises(OutcomeUnknown):
        session.submit(pdu(), nothing)
    assert len(process.ledger()) == 1
    session.close()


EXIT_WITH_OPEN_MODEMS = """
import sys
from gatewayd.clock import SystemClock
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import open_session
session = open_session(sys.argv[1], pin=None, clock=SystemClock(), pin_guard=PinGuard(), on_notice=print)
print("open", flush=True)
sys.stdin.read(1)
"""


def test_python_ends_though_a_modem_is_open(process: simulator.SimulatorProcess) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", EXIT_WITH_OPEN_MODEMS, process.ports["a"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        while "open" not in child.stdout.readline().split():
            pass
        child.communicate("x", timeout=PATIENCE)
        assert child.returncode == 0


def test_sixteen_sims_at_once(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(16)]
    with simulator.start_process(names, "latency=0", tmp_path / "sims") as running:

        def work(name: str) -> None:
            session = open_session(
                running.ports[name],
                pin=None,
                clock=SystemClock(),
                pin_guard=PinGuard(),
                on_notice=lambda _: None,
                timeouts=QUICK,
            )
            for _ in range(20):
                session.submit(pdu(), nothing)
            session.close()

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE * 3)
        assert len(running.ledger()) == 16 * 20
