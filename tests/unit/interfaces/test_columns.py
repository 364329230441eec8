"""Headings: the words people use for a number and a text, and the names by which templates call a column."""

from __future__ import annotations

import pytest

from gatewayd.domain.field import fold_heading
from gatewayd.interfaces.spreadsheet.columns import find_heading, read_heading
from gatewayd.interfaces.spreadsheet.table import Row


@pytest.mark.parametrize(
    "heading",
    [
        "Téléphone",
        "TELEPHONE",
        "tel",
        "Tél.",
        "Tél. portable",
        "Portable",
        "Mobile",
        "N° de portable",
        "Numéro",
        "GSM",
        "numero_mobile",
        "Téléphone mobile",
        "Numéro de téléphone",
        "N° tel",
        "Phone",
        "Phone number",
        "phone_number",
        "PhoneNumber",
        "Mobile phone",
        "Cell",
        "Phone 1 - Value",
        "Destinataire",
        "Tél portable (perso)",
        "Te\u0301le\u0301phone",
        "Numéro SMS",
        "Mobile *",
    ],
)
def test_a_column_of_numbers(heading: str) -> None:
    assert read_heading(["Nom", heading]).numbers == (1,)


@pytest.mark.parametrize(
    "heading",
    ["Téléphone fixe", "Tél. domicile", "Fax", "Numéro d'adhérente", "Nom", "N°", "", "Code postal", "SMS", "Adresse"],
)
def test_no_column_of_numbers(heading: str) -> None:
    assert read_heading(["x", heading]).numbers == ()


def test_the_column_most_likely_mobile_comes_first() -> None:
    assert read_heading(["Numéro", "Téléphone", "Tél. fixe", "Portable"]).numbers == (3, 1, 0)


@pytest.mark.parametrize("heading", ["Message", "Texte", "SMS", "Texte du SMS", "Message à envoyer", "text"])
def test_a_column_of_texts(heading: str) -> None:
    assert read_heading(["tel", heading]).text == 1


def test_headings_below_a_title() -> None:
    rows = [Row(1, ["Amicale des Jardins"]), Row(3, ["Prénom", "Portable"]), Row(4, ["Zoé", "0639980001"])]
    found = find_heading(rows)
    assert found is not None
    assert found[0].line == 3


def test_fields_answer_to_their_folded_names_in_both_languages() -> None:
    fields = read_heading(["First name", "NOM", "Date d'adhésion", "2026", "Mobile", "Mobile"]).fields
    assert fields == {
        "first_name": 0,
        "prenom": 0,
        "nom": 1,
        "last_name": 1,
        "date_d_adhesion": 2,
        "col_2026": 3,
        "mobile": 4,
    }


@pytest.mark.parametrize(("heading", "name"), [("Prénom(s)", "prenom_s"), (" Œuvre n°1 ", "oeuvre_n_1"), ("---", "")])
def test_fold(heading: str, name: str) -> None:
    assert fold_heading(heading) == name
