"""Exit statuses, each verb: 1 a fault, 2 wrong usage or configuration, 3 refused by a rule; each with one sentence.

The verbs are those that the program itself lists, so that none is forgotten. What ends with 0 is in the tests of each.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gatewayd.cli.main import COMMANDS, LATER, app, main
from tests.scenarios.installation import Installation

NUMBER, LANDLINE = "+33639980001", "01 99 00 12 34"


def verbs() -> Iterator[tuple[str, ...]]:
    root: Any = typer.main.get_command(app)
    for name in COMMANDS:
        command = root.get_command(None, name)
        below = getattr(command, "commands", None)
        yield from ((name, verb) for verb in below) if below else [(name,)]


def all_at_once(installed: Installation, calls: list[list[str]]) -> list[subprocess.CompletedProcess[str]]:
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda words: installed.run(*words), calls))


@pytest.mark.parametrize("verb", list(verbs()), ids=" ".join)
def test_an_option_that_is_none_is_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]) -> None:
    installed = Installation(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gatewayd", "--config", str(installed.file), *verb, "--nonsense"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert not installed.state.exists(), "nothing was begun"


def test_what_is_still_to_come_says_so(tmp_path: Path) -> None:
    for word in LATER:
        done = Installation(tmp_path).run(word, "list")
        assert done.returncode == 2
        assert f"`gatewayd {word}` comes with a later version" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("send", "-p", "events", NUMBER, "x"), "no consent to this purpose is recorded"),
        (("send", "-p", "alerte", LANDLINE, "x"), "this number cannot be used"),
        (("send", "-p", "alerte", "112", "x"), "this number cannot be used"),
        (("send", "-p", "alerte", NUMBER, "x" * 800), "the text takes 6 SMS; alerte allows 4"),
        (("send", "-p", "alerte", "+33639980009", "x"), "this person said STOP"),
    ],
)
def test_a_rule_refuses_with_3(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    installed = Installation(tmp_path)
    assert installed.run("optouts", "add", "+33639980009").returncode == 0
    done = installed.run(*words)
    assert (done.returncode, sentence in done.stderr) == (3, True), done.stderr
    assert installed.states() == {}


def test_a_state_directory_that_cannot_be_used_is_1(tmp_path: Path) -> None:
    installed = Installation(tmp_path)
    (tmp_path / "state").write_text("a file stands where the directory should be")
    calls = [["send", "-p", "alerte", NUMBER, "x"], ["messages", "list"], ["status"], ["sims", "list"], ["run"]]
    calls += [["consents", "show", NUMBER], ["optouts", "list"], ["inbox", "list"], ["messages", "cancel", "1"]]
    for words, done in zip(calls, all_at_once(installed, calls), strict=True):
        assert (words, done.returncode) == (words, 1), done.stderr
        assert done.stderr.startswith("gatewayd: ")
        assert "Traceback" not in done.stderr
