"""From a file to Settings, or to every reason why not.

All problems of a file are found in one reading and come in one InvalidConfiguration, sorted by line; each names file,
line, key, what is wrong and what was expected.
"""

from __future__ import annotations

import difflib
import types
import typing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gatewayd.config import checks, yamltree
from gatewayd.config.models import Block, FileModel
from gatewayd.config.settings import Notice, Settings, settings_from
from gatewayd.config.yamltree import Place
from gatewayd.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse the file."""

    line: int
    key: str
    message: str
    expected: str


class InvalidConfiguration(ConfigurationError):
    """The configuration holds values that cannot be used; `problems` are all of them, by line."""

    def __init__(self, problems: list[Problem], file: str) -> None:
        self.problems = problems
        first = problems[0]
        message = f"{first.key}: {first.message}" if first.key else first.message
        super().__init__(message, file=file, line=first.line, expected=first.expected)

    def lines(self) -> list[str]:
        """A sentence a problem, as `FILE:LINE: key: what is wrong; expected ...`."""
        return [str(InvalidConfiguration([problem], self.file)) for problem in self.problems]


def load(file: Path) -> Settings:
    """The settings of a file. Raises ConfigurationError (unreadable, not YAML) or InvalidConfiguration (its values)."""
    return _settings(yamltree.read(file), file)


def loads(text: str, file: Path = Path("gatewayd.yaml")) -> Settings:
    """As `load()`, of a text."""
    return _settings(yamltree.parse(text, str(file)), file)


def _settings(tree: yamltree.Tree, file: Path) -> Settings:
    try:
        model = FileModel.model_validate(tree.value)
    except ValidationError as error:
        found = [_problem(details, tree) for details in error.errors(include_url=False)]
        raise InvalidConfiguration(_sorted(found), str(file)) from None
    found = [Problem(tree.line(place), _dotted(place), *words) for place, *words in checks.problems(model)]
    if found:
        raise InvalidConfiguration(_sorted(found), str(file))
    notices = (
        Notice(tree.line(remark.place) if tree.holds(remark.place) else None, remark.text)
        for remark in checks.remarks(model)
    )
    return replace(settings_from(model, file), warnings=tuple(sorted(notices, key=lambda notice: notice.line or 0)))


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.key))


def _problem(details: ErrorDetails, tree: yamltree.Tree) -> Problem:
    place = tuple(details["loc"])
    if place and place[-1] == "[key]":
        place = place[:-1]
        words = (f"`{place[-1]}` is no name", "a short name: a-z, 0-9, - and _")
    elif details["type"] == "extra_forbidden":
        words = _unknown(place)
    elif details["type"] == "missing":
        words = ("is missing", _expected(place))
    elif details["type"] in ("model_type", "dict_type"):
        words = (f"{_kind(details['input'])} cannot be used", _expected_block(place))
    else:
        words = (_wrong(details, place), _expected(place))
    return Problem(tree.line(place), _dotted(place), *words)


def _unknown(place: Place) -> tuple[str, str]:
    known = _keys(_annotation(place[:-1])[0])
    near = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.6)
    hint = f", did you mean `{near[0]}`?" if near else ""
    return f"unknown key{hint}", f"one of {', '.join(known)}"


def _wrong(details: ErrorDetails, place: Place) -> str:
    # A PIN or a secret written there by mistake must not reach the terminal or the journal.
    if "pin" in place or "secret" in place:
        return "what stands there is no name of a credential"
    if "url" in place:  # which may hold a password
        return "what stands there is no address"
    value = details["input"]
    shown = "nothing" if value is None or value == "" else _kind(value)
    return f"{shown} cannot be used" + (f": {details['msg']}" if details["type"] == "wrong" else "")


def _short(value: object) -> str:
    words = str(value).lower() if isinstance(value, bool) else str(value)
    clean = "".join(letter if letter.isprintable() else "?" for letter in words)
    return clean if len(clean) <= 40 else clean[:37] + "..."


def _kind(value: object) -> str:
    return "a list" if isinstance(value, tuple) else "a block" if isinstance(value, dict) else f"`{_short(value)}`"


def _dotted(place: Place) -> str:
    """`sims[0].limits.per_day`, counting from 1 as people do: `sims 1`."""
    words = ""
    for step in place:
        words += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if words else str(step)
    return words


def _keys(annotation: Any) -> list[str]:
    model = _block(annotation)
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _expected(place: Place) -> str:
    """The description of the nearest described field above `place`."""
    return _annotation(place)[1]


def _expected_block(place: Place) -> str:
    keys = _keys(_annotation(place)[0])
    return f"a block with {', '.join(keys)}" if keys else _expected(place)


def _annotation(place: Place) -> tuple[Any, str]:
    """The type of what stands at `place`, by the models, and the description that holds for it."""
    annotation: Any = FileModel
    described = ""
    for step in place:
        annotation, words = _inside(annotation, step)
        described = words or described
    return annotation, described


def _inside(annotation: Any, step: str | int) -> tuple[Any, str]:
    """The type and description of what `step` leads to."""
    plain = _plain(annotation)
    if typing.get_origin(plain) in (tuple, dict):
        return typing.get_args(plain)[0 if isinstance(step, int) else 1], ""
    model = _block(annotation)
    fields = model.model_fields.items() if model else ()
    field = next((field for name, field in fields if (field.alias or name) == step), None)
    return (field.annotation, field.description or "") if field else (None, "")


def _plain(annotation: Any) -> Any:
    """`X` of `X`, `X | None` and `Annotated[X, ...]`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _plain(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(kind for kind in typing.get_args(annotation) if kind is not type(None))
    return annotation


def _block(annotation: Any) -> type[Block] | None:
    """The block that `annotation` stands for, if any."""
    plain = _plain(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, Block) else None
