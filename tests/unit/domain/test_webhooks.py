"""Where webhooks may go, what an answer means, and when a delivery is made again."""

from __future__ import annotations

import ipaddress
import random
from datetime import timedelta

import pytest

from gatewayd.domain.webhooks import (
    LIFE,
    LONGEST_RETRY_AFTER,
    PAUSES,
    RESTS,
    Answer,
    Verdict,
    judge,
    never_allowed,
    pause,
    place_of,
    refusal,
    rest,
    secrets_of,
)
from gatewayd.errors import UsageError

LAN = (ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("fd12::/16"))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://app.example.org/hooks?from=sms", ("https", "app.example.org", 443, "/hooks?from=sms")),
        ("https://app.example.org:8443", ("https", "app.example.org", 8443, "/")),
        ("http://127.0.0.1:8080/hooks", ("http", "127.0.0.1", 8080, "/hooks")),
        ("http://localhost/", ("http", "localhost", 80, "/")),
        ("http://[::1]:81/x", ("http", "::1", 81, "/x")),
        ("https://APP.example.org./", ("https", "app.example.org", 443, "/")),
    ],
)
def test_endpoints(url: str, parts: tuple[str, str, int, str]) -> None:
    place = place_of(url)
    assert (place.scheme, place.host, place.port, place.target) == parts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.example.org",
        "ftp://app.example.org/",
        "file:///etc/passwd",
        "http://app.example.org/",
        "http://192.168.1.7/",
        "https://me:secret@app.example.org/",
        "https://me@app.example.org/",
        "https://app.example.org/#there",
        "https://app.example.org\\@127.0.0.1/",
        "https://app.example.org/a b",
        "https://app.example.org/a\r\nX: y",
        "https://é.example.org/",
        "https://app.example.org:0/",
        "https://app.example.org:99999/",
        "https:///hooks",
        "https://[::1/",
        "https://" + "a" * 3000,
    ],
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(UsageError):
        place_of(url)


PUBLIC, HERE = place_of("https://app.example.org/"), place_of("http://127.0.0.1:8080/")


@pytest.mark.parametrize("address", ["93.184.216.34", "2a00:1450:4007:80e::200e"])
def test_a_public_address_may_be_sent_to(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), PUBLIC, ()) == ""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.10", "::1", "10.0.0.1", "172.16.3.4", "192.168.1.7", "100.64.0.1", "169.254.169.254",
        "0.0.0.0", "0.1.2.3",  # noqa: S104  (an address to be refused)
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.9",
        "fe80::1", "fe80::1%eth0", "ff02::1", "::", "fc00::1", "100.100.100.200", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "::127.0.0.1",
        "192.0.0.8", "64:ff9b:1::1", "5f00::1", "fd00:ec2::254",
        "fec0::1", "::ffff:0:7f00:1", "::ffff:0:a00:1", "4000::1",
    ],
)  # fmt: skip
def test_no_other_address_may(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), PUBLIC, ())


def test_a_network_that_is_allowed() -> None:
    assert refusal(ipaddress.ip_address("192.168.1.7"), PUBLIC, LAN) == ""
    assert refusal(ipaddress.ip_address("fd12::7"), PUBLIC, LAN) == ""
    assert refusal(ipaddress.ip_address("192.168.2.7"), PUBLIC, LAN)
    assert refusal(ipaddress.ip_address("93.184.216.34"), PUBLIC, LAN) == ""


@pytest.mark.parametrize("everything", ["0.0.0.0/0", "::/0"])
def test_what_is_never_sent_to_cannot_be_allowed(everything: str) -> None:
    network = ipaddress.ip_network(everything)
    assert never_allowed(network)
    for address in ("169.254.169.254", "fe80::1", "224.0.0.1", "fd00:ec2::254", "127.0.0.1", "::1"):
        assert refusal(ipaddress.ip_address(address), PUBLIC, (network,))
    assert never_allowed(ipaddress.ip_network("169.254.169.254/32"))
    assert not any(never_allowed(network) for network in LAN)


def test_this_machine_must_be_named() -> None:
    loopback = (ipaddress.ip_network("127.0.0.0/8"),)
    assert refusal(ipaddress.ip_address("127.0.0.1"), HERE, ()) == ""
    assert refusal(ipaddress.ip_address("::1"), place_of("http://localhost/"), ()) == ""
    assert refusal(ipaddress.ip_address("93.184.216.34"), place_of("http://localhost/"), ())
    assert refusal(ipaddress.ip_address("127.0.0.1"), PUBLIC, loopback) == ""


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "told"), (204, "told"), (299, "told"), (410, "gone"), (None, "away"), (429, "away"), (503, "away"),
     (301, "refused"), (302, "refused"), (400, "refused"), (404, "refused"), (500, "refused"), (199, "refused")],
)  # fmt: skip
def test_what_an_answer_means(status: int | None, verdict: str) -> None:
    assert judge(Answer(status)) is Verdict(verdict)


def test_rests_grow_and_end() -> None:
    rng = random.Random(1)  # noqa: S311  (of a test, always the same)
    for failures, seconds in enumerate((*RESTS, RESTS[-1], RESTS[-1]), start=1):
        assert 0.8 * seconds <= rest(failures, None, rng) <= 1.2 * seconds
    assert rest(1, 60.0, rng) == 60.0
    assert rest(1, 1e9, rng) == LONGEST_RETRY_AFTER
    assert rest(1, -5.0, rng) >= 0.8 * RESTS[0]


def test_refused_deliveries_come_again_for_three_days() -> None:
    rng = random.Random(1)  # noqa: S311  (of a test, always the same)
    total = sum((pause(tries, rng) for tries in range(1, len(PAUSES) + 1)), timedelta())
    assert LIFE < total < 2 * LIFE
    assert pause(1, rng) < timedelta(seconds=7)
    assert len({pause(2, rng) for _ in range(5)}) == 5


NEW, OLD = "whsec_" + "A" * 32, "whsec_" + "b" * 43 + "="


def test_a_credential_holds_one_secret_or_two() -> None:
    assert secrets_of(f"{NEW}\n") == [NEW]
    assert secrets_of(f"{NEW}\n{OLD}\n") == [NEW, OLD]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "hunter2 hunter2 hunter2",
        NEW[6:],
        "whsec_short",
        f"{NEW} {OLD} {NEW}",
        "whsec_" + "A" * 200,
        f"{NEW}é",
        f"{NEW}-",
    ],
)
def test_what_is_no_secret_is_not_shown(words: str) -> None:
    with pytest.raises(UsageError) as caught:
        secrets_of(words)
    assert not words or words[6:] not in str(caught.value)
