"""The file's shape: one frozen pydantic model a block, strict types, no unknown keys.

A field's description is the sentence after "expected" when its value is refused. What needs two keys to be judged is in
`checks.py`; what becomes of it all is in `settings.py`.
"""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from gatewayd.domain.field import FieldType
from gatewayd.domain.keywords import LANGUAGES
from gatewayd.domain.number import Kind
from gatewayd.domain.purpose import Basis, Encoding, MessageClass
from gatewayd.domain.vocabulary import MOST


class Block(BaseModel):
    """A mapping of the file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True, populate_by_name=False
    )


def _empty(value: Any) -> Any:
    """`sims:` with nothing (or only comments) after it is an empty list."""
    return () if value is None else value


def _empty_block(value: Any) -> Any:
    return {} if value is None else value


def _absolute(value: str) -> str:
    if not Path(value).is_absolute() or "\0" in value:
        raise PydanticCustomError("wrong", "it is not an absolute path")
    return value


def _label(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise PydanticCustomError("wrong", "it is empty or holds control characters")
    return value.strip()


def _digits(what: str, shortest: int, longest: int) -> AfterValidator:
    def check(value: str | None) -> str | None:
        if value is None:
            return None
        plain = value.replace(" ", "")
        if not (plain.isascii() and plain.isdigit() and shortest <= len(plain) <= longest):
            raise PydanticCustomError("wrong", "it is not {what}", {"what": what})
        return plain

    return AfterValidator(check)


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _days(value: Any) -> frozenset[int]:
    """ISO weekdays (Monday is 1) of "mon-sat", "mon,wed", ["mon", "wed"]; "sat-mon" goes round the week's end."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, tuple | list) or not words:
        raise PydanticCustomError("wrong", "it is no list of days")
    found: set[int] = set()
    for word in words:
        first, _, last = str(word).strip().lower().partition("-")
        if first not in _DAYS or (last and last not in _DAYS):
            raise PydanticCustomError("wrong", "`{word}` is no day", {"word": str(word).strip()[:20]})
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found.update(day % 7 + 1 for day in range(begin, end + (1 if begin <= end else 8)))
    return frozenset(found)


def _hour(value: Any) -> time:
    """A time of day; "24:00" is 00:00, which ends a day where it is `to`."""
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])|(24):(00)", value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("wrong", "it is no time of day")
    return time(int(match[1] or 0), int(match[2] or 0))


_KINDS = ", ".join(kind for kind in Kind if kind is not Kind.MOBILE)
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="a short name: a-z, 0-9, - and _")]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="a short name: a-z, 0-9 and _")]
Label = Annotated[str, Field(max_length=200), AfterValidator(_label)]
Directory = Annotated[str, Field(description="an absolute path, as /var/lib/gatewayd"), AfterValidator(_absolute)]
Count = Annotated[
    int | None,
    Field(ge=1, le=10_000_000, description="a whole number of 1 or more; leave the key out for no such limit"),
]
Seconds = Annotated[float, Field(ge=0, le=3600, description="seconds, from 0 to 3600")]


class OrganisationBlock(Block):
    """Who writes."""

    name: Label = Field(description="the name of your organisation")
    privacy_contact: Label | None = Field(None, description="an address for people's requests, as rgpd@example.org")
    privacy_notice: Label | None = Field(None, description="the address of your privacy notice")
    language: Literal["fr", "en"] = Field("fr", description="fr or en")


class ModemBlock(Block):
    """A port where a modem may be."""

    port: Label = Field(description="a serial port or pyserial URL, as /dev/serial/by-path/... or socket://host:port")
    pin: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,63}$",
        description="the name of a credential that holds the PIN, never the PIN itself",
    )
    baudrate: int = Field(115_200, ge=300, le=4_000_000, description="bits per second, as 115200")


class LineBlock(Block):
    """What the operator's contract allows."""

    allows: tuple[Annotated[MessageClass, Field(strict=False)], ...] = Field(
        description="a list of information, marketing, alert"
    )


