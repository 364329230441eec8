"""What must not be read where only the course of things is told: phone numbers, PDUs, and octets that act on a screen.

`masked` is the one function through which log lines and the audit trail pass. Whatever looks like a number is taken for
one: a mask too many costs a reader a word, a number too many costs somebody else more.
"""

from __future__ import annotations

import re
import unicodedata

from gatewayd.domain.unseen import UNSEEN

MASK = "[number]"
PDU_MASK = "[pdu]"

# What people put between digits, and what a repr makes of it, which may also stand before the first digit. A few of
# them: with any number, a line of nothing else would take the square of its length.
_UNSEEN = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_GAP = (
    rf"(?:[ .,_\-/()\u00a0\u202f\u2009\u2010-\u2015\u2212{_UNSEEN}]"
    r"|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}){0,6}"
)
_START = r"(?:(?<![0-9])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=\\U[0-9a-f]{8}))"
_NUMBERS = re.compile(
    # with its plus; with 00 or a national 0 before it; bare, as a modem writes it: 10 to 14 digits in a row. Longer
    # runs are ICCID, IMSI, IMEI, hashes and microseconds.
    rf"\+{_GAP}(?:[0-9]{_GAP}){{7,14}}[0-9]"
    rf"|{_START}00{_GAP}(?:[0-9]{_GAP}){{7,14}}[0-9](?![0-9])"
    rf"|{_START}0{_GAP}(?:[0-9]{_GAP}){{8,9}}[0-9](?![0-9])"
    rf"|{_START}33{_GAP}[67]{_GAP}(?:[0-9]{_GAP}){{7}}[0-9](?![0-9])"
    rf"|{_START}[0-9]{{10,14}}(?![0-9])"
)
# A PDU in hex: the length octet of the service centre, then a type-of-number octet or a TPDU's first octet.
_PDUS = re.compile(r"(?<![0-9A-Za-z])0[0-9A-Fa-f](?:91|81|A1|a1|[0-7][0-9A-Fa-f])[0-9A-Fa-f]{22,}")
_OTHER_DIGITS = re.compile(r"(?![0-9])\d")
_STATEMENTS = re.compile(r"\[(?:SQL|parameters): .*?\]\s*(?=$|\n|\(Background|\[)", re.DOTALL)
_UNSAFE = re.compile(f"[{UNSEEN}]")
# Nothing of the above is in it: no digit and no bracket, or too short for a number.
_HARMLESS = re.compile(r"[A-Za-z_.:/@=, -]*\Z|[A-Za-z0-9_.:/-]{1,9}\Z")
_DIGEST = re.compile(r"[0-9a-f]{16,64}")


def is_digest(words: str) -> bool:
    """Whether this is a hash in hex, whose digits may look like a number. Numbers are shorter, PDUs are written
    in capitals."""
    return _DIGEST.fullmatch(words) is not None


def masked(words: str) -> str:
    """A string without anything that looks like a number or a PDU, on one line."""
    if _HARMLESS.match(words):
        return words
    words = _STATEMENTS.sub("[statement]", words)
    words = _NUMBERS.sub(MASK, _PDUS.sub(PDU_MASK, words))
    if not words.isascii():
        words = _NUMBERS.sub(MASK, _OTHER_DIGITS.sub(_plain, words).replace("\uff0b", "+"))
    return _UNSAFE.sub(_escape, words)


def _plain(digit: re.Match[str]) -> str:
    return str(unicodedata.decimal(digit[0]))


def _escape(match: re.Match[str]) -> str:
    letter = match[0]
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(letter)
    return short or (f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}")
