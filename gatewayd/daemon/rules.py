"""The settings as the services want them: values, made without any of the parts that drive a modem or read a file."""

from __future__ import annotations

from gatewayd.config import Settings
from gatewayd.domain.hours import Holiday, no_holidays
from gatewayd.services.allowance import Rules
from gatewayd.services.calendars import public_holidays
from gatewayd.services.intake import NumberRules


def rules_of(settings: Settings) -> Rules:
    """What the lines must know of the settings."""
    keeps_holidays = any(purpose.hours and not purpose.hours.holidays for purpose in settings.purposes.values())
    holiday: Holiday = public_holidays(settings.country, settings.holidays_region) if keeps_holidays else no_holidays
    return Rules(settings.purposes, settings.timezone, settings.sims, settings.default_limits, holiday)


def number_rules(settings: Settings) -> NumberRules:
    """To whom this organisation writes."""
    return NumberRules(settings.country, settings.allowed_countries, settings.allowed_numbers)
