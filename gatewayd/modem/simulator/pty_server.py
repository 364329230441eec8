"""Simulated SIMs behind pseudo-terminals: DIR/NAME is a serial port for any program on this machine.

One thread, one epoll, any number of ports. The state of a SIM stays when a client closes its port, is killed, or opens
it again. An unplugged port loses its link and its terminal (clients read an error); plugged in again it gets a new one
under the same name. DIR/control.sock takes requests (control.py); the ledger is a file of JSON lines, written before
each answer. `serve_pty` returns after SIGTERM, SIGINT or a `stop` request, with links and socket removed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import threading
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gatewayd.clock import Clock, SystemClock
from gatewayd.errors import UsageError
from gatewayd.modem.simulator import control
from gatewayd.modem.simulator.ledger import Ledger
from gatewayd.modem.simulator.network import Network, SimulatedSim
from gatewayd.modem.simulator.options import Options

_CHUNK = 4096
_PENDING = 1 << 20  # octets kept for a client that does not read
_REQUEST = 1 << 18  # octets of a control request


@dataclass(frozen=True, slots=True)
class PortReady:
    """A port that may be opened: `port` is the stable link, `device` what it leads to today."""

    sim: str
    port: str
    device: str
    iccid: str
    imsi: str
    imei: str


class _Channel:
    """One SIM's pseudo-terminal. The slave side is held open too, so that its settings outlive each client."""

    def __init__(self, sim: SimulatedSim, link: Path) -> None:
        self.sim, self.link, self.generation = sim, link, sim.module.generation
        self.pending = b""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.device = os.ttyname(self._slave)
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.device)
        fresh.replace(link)

    def hear(self) -> None:
        """Pass on what the client wrote."""
        try:
            data = os.read(self.master, _CHUNK)
        except BlockingIOError:
            return
        self.sim.write(data)

    def speak(self) -> bool:
        """Write what the module said; False when the client has to read first."""
        data = self.pending + self.sim.read()
        if not data:
            return True
        try:
            written = os.write(self.master, data)
        except BlockingIOError:
            written = 0
        self.pending = data[written:][:_PENDING]
        return not self.pending

    def close(self) -> None:
        """The port vanishes."""
        if self.link.is_symlink() and os.readlink(self.link) == self.device:
            self.link.unlink()
        os.close(self.master)
        os.close(self._slave)

    def ready(self) -> PortReady:
        """What is announced."""
        card = self.sim.card
        return PortReady(self.sim.name, str(self.link), self.device, card.iccid, card.imsi, self.sim.module.imei)


@dataclass(slots=True)
class _Caller:
    """A connection to the control socket, with what it still has to say or hear."""

    connection: socket.socket
    heard: bytes = b""
    waits: Mapping[str, Any] | None = None
    until: float = 0.0