class LimitsBlock(Block):
    """What a SIM may send: parts, distinct recipients, pauses."""

    per_minute: Count = None
    per_hour: Count = None
    per_day: Count = None
    per_month: Count = None
    recipients_per_day: Count = None
    recipients_per_month: Count = None
    billing_day: int = Field(1, ge=1, le=31, description="a day of the month, from 1 to 31")
    gap: Seconds = 0.0
    jitter: Seconds = 0.0


class SimBlock(Block):
    """A SIM, wherever it is plugged in."""

    name: Name
    iccid: Annotated[str | None, _digits("an ICCID", 18, 22)] = Field(
        None, description='the 18 to 22 digits on the card, in quotes, as "8933010000000000001"'
    )
    imsi: Annotated[str | None, _digits("an IMSI", 14, 15)] = Field(
        None, description='14 or 15 digits in quotes: "20801..."'
    )
    pool: Name = "default"
    line: LineBlock | None = Field(None, description="a block with `allows`")
    limits: LimitsBlock | None = Field(None, description="a block of limits")
    price_per_sms: float | None = Field(None, ge=0, le=100, description="a price in your currency, as 0.05; 0 if free")


class HoursBlock(Block):
    """When a purpose may write; `to` before `from` is refused, "24:00" is the end of the day."""

    days: Annotated[frozenset[int], BeforeValidator(_days)] = Field(
        frozenset(range(1, 8)), description="days as mon-sat or mon,wed,fri"
    )
    since: Annotated[time, BeforeValidator(_hour)] = Field(
        time(0, 0), alias="from", description='a time of day in quotes, as "08:00"'
    )
    until: Annotated[time, BeforeValidator(_hour)] = Field(
        time(0, 0), alias="to", description='a time of day in quotes, as "20:00"'
    )
    holidays: bool = Field(True, description="true or false")


class WordingBlock(Block):
    """What people read before they agree."""

    template: Literal["marketing", "information", "association"] | None = Field(
        None, description="marketing, information or association"
    )
    frequency: Label = Field(description="how often you write, as people read it: deux SMS par mois au plus")
    version: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$",
        description="the version of these words, as 2026-11: another one whenever they change",
    )
    text: str | None = Field(None, max_length=4000, description="a text with {{ organisation }} and other fields")
    question: str | None = Field(None, max_length=1000, description="a short text with {{ organisation }}, for an SMS")


class PurposeBlock(Block):
    """Why we write."""

    label: Label = Field(description="what the recipient and the register read, in a few words")
    basis: Annotated[Basis, Field(strict=False)] = Field(
        description="one of consent, contract, legitimate_interest, legal_obligation, vital_interest"
    )
    class_: Annotated[MessageClass, Field(strict=False)] = Field(
        MessageClass.INFORMATION, alias="class", description="one of information, marketing, alert"
    )
    pool: Name = "default"
    hours: HoursBlock | None = Field(None, description="a block with days, from, to, holidays")
    retention_days: int = Field(1095, ge=1, le=36_500, description="a number of days, from 1 to 36500")
    encoding: Annotated[Encoding, Field(strict=False)] = Field(Encoding.AUTO, description="auto or gsm7")
    max_parts: int = Field(4, ge=1, le=10, description="a number of parts, from 1 to 10")
    wording: WordingBlock | None = Field(None, description="a block with template, frequency, version, text, question")
    footer: Annotated[str, Field(max_length=200), AfterValidator(_label)] | None = Field(
        None, description="a short text, as « Amicale. STOP : répondez STOP »"
    )
    time_to_live_hours: float = Field(72, gt=0, le=8760, description="hours, more than 0 and at most 8760")
    resend_unknown: bool = Field(False, description="true or false")


class FeedBlock(Block):
    """A drop folder."""

    folder: str = Field(description='"." for SPOOL/drop itself, or the name of a folder in it')
    purpose: Name
    template: str | None = Field(None, max_length=5000, description="a text with {{ fields }}")
    approval: Literal["none", "required"] = Field("none", description="none or required")

    @field_validator("folder")
    @classmethod
    def _inside(cls, value: str) -> str:
        parts = value.split("/")
        if value != "." and not all(re.fullmatch(r"[\w][\w .-]{0,79}", part) for part in parts):
            raise PydanticCustomError("wrong", "it is no plain folder name")
        return value


