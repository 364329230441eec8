"""The user data header (3GPP TS 23.040, clause 9.2.3.24): what is known becomes a value, the rest stays as it came.

The specification asks for patience: of an element that comes twice the last one counts, an element that makes no sense
is passed over, and a header whose last element does not fit is ignored as a whole. An element passed over stays among
`elements`, so that nothing is lost on the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.errors import PduError

CONCAT, PORTS, WIDE_PORTS, WIDE_CONCAT, SINGLE_SHIFT, LOCKING_SHIFT = 0x00, 0x04, 0x05, 0x08, 0x24, 0x25


@dataclass(frozen=True, slots=True)
class Concat:
    """One part of several: part `number` (from 1) of `parts`; `wide` writes the reference in 16 bits."""

    reference: int
    parts: int
    number: int
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """Application ports; `wide` writes them in 16 bits."""

    destination: int
    source: int
    wide: bool = True


@dataclass(frozen=True, slots=True)
class Element:
    """An information element that has no value of its own here."""

    identifier: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The elements of one header. The shifts are national language identifiers (TS 23.038, clause 6.2.1.2.4)."""

    concat: Concat | None = None
    ports: Ports | None = None
    single_shift: int = 0
    locking_shift: int = 0
    elements: tuple[Element, ...] = ()


EMPTY = Header()


def encode_header(header: Header) -> bytes:
    """UDHL and the elements; nothing at all for an empty header."""
    if header == EMPTY:
        return b""
    written = [
        _concat(header.concat) if header.concat else b"",
        _ports(header.ports) if header.ports else b"",
        _element(SINGLE_SHIFT, bytes((_within(header.single_shift, 0xFF),))) if header.single_shift else b"",
        _element(LOCKING_SHIFT, bytes((_within(header.locking_shift, 0xFF),))) if header.locking_shift else b"",
        *(_element(_within(element.identifier, 0xFF), element.data) for element in header.elements),
    ]
    octets = b"".join(written)
    if len(octets) > 139:
        raise PduError("the user data header leaves no room")
    return bytes((len(octets),)) + octets


def decode_header(octets: bytes) -> Header:
    """The header whose octets follow UDHL."""
    concat: Concat | None = None
    ports: Ports | None = None
    single = locking = place = 0
    elements: list[Element] = []
    while place < len(octets):
        if place + 2 > len(octets) or place + 2 + octets[place + 1] > len(octets):
            return EMPTY
        identifier = octets[place]
        data = octets[place + 2 : place + 2 + octets[place + 1]]
        place += 2 + len(data)
        if (found := _read_concat(identifier, data)) is not None:
            concat = found
        elif (pair := _read_ports(identifier, data)) is not None:
            ports = pair
        elif identifier == SINGLE_SHIFT and len(data) == 1:
            single = data[0]
        elif identifier == LOCKING_SHIFT and len(data) == 1:
            locking = data[0]
        else:
            elements.append(Element(identifier, data))
    return Header(concat, ports, single, locking, tuple(elements))


def _read_concat(identifier: int, data: bytes) -> Concat | None:
    wide = identifier == WIDE_CONCAT
    if not (wide and len(data) == 4) and not (identifier == CONCAT and len(data) == 3):
        return None
    parts, number = data[-2], data[-1]
    return Concat(int.from_bytes(data[:-2], "big"), parts, number, wide) if 1 <= number <= parts else None


def _read_ports(identifier: int, data: bytes) -> Ports | None:
    if identifier == WIDE_PORTS and len(data) == 4:
        return Ports(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big"))
    if identifier == PORTS and len(data) == 2:
        return Ports(data[0], data[1], wide=False)
    return None


def _concat(concat: Concat) -> bytes:
    reference = _within(concat.reference, 0xFFFF if concat.wide else 0xFF).to_bytes(2 if concat.wide else 1, "big")
    if not 1 <= concat.number <= concat.parts <= 0xFF:
        raise PduError(f"part {concat.number} of {concat.parts} cannot be")
    return _element(WIDE_CONCAT if concat.wide else CONCAT, reference + bytes((concat.parts, concat.number)))


def _ports(ports: Ports) -> bytes:
    limit, width = (0xFFFF, 2) if ports.wide else (0xFF, 1)
    pair = (_within(port, limit).to_bytes(width, "big") for port in (ports.destination, ports.source))
    return _element(WIDE_PORTS if ports.wide else PORTS, b"".join(pair))


def _element(identifier: int, data: bytes) -> bytes:
    return bytes((identifier, _within(len(data), 0xFF))) + data


def _within(value: int, limit: int) -> int:
    if not 0 <= value <= limit:
        raise PduError(f"{value} does not fit into a field of the user data header (at most {limit})")
    return value
