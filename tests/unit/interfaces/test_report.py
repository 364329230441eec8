"""The report: what Excel shows by a double click, and nothing that it calculates."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gatewayd.domain.message import MessageState
from gatewayd.domain.number import REASONS, repair_excel
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.dropfolder.report import Line, ReportStyle, neutral, refusal_into, write_report

FRENCH = ReportStyle("fr", ZoneInfo("Europe/Paris"))
ENGLISH = ReportStyle("en", ZoneInfo("Europe/London"))
AT = datetime(2026, 11, 24, 9, 2, 7, tzinfo=UTC)


def refuse(path: Path, reason: str, facts: Mapping[str, object], style: ReportStyle) -> None:
    with path.open("wb") as output:
        refusal_into(output, reason, facts, style)


def rows(path: Path) -> list[list[str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    return list(csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=";"))


def test_a_row_a_recipient_in_french(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.report.csv"
    lines = [
        Line(2, "+33639980001", "sent", "", AT, 3),
        Line(3, "+33639980002", "blocked", "opt_out"),
        Line(4, "01 99 00 12 34", "", "landline"),
        Line(5, "+33639980001", "", "duplicate:2"),
        Line(6, "+33639980003", "failed", "cms:38"),
    ]
    write_report(path, lines, FRENCH)
    assert rows(path) == [
        ["ligne", "numéro", "état", "motif", "envoyé le", "parties"],
        ["2", "'+33639980001", "sent", "envoyé", "24/11/2026 10:02:07", "3"],
        ["3", "'+33639980002", "blocked", "bloqué : cette personne a dit STOP", "", ""],
        ["4", "01 99 00 12 34", "rejected", "numéro fixe : il ne reçoit pas de SMS", "", ""],
        ["5", "'+33639980001", "rejected", "en double : déjà à la ligne 2", "", ""],
        [
            "6",
            "'+33639980003",
            "failed",
            "refusé par le réseau (cause donnée par le réseau ou le modem : cms:38)",
            "",
            "",
        ],
    ]


def test_a_refused_file_in_english(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.report.csv"
    refuse(path, "no_number_column", {"seen": ("=Name", "City")}, ENGLISH)
    assert rows(path) == [
        ["line", "number", "state", "reason", "sent at", "parts"],
        ["", "", "rejected", "no column of numbers (Phone, Mobile...); columns seen: =Name, City", "", ""],
    ]


def test_when_a_file_was_accepted_is_told_in_local_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.report.csv"
    refuse(path, "already_accepted", {"at": AT, "name": "a.csv"}, FRENCH)
    assert "accepté le 24/11/2026 10:02:07 sous le nom a.csv" in rows(path)[1][3]


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+33639980001",
        "-1",
        "@a",
        "\t=1",
        "\r=1",
        "  =1",
        "\u00a0=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
        "\0=1",
    ],
)
def test_no_cell_is_calculated(cell: str) -> None:
    assert neutral(cell).startswith("'")
    assert neutral(cell).isprintable() or cell.startswith("\t") or "\u00a0" in cell


def test_a_number_is_read_back_as_it_was() -> None:
    assert repair_excel(neutral("+33639980001")) == "+33639980001"


def test_a_report_is_never_seen_half_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.report.csv"
    write_report(path, [Line(2, "1", "", "invalid")], FRENCH)
    before = path.read_bytes()

    def broken() -> list[Line]:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_report(path, (line for line in broken()), FRENCH)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_its_group_may_read_a_report_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.report.csv"
    write_report(path, [], FRENCH)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_reason_and_state_has_its_sentence(language: str) -> None:
    for reason in REASONS:
        assert sentences.of_row(reason, language) != reason
    for state in MessageState:
        assert sentences.of_message(state, "", language)


def test_an_unknown_reason_passes_through() -> None:
    assert sentences.of_row("novelty", "fr") == "novelty"
    assert sentences.of_message("novelty", "", "fr") == "novelty"
    assert sentences.of_file("novelty", {}, "fr") == "novelty"
