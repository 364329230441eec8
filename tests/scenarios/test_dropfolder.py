"""The secretary drops her list and reads the report: French Excel's files, feeds, approval, the same file again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.clock import SystemClock
from gatewayd.data import ACCEPTED, DEMO_FILE, EMOJI, LONG, OPTED_OUT, REFUSED, ROWS, WITHOUT_CONSENT
from gatewayd.errors import DiskNearlyFull
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.dropfolder.folder import Turn
from gatewayd.services.space import Space
from tests.security.dropping import Office

EXCEL = "Prénom;Nom;Téléphone;Message\r\nZoé;Léger;06 39 98 00 01;Réunion à 19 h, ça ira ?\r\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16", "mac_roman"])
def test_a_list_from_french_excel(office: Office, encoding: str) -> None:
    office.drop("adhérents.csv", EXCEL.encode(encoding))
    assert office.turn().accepted == 1
    assert office.queue() == [("+33639980001", "Réunion à 19 h, ça ira ?")]
    assert office.answer() == (
        "done",
        "adhérents.csv",
        [["2", "'+33639980001", "queued", "en attente d'envoi", "", "1"]],
    )


def test_a_workbook_with_numbers_stored_as_numbers(office: Office) -> None:
    rows: list[list[object]] = [
        ["Amicale des Jardins"],
        [],
        ["Portable", "Texte"],
        [639980001.0, "un"],
        [33639980002.0, "deux"],
        ["06 39 98 00 03", "trois"],
        [None, "personne"],
        [3.36e10, "rond"],
    ]
    office.drop("liste.xlsx", office.workbook(rows))
    office.turn()
    assert office.queue() == [("+33639980001", "un"), ("+33639980002", "deux"), ("+33639980003", "trois")]
    assert [row[0] for row in office.answer().report] == ["4", "5", "6", "7", "8"]


def test_the_mobile_column_is_preferred_and_the_other_serves_where_it_is_empty(office: Office) -> None:
    office.drop("a.csv", b"Telephone;Portable;SMS\n0199001234;0639980001;a\n0639980002;;b\n0199001234;;c\n")
    office.turn()
    assert office.queue() == [("+33639980001", "a"), ("+33639980002", "b")]
    assert office.answer().reasons[2] == "numéro fixe : il ne reçoit pas de SMS"


def test_an_unquoted_delimiter_never_cuts_a_text(office: Office) -> None:
    office.drop("a.csv", b"tel;message\n0639980001;Reunion ; a 19 h\n0639980002;Bonjour\n")
    office.turn()
    assert office.queue() == [("+33639980002", "Bonjour")]
    assert "guillemets" in office.answer().reasons[0]


def test_a_feed_with_a_template(office: Office) -> None:
    office.drop("rappels/a.csv", "Prénom;Mobile;Date\nZoé;0639980001;mardi\n;0639980002;mardi\n".encode())
    office.turn()
    assert office.queue() == [("+33639980001", "Bonjour Zoé, la réunion est le mardi.")]
    assert office.answer().reasons[1] == "la colonne « prenom » est vide"


def test_a_feed_that_needs_approval_holds_its_messages(office: Office) -> None:
    office.drop("relu/a.csv", b"tel;message\n0639980001;Bonjour\n")
    office.turn()
    assert office.states() == [("+33639980001", "held", "approval")]
    assert office.answer().states == ["held"]
    assert "attend l'accord" in office.answer().reasons[0]


def test_the_same_file_again_is_refused_with_the_date(office: Office) -> None:
    office.drop("a.csv", EXCEL.encode())
    office.turn()
    office.drop("copie de a.csv", EXCEL.encode())
    office.turn()
    second = office.answers()[1]
    assert (second.folder, second.name) == ("rejected", "copie de a.csv")
    assert "déjà été accepté le 24/11/2026 12:00:00 sous le nom a.csv" in second.reasons[0]
    assert len(office.queue()) == 1


def test_the_same_list_for_another_feed_is_another_sending(office: Office) -> None:
    content = "prenom;tel;date;message\nZoé;0639980001;mardi;Bonjour\n".encode()
    for name in ("a.csv", "rappels/a.csv"):
        office.drop(name, content)
        office.turn()
    assert len(office.queue()) == 2


def test_rows_are_accepted_without_asking_for_consent(office: Office) -> None:
    office.drop("a.csv", EXCEL.encode())
    office.turn()
    assert office.states() == [("+33639980001", "queued", "")]


def test_the_demo_list_meets_what_its_constants_say(office: Office) -> None:
    office.drop("adherents.csv", DEMO_FILE.read_bytes())
    assert office.turn().accepted == ACCEPTED
    answer = office.answer()
    assert len(answer.report) == ROWS
    refused = {int(row[0]): row[3] for row in answer.report if row[2] == "rejected"}
    assert refused == {line: sentences.of_row(reason, "fr") for line, reason in REFUSED.items()}
    parts = {row[1]: row[5] for row in answer.report if row[2] == "queued"}
    assert parts[f"'{LONG}"] == "3"
    assert f"'{EMOJI}" in parts
    assert {f"'{OPTED_OUT}", f"'{WITHOUT_CONSENT}"} <= parts.keys()


def test_a_database_that_cannot_be_written_leaves_the_file_for_later(office: Office) -> None:
    office.drop("a.csv", EXCEL.encode())
    with office.database_locked():
        assert office.turn().filed == 0
    assert office.turn().accepted == 1
    assert office.answer().folder == "done"


class Filling(Space):
    """A disk that somebody else fills, and empties, at a moment of the test's choice."""

    full = False

    def low(self) -> bool:
        return self.full

    def require(self) -> None:
        if self.full:
            raise DiskNearlyFull


def test_on_a_disk_that_is_nearly_full_a_file_stays_where_it_is(tmp_path: Path) -> None:
    space = Filling([tmp_path], SystemClock())
    office = Office(tmp_path, space=space)
    space.full = True
    office.drop("a.csv", EXCEL.encode())
    assert office.turn() == Turn(filed=0, accepted=0, more=False)
    assert (tmp_path / "drop" / "a.csv").exists()
    space.full = False
    assert office.turn().accepted == 1
    assert office.answer().folder == "done"


def test_a_disk_that_fills_up_while_a_file_is_read_accepts_none_of_it(tmp_path: Path) -> None:
    space = Filling([tmp_path], SystemClock())
    office = Office(tmp_path, space=space)

    def fills_up(step: str) -> None:
        space.full = step in ("read", "judged")

    office.restart(fills_up)
    office.drop("a.csv", EXCEL.encode())
    assert office.turn().filed == 0
    assert office.queue() == []
    assert office.turn().filed == 0, "it waits where it was claimed"
    space.full = False
    office.restart()
    assert office.turn().accepted == 1
    assert office.queue() == [("+33639980001", "Réunion à 19 h, ça ira ?")]
    assert office.answer().folder == "done"
