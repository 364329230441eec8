"""The books say what is so: each event, command and setting that they name exists, and none is left out."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel

from gatewayd import config
from gatewayd.cli.main import app
from gatewayd.config import models
from gatewayd.domain.audit import MEANINGS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gatewayd"
EXAMPLE = ROOT / "config" / "gatewayd.yaml"
BOOKS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    EXAMPLE,
]
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
_EVENT = r"[a-z]+\.[a-z_]+"


def _names(argument: ast.expr) -> Iterator[str]:
    """The names an event may have: a constant, one of two, or a constant with every outcome in it."""
    if isinstance(argument, ast.Constant):
        assert isinstance(argument.value, str)
        yield argument.value
    elif isinstance(argument, ast.IfExp):
        yield from _names(argument.body)
        yield from _names(argument.orelse)
    elif isinstance(argument, ast.JoinedStr):
        first = argument.values[0]
        assert isinstance(first, ast.Constant)
        assert isinstance(first.value, str)
        yield from (f"{first.value}{outcome}" for outcome in ("refused", "unknown"))


@cache
def events() -> frozenset[str]:
    """The names of all events in the code."""
    calls = (
        node
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS
    )
    logged = (call for call in calls if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "log")
    return frozenset(name for call in logged for name in _names(call.args[0]))


def documented() -> list[str]:
    headings = re.findall(r"^### (.+)$", TROUBLESHOOTING.read_text(), re.MULTILINE)
    return [name for heading in headings for name in re.findall(rf"`({_EVENT})`", heading)]


def test_each_event_has_a_name_of_two_words() -> None:
    assert [name for name in events() if not re.fullmatch(_EVENT, name)] == []


def test_each_event_of_the_book_exists() -> None:
    assert set(documented()) - events() == set()


def test_each_event_is_in_the_book() -> None:
    assert events() - set(documented()) == set()


def test_no_event_is_told_twice() -> None:
    assert len(documented()) == len(set(documented()))


def test_each_event_of_the_audit_trail_is_in_its_book_and_no_other() -> None:
    names = "|".join(sorted({event.partition(".")[0] for event in MEANINGS}))
    table = [line for line in (ROOT / "docs" / "audit.md").read_text().splitlines() if line.startswith("| `")]
    told = {name for line in table for name in re.findall(rf"`((?:{names})\.[a-z]+)`", line)}
    assert told == {str(event) for event in MEANINGS}


# Commands.


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    """Each command that does something, with its options."""
    if not hasattr(command, "list_commands"):
        yield path, frozenset(option for parameter in command.params for option in parameter.opts) | {"--help"}
        return
    for name in command.list_commands(None):
        yield from _leaves(command.get_command(None, name), (*path, name))


@cache
def commands() -> dict[tuple[str, ...], frozenset[str]]:
    return dict(_leaves(typer.main.get_command(app)))


def _spans(text: str) -> Iterator[str]:
    """What stands in code: the lines of blocks for the shell, and between backticks."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def typed() -> Iterator[tuple[str, list[str]]]:
    """Each `gatewayd ...` of the books: the book and the words after it."""
    for book in BOOKS:
        for span in _spans(book.read_text()):
            match = re.match(r"(?:sudo )?gatewayd ((?!\.\.\.).+)", " ".join(span.split()))
            if match:
                words = shlex.split(match[1], comments=True)
                yield book.name, words[2:] if words[0] == "--config" else words


def _command(words: list[str]) -> tuple[str, ...]:
    """The longest beginning of `words` that is a command."""
    return next((path for end in (2, 1) if (path := tuple(words[:end])) in commands()), ())


def test_each_command_of_the_books_exists_with_its_options() -> None:
    wrong = [
        (book, words)
        for book, words in typed()
        if words[0] != "--version"
        and (
            not _command(words)
            or {word for word in words if word.startswith("--")} - commands().get(_command(words), frozenset())
        )
    ]
    assert wrong == []


def test_each_command_is_in_a_book() -> None:
    assert commands().keys() - {_command(words) for _, words in typed()} == set()


# The configuration.


def _keys_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Each key a file may have, as `sims.limits.gap`."""
    for name, field in model.model_fields.items():
        key = f"{path}{field.alias or name}"
        yield key
        inner = next((block for block in _blocks if block.__name__ in str(field.annotation)), None)
        if inner is not None:
            yield from _keys_of(inner, f"{key}.")


_blocks = [kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, models.Block)]
_blocks = [kind for kind in _blocks if kind not in (models.Block, models.FileModel)]


def _keys_in(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _keys_in(item, path)
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield f"{path}{key}"
            yield from _keys_in(inside, f"{path}{key}.")


def example(*, all_of_it: bool) -> str:
    """The commented example; with `all_of_it` what stands behind `#key:` counts too."""
    text = EXAMPLE.read_text()
    return re.sub(r"^( *)#(?=(?:- )?[a-z_]+:)", r"\1", text, flags=re.MULTILINE) if all_of_it else text


@pytest.mark.parametrize("all_of_it", [False, True])
def test_the_example_can_be_used(all_of_it: bool) -> None:
    config.loads(example(all_of_it=all_of_it))


def test_the_example_has_every_key() -> None:
    tree = yaml.safe_load(example(all_of_it=True))
    tree["purposes"] = list(tree["purposes"].values())  # their names are the reader's
    tree["segments"] = list(tree["segments"].values())
    tree["contacts"]["fields"] = list(tree["contacts"]["fields"].values())
    there = set(_keys_in(tree))
    # Limits are told once, where a SIM has them.
    wanted = {key.replace("default_limits.", "sims.limits.") for key in _keys_of(models.FileModel)}
    assert (wanted - there, there - wanted - {key for key in there if key.startswith("default_limits.")}) == (
        set(),
        set(),
    )


def test_the_configuration_of_the_readme_needs_no_excuse() -> None:
    (written,) = re.findall(
        r"^```yaml\n(organisation:.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert [notice.text for notice in config.loads(written).warnings] == []
