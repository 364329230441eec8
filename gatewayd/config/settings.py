"""The settings as values: what the rest of gatewayd is built from. Frozen, complete, and free of secrets.

`Settings` is made by `config.load()`; nothing in it needs the file any more. `warnings` are the sentences `check`
prints: what may stand, but should be known.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from gatewayd.config.models import (
    ApiBlock,
    CampaignsBlock,
    FeedBlock,
    FieldBlock,
    FileModel,
    HoursBlock,
    LimitsBlock,
    PurposeBlock,
    RepliesBlock,
    SimBlock,
    WebhookBlock,
    WordingBlock,
)
from gatewayd.domain.campaign import CampaignRules
from gatewayd.domain.events import Happening
from gatewayd.domain.field import Field
from gatewayd.domain.number import Kind
from gatewayd.domain.purpose import STRICTEST, Hours, Limits, Purpose, PurposeWording, SimSettings
from gatewayd.domain.vocabulary import Vocabulary
from gatewayd.domain.webhooks import Network
from gatewayd.domain.wordings import Who

_COUNTS = frozenset(
    {"per_minute", "per_hour", "per_day", "per_month", "recipients_per_day", "recipients_per_month"},
)


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who writes; `language` (fr | en) is that of texts to recipients and of reports."""

    name: str
    privacy_contact: str = ""
    privacy_notice: str = ""
    language: str = "fr"


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """A port (any pyserial URL); `pin` names a credential."""

    port: str
    pin: str | None = None
    baudrate: int = 115_200


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """A folder below SPOOL/drop ("." is drop itself); `template` absent: the text is a column of the file."""

    folder: str
    purpose: str
    template: str | None = None
    approval_required: bool = False


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """How what people write is read (`vocabulary`), what they are answered (`texts`, by what was asked; those of
    `unsaid` are not sent), and how many days its files in SPOOL/incoming stay (0: none is written)."""

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    texts: Mapping[str, str] = field(default_factory=dict)
    unsaid: frozenset[str] = frozenset()
    files_days: int = 30


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the HTTP API listens: a Unix socket, an address of this machine itself with its port, or both; `hosts`:
    names besides those of the loopback under which it may be asked for; `events`: whether it tells what happens."""

    socket: Path | None = None
    listen: tuple[str, int] | None = None
    hosts: tuple[str, ...] = ()
    events: bool = False


@dataclass(frozen=True, slots=True)
class EventHandlerSettings:
    """A program that is called as smstools3 calls its own; it may take `timeout` seconds."""

    command: tuple[str, ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """A program that is told what happens; `secret` names a credential, `allow` networks besides the public ones, `ca`
    who vouches for its certificate where that is nobody known. No purposes, no feeds: all of them."""

    name: str
    url: str
    secret: str
    events: frozenset[Happening]
    purposes: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()
    allow: tuple[Network, ...] = ()
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that may stand, but should be known; `line` is where it stands, None for what the file leaves out."""

    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. `sims` are the listed ones; `unlisted(name)` is what any other SIM is given."""

    file: Path
    organisation: Organisation
    country: str
    allowed_countries: frozenset[str]
    allowed_numbers: frozenset[Kind]
    holidays_region: str | None
    timezone: ZoneInfo
    state_directory: Path
    spool_directory: Path
    database: str
    modems: tuple[ModemSettings, ...]
    sims: tuple[SimSettings, ...]
    default_limits: Limits
    purposes: Mapping[str, Purpose]
    feeds: tuple[FeedSettings, ...]
    fields: Mapping[str, Field]
    segments: Mapping[str, str] = field(default_factory=dict)
    campaigns: CampaignRules = field(default_factory=CampaignRules)
    replies: ReplySettings = field(default_factory=ReplySettings)
    api: ApiSettings | None = None
    event_handler: EventHandlerSettings | None = None
    webhooks: tuple[WebhookSettings, ...] = ()
    warnings: tuple[Notice, ...] = ()
    min_free: int | None = None  # octets; None: a share of the disk

    @property
    def database_file(self) -> Path:
        """The embedded database."""
        return self.state_directory / "gatewayd.db"

    @property
    def who(self) -> Who:
        """The organisation, as wordings name it."""
        one = self.organisation
        return Who(one.name, one.privacy_contact, one.privacy_notice)

    def unlisted(self, name: str) -> SimSettings:
        """The settings of a SIM that the file does not list."""
        return SimSettings(name=name, limits=self.default_limits)


def settings_from(model: FileModel, file: Path) -> Settings:
    """The values of a file whose every key has been checked."""
    default = limits_from(model.default_limits) if model.default_limits else STRICTEST
    completes = model.replies.parts_after_stop == "complete"
    organisation = model.organisation
    return Settings(
        file=file,
        organisation=Organisation(
            name=organisation.name,
            privacy_contact=organisation.privacy_contact or "",
            privacy_notice=organisation.privacy_notice or "",
            language=organisation.language,
        ),
        country=model.country,
        allowed_countries=frozenset(model.allowed_countries or ()) | {model.country},
        allowed_numbers=frozenset(model.allowed_numbers) | {Kind.MOBILE},
        holidays_region=model.holidays_region,
        timezone=ZoneInfo(model.timezone),
        state_directory=Path(model.state_directory),
        spool_directory=Path(model.spool_directory),
        database=model.database,
        min_free=model.min_free_mib << 20 if model.min_free_mib is not None else None,
        modems=tuple(ModemSettings(block.port, block.pin, block.baudrate) for block in model.modems),
        sims=tuple(_sim(block, default) for block in model.sims),
        default_limits=default,
        purposes=MappingProxyType({key: purpose_from(key, block, completes) for key, block in model.purposes.items()}),
        feeds=tuple(
            FeedSettings(block.folder, block.purpose, block.template, block.approval == "required")
            for block in model.feeds
        ),
        replies=replies_from(model.replies),
        segments=MappingProxyType(dict(model.segments)),
        campaigns=_campaigns(model.campaigns),
        fields=MappingProxyType({name: field_from(name, block) for name, block in model.contacts.fields.items()}),
        event_handler=EventHandlerSettings(model.event_handler.command, model.event_handler.timeout)
        if model.event_handler
        else None,
        api=_api(model.api) if model.api is not None else None,
        webhooks=tuple(_webhook(block) for block in model.webhooks),
    )


def sets_a_limit(block: LimitsBlock | None) -> bool:
    """Whether anything is counted; a pause alone is no limit."""
    return block is not None and bool(block.model_fields_set & _COUNTS)


def limits_from(block: LimitsBlock) -> Limits:
    """A block's limits: a key left out sets none; with none at all, the strictest preset with the block's pauses."""
    if not sets_a_limit(block):
        return replace(STRICTEST, **{key: getattr(block, key) for key in block.model_fields_set})
    return Limits(**block.model_dump())


def replies_from(block: RepliesBlock) -> ReplySettings:
    """A block's values."""
    said = {"stop": block.confirm_stop, "start": block.confirm_start}
    return ReplySettings(
        vocabulary=vocabulary_from(block),
        texts=MappingProxyType({kind: text for kind, text in block.texts.model_dump().items() if text is not None}),
        unsaid=frozenset(kind for kind, wanted in said.items() if not wanted),
        files_days=block.files_days,
    )


