"""The YAML file as typed, immutable settings; every refusal names file, line, key and what was expected.

`load(file)` gives Settings or raises: ConfigurationError for a file that cannot be read, InvalidConfiguration with all
its problems for one whose values cannot be used. Only `cli` and `daemon` read it; the layers below get values.
"""

from gatewayd.config.loading import InvalidConfiguration, Problem, load, loads
from gatewayd.config.settings import (
    ApiSettings,
    FeedSettings,
    ModemSettings,
    Notice,
    Organisation,
    ReplySettings,
    Settings,
    WebhookSettings,
)

__all__ = [
    "ApiSettings",
    "FeedSettings",
    "InvalidConfiguration",
    "ModemSettings",
    "Notice",
    "Organisation",
    "Problem",
    "ReplySettings",
    "Settings",
    "WebhookSettings",
    "load",
    "loads",
]