class PtyServer:
    """Serves one network's SIMs. `run` returns after `stop`, which may be called from any thread or signal handler."""

    def __init__(
        self,
        network: Network,
        directory: Path,
        announce: Callable[[PortReady], None],
        *,
        clock: Clock | None = None,
        lifeline: int | None = None,
    ) -> None:
        self._network, self._directory, self._announce = network, directory, announce
        self._clock, self._lifeline = clock or SystemClock(), lifeline
        self._epoll = select.epoll()
        self._channels: dict[int, _Channel] = {}
        self._by_sim: dict[str, _Channel] = {}
        self._callers: dict[int, _Caller] = {}
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False

    def stop(self) -> None:
        """Let `run` return."""
        if not self._stopping:
            self._stopping = True
            os.write(self._wake_write, b"x")

    def run(self) -> None:
        """Serve until stopped; links, terminals and socket are gone afterwards."""
        self._directory.mkdir(parents=True, exist_ok=True)
        listener = control.listen(self._directory)
        try:
            self._epoll.register(self._wake_read, select.EPOLLIN)
            self._epoll.register(listener, select.EPOLLIN)
            if self._lifeline is not None:
                self._epoll.register(self._lifeline, select.EPOLLIN)
            self._settle()
            while not self._stopping:
                self._turn(listener)
        finally:
            self._close(listener)

    def _turn(self, listener: socket.socket) -> None:
        """Wait for something to happen, and see to it."""
        for descriptor, _ in self._epoll.poll(self._pause()):
            channel = self._channels.get(descriptor)
            if channel is not None:
                channel.hear()
                self._speak(channel)
            else:
                self._see_to(descriptor, listener)
        self._let_due_happen()
        if self._callers:
            self._answer_waiting()

    def _see_to(self, descriptor: int, listener: socket.socket) -> None:
        """What comes from elsewhere than a port; nothing, for a port that vanished in this same turn."""
        if descriptor == listener.fileno():
            self._accept(listener)
        elif descriptor in self._callers:
            self._hear_caller(self._callers[descriptor])
        elif descriptor == self._wake_read:
            os.read(self._wake_read, _CHUNK)
        elif descriptor == self._lifeline:
            self.stop()

    def _let_due_happen(self) -> None:
        due = [sim for sim in self._network.sims if sim.seconds_to_next() == 0.0]
        for sim in due:
            sim.tick()
        if due:
            self._settle()

    def _pause(self) -> float | None:
        """Seconds until something happens by itself."""
        pauses = [pause for sim in self._network.sims if (pause := sim.seconds_to_next()) is not None]
        pauses += [caller.until - self._clock.monotonic() for caller in self._callers.values() if caller.waits]
        return max(0.0, min(pauses)) if pauses else None

    # Ports

    def _settle(self) -> None:
        """Let terminals appear and vanish as their modules do, and say what control requests made them say."""
        for sim in self._network.sims:
            channel = self._by_sim.get(sim.name)
            if channel is None:
                if sim.module.attached:
                    self._open(sim)
            elif not sim.module.attached or sim.module.generation != channel.generation:
                self._shut(channel)
                if sim.module.attached:
                    self._open(sim)
            else:
                self._speak(channel)

    def _open(self, sim: SimulatedSim) -> None:
        channel = _Channel(sim, self._directory / sim.name)
        self._by_sim[sim.name] = self._channels[channel.master] = channel
        self._epoll.register(channel.master, select.EPOLLIN)
        self._announce(channel.ready())

    def _shut(self, channel: _Channel) -> None:
        self._epoll.unregister(channel.master)
        del self._channels[channel.master], self._by_sim[channel.sim.name]
        channel.close()

    def _speak(self, channel: _Channel) -> None:
        module = channel.sim.module
        if not module.attached or module.generation != channel.generation:
            self._settle()
            return
        stuck = bool(channel.pending)
        if channel.speak() is stuck:  # the need to hear of room has changed
            self._epoll.modify(channel.master, select.EPOLLIN | (0 if stuck else select.EPOLLOUT))

    # Control

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setblocking(False)
        self._callers[connection.fileno()] = _Caller(connection)
        self._epoll.register(connection, select.EPOLLIN)

    def _hear_caller(self, caller: _Caller) -> None:
        try:
            data = caller.connection.recv(_CHUNK)
        except ConnectionError:
            data = b""
        if not data or len(caller.heard) > _REQUEST:
            self._dismiss(caller)
            return
        *requests, caller.heard = (caller.heard + data).split(b"\n")
        for line in requests:
            answer = self._obey(caller, line)
            self._settle()  # what was asked for has happened when the answer comes
            if answer is not None:
                self._answer(caller, answer)

    def _obey(self, caller: _Caller, line: bytes) -> dict[str, Any] | None:
        try:
            request = control.parse_request(line)
            if request.get("do") == "stop":
                self.stop()
                return {"ok": True}
            if request.get("do") == "wait":
                caller.waits = {key: int(request.get(key, 0)) for key in ("accepted", "fired")}
                caller.until = self._clock.monotonic() + float(request.get("seconds", 10))
                return None
        except (UsageError, ValueError, TypeError) as error:
            return {"ok": False, "error": str(error)}
        return control.obey(self._network, request)

    def _answer_waiting(self) -> None:
        counts = {
            "accepted": self._network.ledger.total,
            "fired": sum(len(sim.fired) for sim in self._network.sims),
        }
        for caller in [caller for caller in self._callers.values() if caller.waits]:
            reached = all(counts[key] >= wanted for key, wanted in (caller.waits or {}).items())
            if reached or self._clock.monotonic() >= caller.until:
                caller.waits = None
                late = {} if reached else {"error": f"in time there were only {counts}"}
                self._answer(caller, {"ok": reached, **counts, **late})

    def _answer(self, caller: _Caller, answer: Mapping[str, Any]) -> None:
        try:
            caller.connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:  # it did not wait for its answer
            self._dismiss(caller)

    def _dismiss(self, caller: _Caller) -> None:
        descriptor = caller.connection.fileno()
        if self._callers.pop(descriptor, None):
            self._epoll.unregister(descriptor)
            caller.connection.close()

    def _close(self, listener: socket.socket) -> None:
        for channel in list(self._by_sim.values()):
            self._shut(channel)
        for caller in list(self._callers.values()):
            self._dismiss(caller)
        listener.close()
        (self._directory / control.SOCKET_NAME).unlink(missing_ok=True)
        self._epoll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)


def announce_on_stdout(ready: PortReady) -> None:
    """One JSON line a port."""
    sys.stdout.write(json.dumps(asdict(ready)) + "\n")
    sys.stdout.flush()


def serve_pty(
    names: Sequence[str],
    options: Options | Mapping[str, Options],
    ledger_path: str | os.PathLike[str] | None,
    link_dir: str | os.PathLike[str],
    *,
    announce: Callable[[PortReady], None] = announce_on_stdout,
    lifeline: int | None = None,
) -> None:
    """Serve these SIMs as LINK_DIR/NAME until SIGTERM, SIGINT or a `stop` request; each is announced when it is ready.

    `options` hold for all, or for each by name. With `ledger_path` the ledger is in that file only. `lifeline` is a
    descriptor (the reading end of a pipe) whose end is the end of this too: the one who started us is gone. Raises
    UsageError for a name which is no file name.
    """
    for name in names:
        if not name or "/" in name or name.startswith(".") or name == control.SOCKET_NAME or not name.isprintable():
            raise UsageError(f"{name!r} cannot name a simulated SIM")
    network = Network("pty", ledger=Ledger(ledger_path, keep=ledger_path is None))
    for name in names:
        network.sim(name, options if isinstance(options, Options) else options.get(name, Options()))
    server = PtyServer(network, Path(link_dir), announce, lifeline=lifeline)
    with _stopped_by_signals(server):
        server.run()
    network.ledger.close()


@contextmanager
def _stopped_by_signals(server: PtyServer) -> Iterator[None]:
    """SIGTERM and SIGINT stop the server; only the main thread may ask for that, elsewhere `stop` is the way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.signal(number, lambda *_: server.stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
