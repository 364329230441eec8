"""The GSM 7 bit alphabets of 3GPP TS 23.038: characters to septets, septets to octets, and back.

`encode` gives one octet a septet (an extension character takes two, ESC before it); `pack` squeezes them, 8 septets
into 7 octets, first bit of the first septet lowest (clause 6.1.2.1). `fill` bits go before them where a header ends in
the middle of a septet (TS 23.040 clause 9.2.3.24).

Recovery on reading: an escaped code that the extension table lacks shows the character of the main table at its place
(clause 6.2.1.1, note 1); ESC at the end of a text is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

ESCAPE = 0x1B
_RESERVED = "\uffff"

DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Mapping[int, str] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip

_CODES: dict[str, bytes] = {char: bytes([code]) for code, char in enumerate(DEFAULT) if code != ESCAPE}
_CODES.update({char: bytes([ESCAPE, code]) for code, char in EXTENSION.items()})
_ONE_SEPTET = {ord(char): codes[0] for char, codes in _CODES.items() if len(codes) == 1}


def is_encodable(text: str) -> bool:
    """Whether every character is in the default alphabet or its extension."""
    return _CODES.keys() >= set(text)


def septets(char: str) -> int:
    """1, or 2 for a character of the extension table; KeyError for one that is in neither."""
    return len(_CODES[char])


def encode(text: str) -> bytes:
    """One octet a septet. KeyError for a character that is in neither table."""
    return b"".join([_CODES[char] for char in text])


def decode(codes: bytes, locking: str = DEFAULT, single: Mapping[int, str] = EXTENSION) -> str:
    """The text of unpacked septets; `locking` and `single` shift tables of a language may replace the defaults."""
    if ESCAPE not in codes:
        return "".join([locking[code] for code in codes])
    chars = []
    escaped = False
    for code in codes:
        if escaped:
            chars.append(single.get(code, locking[code]))
            escaped = False
        elif code == ESCAPE:
            escaped = True
        else:
            chars.append(locking[code])
    return "".join(chars).replace("\x1b", " ")


def pack(codes: bytes, fill: int = 0) -> bytes:
    """Septets into octets, after `fill` zero bits."""
    bits = 0
    for code in reversed(codes):
        bits = bits << 7 | code
    count = len(codes) * 7 + fill
    return (bits << fill).to_bytes((count + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill: int = 0) -> bytes:
    """The first `count` septets of octets, `fill` bits in. ValueError if there are fewer."""
    if len(octets) * 8 < count * 7 + fill:
        raise ValueError(f"{len(octets)} octets cannot hold {count} septets")
    bits = int.from_bytes(octets, "little") >> fill
    codes = bytearray(count)
    for index in range(count):
        codes[index] = bits & 0x7F
        bits >>= 7
    return bytes(codes)
