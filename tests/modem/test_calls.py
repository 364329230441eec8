"""Somebody calls: at each place of each exchange the line hears of it, and the exchange goes on as if nobody had."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from gatewayd.modem.notices import Ringing
from gatewayd.modem.session import Session
from tests.modem.conftest import Notices, Pdu, nothing
from tests.modem.scripted import ScriptedModem, info

CALL = '\r\nRING\r\n\r\n+CLIP: "+33639980009",145,,,,0\r\n'
ENDED = "\r\nNO CARRIER\r\n"
OTHERS = (
    "\r\n+CRING: VOICE\r\n\r\nVOICE CALL: END: 000000\r\n\r\nMISSED_CALL: 12:00PM 0639980009\r\n\r\n^CEND:1,0,67,25\r\n"
)
STORED = "07913336998000F0040B913336998000F10000623011210000800441F45B0D"
EXCHANGES: dict[str, tuple[str, str, Callable[[Session], object]]] = {
    "prompt": ("AT+CMGS=", "\r\n> ", lambda session: session.submit(Pdu(), nothing)),
    "pdu": ("PDU", info("+CMGS: 7"), lambda session: session.submit(Pdu(), nothing)),
    "listing": (
        "AT+CMGL=",
        info(f"+CMGL: 1,1,,{len(STORED) // 2 - 8}", STORED, f"+CMGL: 2,1,,{len(STORED) // 2 - 8}", STORED),
        lambda session: session.list_stored(),
    ),
    "reading": (
        "AT+CMGR=",
        info(f"+CMGR: 1,,{len(STORED) // 2 - 8}", STORED),
        lambda session: session.read_stored(1),
    ),
    "memory": ("AT+CPMS?", info('+CPMS: "ME",3,255,"ME",3,255,"ME",3,255'), lambda session: session.storage()),
    "health": ("AT+CSQ", info("+CSQ: 20,99"), lambda session: session.check()),
    "deletion": ("AT+CMGD=", info(), lambda session: session.delete_by_index(1)),
}


def interrupted(answer: str, call: str) -> Iterator[str]:
    """The answer with the call before it, between each two of its lines, and behind it."""
    units = re.findall(r"\r\n[^\r\n]+\r\n|\r\n> ", answer)
    assert "".join(units) == answer
    for place in range(len(units) + (units[-1] != "\r\n> ")):
        yield "".join([*units[:place], call, *units[place:]])


@pytest.mark.parametrize("call", [CALL, ENDED, CALL + ENDED, OTHERS], ids=["ring", "ended", "both", "others"])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_call_in_any_place_of_an_exchange(
    session: Session, modem: ScriptedModem, arrived: Notices, exchange: str, call: str
) -> None:
    command, answer, ask = EXCHANGES[exchange]
    modem.answers[command] = answer
    expected = ask(session)
    for text in interrupted(answer, call):
        modem.answers[command] = text
        assert ask(session) == expected
    if "RING" in call:
        arrived.wait_for(Ringing())
    assert set(modem.pdus) <= {Pdu().hex}


def test_a_call_behind_the_prompt_does_not_get_into_the_pdu(session: Session, modem: ScriptedModem) -> None:
    def prompt_then_ring(speaker: ScriptedModem, _word: str) -> str:
        speaker.prompting = True
        return f"\r\n> {CALL}"

    modem.answers["AT+CMGS="] = prompt_then_ring
    assert session.submit(Pdu(), nothing) == 7
    assert modem.pdus == [Pdu().hex]
