"""A list of members becomes contacts, by the real command line: looked at first, written once, never twice."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.scenarios.installation import ROOT, Installation, environment

FIRST, SECOND, THIRD = "+33639980001", "+33639980002", "+33639980003"
FIELDS = """\
contacts:
  fields:
    ville: {type: text, why: réunions}
    cotisation: {type: date, label: Cotisation payée le, why: relances}
    montant: {type: number, why: relances}
    benevole: {type: boolean, label: Bénévole, why: appels}
    categorie: {type: choice, choices: [actif, honoraire], why: assemblée}
"""
HEADING = "Nom;Prénom;Téléphone;Ville;Cotisation payée le;Montant;Bénévole;Catégorie;Langue;Remarques;Santé\r\n"
ZOE = "Léger;Zoé;06 39 98 00 01;Lyon;31/01/2026;1 234,50;oui;Actif;français;râleuse;bonne\r\n"
LEO = "Martin;Léo;639980002;Nantes;;;;;;;\r\n"


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    here = Installation(tmp_path)
    here.file.write_text(here.file.read_text() + FIELDS)
    return here


def listed(installed: Installation, *rows: str, name: str = "membres.csv") -> str:
    """A file as French Excel saves it."""
    path = installed.directory / name
    path.write_bytes((HEADING + "".join(rows)).encode("cp1252"))
    return str(path)


def contacts(installed: Installation) -> dict[str, Any]:
    return {one["number"]: one for one in installed.json("contacts", "list")}


def imported(installed: Installation, *words: str, status: int = 0) -> Any:
    done = installed.run("contacts", "import", *words, "--json")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_nothing_is_written_before_somebody_says_yes(installed: Installation) -> None:
    file = listed(installed, ZOE, LEO)
    done = installed.run("contacts", "import", file)
    assert done.returncode == 0, done.stderr
    assert "2 new, 0 changed, 0 unchanged, 0 rejected" in done.stdout
    assert "Columns left out, for no field declares them: Remarques, Santé" in done.stdout
    assert "Nothing was written" in done.stdout
    assert imported(installed, file)["written"] is False
    assert contacts(installed) == {}


def test_only_what_is_declared_is_kept_and_typed(installed: Installation) -> None:
    installed.run("contacts", "import", "--yes", listed(installed, ZOE, LEO))
    found = contacts(installed)
    assert (found[FIRST]["given_name"], found[FIRST]["family_name"], found[FIRST]["language"]) == ("Zoé", "Léger", "fr")
    assert found[FIRST]["fields"] == {
        "ville": "Lyon", "cotisation": "2026-01-31", "montant": 1234.5, "benevole": True, "categorie": "actif",
    }  # fmt: skip
    assert found[SECOND]["fields"] == {"ville": "Nantes"}
    assert found[FIRST]["source"] == "membres.csv"
    kept = b"".join(path.read_bytes() for path in installed.state.glob("gatewayd.db*"))
    assert "râleuse".encode() not in kept


def test_the_same_file_twice_changes_nothing(installed: Installation) -> None:
    file = listed(installed, ZOE, LEO)
    assert imported(installed, "--yes", file)["written"] is True
    before = contacts(installed)
    again = imported(installed, "--yes", file)
    assert (again["new"], again["changed"], again["unchanged"], again["written"]) == ([], [], 2, False)
    assert contacts(installed) == before


def test_a_change_is_shown_before_and_after_and_an_empty_cell_changes_nothing(installed: Installation) -> None:
    imported(installed, "--yes", listed(installed, ZOE))
    moved = listed(installed, ZOE.replace("Lyon", "Nantes").replace("31/01/2026", ""))
    assert "ville: Lyon -> Nantes" in installed.run("contacts", "import", moved).stdout
    (change,) = imported(installed, "--yes", moved)["changed"]
    assert change == {"number": FIRST, "differences": [{"field": "ville", "old": "Lyon", "new": "Nantes"}]}
    assert contacts(installed)[FIRST]["fields"]["cotisation"] == "2026-01-31"


def test_bad_rows_are_named_and_keep_nobody_else_out(installed: Installation) -> None:
    file = listed(
        installed, ZOE, "Martin;Léo;06 39 98 00 02;;31/02/2026;;;;;;\r\n", "Fixe;Ida;01 99 00 12 34;;;;;;;;\r\n",
        "Léger;Zoé;+33 6 39 98 00 01;;;;;;;;\r\n", ";;;Lyon;;;;;;;\r\n", "A;B;06 39 98 00 03;Ly\x81on;;;;;;;\r\n"
        .replace("\x81", ""), "C;D;06 39 98 00 04;x;;;;;;;;trop;de;cellules\r\n",
    )  # fmt: skip
    found = imported(installed, "--yes", file, status=1)
    assert [(one["line"], one["reason"]) for one in found["rejected"]] == [
        (3, None), (4, "landline"), (5, "duplicate:2"), (6, "missing"), (8, "too_many_cells"),
    ]  # fmt: skip
    assert found["rejected"][0]["words"] == "cotisation: there is no such day"
    assert set(contacts(installed)) == {FIRST, THIRD}


def test_who_opted_out_is_imported_and_stays_opted_out(installed: Installation) -> None:
    installed.run("optouts", "add", FIRST)
    assert imported(installed, "--yes", listed(installed, ZOE, LEO))["opted_out"] == [FIRST]
    assert installed.run("send", "-p", "alerte", FIRST, "x").returncode == 3
    assert "opted out" in installed.run("contacts", "show", FIRST).stdout


def test_a_workbook_is_read_as_well(installed: Installation) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Membres 2026"])
    sheet.append(["Portable", "prenom", "VILLE", "montant"])
    sheet.append(["06 39 98 00 01", "Zoé", "Lyon", 12.5])
    data = io.BytesIO()
    book.save(data)
    path = installed.directory / "membres.xlsx"
    path.write_bytes(data.getvalue())
    assert imported(installed, "--yes", str(path))["new"][0]["fields"] == {"ville": "Lyon", "montant": 12.5}


def test_a_field_that_is_no_longer_declared_goes_with_the_next_list(installed: Installation) -> None:
    file = listed(installed, ZOE)
    imported(installed, "--yes", file)
    installed.file.write_text(installed.file.read_text().replace("    montant: {type: number, why: relances}\n", ""))
    assert "montant (no longer declared)" in installed.run("contacts", "show", FIRST).stdout
    (change,) = imported(installed, "--yes", file)["changed"]
    assert change["differences"] == [{"field": "montant", "old": 1234.5, "new": None}]
    assert "montant" not in contacts(installed)[FIRST]["fields"]


def test_show_tells_everything_that_is_held(installed: Installation) -> None:
    imported(installed, "--yes", listed(installed, ZOE))
    installed.run("consents", "record", "-p", "events", FIRST)
    installed.run("send", "-p", "events", FIRST, "Bonjour")
    installed.run("optouts", "add", FIRST)
    held = installed.json("contacts", "show", "06 39 98 00 01")
    assert held["contact"]["given_name"] == "Zoé"
    assert [one["purpose"] for one in held["consents"]] == ["events"]
    assert [one["origin"] for one in held["opt_outs"]] == ["operator"]
    assert [one["text"] for one in held["messages"]] == ["Bonjour"]
    assert "Nothing is held" in installed.run("contacts", "show", SECOND).stdout


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"Nom;Ville\r\nx;y\r\n", "no column of numbers"),
        (b"PK\x03\x04garbage", "damaged"),
        (b"T\xe9l;a\x00b\r\n", "no text"),
    ],
)
def test_a_file_that_is_no_list_is_wrong_usage(installed: Installation, content: bytes, sentence: str) -> None:
    path = installed.directory / "x.csv"
    path.write_bytes(content)
    done = installed.run("contacts", "import", "--yes", str(path))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert installed.run("contacts", "import", str(path) + ".none").returncode == 2


@pytest.mark.parametrize(
    ("typed", "written"), [("yes", True), ("oui", True), ("no", False), ("", False), ("y e s", False)]
)
def test_at_a_terminal_a_person_is_asked(installed: Installation, typed: str, written: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        installed.command("contacts", "import", listed(installed, ZOE)),
        cwd=ROOT, env=environment(TERM="xterm"), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen, answered = b"", 0
    with contextlib.suppress(OSError):  # what is left when the other side has closed
        while chunk := os.read(ours, 4096):
            seen += chunk
            if b"Type yes:" in seen and not answered:
                answered = os.write(ours, typed.encode() + b"\n")
    os.close(ours)
    assert process.wait(30) == 0
    assert b"ville: Lyon" in seen
    assert (FIRST in contacts(installed)) is written


def test_the_agreements_of_a_list_leave_out_who_opted_out_and_what_is_recorded(installed: Installation) -> None:
    installed.run("optouts", "add", SECOND)
    words = (
        "contacts",
        "import",
        "--yes",
        listed(installed, ZOE, LEO),
        "--consent",
        "events",
        "--agreed",
        "31/01/2026",
    )
    assert installed.run(*words).returncode == 0
    assert [len(installed.json("consents", "show", one)["consents"]) for one in (FIRST, SECOND)] == [1, 0]
    assert installed.json(*words)["consents"] == 0
    assert len(installed.json("consents", "show", FIRST)["consents"]) == 1


def test_a_field_declared_otherwise_takes_the_value_of_the_next_list(installed: Installation) -> None:
    one = "Nom;Portable;Montant\r\nLéger;06 39 98 00 01;1\r\n"
    (installed.directory / "m.csv").write_bytes(one.encode("cp1252"))
    words = ("contacts", "import", "--yes", str(installed.directory / "m.csv"))
    installed.run(*words)
    declared = installed.file.read_text()
    installed.file.write_text(declared.replace("montant: {type: number", "montant: {type: boolean"))
    assert installed.json("segments", "preview", "montant")["contacts"] == 0
    (change,) = installed.json(*words)["changed"]
    assert change["differences"] == [{"field": "montant", "old": 1, "new": True}]
    assert installed.json("segments", "preview", "montant")["contacts"] == 1
