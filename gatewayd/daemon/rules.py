"""The settings as the services want them: values, made without any of the parts that drive a modem or read a file."""

from __future__ import annotations

from functools import partial

from gatewayd.clock import Clock
from gatewayd.config import Settings, WebhookSettings
from gatewayd.domain.hours import Holiday, no_holidays
from gatewayd.domain.lint import Sender
from gatewayd.domain.reading import read
from gatewayd.services.allowance import Rules
from gatewayd.services.answers import Answers, Kind
from gatewayd.services.audience import House
from gatewayd.services.calendars import public_holidays
from gatewayd.services.intake import NumberRules
from gatewayd.services.replies import Reader
from gatewayd.services.space import Space
from gatewayd.store.happenings import Interest


def rules_of(settings: Settings) -> Rules:
    """What the lines must know of the settings."""
    keeps_holidays = any(purpose.hours and not purpose.hours.holidays for purpose in settings.purposes.values())
    holiday: Holiday = public_holidays(settings.country, settings.holidays_region) if keeps_holidays else no_holidays
    return Rules(settings.purposes, settings.timezone, settings.sims, settings.default_limits, holiday)


def reader_of(settings: Settings) -> Reader:
    """How incoming texts are read: the keywords in force, and the organisation's own name behind a STOP."""
    return partial(read, keywords=settings.replies.vocabulary.keywords(settings.organisation.name))


def answers_of(settings: Settings) -> Answers:
    """Who answers people, in which language, and with which texts."""
    one, replies = settings.organisation, settings.replies
    texts = {Kind(kind): text for kind, text in replies.texts.items()}
    unsaid = frozenset(map(Kind, replies.unsaid))
    return Answers(one.name, one.privacy_contact, one.privacy_notice, one.language, texts, unsaid)


def space_of(settings: Settings, clock: Clock) -> Space:
    """How full the disks of the database and of the spool may get."""
    return Space((settings.state_directory, settings.spool_directory), clock, least=settings.min_free)


def house_of(settings: Settings) -> House:
    """What campaigns must know of the settings."""
    one = settings.organisation
    sender = Sender(one.name, one.privacy_contact, one.privacy_notice, one.language)
    numbers, sending = number_rules(settings), rules_of(settings)
    return House(sender, sending, numbers, settings.fields, settings.segments, settings.campaigns)


def number_rules(settings: Settings) -> NumberRules:
    """To whom this organisation writes."""
    return NumberRules(settings.country, settings.allowed_countries, settings.allowed_numbers)


def interest_of(one: WebhookSettings) -> Interest:
    """What an endpoint is told."""
    return Interest(one.events, one.purposes, one.feeds)
