"""The GSM 7-bit default alphabet, as the simulated network reads and writes it (TS 23.038 clause 6.2.1).

Written apart from `gatewayd.domain.gsm7` on purpose: an oracle which shares its tables with what it judges would
agree with its faults. Unknown escapes never raise: they show in the decoded text, where a comparison then fails.
"""

from __future__ import annotations

from collections.abc import Iterable

DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
ESCAPE = 0x1B

_SEPTET = {character: code for code, character in enumerate(DEFAULT) if code != ESCAPE}
_ESCAPED = {character: code for code, character in EXTENSION.items()}


def unpack(octets: bytes, count: int, fill: int = 0) -> bytes:
    """`count` septets out of packed octets, after `fill` bits (TS 23.038 clause 6.1.2.1)."""
    bits = int.from_bytes(octets, "little") >> fill
    return bytes([(bits >> shift) & 0x7F for shift in range(0, 7 * count, 7)])


def pack(septets: Iterable[int], fill: int = 0) -> bytes:
    """Septets packed into octets, after `fill` zero bits."""
    bits, shift = 0, fill
    for septet in septets:
        bits |= septet << shift
        shift += 7
    return bits.to_bytes((shift + 7) // 8, "little")


def decode(septets: bytes) -> str:
    """The text of these septets; an escape without a known character after it is left as U+001B."""
    if ESCAPE not in septets:
        return "".join(map(DEFAULT.__getitem__, septets))
    text: list[str] = []
    escaped = False
    for septet in septets:
        if escaped and septet in EXTENSION:
            text[-1] = EXTENSION[septet]
            escaped = False
        else:
            text.append(DEFAULT[septet])
            escaped = septet == ESCAPE
    return "".join(text)


def encode(text: str) -> list[bytes] | None:
    """Each character as one or two septets, or None when the text needs UCS-2."""
    coded: list[bytes] = []
    for character in text:
        if character in _SEPTET:
            coded.append(bytes([_SEPTET[character]]))
        elif character in _ESCAPED:
            coded.append(bytes([ESCAPE, _ESCAPED[character]]))
        else:
            return None
    return coded
