"""Webhooks in the configuration: what may stand there, and each refusal with its line and what was expected."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from gatewayd import config
from gatewayd.cli.check import without_network
from gatewayd.config import WebhookSettings
from gatewayd.domain.events import Happening

SMALL = "organisation: {name: Amicale}\npurposes: {events: {label: Evénements, basis: consent}}\nwebhooks:\n"
GOOD = "- {name: app, url: https://app.example.org/sms, secret: webhook-app}\n"


def read(lines: str) -> tuple[WebhookSettings, ...]:
    return config.loads(SMALL + lines).webhooks


def test_an_endpoint_hears_all_if_nothing_is_said() -> None:
    (one,) = read(GOOD)
    assert (one.name, one.secret, one.events) == ("app", "webhook-app", frozenset(Happening))
    assert (one.purposes, one.feeds, one.allow, one.ca) == (frozenset(), frozenset(), (), None)


def test_an_endpoint_with_everything() -> None:
    (one,) = read(
        "- name: app\n  url: https://app.example.org/sms\n  secret: s\n  events: [message.*, optout.made]\n"
        '  purposes: [events]\n  feeds: [shop]\n  allow: ["192.168.1.0/24"]\n  ca: /etc/ssl/own.pem\n'
    )
    assert {event.about for event in one.events} == {"message", "optout"}
    assert Happening.OPTOUT_LIFTED not in one.events
    assert (one.purposes, one.feeds) == (frozenset({"events"}), frozenset({"shop"}))
    assert (one.allow, one.ca) == ((ipaddress.ip_network("192.168.1.0/24"),), Path("/etc/ssl/own.pem"))


def test_none_is_an_empty_list() -> None:
    assert read("") == ()


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (GOOD.replace("https", "http"), 4, "it is not https"),
        (GOOD.replace("https://", "https://me:hunter2@"), 4, "holds a user name or a password"),
        (GOOD.replace("https://app.example.org/sms", "x"), 4, "neither https nor http"),
        (GOOD.replace("webhook-app", "whsec_aHVudGVyMg+/aHVudGVyMg"), 4, "no name of a credential"),
        (GOOD + GOOD, 5, "`app` is given twice"),
        (GOOD.replace("}", ", events: [message.arrived]}"), 4, "there is no event `message.arrived`"),
        (GOOD.replace("}", ", events: [message.delivred]}"), 4, "did you mean `message.delivered`?"),
        (GOOD.replace("}", ", events: []}"), 4, "expected a list of events"),
        (GOOD.replace("}", ", purposes: [event]}"), 4, "did you mean `events`?"),
        (GOOD.replace("}", ', allow: ["192.168.1.7/24"]}'), 4, "is no network"),
        (GOOD.replace("}", ', allow: ["169.254.0.0/16"]}'), 4, "where nothing is ever sent"),
        (GOOD.replace("}", ', allow: ["0.0.0.0/0"]}'), 4, "where nothing is ever sent"),
        (GOOD.replace("}", ", secrets: [a]}"), 4, "did you mean `secret`?"),
        (GOOD.replace(", secret: webhook-app", ""), 4, "is missing"),
        (GOOD.replace("}", ", ca: own.pem}"), 4, "absolute path"),
    ],
)
def test_what_cannot_be_used(lines: str, line: int, words: str) -> None:
    with pytest.raises(config.InvalidConfiguration) as caught:
        read(lines)
    assert caught.value.line == line
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "aHVudGVyMg" not in str(caught.value)


@pytest.mark.parametrize(
    ("drop_in", "without"), [(None, True), ("IPAddressAllow=any", True), ("PrivateNetwork=no", False)]
)
def test_a_service_without_a_network_is_seen(tmp_path: Path, drop_in: str | None, without: bool) -> None:
    etc, lib = tmp_path / "etc", tmp_path / "lib"
    (etc / "gatewayd.service.d").mkdir(parents=True)
    lib.mkdir()
    assert not without_network((etc, lib))
    (lib / "gatewayd.service").write_text("[Service]\nPrivateNetwork=yes\n")
    if drop_in is not None:
        (etc / "gatewayd.service.d" / "override.conf").write_text(f"[Service]\n{drop_in}\n")
    assert without_network((etc, lib)) is without
