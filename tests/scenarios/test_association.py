"""One association, from its spreadsheet to the report, by the command line and the daemon, as its secretary would."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.scenarios.installation import Installation

CONFIGURATION = """\
organisation: {{name: Amicale, privacy_contact: rgpd@example.org, privacy_notice: https://example.org}}
state_directory: {directory}/state
spool_directory: {directory}/spool
modems: [{{port: "sim://accueil?iccid=8933000000000000001&latency=0&jitter=0&report=1"}}]
sims: [{{name: accueil, iccid: "8933000000000000001", line: {{allows: [information]}}, price_per_sms: 0.1}}]
default_limits: {{per_minute: 1000, per_day: 100000}}
purposes:
  events: {{label: Evénements, basis: consent, footer: "Amicale. STOP : répondez STOP. CONTACT : qui écrit"}}
contacts:
  fields:
    ville: {{type: text, why: réunions}}
    paye: {{type: boolean, why: relances}}
segments:
  a-relancer: not paye and ville est rempli
campaigns: {{trusted_numbers: ["0639980099"]}}
"""
MEMBERS = """\
Prénom;Nom;Téléphone;Ville;Payé;Santé
Anne;Étretat;06 39 98 00 01;Lyon;non;bonne
Karim;Benali;06 39 98 00 02;Bron;oui;
Zoé;Ly;06 39 98 00 03;Lyon;non;
Paul;Roux;06 39 98 00 04;Lyon;non;
Luc;;04 72 00 00 00;Lyon;non;
"""
TEXT = "Bonjour {{ prenom }}, votre cotisation à {{ ville }} n'est pas réglée."


class Office(Installation):
    """The secretary's commands: `says` what is printed, `refused` with an exit status and a sentence."""

    def says(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def refused(self, status: int, sentence: str, *words: str) -> None:
        done = self.run(*words)
        assert (done.returncode, sentence in done.stderr) == (status, True), (words, done.stderr)


@pytest.mark.timeout(240)  # some twenty processes, each of a second or two on a slow machine
def test_from_the_spreadsheet_to_the_report(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.file.write_text(CONFIGURATION.format(directory=tmp_path), encoding="utf-8")
    members = tmp_path / "membres.csv"
    members.write_text(MEMBERS, encoding="utf-8")

    # Who they are, and what they agreed to.
    done = office.run("contacts", "import", str(members), "--yes")
    assert "Santé" in done.stdout  # left out, and said so
    office.says("consents", "record", "0639980001", "0639980002", "0639980003", "--purpose", "events")
    office.says("optouts", "add", "0639980003")
    assert office.json("segments", "list")[0]["contacts"] == 3
    office.refused(2, "did you mean ville?", "segments", "preview", 'vile = "Lyon"')

    # What is written to them, looked at before it is sent.
    create = ("campaigns", "create", "relance", "-p", "events", "-s", "a-relancer", "--by", "camille", "--text")
    office.refused(2, "no field named prenon", *create, "Bonjour {{ prenon }}")
    office.says(*create, TEXT)
    told = office.json("campaigns", "explain", "relance")
    assert (told["people"], told["included"], told["price"]) == (3, 1, 0.1)
    assert told["reasons"] == {"opt_out": 1, "no_consent": 1}
    assert "Bonjour Anne" in told["sample"][0]["text"]
    assert office.json("messages", "list") == []

    # Who must have seen it first.
    office.refused(3, "tested first", "campaigns", "start", "relance")
    office.says("campaigns", "test", "relance", "--skip-test", "--reason", "essai", "--by", "camille")
    office.refused(3, "somebody else", "campaigns", "approve", "relance", "--by", "camille")
    office.says("campaigns", "approve", "relance", "--by", "dominique")
    office.says(
        "campaigns", "create", "autre", "-p", "events", "-s", "a-relancer", "--by", "camille", "--text", "Bonjour"
    )
    office.says("campaigns", "test", "autre", "--skip-test", "--reason", "essai")
    office.says("campaigns", "approve", "autre", "--by", "dominique")
    office.refused(3, "passed already", "campaigns", "start", "autre", "--at", "01/01/2026 10:00")
    office.refused(2, "expected a time as", "campaigns", "start", "autre", "--at", "demain")
    office.says("campaigns", "start", "autre", "--at", "01/01/2199 10:00")
    office.says("campaigns", "pause", "autre")
    assert "campaign autre is paused: operator; gatewayd campaigns resume autre" in office.says("status")
    with office.daemon() as daemon:
        daemon.ready()
        office.says("campaigns", "start", "relance")
        while office.json("campaigns", "show", "relance")["state"] != "finished":
            pass  # each look is a process of its own, and the test has its own limit

    # What came of it.
    page = tmp_path / "relance.html"
    figures = office.json("campaigns", "report", "relance", "--html", str(page))
    assert (figures["accepted"], figures["sent"], figures["cost"]) == (1, 1, 0.1)
    assert figures["left_out_by_reason"] == {"opt_out": 1, "no_consent": 1}
    assert "1 SMS of 1 message was given to the network" in office.says("campaigns", "report", "relance")
    done = office.run("campaigns", "explain", "relance")
    assert "campaign relance is finished: what came of it, gatewayd campaigns report relance tells" in done.stderr
    assert "<svg" in page.read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(office.says("campaigns", "report", "relance", "--csv")), delimiter=";")
    fates = {row["recipient"].lstrip("'"): row["state"] or row["reason"] for row in rows}
    assert fates["+33639980003"] == "opt_out"
    assert fates["+33639980004"] == "no_consent"
    assert fates["+33639980001"] in {"sent", "delivered"}


@pytest.mark.timeout(120)
def test_a_list_of_its_own_brings_columns_for_the_text(tmp_path: Path) -> None:
    office = Office(tmp_path)
    words = CONFIGURATION.replace(
        "paye: {{type: boolean", "echeance: {{type: date, why: relances}}\n    paye: {{type: boolean"
    )
    office.file.write_text(
        words.replace("basis: consent", "basis: contract").format(directory=tmp_path), encoding="utf-8"
    )
    rows = (
        "Prénom;Portable;Échéance;Salle",
        "Anne;0639980001;31/01/2026;B",
        "Karim;0639980002;hier;B",
        "Luc;0472000000;;B",
        "Zoé;06 39 98 00 01;;B",
    )
    members = tmp_path / "liste.csv"
    members.write_text("\n".join(rows), encoding="utf-8")
    text = "Bonjour {{ prenom }}, salle {{ salle }} avant le {{ echeance }}."
    office.says("campaigns", "create", "salle", "-p", "events", "--file", str(members), "--text", text)
    told = office.json("campaigns", "explain", "salle")
    assert [one["text"].split("\n")[0] for one in told["sample"]] == ["Bonjour Anne, salle B avant le 31/01/2026."]
    assert told["reasons"] == {"bad_field:echeance": 1, "landline": 1, "duplicate:2": 1}
    office.refused(
        3, "no number in this list", "campaigns", "create", "x", "-p", "events", "--to", "112", "--text", "x"
    )
