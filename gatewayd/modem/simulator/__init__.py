"""The simulated SIM: a GSM module and its network, a part of the product. Tests, demo and rehearsals run on it.

    install()                       serial.serial_for_url("sim://accueil?latency=3") opens one, in this process
    network().sim("accueil")        the same one, from the other side: faults, incoming messages, calls
    network().ledger                what the network accepted: the oracle
    serve_pty([...], ...)           the same behind pseudo-terminals, for any program
    start_process([...], ...)       that, in a process of its own

It shares no code with the driver it serves: PDUs are read and written by its own tables.
"""

from __future__ import annotations

from gatewayd.modem.simulator.faults import Fault
from gatewayd.modem.simulator.ledger import Accepted, Ledger, read_ledger, whole_messages
from gatewayd.modem.simulator.network import Event, Network, SimulatedSim, network
from gatewayd.modem.simulator.options import Options, OptionsError, Rule
from gatewayd.modem.simulator.process import SimulatorProcess, start_process
from gatewayd.modem.simulator.protocol_sim import install
from gatewayd.modem.simulator.pty_server import PortReady, PtyServer, serve_pty

__all__ = [
    "Accepted",
    "Event",
    "Fault",
    "Ledger",
    "Network",
    "Options",
    "OptionsError",
    "PortReady",
    "PtyServer",
    "Rule",
    "SimulatedSim",
    "SimulatorProcess",
    "install",
    "network",
    "read_ledger",
    "serve_pty",
    "start_process",
    "whole_messages",
]
