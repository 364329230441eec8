"""The GSM 7-bit alphabets of 3GPP TS 23.038: text to septets, septets to octets, and back.

Septets travel as `bytes`, one septet (0..127) an octet; `pack` and `unpack` squeeze them to seven bits (clause
6.1.2.1). Encoding is exact: a character that is not in the alphabet is refused, never replaced. Decoding never fails:
whatever the network sent can be read, a septet without a character becomes a space, and an escape followed by a septet
that the extension table does not know shows that septet's character of the main table, as clause 6.2.1.1 asks. A
national language that is not known here falls back on the default tables.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from functools import lru_cache

from gatewayd.domain.gsm7_tables import BASIC, ESCAPE, EXTENSION, LOCKING, SINGLE
from gatewayd.errors import TextError

# The longest run of septets that `pack` takes: more than any message holds, a bound for the masks below.
MAX_SEPTETS = 256

_ESC = bytes((ESCAPE,))


@lru_cache(maxsize=32)  # bounded: the identifiers come from received messages
def _encoding(locking: int, single: int) -> Mapping[int, bytes]:
    """The septets of each character; the main table wins where a character is in both."""
    table: dict[int, bytes] = {}
    for septet, character in enumerate(SINGLE.get(single, EXTENSION)):
        if character != " ":
            table[ord(character)] = bytes((ESCAPE, septet))
    for septet, character in enumerate(LOCKING.get(locking, BASIC)):
        if septet != ESCAPE and (character != " " or septet == 0x20):
            table[ord(character)] = bytes((septet,))
    return table


@lru_cache(maxsize=32)  # bounded: the identifiers come from received messages
def _escaped(locking: int, single: int) -> str:
    """What is shown for each septet after an escape; two escapes are a space (clause 6.2.1.1, note 1)."""
    main = LOCKING.get(locking, BASIC).replace("\x1b", " ")
    shifted = SINGLE.get(single, EXTENSION)
    return "".join(own if own != " " else plain for own, plain in zip(shifted, main, strict=True))


_DEFAULT_ENCODING = _encoding(0, 0)


def is_gsm7(character: str) -> bool:
    """Whether the default alphabet or its extension table has this character."""
    return ord(character) in _DEFAULT_ENCODING


def encode(text: str, *, locking: int = 0, single: int = 0) -> bytes:
    """The septets of `text`, an escape and a second septet for characters of the extension (or single shift) table.

    Raises TextError at the first character that the alphabet lacks.
    """
    try:
        return codecs.charmap_encode(text, "strict", _encoding(locking, single))[0]
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise TextError(f"U+{ord(character):04X} at {error.start} is not in the GSM 7-bit alphabet") from None


def decode(septets: bytes, *, locking: int = 0, single: int = 0) -> str:
    """The text of septets (each below 128); an escape at the very end is shown as a space."""
    main = LOCKING.get(locking, BASIC)
    if ESCAPE not in septets:
        return codecs.charmap_decode(septets, "strict", main)[0]
    escaped = _escaped(locking, single)
    shown: list[str] = []
    start = 0
    while (escape := septets.find(_ESC, start)) >= 0:
        shown.append(codecs.charmap_decode(septets[start:escape], "strict", main)[0])
        shown.append(escaped[septets[escape + 1]] if escape + 1 < len(septets) else " ")
        start = escape + 2
    shown.append(codecs.charmap_decode(septets[start:], "strict", main)[0])
    return "".join(shown)


def _lanes(width: int, lane: int) -> int:
    """A mask with the lowest `width` bits of each `lane` bits set, over MAX_SEPTETS octets."""
    octets = ((1 << width) - 1).to_bytes(lane // 8, "little")
    return int.from_bytes(octets * (MAX_SEPTETS * 8 // lane), "little")


# Packing joins neighbours: two septets in 16 bits become 14, two of these in 32 become 28, then 56 in 64; the eighth
# octet of each eight is then empty. Three steps on one big integer, instead of a loop over septets.
_STEPS = tuple(
    (shift, _lanes(7 * shift, 16 * shift), _lanes(7 * shift, 16 * shift) << (7 * shift)) for shift in (1, 2, 4)
)
_SPREAD = tuple((shift, low, low << (8 * shift)) for shift, low, _ in reversed(_STEPS))


def packed_length(septets: int, fill: int = 0) -> int:
    """How many octets `septets` septets take after `fill` fill bits."""
    return (septets * 7 + fill + 7) // 8


def pack(septets: bytes, *, fill: int = 0) -> bytes:
    """Septets as packed octets, after `fill` (0..6) zero bits that bring them to a septet boundary behind a header."""
    count = len(septets)
    if count > MAX_SEPTETS:
        raise TextError(f"{count} septets are more than a message can hold")
    bits = int.from_bytes(septets, "little")
    for shift, low, high in _STEPS:
        bits = (bits & low) | ((bits >> shift) & high)
    octets = bytearray(bits.to_bytes((count + 7) // 8 * 8, "little"))
    del octets[7::8]
    if fill:
        return (int.from_bytes(octets, "little") << fill).to_bytes(len(octets) + 1, "little")[
            : packed_length(count, fill)
        ]
    return bytes(octets[: packed_length(count)])


def unpack(octets: bytes, count: int, *, fill: int = 0) -> bytes:
    """`count` septets out of packed octets, skipping `fill` bits; ValueError when there are too few octets."""
    if count == 0:
        return b""
    if count > MAX_SEPTETS or len(octets) < packed_length(count, fill):
        raise ValueError(f"{count} septets are not in {len(octets)} octets")
    bits = int.from_bytes(octets[: packed_length(count, fill)], "little") >> fill
    groups = (count + 7) // 8
    squeezed = (bits & ((1 << (7 * count)) - 1)).to_bytes(groups * 7, "little")
    spread = bytearray(groups * 8)
    for place in range(7):
        spread[place::8] = squeezed[place::7]
    bits = int.from_bytes(spread, "little")
    for shift, low, high in _SPREAD:
        bits = (bits & low) | ((bits << shift) & high)
    return bits.to_bytes(groups * 8, "little")[:count]
