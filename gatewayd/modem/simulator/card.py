"""The SIM card: identity, PIN and PUK with their tries, service centre, last TP-MR, stored messages.

What stands here outlives the port being closed, the module being reset and the stick being unplugged: it is in the
chip. Identities are derived from the name, so that a SIM is the same in every run; the network is the test PLMN 001/01
and the own number comes from the range reserved for fiction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gatewayd.modem.simulator.options import Options

PIN_TRIES = 3
PUK_TRIES = 10
STORED_UNREAD, STORED_READ, STORED_UNSENT, STORED_SENT = range(4)


def luhn(digits: str) -> str:
    """`digits` with their check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return digits + str(-total % 10)


def derived(name: str, what: str, count: int) -> str:
    """`count` digits which always are the same for this name and purpose."""
    number = int.from_bytes(hashlib.sha256(f"{what}:{name}".encode()).digest(), "big")
    return str(number % 10**count).zfill(count)


@dataclass(slots=True)
class Stored:
    """One message of a store: `status` as AT+CMGL has it (0 unread, 1 read, 2 unsent, 3 sent)."""

    status: int
    pdu: str
    length: int


class Store:
    """A memory of `size` messages, by index from 0; the lowest free index is taken."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.messages: dict[int, Stored] = {}

    def add(self, message: Stored) -> int | None:
        """The index, or None when the memory is full."""
        index = next((i for i in range(self.size) if i not in self.messages), None)
        if index is not None:
            self.messages[index] = message
        return index


class SimCard:
    """One SIM."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.iccid = options.iccid or luhn("8933" + derived(name, "iccid", 14))
        self.imsi = options.imsi or "00101" + derived(name, "imsi", 10)
        self.number = options.number or "+3363998" + derived(name, "number", 4)
        self.smsc = options.smsc
        self.pin, self._puk = options.pin, options.puk
        self.pin_tries, self.puk_tries = PIN_TRIES, PUK_TRIES
        self.unlocked = not self.pin
        self.last_reference = (options.mr - 1) % 256
        self.store = Store(options.sm)

    @property
    def wants(self) -> str:
        """What AT+CPIN? answers: READY, SIM PIN, SIM PUK; empty when the card is blocked for ever."""
        if self.puk_tries == 0:
            return ""
        if self.pin_tries == 0:
            return "SIM PUK"
        return "READY" if self.unlocked else "SIM PIN"

    def enter_pin(self, pin: str) -> bool:
        """One try; the third wrong one in a row locks the card until the PUK comes."""
        if pin == self.pin:
            self.pin_tries, self.unlocked = PIN_TRIES, True
            return True
        self.pin_tries -= 1
        return False

    def enter_puk(self, puk: str, new_pin: str) -> bool:
        """One of ten tries to set a new PIN."""
        if puk == self._puk:
            self.pin, self.pin_tries, self.puk_tries, self.unlocked = new_pin, PIN_TRIES, PUK_TRIES, True
            return True
        self.puk_tries -= 1
        return False

    def next_reference(self) -> int:
        """The TP-MR of the next message (TS 23.040 clause 9.2.3.6): one more than the last one in EF_SMSS."""
        return (self.last_reference + 1) % 256

    def power_off(self) -> None:
        """The PIN has to be entered again."""
        self.unlocked = not self.pin
