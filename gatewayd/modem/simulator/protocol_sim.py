"""`sim://NAME?option=value&...` for pyserial: a simulated SIM in this process, as a Serial port.

Reached through `serial.serial_for_url` once `gatewayd.modem.simulator.install()` has run; options.py lists the options.
A name is one SIM: closing and opening again finds it as it was left, unread output excepted (a real port is flushed
when it is opened). Reads block on a condition and wake at once. SerialException is raised as a real port does: when the
port is not there, is held by somebody else, or vanishes in use; an unknown option is an OptionsError (a ValueError).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import serial
from serial.serialutil import PortNotOpenError, SerialBase, SerialException, SerialTimeoutException

from gatewayd.modem.simulator.network import SimulatedSim, network
from gatewayd.modem.simulator.options import Options, OptionsError

if TYPE_CHECKING:
    from typing_extensions import Buffer


def sim_for_url(url: str) -> SimulatedSim:
    """The SIM that a URL names, made or reconfigured as its options say."""
    parts = urlsplit(url)
    name = unquote(parts.netloc + parts.path).strip("/")
    if parts.scheme.lower() != "sim" or not name:
        raise OptionsError(f"expected sim://NAME or sim://NAME?option=value&..., not {url!r}")
    options = Options.parse(parts.query)
    return network(options.network).sim(name, options if parts.query else None)


class Serial(SerialBase):
    """A port to a simulated SIM; the line's speed and format are taken and mean nothing."""

    _sim: SimulatedSim
    _generation = -1
    _cancelled = False

    def open(self) -> None:
        """Take the port; SerialException when it is not there or is held."""
        if self.port is None:
            raise SerialException("Port must be configured before it can be used.")
        if self.is_open:
            raise SerialException("Port is already open.")
        sim = sim_for_url(self.port)
        with sim.changed:
            sim.advance()
            if not sim.module.attached:
                raise SerialException(2, f"could not open port {self.port}: no such device")
            if sim.openings and (sim.exclusive or self.exclusive):
                raise SerialException(11, f"could not exclusively lock port {self.port}: it is in use")
            sim.openings += 1
            sim.exclusive = bool(self.exclusive)
            sim.module.take_output()
            self._sim, self._generation = sim, sim.module.generation
            self._cancelled = False
            self.is_open = True

    def close(self) -> None:
        """Give the port back; a blocked read returns."""
        if self.is_open:
            with self._sim.changed:
                self.is_open = False
                self._sim.openings -= 1
                if not self._sim.openings:
                    self._sim.exclusive = False
                self._sim.changed.notify_all()

    def _reconfigure_port(self, force_update: bool = False) -> None:
        """Speed, parity and time-outs need nothing done."""

    def _require_port(self) -> None:
        if not self.is_open:
            raise PortNotOpenError()
        if not self._sim.module.attached or self._sim.module.generation != self._generation:
            raise SerialException(5, "device reports readiness to read but returned no data (device disconnected?)")

    @property
    def in_waiting(self) -> int:
        """Octets that can be read now."""
        if not self.is_open:
            raise PortNotOpenError()
        with self._sim.changed:
            self._sim.advance()
            self._require_port()
            return self._sim.module.waiting

    def read(self, size: int = 1, /) -> bytes:
        """`size` octets, or fewer when the timeout (seconds; None: for ever) or `cancel_read` came first."""
        if not self.is_open:
            raise PortNotOpenError()
        end = None if self.timeout is None else time.monotonic() + self.timeout
        data = bytearray()
        with self._sim.changed:
            while self.is_open:
                self._sim.advance()
                self._require_port()
                data += self._sim.module.take_output(size - len(data))
                if len(data) >= size or self._cancelled:
                    self._cancelled = False
                    break
                pauses = [self._sim.seconds_to_next(), None if end is None else end - time.monotonic()]
                if pauses[1] is not None and pauses[1] <= 0:
                    break
                self._sim.changed.wait(min((pause for pause in pauses if pause is not None), default=None))
        return bytes(data)

    def cancel_read(self) -> None:
        """Let a blocked read return with what it has; if none is blocked, the next one."""
        if self.is_open:
            with self._sim.changed:
                self._cancelled = True
                self._sim.changed.notify_all()

    def write(self, b: Buffer, /) -> int:
        """Write all of `b`; SerialTimeoutException when flow control is asked for and CTS stays low."""
        if not self.is_open:
            raise PortNotOpenError()
        data = bytes(b)
        with self._sim.changed:
            self._sim.advance()
            self._require_port()
            if self.rtscts and not self.cts:
                self._sim.changed.wait_for(lambda: not self.is_open, self.write_timeout)
                raise SerialTimeoutException("Write timeout")
            self._sim.write(data)
            self._require_port()
        return len(data)

    def flush(self) -> None:
        """What is written has arrived."""
        if not self.is_open:
            raise PortNotOpenError()

    def reset_input_buffer(self) -> None:
        """Drop what waits to be read."""
        if not self.is_open:
            raise PortNotOpenError()
        with self._sim.changed:
            self._sim.advance()
            self._sim.module.take_output()

    def reset_output_buffer(self) -> None:
        """Nothing waits to be written."""
        if not self.is_open:
            raise PortNotOpenError()

    @property
    def out_waiting(self) -> int:
        """Nothing waits to be written."""
        return 0

    def _update_break_state(self) -> None:
        """A break means nothing here."""

    def _update_rts_state(self) -> None:
        """RTS means nothing here."""

    def _update_dtr_state(self) -> None:
        """DTR means nothing here."""

    @property
    def cts(self) -> bool:
        """As the option `cts` says."""
        return self._sim.options.cts

    @property
    def dsr(self) -> bool:
        """Always up."""
        return True

    @property
    def ri(self) -> bool:
        """Whether a call is coming in."""
        return bool(self._sim.module.caller)

    @property
    def cd(self) -> bool:
        """Always up."""
        return True


def install() -> None:
    """Let `serial.serial_for_url` know `sim://`; may be called any number of times."""
    package = __name__.rpartition(".")[0]
    if package not in serial.protocol_handler_packages:
        serial.protocol_handler_packages.append(package)
