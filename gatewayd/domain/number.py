"""Phone numbers: what people write becomes E.164, or is refused with one word that says why.

`parse()` looks at characters first (ASCII `+`, `0`-`9` and the separators people use; libphonenumber by itself reads
Devanagari digits, and letters as a vanity number), then at emergency and short numbers, then asks libphonenumber.
Mobile numbers pass; every other kind is refused by its own name unless `allowed_kinds` lists it; emergency numbers are
refused always. A number of a country which is not allowed is `foreign`. The overseas parts of France have country codes
of their own (+262, +590, +594, +596) and prices of their own: `RE`, `YT`, `GP`, `GF`, `MQ` ... must be listed in
`allowed_countries`, and are then also understood in the national form `0692 ...`.

The ranges which regulators keep for fiction count as what they imitate: demos, rehearsals and tests write to nobody.
Only those which libphonenumber judges otherwise stand in `FICTION`; it is right about those of the United States and
Canada (555-0100 to 555-0199, NANPA), Australia (0491 570 006 ..., ACMA), Germany (Bundesnetzagentur, Mitteilung
148/2021) and Sweden (070-1740605 to 699, PTS).

`repair_excel()` undoes what a spreadsheet does to a number before anybody sees it. Both are pure and keep no state.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from gatewayd.errors import NumberError


class Kind(StrEnum):
    """What a number is for; each but `mobile` is also the reason of its refusal."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    TOLL_FREE = "toll_free"
    SATELLITE = "satellite"
    VOIP = "voip"
    PAGER = "pager"
    PERSONAL = "personal"
    UAN = "uan"
    VOICEMAIL = "voicemail"
    SHORT = "short"


# Reasons which are no kind: nothing there, wrong characters, no such number, and the three rules.
REASONS = frozenset(Kind) - {Kind.MOBILE} | {"missing", "letters", "invalid", "emergency", "foreign", "excel_precision"}

MAX_CHARACTERS = 40  # E.164 allows 15 digits; the rest is room for separators
_SHORT_DIGITS = 6

SEPARATORS = " \u00a0\u202f\u2009-\u2010\u2011\u2012\u2013\u2014\u2212./()"
"""What people, and their word processors, put between digits."""
_SEPARATORS = dict.fromkeys(map(ord, SEPARATORS))
_DIGITS = re.compile(r"\+?[0-9]+", re.ASCII)

# Digits of E.164 after the +, whole length, kind. Sources: ARCEP decision 2018-0881, annex 1 (06 39 98, 01 99 00,
# 02 61 91, 03 53 01, 04 65 71, 05 36 49); Ofcom, "Telephone numbers for use in TV and radio drama programmes"
# (07700 900, 01632 960); ComReg, Irish numbering conditions of use (020 91).
FICTION: tuple[tuple[str, int, Kind], ...] = (
    ("3363998", 11, Kind.MOBILE),
    ("3319900", 11, Kind.LANDLINE),
    ("3326191", 11, Kind.LANDLINE),
    ("3335301", 11, Kind.LANDLINE),
    ("3346571", 11, Kind.LANDLINE),
    ("3353649", 11, Kind.LANDLINE),
    ("447700900", 12, Kind.MOBILE),
    ("441632960", 12, Kind.LANDLINE),
    ("3532091", 12, Kind.MOBILE),
)
_FICTION_COUNTRIES = {"33": "FR", "44": "GB", "353": "IE"}

_KINDS = {
    PhoneNumberType.MOBILE: Kind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: Kind.MOBILE,  # North America does not tell them apart
    PhoneNumberType.FIXED_LINE: Kind.LANDLINE,
    PhoneNumberType.PREMIUM_RATE: Kind.PREMIUM,
    PhoneNumberType.SHARED_COST: Kind.SHARED_COST,
    PhoneNumberType.TOLL_FREE: Kind.TOLL_FREE,
    PhoneNumberType.VOIP: Kind.VOIP,
    PhoneNumberType.PAGER: Kind.PAGER,
    PhoneNumberType.PERSONAL_NUMBER: Kind.PERSONAL,
    PhoneNumberType.UAN: Kind.UAN,
    PhoneNumberType.VOICEMAIL: Kind.VOICEMAIL,
}

# ITU-T E.164 shared codes: no country, so libphonenumber's types say little of their price.
_GLOBAL_CODES = {
    800: Kind.TOLL_FREE,
    808: Kind.SHARED_COST,
    870: Kind.SATELLITE,
    878: Kind.PERSONAL,
    881: Kind.SATELLITE,
    882: Kind.SATELLITE,
    883: Kind.SATELLITE,
    888: Kind.PERSONAL,
    979: Kind.PREMIUM,
}

# What a phone may treat as an emergency call (3GPP TS 22.101 clause 10.1.1), and the numbers of the French list which
# libphonenumber does not call emergencies; 114 even reads SMS.
_EMERGENCY = frozenset({"112", "911", "000", "08", "110", "118", "119", "999"})
_EMERGENCY_OF = {"FR": frozenset({"114", "115", "119", "191", "196", "197", "116000", "116117"})}

# Mobile numbers of overseas France as the rest of France dials them: national prefix to country code.
_FRENCH_OVERSEAS = {
    "639": "262",
    "690": "590",
    "691": "590",
    "692": "262",
    "693": "262",
    "694": "594",
    "696": "596",
    "697": "596",
}
_FRENCH_PREFIX = re.compile(r"\A(?:(?:\+|00)?33)?0?")