_Word = Annotated[str, Field(max_length=80, description="a word or a few, in quotes")]
_Words = Annotated[
    tuple[_Word, ...], Field(max_length=MOST, description=f'a list of words, as ["pouce", "plus rien"]; {MOST} at most')
]
_Text = Annotated[
    str | None,
    Field(max_length=1000, description="a text with {{ organisation }}, and {{ contact }} or {{ notice }} if you like"),
]


class WordsBlock(Block):
    """Keywords besides the defaults, and defaults that are none here."""

    stop: _Words = ()
    start: _Words = ()
    contact: _Words = ()
    help: _Words = ()
    ordinary: _Words = ()


class TextsBlock(Block):
    """What people are answered."""

    stop: _Text = None
    start: _Text = None
    contact: _Text = None
    help: _Text = None


class RepliesBlock(Block):
    """How what people write is read, and what they are answered."""

    languages: tuple[str, ...] = Field(tuple(LANGUAGES), description=f"a list out of {', '.join(LANGUAGES)}")
    words: WordsBlock = Field(
        default_factory=WordsBlock, description="a block with stop, start, contact, help, ordinary"
    )
    texts: TextsBlock = Field(default_factory=TextsBlock, description="a block with stop, start, contact, help")
    confirm_stop: bool = Field(True, description="true or false")
    confirm_start: bool = Field(True, description="true or false")
    parts_after_stop: Literal["complete", "strict"] = Field("complete", description="complete or strict")
    files_days: int = Field(30, ge=0, le=3650, description="days, from 0 (no files) to 3650")


class FieldBlock(Block):
    """What is kept of a contact besides number, names and language."""

    type: Annotated[FieldType, Field(strict=False)] = Field(description="one of text, date, number, boolean, choice")
    why: Label = Field(description="why you need it, in a few words: what nobody needs may not be kept")
    label: Label | None = Field(None, description="its heading in spreadsheets, where that is not its name")
    choices: Annotated[tuple[Label, ...], Field(max_length=100)] = Field(
        (), description="the words of a choice, as [actif, honoraire]"
    )
    ground: Label | None = Field(
        None, description="what allows you to keep sensitive data, in words (GDPR article 9, paragraph 2)"
    )


class ContactsBlock(Block):
    """What is kept of contacts."""

    fields: Annotated[dict[FieldName, FieldBlock], BeforeValidator(_empty_block), Field(max_length=50)] = Field(
        default_factory=dict, description="a block with one field a key, 50 at most"
    )


Percent = Annotated[int, Field(ge=0, le=100, description="a percentage, from 0 (never) to 100")]


class CampaignsBlock(Block):
    """Who must have seen a campaign before it goes, and what stops it."""

    trusted_numbers: Annotated[tuple[str, ...], BeforeValidator(_empty), Field(max_length=10)] = Field(
        (), description='a list of numbers in quotes, as ["06 39 98 00 01"], 10 at most'
    )
    approvals: int = Field(1, ge=0, le=5, description="how many people must agree, from 0 to 5")
    second_approval_above: int = Field(500, ge=1, le=1_000_000, description="a number of recipients, 1 or more")
    pause_after: int = Field(20, ge=1, le=10_000, description="a number of SMS, 1 or more")
    pause_at_refused_percent: Percent = 20
    pause_at_stop_percent: Percent = 5


class EventHandlerBlock(Block):
    """A program that is called as smstools3 calls its own."""

    command: tuple[Annotated[str, Field(max_length=1000, description="a word")], ...] = Field(
        min_length=1, max_length=20, description='a list of words, the first an absolute path: ["/usr/local/bin/event"]'
    )
    timeout: float = Field(30, ge=1, le=120, description="seconds, from 1 to 120")

    @field_validator("command")
    @classmethod
    def _runs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _absolute(value[0])
        return value


