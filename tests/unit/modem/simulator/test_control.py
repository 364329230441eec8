"""The back door, without its socket: each verb does what it says to one SIM, or is refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gatewayd.errors import ModemAbsent, UsageError
from gatewayd.modem.simulator.control import ask, obey, parse_request
from tests.unit.modem.simulator.bench import BOB, Bench


def told(bench: Bench, do: str, **fields: Any) -> list[str]:
    """What the module says when it is told this; the request must be obeyed."""
    assert obey(bench.network, {"do": do, "sim": "accueil", **fields})["ok"]
    return bench.after(0)


def test_each_verb() -> None:
    bench = Bench("echo=0")
    assert told(bench, "urc", text="^RSSI:9") == ["^RSSI:9"]
    assert told(bench, "ring", caller=BOB) == ["RING"]
    assert told(bench, "deliver", sender=BOB, text="STOP") == ['+CMTI: "ME",0']
    bench.ask("AT+CEREG=1")
    assert told(bench, "unregister") == ["+CEREG: 2"]
    assert told(bench, "register") == ["+CEREG: 1"]
    told(bench, "silence")
    assert bench.ask("AT") == []
    told(bench, "wake")
    assert bench.ask("AT") == ["OK"]
    told(bench, "reboot", seconds=3)
    assert bench.after(3)[0] == "RDY"
    told(bench, "options", options="csq=7")
    assert bench.ask("AT+CSQ")[-2:] == ["+CSQ: 7,99", "OK"]


def test_a_port_vanishes_and_comes_back() -> None:
    bench = Bench()
    told(bench, "unplug")
    assert not bench.module.attached
    told(bench, "plug")
    assert bench.module.attached


def test_the_state_tells_what_waits_and_what_struck() -> None:
    bench = Bench()
    told(bench, "fault", fault="answer-lost;command=AT")
    told(bench, "fault", fault="answer-late;command=+CSQ;seconds=5")
    bench.ask("AT")
    state = obey(bench.network, {"do": "state", "sim": "accueil"})
    assert [fault["kind"] for fault in state["fired"]] == ["answer-lost"]
    assert [fault["kind"] for fault in state["armed"]] == ["answer-late"]
    assert (state["attached"], state["reference"], state["stored"]["ME"]) == (True, 255, 0)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"do": "plug"},
        {"do": "plug", "sim": "nobody"},
        {"do": "dance", "sim": "accueil"},
        {"do": "deliver", "sim": "accueil", "sender": BOB},
        {"do": "unplug", "sim": "accueil", "seconds": "soon"},
        {"do": "unplug", "sim": "accueil", "seconds": None},
        {"do": "options", "sim": "accueil", "options": "nope=1"},
        {"do": "fault", "sim": "accueil", "fault": "gremlins"},
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(request_: dict[str, Any]) -> None:
    bench = Bench()
    answer = obey(bench.network, request_)
    assert not answer["ok"]
    assert answer["error"]
    assert bench.module.attached


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"\xff", b"1"])
def test_a_line_that_is_no_request(line: bytes) -> None:
    with pytest.raises(UsageError):
        parse_request(line)


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(ModemAbsent, match="no simulator answers"):
        ask(tmp_path, {"do": "state"})