def parse(raw: str, *, country: str, allowed_countries: Collection[str], allowed_kinds: Collection[str] = ()) -> str:
    """The number in E.164 (`+33639980001`), or in bare digits for a short number where those are allowed.

    `country` (ISO 3166, `FR`) is where national forms belong, `allowed_countries` where else we may write,
    `allowed_kinds` what else than mobile numbers. Raises NumberError with one of `REASONS`.
    """
    digits = _characters(raw)
    if _is_emergency(digits, country):
        raise NumberError("emergency", "an emergency number is never written to")
    if len(digits) <= _SHORT_DIGITS and not digits.startswith(("+", "0")):  # with a zero: a number cut short
        return _allowed(digits, Kind.SHORT, allowed_kinds)
    number = _understood(from_overseas(digits, country), country)
    e164 = f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
    kind, region = _classify(number, e164)
    _allowed(e164, kind, allowed_kinds)
    if region != country and region not in allowed_countries:
        raise NumberError("foreign", f"a number of {region or 'no country'}, where we may not write")
    return e164


def _characters(raw: str) -> str:
    if not raw.strip():
        raise NumberError("missing", "there is no number")
    digits = raw[: 2 * MAX_CHARACTERS].strip().translate(_SEPARATORS)
    if not _DIGITS.fullmatch(digits):
        raise NumberError("letters", "characters which no phone number has")
    if len(raw.strip()) > MAX_CHARACTERS:
        raise NumberError("invalid", "too long for a phone number")
    return digits


def _is_emergency(digits: str, country: str) -> bool:
    """As dialled, and behind a country code or an exit code by which somebody may try it."""
    if len(digits) > 2 * _SHORT_DIGITS:
        return False
    calling_code = str(phonenumbers.country_code_for_region(country))
    bare = digits.lstrip("+")
    candidates = {bare, bare.lstrip("0"), bare.lstrip("0").removeprefix(calling_code)}
    national = _EMERGENCY_OF.get(country, frozenset())
    return any(
        candidate in _EMERGENCY or candidate in national or _library_calls_emergency(candidate, country)
        for candidate in candidates
    )


def _library_calls_emergency(digits: str, country: str) -> bool:
    return 0 < len(digits) <= _SHORT_DIGITS and phonenumbers.is_emergency_number(digits, country)


def from_overseas(digits: str, country: str) -> str:
    """With or without the leading zero, which spreadsheets lose, or with France's own code, which is not theirs; 06 39
    98 is fiction, the rest of 0639 is Mayotte."""
    national = _FRENCH_PREFIX.sub("", digits, count=1)
    if country != "FR" or len(national) != 9 or national.startswith("63998"):
        return digits
    code = _FRENCH_OVERSEAS.get(national[:3])
    return f"+{code}{national}" if code else digits


def _understood(digits: str, country: str) -> PhoneNumber:
    try:
        return phonenumbers.parse(digits, country)
    except NumberParseException as error:
        raise NumberError("invalid", "not a phone number") from error


def _classify(number: PhoneNumber, e164: str) -> tuple[Kind, str | None]:
    """Kind and country (ISO 3166; None for the codes of no country); raises NumberError("invalid")."""
    bare = e164[1:]
    for prefix, length, kind in FICTION:
        if len(bare) == length and bare.startswith(prefix):
            return kind, _FICTION_COUNTRIES[str(number.country_code)]
    shared = _GLOBAL_CODES.get(number.country_code or 0)
    if shared is not None:
        return shared, None
    region = phonenumbers.region_code_for_number(number)
    kind_or_none = _KINDS.get(phonenumbers.number_type(number))
    if kind_or_none is None:
        raise NumberError("invalid", "no such number exists")
    return kind_or_none, region


def _allowed(number: str, kind: Kind, allowed_kinds: Collection[str]) -> str:
    if kind is not Kind.MOBILE and kind not in allowed_kinds:
        raise NumberError(kind, f"a {kind.replace('_', ' ')} number")
    return number


_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,2})", re.ASCII)
_POINT_ZERO = re.compile(r"(\+?[0-9]{6,15})[.,]0+", re.ASCII)
_ROUNDED = re.compile(r"[1-9][0-9]{2,8}0{6,}", re.ASCII)  # no 0 or + before it: it was a number to the spreadsheet
_FORMULA = re.compile(r"=?\s*\"(.*)\"", re.DOTALL)


def repair_excel(raw: str) -> str:
    """What the person typed, as far as the spreadsheet left it; text that needs no repair comes back unchanged.

    A leading apostrophe and `="..."` (numbers kept as text), `.0` (numbers stored as numbers), scientific notation
    which still holds every digit. (A lost zero, `639980001`, or plus, `33639980001`, `parse()` understands by itself.)
    Raises NumberError("excel_precision") where digits are gone: `3,36E+10` could be any of ten million people.
    """
    text = raw.strip()
    formula = _FORMULA.fullmatch(text)
    if formula:
        text = formula[1].strip()
    text = text.lstrip("'\u2019`").strip()
    text = _from_scientific(text)
    point_zero = _POINT_ZERO.fullmatch(text)
    text = point_zero[1] if point_zero else text
    if _ROUNDED.fullmatch(text):
        raise NumberError("excel_precision", "a number that was rounded, and stored so")
    return text


def _from_scientific(text: str) -> str:
    match = _SCIENTIFIC.fullmatch(text)
    if match is None:
        return text
    mantissa, fraction, exponent = match[1], match[2] or "", int(match[3])
    if len(fraction) < exponent or fraction[exponent:].strip("0"):
        raise NumberError("excel_precision", f"the spreadsheet kept {len(fraction) + 1} of {exponent + 1} digits")
    return mantissa + fraction[:exponent]
