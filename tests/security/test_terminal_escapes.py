"""Attack: a message, a name or an origin carries what a terminal obeys: ESC, its one-octet form, or a turned line."""

from __future__ import annotations

import json

import pytest

from gatewayd.cli import output
from gatewayd.interfaces.dropfolder.report import neutral

ORDERS = [
    "\x1b[2J",
    "\x9b31m",
    "\x07",
    "\x7f",
    "\u202egnp.exe",
    "\u2066x",
    "\u200b",
    "\ud800",
    "\r",
    "\x00",
    "\U000e0041",
]


def seen(capsys: pytest.CaptureFixture[str]) -> str:
    found = capsys.readouterr()
    return (found.out + found.err).replace("\n", "")


@pytest.mark.parametrize("words", ORDERS)
def test_nothing_of_it_reaches_the_terminal(capsys: pytest.CaptureFixture[str], words: str) -> None:
    output.say(words)
    output.warn(words)
    output.fail(words)
    output.note(words)
    output.show(output.table(("A",), [(words,)]))
    output.show(output.pairs([("a", words)]))
    output.section("a", [(words,)])
    output.as_json([{"text": words}])
    output.as_json_line({"text": words})
    assert seen(capsys).isprintable()


@pytest.mark.parametrize("words", [*ORDERS, "Zoé\n«\t»\\u202e\"'", "\\", "Ωñ€"])
def test_a_program_reads_in_json_what_was_written(capsys: pytest.CaptureFixture[str], words: str) -> None:
    output.as_json({"text": words})
    output.as_json_line({"text": words})
    printed = capsys.readouterr().out
    assert json.loads(printed[: printed.index("\n}") + 2]) == json.loads(printed.splitlines()[-1]) == {"text": words}


@pytest.mark.parametrize("words", ["x\x1b[2J", "x\x9b31m", "x\x7f"])
def test_nor_out_of_a_spreadsheet(words: str) -> None:
    assert neutral(words).isprintable()
