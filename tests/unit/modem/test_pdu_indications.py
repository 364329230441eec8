"""What no person wrote is told by the fields around the text: octets by hand, from the specifications."""

from __future__ import annotations

import pytest

from gatewayd.modem.pdu import Deliver, Indicated, Indication, decode, indicated, join

SENDER, STAMP = "0B913336990801F1", "62603171905480"


def told(hex: str) -> Indicated | None:
    message = decode(hex, outgoing=False)
    assert isinstance(message, Deliver)
    return indicated([message], join([message]))


def delivered(dcs: str, user_data: str, *, first: str = "04", pid: str = "00") -> str:
    return f"00{first}{SENDER}{pid}{dcs}{STAMP}{user_data}"


@pytest.mark.parametrize(
    ("dcs", "what", "readable"),
    [
        ("C0", Indication.VOICE_MAIL, False),  # nothing waits any more
        ("C8", Indication.VOICE_MAIL, False),
        ("C9", Indication.FAX, False),
        ("CF", Indication.OTHER, False),
        ("D8", Indication.VOICE_MAIL, True),
        ("DA", Indication.E_MAIL, True),
        ("E8", Indication.VOICE_MAIL, True),  # UCS-2
    ],
)
def test_a_message_waits_says_the_coding(dcs: str, what: Indication, readable: bool) -> None:
    assert told(delivered(dcs, "0200E9" if dcs.startswith("E") else "0161")) == Indicated(what, readable)


@pytest.mark.parametrize("dcs", ["00", "08", "10", "40", "F0", "80", "B0"])
def test_other_codings_say_nothing(dcs: str) -> None:
    assert told(delivered(dcs, "0200E9" if dcs == "08" else "0161")) is None


@pytest.mark.parametrize(
    ("element", "wanted"),
    [
        ("01020003", Indicated(Indication.VOICE_MAIL, readable=False)),
        ("01028003", Indicated(Indication.VOICE_MAIL, readable=True)),
        ("01028201", Indicated(Indication.E_MAIL, readable=True)),
        ("010100", None),  # too short to mean anything
        ("2305010000FF01", Indicated(Indication.VOICE_MAIL, readable=True)),
        ("0A030000FF", None),
    ],
)
def test_a_message_waits_says_a_header_element(element: str, wanted: Indicated | None) -> None:
    header = f"{len(element) // 2:02X}{element}"
    length = len(header) // 2 + 2
    assert told(delivered("08", f"{length:02X}{header}0061", first="44")) == wanted


MMS_SHORT = "01060603BEAF848C82986100"
MMS_TEXT = "010622" + b"application/vnd.wap.mms-message".hex() + "00AF848C82"
LINK = "01060403AE81EA02056A"


@pytest.mark.parametrize("destination", ["0B84", "0B85"])
@pytest.mark.parametrize("dcs", ["04", "F5"])
@pytest.mark.parametrize(
    ("push", "what"),
    [(MMS_SHORT, Indication.MMS), (MMS_TEXT, Indication.MMS), (LINK, Indication.PUSH), ("", Indication.PUSH)],
)
def test_a_push_is_told_by_its_port(push: str, what: Indication, dcs: str, destination: str) -> None:
    header = f"060504{destination}23F0"
    length = (len(header) + len(push)) // 2
    assert told(delivered(dcs, f"{length:02X}{header}{push}", first="44")) == Indicated(what, readable=False)


def test_octets_for_another_port_or_for_none() -> None:
    octets = Indicated(Indication.OCTETS, readable=False)
    assert told(delivered("04", "03000102")) == octets
    assert told(delivered("04", "0A0605041582000053544F50"[:24], first="44")) == octets
    assert told(delivered("04", "00")) is None, "somebody sent an empty message"
    assert told(delivered("04", "0453544F50")) is None, "a phone wrote STOP as octets"
