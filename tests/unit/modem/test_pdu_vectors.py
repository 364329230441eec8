"""Every PDU of tests/vectors, decoded and encoded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatewayd.domain.gsm7 import decode as decode_septets
from gatewayd.domain.gsm7 import unpack
from gatewayd.domain.text import Alphabet, plan
from gatewayd.errors import PduError
from gatewayd.modem.pdu import Deliver, StatusReport, Submit, decode, submissions
from gatewayd.modem.pdu.fields import Cursor, decode_address, encode_address, encode_service_centre, encode_validity
from tests.unit.modem.vectors import Vector, load, name_of, pdu_of

DECODE = load(
    "modemmanager-decode", "python-messaging-decode", "gsmmodem-decode", "gammu-at-sms-encode", "gammu-at-sms-parse"
)
# Advisory (`accept: false`): another parser refuses them, ours may read them; they must not do harm.
ADVISORY = [vector for vector in DECODE if vector["expect"].get("accept") is False]
BAD = [vector for vector in DECODE if vector["expect"].get("error")]
GOOD = [vector for vector in DECODE if vector not in ADVISORY and vector not in BAD]
KINDS = {Deliver: "deliver", Submit: "submit", StatusReport: "status_report"}


def observed(message: Deliver | Submit | StatusReport) -> dict[str, Any]:
    """What the vectors assert, by their names."""
    moment = getattr(message, "timestamp", None)
    discharge = getattr(message, "discharge", None)
    concat = message.concat
    ports = message.ports
    seen: dict[str, Any] = {
        "type": KINDS[type(message)],
        "smsc": message.smsc,
        "number": message.number,
        "text": message.text,
        "pid": message.pid,
        "dcs": message.dcs,
        "accept": True,
        "data_hex": message.data.hex().upper() if message.data is not None else None,
        "multipart": concat is not None,
        "concat": concat and {"reference": concat.reference, "parts": concat.parts, "number": concat.number},
        "ports": ports and {"destination": ports.destination, "source": ports.source},
        "timestamp": moment and moment.isoformat(),
        "timestamp_utc": moment and moment.astimezone(UTC).replace(tzinfo=None).isoformat(),
        "discharge": discharge and discharge.isoformat(),
        "reference": getattr(message, "reference", None),
        "status": getattr(message, "status", None),
    }
    validity = getattr(message, "validity", None)
    seen["validity_minutes"] = validity.total_seconds() / 60 if isinstance(validity, timedelta) else None
    seen["validity_absolute"] = validity.isoformat() if isinstance(validity, datetime) else None
    return seen


@pytest.mark.parametrize("vector", GOOD, ids=name_of)
def test_decode(vector: Vector) -> None:
    expected = dict(vector["expect"])
    message = decode(pdu_of(vector))
    if "text_prefix_of" in expected:
        assert message.text
        assert expected.pop("text_prefix_of").startswith(message.text)
    if "text_contains" in expected:
        assert expected.pop("text_contains") in message.text
    seen = observed(message)
    assert {key: seen[key] for key in expected} == expected


@pytest.mark.parametrize("vector", GOOD, ids=name_of)
def test_decode_again_what_was_encoded(vector: Vector) -> None:
    message = decode(pdu_of(vector))
    if isinstance(message, Submit) and not message.number:
        with pytest.raises(PduError):
            message.encode()
    else:
        assert decode(message.encode().hex) == message


@pytest.mark.parametrize("vector", BAD, ids=name_of)
def test_refuse(vector: Vector) -> None:
    with pytest.raises(PduError):
        decode(pdu_of(vector))


@pytest.mark.parametrize("vector", ADVISORY, ids=name_of)
def test_what_gammu_refuses_is_refused(vector: Vector) -> None:
    with pytest.raises(PduError):
        decode(pdu_of(vector))


ENCODE = [v for v in load("modemmanager-encode", "submit-encode") if v["kind"] == "submit"]


def submit_of(vector: Vector) -> list[Submit]:
    """The submissions that a vector describes."""
    validity = timedelta(minutes=vector["validity_minutes"]) if vector.get("validity_minutes") else None
    parts = submissions(
        vector["number"],
        plan(vector["text"]),
        concat_reference=0x88,
        status_report=vector["status_report"],
        validity=validity,
    )
    same: dict[str, Any] = {
        "smsc": vector.get("smsc"),
        "message_class": vector.get("message_class"),
        "reference": vector["reference"],
    }
    if "validity_absolute" in vector:
        same["validity"] = datetime.fromisoformat(vector["validity_absolute"])
    if vector.get("alphabet") == "8bit":
        same.update(alphabet=Alphabet.OCTETS, text="", data=vector["text"].encode("latin-1"))
    if not vector["number"].startswith("+") and vector["expect_hex"][0].startswith("04A1"):
        same["toa"] = 0xA1
    return [replace(part, **same) for part in parts]


@pytest.mark.parametrize("vector", ENCODE, ids=name_of)
def test_encode(vector: Vector) -> None:
    encoded = [submit.encode() for submit in submit_of(vector)]
    # Advisory: a service centre without + may be unknown (81, ours) or national (A1).
    expected = [pdu.replace("04A12143F5", "04812143F5") for pdu in vector["expect_hex"]]
    assert [pdu.hex for pdu in encoded] == expected
    if "tpdu_length" in vector:
        assert encoded[0].length == vector["tpdu_length"]
    if "validity_tpvp" in vector:
        assert encode_validity(timedelta(minutes=vector["validity_minutes"]))[1][0] == vector["validity_tpvp"]


@pytest.mark.parametrize("vector", ENCODE, ids=name_of)
def test_submissions_survive_a_round_trip(vector: Vector) -> None:
    for submit in submit_of(vector):
        assert decode(submit.encode().hex, outgoing=True) == submit


@pytest.mark.parametrize("vector", [v for v in load("modemmanager-encode") if v["kind"] == "address"], ids=name_of)
def test_encode_address(vector: Vector) -> None:
    encode = encode_service_centre if vector["smsc_field"] else encode_address
    assert encode(vector["number"]).hex().upper() == vector["expect_hex"]


@pytest.mark.parametrize("vector", load("addresses"), ids=name_of)
def test_address(vector: Vector) -> None:
    octets = bytes.fromhex(vector["hex"])
    number, toa = decode_address(Cursor(octets), "address", strict=True)
    assert number.removeprefix("+") == vector["number"]
    assert octets[1] >> 4 & 7 == vector["ton"]
    assert encode_address(number, toa) == octets


@pytest.mark.parametrize("vector", load("gsm7-national-tables"), ids=name_of)
def test_national_tables(vector: Vector) -> None:
    octets = bytes.fromhex(vector["pdu_as_in_source"])
    septets = unpack(octets[14:], octets[13])
    shown = decode_septets(septets, locking=vector["locking_table"], single=vector["single_table"])
    assert shown == vector["expect_text"]
