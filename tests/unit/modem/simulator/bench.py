"""What the simulator's tests share: a module on the bench, whose time the test owns, and SMS-SUBMITs made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gatewayd.modem.simulator.alphabet import encode, pack
from gatewayd.modem.simulator.network import Network, SimulatedSim
from gatewayd.modem.simulator.options import Options
from gatewayd.modem.simulator.tpdu import address

ALICE = "+33639980011"
BOB = "+33639980022"
CTRL_Z, ESC = "\x1a", "\x1b"


@dataclass
class BenchClock:
    """A clock that moves when it is told to."""

    seconds: float = 1000.0
    start: datetime = field(default=datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    def utc_now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def trusted(self) -> bool:
        return True


class Bench:
    """One SIM of a network of its own. `ask` writes a line and returns the answer, unwrapped."""

    def __init__(self, query: str = "", *, echo: bool = False, name: str = "accueil") -> None:
        self.clock = BenchClock()
        self.network = Network(clock=self.clock)
        self.sim: SimulatedSim = self.network.sim(name, Options.parse(query))
        self.module = self.sim.module
        self.module.echo = echo

    def raw(self, text: str = "") -> str:
        """Write these characters; all that the module says by now."""
        self.sim.write(text.encode("latin-1"))
        return self.sim.read().decode("latin-1")

    def ask(self, line: str) -> list[str]:
        """The lines of the answer to a command, empty ones left out."""
        return lines(self.raw(line + "\r"))

    def submit(self, pdu: str, length: int | None = None) -> list[str]:
        """The lines that AT+CMGS is answered with, prompt included."""
        size = len(pdu) // 2 - 1 if length is None else length
        return self.ask(f"AT+CMGS={size}") + lines(self.raw(pdu + CTRL_Z))

    def after(self, seconds: float) -> list[str]:
        """What the module says while this time goes by."""
        self.clock.seconds += seconds
        return lines(self.raw())


def lines(text: str) -> list[str]:
    """Lines without the empty ones."""
    return [line for line in text.replace("\r", "\n").split("\n") if line]


def submit_pdu(  # a test chooses any field of the PDU
    text: str = "Bonjour",
    to: str = ALICE,
    *,
    report: bool = False,
    header: bytes = b"",
    smsc: str = "00",
    first: int = 0x01,
) -> str:
    """An SMS-SUBMIT in hexadecimal, without validity period, service centre (the card's) included."""
    septets = encode(text)
    if septets is not None:
        places = (len(header) * 8 + 6) // 7
        coding, data = 0x00, header + pack(b"".join(septets), places * 7 - len(header) * 8)
        length = places + len(b"".join(septets))
    else:
        coding, data = 0x08, header + text.encode("utf-16-be")
        length = len(data)
    octets = bytes([first | (0x20 if report else 0) | (0x40 if header else 0), 0]) + address(to)
    return smsc + (octets + bytes([0, coding, length]) + data).hex().upper()
