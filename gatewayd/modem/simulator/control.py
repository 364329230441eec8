"""The simulator's back door: what a test or an operator tells simulated SIMs that live in another process.

One request is one JSON object on a line, `{"do": VERB, "sim": NAME, ...}`; its answer is one line, `{"ok": true, ...}`
or `{"ok": false, "error": "..."}`. Verbs, with their fields:

    fault      fault="KIND;key=value;..."            arm a fault (faults.py)
    deliver    sender, text                          a message arrives
    ring       caller, times                         a call comes in
    urc        text                                  the module says a line
    unplug, reboot, silence, unregister   seconds    (0: until plug, by itself, wake, register)
    plug, wake, register
    options    options="latency=3&..."               other options from now on
    state                                            attached, armed, fired, last reference, messages stored
    wait       accepted=N, fired=N, seconds          answered when that many were accepted, or have struck, in all
    stop                                             end the process

Anything else is refused with a sentence and changes nothing.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gatewayd.errors import ModemAbsent, UsageError
from gatewayd.modem.simulator.network import Network, SimulatedSim
from gatewayd.modem.simulator.options import Options

SOCKET_NAME = "control.sock"
Request = Mapping[str, Any]


def _seconds(request: Request) -> float:
    return float(request.get("seconds", 0))


def _state(sim: SimulatedSim, _: Request) -> dict[str, Any]:
    module = sim.module
    return {
        "attached": module.attached,
        "armed": [asdict(fault) for fault in sim.armed],
        "fired": [asdict(fault) for fault in sim.fired],
        "reference": sim.card.last_reference,
        "stored": {name: len(store.messages) for name, store in module.memory.items()},
    }


_VERBS: dict[str, Callable[[SimulatedSim, Request], dict[str, Any] | None]] = {
    "fault": lambda sim, r: sim.arm(str(r["fault"])),
    "deliver": lambda sim, r: sim.deliver(str(r["sender"]), str(r["text"])),
    "ring": lambda sim, r: sim.ring(str(r["caller"]), int(r.get("times", 1))),
    "urc": lambda sim, r: sim.urc(str(r["text"])),
    "unplug": lambda sim, r: sim.unplug(_seconds(r)),
    "plug": lambda sim, _: sim.plug(),
    "reboot": lambda sim, r: sim.reboot(_seconds(r)),
    "silence": lambda sim, r: sim.fall_silent(_seconds(r)),
    "wake": lambda sim, _: sim.wake(),
    "unregister": lambda sim, r: sim.unregister(_seconds(r)),
    "register": lambda sim, _: sim.register(),
    "options": lambda sim, r: sim.configure(Options.parse(str(r["options"]))),
    "state": _state,
}


def obey(network: Network, request: Request) -> dict[str, Any]:
    """Do what a request asks of one SIM; the answer. `wait` and `stop` are the server's own."""
    verb = _VERBS.get(str(request.get("do")))
    if verb is None:
        return {"ok": False, "error": f"do is one of {', '.join(sorted([*_VERBS, 'wait', 'stop']))}"}
    sim = next((sim for sim in network.sims if sim.name == request.get("sim")), None)
    if sim is None:
        return {"ok": False, "error": f"sim is one of {', '.join(sim.name for sim in network.sims)}"}
    try:
        return {"ok": True, **(verb(sim, request) or {})}
    except KeyError as missing:
        return {"ok": False, "error": f"{request.get('do')} wants {missing.args[0]}"}
    except (UsageError, ValueError, TypeError) as error:
        return {"ok": False, "error": str(error)}


def parse_request(line: bytes) -> dict[str, Any]:
    """One line as a request; UsageError when it is none."""
    try:
        request = json.loads(line)
    except ValueError:
        raise UsageError("a request is one JSON object on a line") from None
    if not isinstance(request, dict):
        raise UsageError("a request is one JSON object on a line")
    return request


def listen(directory: Path) -> socket.socket:
    """The server's socket, DIRECTORY/control.sock, for its owner only. UsageError: another simulator serves there."""
    place = directory / SOCKET_NAME
    if _answers(directory):
        raise UsageError(f"another simulator serves {directory}: end it first, or name another directory")
    place.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with _Directory(directory) as short:
        server.bind(f"{short}/{SOCKET_NAME}")
    place.chmod(0o600)
    server.listen()
    return server


def _answers(directory: Path) -> bool:
    """Whether a simulator that still runs has the socket there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, _Directory(directory) as short:
        return client.connect_ex(f"{short}/{SOCKET_NAME}") == 0


def ask(directory: Path, request: Request, timeout: float = 30.0) -> dict[str, Any]:
    """Send one request to the simulator that serves `directory`, and return its answer.

    Raises UsageError with the simulator's sentence when it refuses, ModemAbsent when there is no simulator.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        try:
            with _Directory(directory) as short:
                client.connect(f"{short}/{SOCKET_NAME}")
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as stream:
                line = stream.readline()
        except OSError as error:
            raise ModemAbsent(f"no simulator answers in {directory}: {error}") from error
    if not line:
        raise ModemAbsent(f"the simulator in {directory} went away")
    answer: dict[str, Any] = json.loads(line)
    if not answer["ok"]:
        raise UsageError(answer["error"])
    return answer


class _Directory:
    """A short path to a directory while it is used: the address of a UNIX socket holds 107 characters only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> str:
        self._descriptor = os.open(self._path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._descriptor}"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
