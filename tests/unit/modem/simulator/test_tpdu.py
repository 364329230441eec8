"""What the service centre sends, field by field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gatewayd.errors import UsageError
from gatewayd.modem.simulator import tpdu
from gatewayd.modem.simulator.submit_check import check
from gatewayd.modem.simulator.tpdu import Pdu
from tests.unit.modem.simulator.bench import ALICE, BOB

AT = datetime(2026, 3, 2, 9, 8, 7, tzinfo=UTC)
SMSC = "+33639980000"
SMSC_HEX = "07913336990800F0"
AT_HEX = "62302090807000"


def test_a_message_of_one_part() -> None:
    assert tpdu.delivers(SMSC, BOB, "hellohello", AT, 1) == [
        Pdu(SMSC_HEX + "04" + "0B913336990820F2" + "0000" + AT_HEX + "0A" + "E8329BFD4697D9EC37", 28)
    ]


@pytest.mark.parametrize(
    ("sender", "field"), [("38000", "05818300F0"), ("Mairie", "0BD0CD705A9E2E03"), (ALICE, "0B913336990810F1")]
)
def test_senders(sender: str, field: str) -> None:
    (pdu,) = tpdu.delivers("", sender, "ê", AT, 1)
    assert pdu.hex == "00" + "04" + field + "0008" + AT_HEX + "02" + "00EA"


def test_a_status_report() -> None:
    report = tpdu.status_report(SMSC, 42, ALICE, AT, AT + timedelta(seconds=5), 0x46)
    assert report == Pdu(SMSC_HEX + "06" + "2A" + "0B913336990810F1" + AT_HEX + "62302090802100" + "46", 25)


def test_time_is_given_in_utc() -> None:
    assert tpdu.timestamp(AT.astimezone(timezone(timedelta(hours=-5)))).hex() == AT_HEX


def test_a_text_of_too_many_parts() -> None:
    with pytest.raises(UsageError, match="256 parts"):
        tpdu.delivers("", BOB, "ê" * (255 * 67 + 1), AT, 1)


def as_submission(pdu: Pdu) -> str:
    """The user data of a DELIVER from BOB without service centre, put into a SUBMIT which the check can read."""
    octets = bytes.fromhex(pdu.hex)
    headed = octets[1] & 0x40
    return (bytes([0, 0x01 | headed, 0]) + octets[2:12] + octets[19:]).hex()


@pytest.mark.parametrize("text", ["é" * 161, "€" * 100, "x" * 152 + "[" + "y" * 20, "ê" * 71, "ê" * 66 + "😀" * 30])
def test_a_long_text_comes_in_parts_that_join(text: str) -> None:
    parts = []
    for pdu in tpdu.delivers("", BOB, text, AT, 9):
        written = as_submission(pdu)
        parts.append(check(written, len(written) // 2 - 1))
    assert [part.concat for part in parts] == [(9, len(parts), number) for number in range(1, len(parts) + 1)]
    assert "".join(part.text or "" for part in parts) == text
    assert len(parts) > 1