class ApiBlock(Block):
    """Where the HTTP API listens."""

    socket: Directory | None = Field(None, description="an absolute path, as /run/gatewayd/api.sock")
    listen: str | None = Field(
        None, pattern=r"^\S+:\d{1,5}$", description="an address of this machine itself and a port, as 127.0.0.1:8787"
    )
    hosts: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")], ...], Field(max_length=20)] = (
        Field((), description="a list of names without ports, as [sms.example.org]")
    )
    events: bool = Field(False, description="true or false: whether programs may listen to what happens")


class WebhookBlock(Block):
    """A program that is told what happens."""

    name: Name
    url: str = Field(min_length=1, max_length=2000, description="an https address, as https://app.example.org/sms")
    secret: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,63}$",
        description="the name of a credential that holds the secret (whsec_...), never the secret itself",
    )
    events: tuple[str, ...] | None = Field(
        None, min_length=1, description="a list of events, as [message.delivered, incoming.received] or [message.*]"
    )
    purposes: tuple[Name, ...] = Field((), description="a list of purposes")
    feeds: Annotated[tuple[Label, ...], Field(max_length=50)] = Field((), description="a list of feeds, 50 at most")
    allow: Annotated[tuple[str, ...], Field(max_length=20)] = Field(
        (), description='a list of networks in quotes, as ["192.168.1.0/24"], 20 at most'
    )
    ca: Directory | None = Field(None, description="the absolute path of a file with certificates, as /etc/ssl/own.pem")


class FileModel(Block):
    """The whole file."""

    organisation: OrganisationBlock
    country: str = Field("FR", description="the two letters of a country, as FR")
    allowed_countries: tuple[str, ...] | None = Field(None, description="a list of countries, as [FR, BE]")
    allowed_numbers: tuple[Annotated[Kind, Field(strict=False)], ...] = Field((), description=f"a list out of {_KINDS}")
    holidays_region: str | None = Field(None, description="a region with holidays of its own, as Alsace-Moselle")
    timezone: str = Field("Europe/Paris", description="a time zone, as Europe/Paris")
    state_directory: Directory = "/var/lib/gatewayd"
    spool_directory: Directory = "/var/spool/gatewayd"
    database: str = Field("sqlite", description="sqlite")
    min_free_mib: int | None = Field(None, ge=16, le=1_000_000, description="a number of MiB, 16 or more")
    modems: Annotated[tuple[ModemBlock, ...], BeforeValidator(_empty)] = Field((), description="a list of ports")
    sims: Annotated[tuple[SimBlock, ...], BeforeValidator(_empty)] = Field((), description="a list of SIMs")
    default_limits: LimitsBlock | None = Field(None, description="a block of limits")
    purposes: Annotated[dict[Name, PurposeBlock], BeforeValidator(_empty_block)] = Field(
        default_factory=dict, description="a block with one purpose a key"
    )
    feeds: Annotated[tuple[FeedBlock, ...], BeforeValidator(_empty)] = Field((), description="a list of folders")
    replies: RepliesBlock = Field(
        default_factory=lambda: RepliesBlock.model_validate({}), description="a block about what people write"
    )
    contacts: Annotated[ContactsBlock, BeforeValidator(_empty_block)] = Field(
        default_factory=ContactsBlock, description="a block with `fields`"
    )
    segments: Annotated[dict[Name, str], BeforeValidator(_empty_block), Field(max_length=100)] = Field(
        default_factory=dict, description="a block with one segment a key, as retard: cotisation < today - 30 days"
    )
    campaigns: Annotated[CampaignsBlock, BeforeValidator(_empty_block)] = Field(
        default_factory=lambda: CampaignsBlock.model_validate({}), description="a block about campaigns"
    )
    event_handler: EventHandlerBlock | None = Field(None, description="a block with command, timeout")
    api: ApiBlock | None = Field(None, description="a block with socket, listen, hosts")
    webhooks: Annotated[tuple[WebhookBlock, ...], BeforeValidator(_empty), Field(max_length=20)] = Field(
        (), description="a list of endpoints, 20 at most"
    )
