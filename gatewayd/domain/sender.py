"""Whose number is it? What a network gives as sender, and what people write, becomes the E.164 number of messages,
consents and opt-outs.

The network may give `+33639980001`, `33639980001` or `0639980001` for the same person, and people write `+33 (0)6 39 98
00 01`: each must become the number that messages go to, or an opt-out would hold for nobody. No rule about whom we may
write to applies here: an opt-out holds for every number. A short code, a name, or what is no number at all has no E.164
form: None. Pure.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException

from gatewayd.domain.number import SEPARATORS, from_overseas, repair_excel
from gatewayd.errors import NumberError

_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
# Also what comes along unseen when a number is copied from an address book or a page.
_BETWEEN = re.compile(rf"[\s{re.escape(SEPARATORS)}\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DIGITS = re.compile(r"[0-9]{7,15}", re.ASCII)


def e164(shown: str, country: str) -> str | None:
    """The number in E.164; None where there is none."""
    if shown.startswith("+0"):  # no country's code begins so: a number in national form that the network calls another
        shown = shown.removeprefix("+")
    if _INTERNATIONAL.fullmatch(shown):
        return _possible(from_overseas(shown, country), None) or shown
    if not _DIGITS.fullmatch(shown):
        return None
    return _possible(from_overseas(shown, country), country) or _possible(f"+{shown.removeprefix('00')}", None)


def any_number(written: str, country: str) -> str | None:
    """A number as people write it, of whatever kind and country, in E.164: one that is held, or opted out."""
    try:
        repaired = repair_excel(written)
    except NumberError:
        return None
    return e164(_BETWEEN.sub("", repaired), country)


def is_whole(number: str) -> bool:
    """Whether this is all of a number in E.164, as far as lengths tell, and not its beginning."""
    return _possible(number, None) is not None


def _possible(digits: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(digits, country)
    except NumberParseException:
        return None
    # Possible, not valid: the ranges that belong to nobody are invalid to the library.
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
