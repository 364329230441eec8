"""The data protection officer asks for the proof of a consent, and gets all of it, with what fixes its date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatewayd.domain.audit import Event
from gatewayd.domain.consent import Method
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.domain.wordings import Who
from gatewayd.services.proof import Document, Held, Writer
from gatewayd.store import audit, people
from gatewayd.store.engine import Database
from gatewayd.store.people import NewConsent, People, Wording
from gatewayd.store.schema import consents
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


SAID, NOW = datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 2, 1, 12, tzinfo=UTC)
EVENTS = Purpose("events", "Activités", Basis.CONSENT)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With an agreement, and another one that was recorded in the same step."""
    opened = Database.open(tmp_path / "x.db")
    words = Wording("Un texte", "v1", "fr")
    two = [
        NewConsent(WHO, "events", Method.PAPER, SAID, "Ida", wording=words, evidence=place, evidence_sha256="ab" * 32)
        for place in ("classeur 3", "classeur 4")
    ]
    People(opened).record_consents(two, NOW)
    yield opened
    opened.close()


def proof(database: Database, language: str = "fr") -> Document:
    return Writer(Who("Amicale"), language, UTC, {"events": EVENTS}).document(Held.read(database, WHO), NOW)


def told(document: Document) -> str:
    return "\n".join(value for section in document.sections for _, value in section.facts)


def test_each_of_two_records_of_one_step_has_its_own_entry(database: Database) -> None:
    held = Held.read(database, WHO)
    entries = [held.entry_of(one) for one in held.consents]
    assert [row.seq for row in entries if row is not None] == [1, 2]
    assert held.altered == []
    assert "ATTENTION" not in told(proof(database))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE consents SET evidence = 'classeur 5' WHERE id = 1",
        "UPDATE consents SET evidence_sha256 = 'cd' WHERE id = 1",
        "UPDATE consents SET recorded_by = 'Eve' WHERE id = 1",
        "UPDATE consents SET agreed_at = agreed_at + 1 WHERE id = 1",
        "UPDATE consents SET method = 'phone' WHERE id = 1",
        "UPDATE wordings SET text = 'Un autre'",
    ],
)
def test_a_record_that_somebody_changed_is_named_in_the_proof(database: Database, change: str) -> None:
    def tamper(connection: sa.Connection) -> None:
        for trigger in ("consents_said", "wordings_said"):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql(change)

    database.write(tamper)
    assert 1 in [one.id for one in Held.read(database, WHO).altered]
    assert "ATTENTION" in told(proof(database))
    assert "WARNING" in told(proof(database, "en"))


def test_a_record_without_an_entry_is_no_better_for_it(database: Database) -> None:
    values = {"recipient": WHO, "purpose": "events", "given": True, "method": "paper", "recorded_by": "Eve"}
    row = {**values, "recorded_at": NOW + timedelta(hours=1), "agreed_at": NOW}
    database.write(lambda connection: connection.execute(sa.insert(consents), row))
    assert "aucune : enregistré avant le journal, ou sans lui" in told(proof(database))


def test_the_entry_is_found_behind_ten_thousand_others(database: Database) -> None:
    def fill(connection: sa.Connection) -> None:
        for message in range(10_001):
            audit.append(connection, Event.DELIVERED, NOW, number=WHO, message=message)

    database.write(fill)
    assert "SHA-256" in told(proof(database))
    assert "aucune" not in told(proof(database))


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("method", Method)
def test_how_each_was_said_is_told(database: Database, method: Method, *, given: bool) -> None:
    later = NOW + timedelta(hours=1)
    People(database).record_consents([NewConsent(WHO, "events", method, later, "Ida", given)], later)
    (how,) = [value for name, value in proof(database).sections[-1].facts if name == "Moyen"]
    assert ("OUI" in how, "NON" in how) == (
        (given, not given) if method is Method.SMS_DOUBLE_OPT_IN else (False, False)
    )


def test_the_programs_own_words_are_in_the_organisations_language(database: Database) -> None:
    def stop_and_start(connection: sa.Connection) -> None:
        people.opt_out(connection, WHO, "sms", "recipient", NOW, incoming=1)
        people.lift(connection, WHO, "sms", NOW + timedelta(hours=1), incoming=2)

    database.write(stop_and_start)
    assert "SMS\npar la personne elle-même\n01/02/2026 13:00 par SMS" in told(proof(database))


def test_a_changed_record_ends_the_command_with_a_fault(installed: Installation) -> None:
    assert [one["audit"]["sealed"] for one in installed.json("consents", "show", WHO)["consents"]] == [True, True]
    change = "UPDATE consents SET evidence = 'classeur 9' WHERE id = 1"
    with installed.database() as opened:
        opened.write(lambda connection: connection.exec_driver_sql(change))
    done = installed.run("consents", "show", WHO)
    assert (done.returncode, "1 record of this proof changed" in done.stderr) == (1, True)
    assert "ATTENTION" in done.stdout
