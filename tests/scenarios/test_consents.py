"""Agreements by the real command line: to which words, when, with what proof; withdrawn, too old, and lists of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.installation import Installation

FIRST, SECOND, THIRD = "+33639980001", "+33639980002", "+33639980003"
WORDING = "wording: {template: association, frequency: deux SMS par mois au plus}"


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    here = Installation(tmp_path)
    here.file.write_text(here.file.read_text().replace("basis: consent}", f"basis: consent, {WORDING}}}"))
    return here


def records(installed: Installation, number: str = FIRST) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = installed.json("consents", "show", number)["consents"]
    return found


def sends(installed: Installation, number: str = FIRST) -> str:
    """What the gate says: "" where it lets a message in."""
    return installed.run("send", "-p", "events", number, "Bonjour").stderr


def test_the_wording_of_the_purpose_is_kept_word_for_word_with_its_version(installed: Installation) -> None:
    installed.run("consents", "record", "-p", "events", FIRST)
    installed.run("consents", "record", "-p", "events", SECOND, "--language", "en")
    installed.file.write_text(installed.file.read_text().replace("deux SMS", "vingt SMS"))
    (french,), (english,) = records(installed), records(installed, SECOND)
    assert french["wording"].startswith("Amicale peut m'écrire par SMS au sujet de la vie de l'association")
    assert "deux SMS par mois" in french["wording"]
    assert "3 ans" in french["wording"]
    assert "rgpd@example.org" in french["wording"]
    assert (french["wording_version"], french["wording_language"]) == ("association-1", "fr")
    assert french["wording_sha256"] == hashlib.sha256(french["wording"].encode()).hexdigest()
    assert english["wording"].startswith("I agree that Amicale writes to me")


def test_the_day_and_the_proof_may_be_older_than_the_record(installed: Installation) -> None:
    scan = installed.directory / "bulletin.pdf"
    scan.write_bytes(b"%PDF signed")
    words = ("--agreed", "31/01/2026 14:30", "--evidence", "classeur 3", "--evidence-file", str(scan), "--by", "Zoé")
    assert installed.run("consents", "record", "-p", "events", FIRST, *words).returncode == 0
    (one,) = records(installed)
    assert one["agreed_at"] == "2026-01-31T13:30:00.000Z"
    assert one["recorded_at"] > one["agreed_at"]
    assert (one["evidence"], one["recorded_by"]) == ("classeur 3", "Zoé")
    assert one["evidence_sha256"] == hashlib.sha256(b"%PDF signed").hexdigest()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--agreed", "31/02/2026"), "no such day"),
        (("--agreed", "31/01/2199"), "yet to come"),
        (("--agreed", "hier"), "no date"),
        (("--evidence-file", "/nowhere/x.pdf"), "No such file"),
        (("--method", "sms_double_opt_in"), "Invalid value"),
    ],
)
def test_what_cannot_be_recorded(installed: Installation, words: tuple[str, ...], sentence: str) -> None:
    done = installed.run("consents", "record", "-p", "events", FIRST, *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert records(installed) == []


def test_a_withdrawal_is_a_record_and_ends_it(installed: Installation) -> None:
    installed.run("consents", "record", "-p", "events", FIRST)
    assert sends(installed) == ""
    assert installed.run("consents", "withdraw", "-p", "events", FIRST, "--method", "phone").returncode == 0
    assert "no consent" in sends(installed)
    assert [one["given"] for one in records(installed)] == [True, False]
    done = installed.run("consents", "withdraw", "-p", "events", FIRST, SECOND)
    assert done.returncode == 1
    assert "has not agreed" in done.stderr
    assert len(records(installed)) == 2


def test_nobody_withdraws_before_he_agreed(installed: Installation) -> None:
    installed.run("consents", "record", "-p", "events", FIRST, "--agreed", "01/02/2026")
    done = installed.run("consents", "withdraw", "-p", "events", FIRST, "--said", "31/01/2026")
    assert (done.returncode, "has agreed since: 2026-0" in done.stderr) == (2, True)
    assert len(records(installed)) == 1
    assert installed.run("consents", "withdraw", "-p", "events", FIRST, "--said", "01/02/2026").returncode == 0


def test_last_years_agreement_undoes_no_withdrawal(installed: Installation) -> None:
    installed.run("consents", "record", "-p", "events", FIRST)
    installed.run("consents", "withdraw", "-p", "events", FIRST)
    done = installed.run("consents", "record", "-p", "events", FIRST, "--agreed", "01/01/2026")
    assert "withdrawn since" in done.stderr
    assert "no consent" in sends(installed)
    assert installed.run("consents", "record", "-p", "events", FIRST).stderr == ""
    assert sends(installed) == ""


def test_an_agreement_that_is_too_old_is_told(installed: Installation) -> None:
    done = installed.run("consents", "record", "-p", "events", FIRST, "--agreed", "01/01/2020")
    assert "too old" in done.stderr
    assert "ask again" in sends(installed)


def listed(installed: Installation, text: str, name: str = "accords.csv") -> str:
    path = installed.directory / name
    path.write_bytes(text.encode("cp1252"))
    return str(path)


def test_a_list_of_agreements(installed: Installation) -> None:
    file = listed(
        installed,
        "Téléphone;Objet;Méthode;Date d'accord;Note\r\n"
        "06 39 98 00 01;Evénements;papier;31/01/2026;x\r\n"
        "06 39 98 00 02;;;;\r\n"
        "06 39 98 00 03;autre;;;\r\n"
        "06 39 98 00 04;;téléphone;demain;\r\n"
        "06 39 98 00 05;;;;\r\n",
    )
    installed.run("optouts", "add", "+33639980005")
    command = ("consents", "import", file, "-p", "events", "--agreed", "15/03/2026", "--evidence", "classeur 4")
    assert "Nothing was written" in installed.run(*command).stdout
    assert records(installed) == []
    assert installed.run(*command, "--yes").returncode == 1
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    (first,), (second,) = records(installed), records(installed, SECOND)
    assert (first["method"], first["agreed_at"][:10]) == ("paper", "2026-01-30")
    assert (second["method"], second["agreed_at"][:10]) == ("import", "2026-03-14")
    assert first["evidence_sha256"] == second["evidence_sha256"] == digest
    assert first["evidence"] == "classeur 4"
    assert records(installed, THIRD) == records(installed, "+33639980005") == []
    again = installed.run(*command, "--yes")
    assert "0 new, 2 recorded before from this file, 2 rejected" in again.stdout
    assert len(records(installed)) == 1


def test_a_list_without_a_date_is_refused_row_by_row(installed: Installation) -> None:
    done = installed.run(
        "consents", "import", listed(installed, "Portable\r\n06 39 98 00 01\r\n"), "-p", "events", "--yes"
    )
    assert done.returncode == 1
    assert "--agreed" in done.stdout


def test_members_may_be_imported_with_their_agreement_but_only_if_that_is_said(installed: Installation) -> None:
    file = listed(installed, "Portable;Nom\r\n06 39 98 00 01;Léger\r\n06 39 98 00 02;Martin\r\n")
    installed.run("optouts", "add", SECOND)
    installed.run("contacts", "import", file, "--yes")
    assert records(installed) == []
    assert installed.run("contacts", "import", file, "--yes", "--consent", "events").returncode == 2
    command = ("contacts", "import", file, "--yes", "--consent", "events", "--agreed", "01/09/2026")
    assert "1 agreement to events to record" in installed.run(*command).stdout
    (one,) = records(installed)
    assert one["evidence_sha256"] == hashlib.sha256(Path(file).read_bytes()).hexdigest()
    assert records(installed, SECOND) == []
    assert "Nothing to write" in installed.run(*command).stdout
    assert len(records(installed)) == 1


def test_people_are_asked_by_sms_for_a_reason_and_not_twice(installed: Installation) -> None:
    command = ("consents", "ask", "-p", "events", "--reason", "formulaire du site")
    assert installed.run("consents", "ask", "-p", "events", FIRST).returncode == 2
    assert "is asked by message 1" in installed.run(*command, FIRST).stdout
    (message,) = installed.json("messages", "list")
    assert (message["purpose"], message["feed"]) == ("events", "double_opt_in")
    installed.run("optouts", "add", SECOND)
    file = listed(installed, "Portable;Nom\r\n06 39 98 00 01;a\r\n06 39 98 00 02;b\r\n06 39 98 00 03;c\r\n")
    assert "Nobody was asked" in installed.run(*command, "--file", file).stdout
    done = installed.run(*command, "--file", file, "--yes")
    assert done.returncode == 3
    assert "waits for its answer" in done.stderr
    assert "said STOP" in done.stderr
    assert [m["recipient"] for m in installed.json("messages", "list")] == [THIRD, FIRST]
    assert [one["event"] for one in installed.json("audit", "list", "--event", "consent.asked")] == [
        "consent.asked"
    ] * 2


def test_a_withdrawal_holds_for_whom_we_may_no_longer_write_to(installed: Installation) -> None:
    allowed = installed.file.read_text()
    installed.file.write_text(allowed + "allowed_countries: [GB]\n")
    assert installed.run("consents", "record", "-p", "events", "+44 7700 900123").returncode == 0
    installed.file.write_text(allowed)
    assert installed.run("consents", "withdraw", "-p", "events", "+44 7700 900123").returncode == 0
    assert installed.run("consents", "withdraw", "-p", "events", "n'importe quoi").returncode == 2


def test_people_of_a_spreadsheet_are_asked_as_it_wrote_their_numbers(installed: Installation) -> None:
    file = listed(installed, 'Portable\r\n="0639980001"\r\n\'0639980002\r\n0639980003.0\r\n+33 (0)6 39 98 00 01\r\n')
    done = installed.run("consents", "ask", "-p", "events", "--reason", "stand", "--file", file, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[:12] for line in done.stdout.splitlines()] == [FIRST, SECOND, THIRD]


def test_a_wording_of_several_lines_is_shown_in_its_lines(installed: Installation) -> None:
    words = 'wording: {text: "{{ organisation }}\\nDeux", version: a, frequency: x}'
    installed.file.write_text(installed.file.read_text().replace(WORDING, words))
    installed.run("consents", "record", "-p", "events", FIRST)
    assert "« Amicale\nDeux »\n" in installed.run("consents", "show", FIRST).stdout


def test_json_and_a_page_are_not_asked_for_at_once(installed: Installation) -> None:
    page = installed.directory / "p.html"
    assert installed.run("consents", "show", FIRST, "--json", "--html", str(page)).returncode == 2
    assert not page.exists()


def test_who_signed_an_older_form_agreed_to_its_words(installed: Installation) -> None:
    def words(version: str, text: str) -> None:
        wording = f'wording: {{version: "{version}", text: "{text}", frequency: deux SMS par mois}}'
        file = installed.file.read_text()
        begin = file.index("wording:")
        installed.file.write_text(file[:begin] + wording + file[file.index("}", begin) + 1 :])

    def record(number: str, *more: str) -> str:
        return installed.run("consents", "record", "-p", "events", number, *more).stderr

    words("2024", "Amicale, en 2024")
    assert record(FIRST) == ""
    words("2026", "Amicale, en 2026")
    record(SECOND, "--wording-version", "2024")
    record(THIRD, "--wording-version", "2026")
    said = [records(installed, who)[0] for who in (FIRST, SECOND, THIRD)]
    kept = [(one["wording_version"], one["wording"]) for one in said]
    assert kept == [("2024", "Amicale, en 2024")] * 2 + [("2026", "Amicale, en 2026")]
    assert "no wording of version '2019' is kept; there are: 2026, 2024" in record(FIRST, "--wording-version", "2019")
    record(FIRST, "--wording-version", "2019", "--wording", "Amicale, en 2019")
    assert [one["wording_version"] for one in records(installed)] == ["2024", "2019"]
    record(SECOND, "--wording-version", "2019", "--wording", "Autre chose")
    assert "was given to several wordings" in record(THIRD, "--wording-version", "2019")
