"""Reads tests/vectors: facts from public test suites, each file names its source under `meta`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Vector = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "vectors"


def load(*names: str) -> list[Vector]:
    """The vectors of these files (names without `.json`)."""
    return [vector for name in names for vector in json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["vectors"]]


def name_of(vector: Vector) -> str:
    """A vector's test id."""
    return str(vector["id"])


def pdu_of(vector: Vector) -> str:
    """The PDU of a decode vector; some are given as the modem's raw lines."""
    return str(vector["pdu"]) if "pdu" in vector else str(max(vector["raw_lines"], key=len)).strip('"')


def text_of(vector: Vector) -> str:
    """The text of a segmentation vector."""
    if "text" in vector:
        return str(vector["text"])
    character, times = vector["text_repeat"]
    return str(character) * int(times)
