"""docs/association.md, typed as it is printed: each command, each answer from a telephone, each line that it shows."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gatewayd.modem.simulator import SimulatorProcess, start_process
from tests.scenarios.installation import ROOT, Installation

PAGE = ROOT / "docs" / "association.md"
AROUND = """\
state_directory: {directory}/state
spool_directory: {directory}/spool
modems: [{{port: {port}}}]
sims: [{{name: accueil, iccid: "{iccid}", line: {{allows: [information]}}}}]
default_limits: {{per_minute: 1000, per_day: 100000}}
"""
PATIENCE = 60.0


class Block(NamedTuple):
    """A fenced block: what it is, and its lines."""

    kind: str
    lines: list[str]


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(kind, words.splitlines()) for kind, words in found]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with start_process(["accueil"], "", tmp_path / "network") as process:
        yield process


class Reader:
    """Types what the page says, and holds what comes to what it shows."""

    def __init__(self, directory: Path, network: SimulatorProcess) -> None:
        self.network, self.directory = network, directory
        self.office = Installation(directory)
        self.typed: list[list[str]] = []
        self.seen = ""

    def type(self, lines: list[str]) -> None:
        self.typed, self.seen = [], ""
        for line in lines:
            words = shlex.split(line)
            assert words[:2] == ["sudo", "gatewayd"]
            self.typed.append([str(self.directory / w) if w in ("membres.csv", "fete.html") else w for w in words[2:]])
            self.seen += self.run(self.typed[-1])

    def run(self, words: list[str]) -> str:
        done = self.office.run(*words)
        rejected = words[:2] == ["contacts", "import"]  # a row of the page's list cannot be used
        assert done.returncode == (1 if rejected else 0), (words, done.stderr)
        return _plain(done.stdout)

    def compare(self, lines: list[str]) -> None:
        """What only shows how things stand is asked again, until it stands so."""
        missing, until = self.missing(lines), time.monotonic() + PATIENCE
        while missing and time.monotonic() < until:
            self.seen += "".join(self.run(words) for words in self.typed if words[1] in ("show", "list", "report"))
            missing = self.missing(lines)
        assert missing == [], self.seen[-2000:]

    def missing(self, lines: list[str]) -> list[str]:
        return [line for line in lines if _plain(line).rstrip() not in self.seen]

    def answer(self, lines: list[str]) -> None:
        """From a telephone; the next one when the daemon has heard it."""
        for line in lines:
            number, _, text = line.partition(": ")
            before = len(self.office.json("inbox", "list"))
            sender = "+33" + number.replace(" ", "")[1:]
            self.network.control("deliver", sim="accueil", sender=sender, text=text)
            while len(self.office.json("inbox", "list")) == before:
                pass  # each look is a process of its own


def _plain(words: str) -> str:
    return " ".join(words.split()) + " "


@pytest.mark.timeout(300)
def test_the_page_does_what_it_says(tmp_path: Path, network: SimulatorProcess) -> None:
    reader, steps = Reader(tmp_path, network), blocks()
    (settings,) = [block.lines for block in steps if block.kind == "yaml"]
    (members,) = [block.lines for block in steps if block.kind == "csv"]
    identity = network.identities["accueil"]
    around = AROUND.format(directory=tmp_path, port=network.ports["accueil"], iccid=identity["iccid"])
    reader.office.file.write_text(around + "\n".join(settings) + "\n", encoding="utf-8")
    (tmp_path / "membres.csv").write_text("\n".join(members) + "\n", encoding="utf-8")
    assert {block.kind for block in steps} == {"yaml", "csv", "sh", "text", "phone"}
    with reader.office.daemon() as daemon:
        daemon.all_modems_ok()
        for block in steps:
            if block.kind == "sh":
                reader.type(block.lines)
            elif block.kind == "text":
                reader.compare(block.lines)
            elif block.kind == "phone":
                reader.answer(block.lines)
    assert "<svg" in (tmp_path / "fete.html").read_text(encoding="utf-8")
    to_members = [one.destination for one in network.ledger() if (one.text or "").startswith("Bonjour")]
    assert sorted(to_members) == ["+33639980001", "+33639980002"]
