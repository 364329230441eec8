"""Attack (or mistake): a file without a column of numbers, without texts, without rows, without anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.dropping import Office


@pytest.mark.parametrize(
    ("content", "folder", "reason"),
    [
        ("Nom;Prénom;Ville\nLéger;Zoé;Lyon\n", "rejected", "colonnes vues : Nom, Prénom, Ville"),
        ("Nom;Téléphone\nLéger;0639980001\n", "rejected", "pas de colonne de texte"),
        ("Tel;Message\n", "rejected", "aucune ligne"),
        ("0639980001;Bonjour\n", "rejected", "pas de colonne de numéros"),
        ("\n \n;;;\n", "corrupt", "vide"),
        ("", "corrupt", "vide"),
        ("=cmd|' /C calc'!A0;x\n", "rejected", "colonnes vues"),
    ],
)
def test_the_report_says_what_is_missing(tmp_path: Path, content: str, folder: str, reason: str) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", content.encode())
    office.turn()
    answer = office.answer()
    assert (answer.folder, office.queue()) == (folder, [])
    assert reason in answer.reasons[0]


def test_a_template_that_needs_other_columns_says_which(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("rappels/a.csv", "Prénom;Tel\nZoé;0639980001\n".encode())
    office.turn()
    answer = office.answer()
    assert answer.folder == "rejected"
    assert "date" in answer.reasons[0]
    assert "Prénom, Tel" in answer.reasons[0]


def test_a_file_without_one_good_row_is_rejected_with_every_reason(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", b"Tel;Message\n0199001234;Bonjour\n112;Bonjour\nabc;Bonjour\n0639980001;\n")
    office.turn()
    answer = office.answer()
    assert (answer.folder, office.queue()) == ("rejected", [])
    assert [row[0] for row in answer.report] == ["2", "3", "4", "5"]
    assert answer.states == ["rejected"] * 4