def vocabulary_from(block: RepliesBlock) -> Vocabulary:
    """A block's words."""
    return Vocabulary(tuple(block.languages), **block.words.model_dump())


def _sim(block: SimBlock, default: Limits) -> SimSettings:
    return SimSettings(
        name=block.name,
        iccid=block.iccid or "",
        imsi=block.imsi or "",
        pool=block.pool,
        line_allows=frozenset(block.line.allows) if block.line else None,
        limits=limits_from(block.limits) if block.limits else default,
        price_per_sms=block.price_per_sms,
    )


def _feed(block: FeedBlock) -> FeedSettings:
    return FeedSettings(block.folder, block.purpose, block.template, block.approval == "required")


def field_from(name: str, block: FieldBlock) -> Field:
    """A declared field of contacts."""
    return Field(name, block.type, block.why, block.label or "", block.choices, block.ground or "")


def _campaigns(block: CampaignsBlock) -> CampaignRules:
    return CampaignRules(
        trusted_numbers=block.trusted_numbers,
        approvals=block.approvals,
        second_above=block.second_approval_above,
        pause_after=block.pause_after,
        pause_at_refused_percent=block.pause_at_refused_percent,
        pause_at_stop_percent=block.pause_at_stop_percent,
    )


def _webhook(block: WebhookBlock) -> WebhookSettings:
    return WebhookSettings(
        name=block.name,
        url=block.url,
        secret=block.secret,
        events=events_of(block.events if block.events is not None else ("*",)),
        purposes=frozenset(block.purposes),
        feeds=frozenset(block.feeds),
        allow=tuple(ipaddress.ip_network(words) for words in block.allow),
        ca=Path(block.ca) if block.ca is not None else None,
    )


def events_of(words: Iterable[str]) -> frozenset[Happening]:
    """The events that are named; `message.*` names all of messages."""
    return frozenset(event for event in Happening for word in words if fnmatchcase(event, word))


DEFAULT_SOCKET = "/run/gatewayd/api.sock"


def _api(block: ApiBlock) -> ApiSettings:
    """Without a place, it is the socket."""
    path = block.socket or (DEFAULT_SOCKET if block.listen is None else None)
    listen = address(block.listen) if block.listen is not None else None
    return ApiSettings(Path(path) if path else None, listen, block.hosts, block.events)


def address(listen: str) -> tuple[str, int] | None:
    """Address and port of this machine's loopback; None: it is none."""
    host, _, port = listen.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback and 0 < int(port) < 65536:
            return host, int(port)
    return None


def purpose_from(key: str, block: PurposeBlock, completes: bool = True) -> Purpose:
    return Purpose(
        key=key,
        label=block.label,
        basis=block.basis,
        message_class=block.class_,
        pool=block.pool,
        hours=_hours(block.hours) if block.hours else None,
        retention_days=block.retention_days,
        encoding=block.encoding,
        max_parts=block.max_parts,
        time_to_live=timedelta(hours=block.time_to_live_hours),
        footer=block.footer or "",
        completes=completes,
        resend_unknown=block.resend_unknown,
        wording=_wording(block.wording) if block.wording else None,
    )


def _wording(block: WordingBlock) -> PurposeWording:
    return PurposeWording(
        frequency=block.frequency,
        shipped=block.template or "",
        version=block.version or "",
        text=block.text or "",
        question=block.question or "",
    )


def _hours(block: HoursBlock) -> Hours:
    return Hours(days=block.days, since=block.since, until=block.until, holidays=block.holidays)
