"""The data protection officer asks for the proof of a consent, and gets all of it, with what fixes its date."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.scenarios.installation import Installation
from tests.scenarios.test_consents import WORDING

WHO = "+33639980001"


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    """With a history: agreed on paper, withdrawn, opted out, let back."""
    here = Installation(tmp_path)
    here.file.write_text(here.file.read_text().replace("basis: consent}", f"basis: consent, {WORDING}}}"))
    listed = tmp_path / "m.csv"
    listed.write_text("Portable;Nom;Prénom\n06 39 98 00 01;<b>Léger\u202e;Zoé\n06 39 98 00 01;Léger;Zoé\n")
    assert "control characters" in here.run("contacts", "import", "--yes", str(listed)).stdout
    proof = ("--agreed", "31/01/2026 14:30", "--evidence", "classeur 3", "--by", "Ida")
    here.run("consents", "record", "-p", "events", WHO, *proof)
    here.run("consents", "withdraw", "-p", "events", WHO, "--by", "Ida")
    here.run("optouts", "add", WHO, "--origin", "lettre")
    return here


def test_the_proof_in_the_organisations_language(installed: Installation) -> None:
    said = installed.run("consents", "show", "06 39 98 00 01").stdout
    wording = "Amicale peut m'écrire par SMS au sujet de la vie de l'association"
    for words in ("Preuve de consentement", "Zoé Léger", "Accord du 31/01/2026 14:30", wording, "association-1 (fr)",
                  "sur papier", "par Ida", "classeur 3", "Retrait du", "Opposition du", "lettre"):  # fmt: skip
        assert words in said
    installed.file.write_text(
        installed.file.read_text().replace("https://example.org}", "https://example.org, language: en}")
    )
    assert "Proof of consent" in installed.run("consents", "show", WHO).stdout


def test_each_record_names_the_entry_of_the_audit_trail_that_fixes_its_date(installed: Installation) -> None:
    entries = {one["seq"]: one for one in installed.json("audit", "list", "--about", WHO)}
    shown = installed.json("consents", "show", WHO)
    for record, event in zip(shown["consents"], ("consent.recorded", "consent.withdrawn"), strict=True):
        entry = entries[record["audit"]["seq"]]
        assert (entry["event"], entry["hash"]) == (event, record["audit"]["hash"])
    assert [one["event"] for one in shown["audit"]] == ["consent.recorded", "consent.withdrawn", "optout.recorded"]
    assert shown["opt_outs"][0]["origin"] == "lettre"
    assert shown["opted_out_at"] is not None
    text = installed.run("consents", "show", WHO).stdout
    assert shown["consents"][0]["audit"]["hash"] in text
    assert hashlib.sha256(shown["consents"][0]["wording"].encode()).hexdigest() in text


def test_it_is_written_as_html_and_pdf_for_the_operator_alone(installed: Installation) -> None:
    page, paper = installed.directory / "proof.html", installed.directory / "proof.pdf"
    done = installed.run("consents", "show", WHO, "--html", str(page), "--pdf", str(paper))
    assert done.returncode == 0, done.stderr
    assert "Accord du 31/01/2026 14:30" in page.read_text()
    assert paper.read_bytes().startswith(b"%PDF-")
    assert page.stat().st_mode & 0o777 == paper.stat().st_mode & 0o777 == 0o600
    assert installed.run("consents", "show", WHO, "--html", str(installed.directory)).returncode == 2


def test_of_a_stranger_it_says_so(installed: Installation) -> None:
    assert "aucun accord enregistré" in installed.run("consents", "show", "06 39 98 00 02").stdout
