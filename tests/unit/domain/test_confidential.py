"""No text holds what is somebody else's: a number however written, a field that only one other person has."""

from __future__ import annotations

import pytest

from gatewayd.domain.confidential import Confidential

ANNE, KARIM = "+33639980001", "+33639980002"
TEXT = "Bonjour {{ prenom }}, rendez-vous le 24/11/2026 à 18h30."


def others(*people: tuple[str, tuple[str, ...]]) -> Confidential:
    found = Confidential(TEXT)
    for number, fields in people or ((ANNE, ("Anne", "Étretat Lefèvre")), (KARIM, ("Karim", "Benali-Roux"))):
        found.learn(number, fields)
    return found


@pytest.mark.parametrize(
    "written",
    ["+33639980002", "0033639980002", "06 39 98 00 02", "06.39.98.00.02", "06-39-98-00-02", "0639980002 15h30",
     "12 06 39 98 00 02", "(0)6 39 98 00 02", "639980002", "06 - 39 - 98 - 00 - 02", "０６３９９８０００２",
     "06\u201139\u201198\u201100\u201102", "06\u200939\u200998\u200900\u200902", "06\n39\n98\n00\n02"],
)  # fmt: skip
def test_another_persons_number_however_it_is_written(written: str) -> None:
    assert others().fault(f"Appelez le {written}", ANNE, {}) == "others_number"


@pytest.mark.parametrize("text", ["Votre numéro : 06 39 98 00 01", "Appelez le 06 39 98 99 99", "Code 12345678", TEXT])
def test_ones_own_number_and_nobodys(text: str) -> None:
    assert others().fault(text, ANNE, {}) == ""


def test_a_field_of_exactly_one_other_person() -> None:
    assert others().fault("Bonjour Benali-Roux", ANNE, {"nom": "Lefèvre"}) == "others_field"
    assert others().fault("Bonjour Étretat Lefèvre", ANNE, {"nom": "Étretat Lefèvre"}) == ""


def test_ones_own_words_and_the_templates_are_no_betrayal() -> None:
    found = others((ANNE, ("Lyon",)), (KARIM, ("Rendez-vous", "Villeurbanne")))
    assert found.fault("Bonjour, rendez-vous à Villeurbanne", ANNE, {"ville": "Villeurbanne"}) == ""
    assert found.fault("Bonjour, rendez-vous à Villeurbanne", ANNE, {}) == "others_field"


def test_ones_own_name_without_its_accent_is_ones_own() -> None:
    found = others((ANNE, ()), (KARIM, ("Laforet",)))
    assert found.fault("Bonjour Laforet", ANNE, {"nom": "Laforêt"}) == ""


def test_what_two_people_share_tells_nobody_apart() -> None:
    found = others((ANNE, ("Lyonnais",)), (KARIM, ("Villeurbanne",)), ("+33639980003", ("Villeurbanne",)))
    assert found.fault("à Villeurbanne", ANNE, {}) == ""


def test_digits_alone_are_nobodys_field() -> None:
    assert others((ANNE, ()), (KARIM, ("69100", "Lyon 69100"))).fault("Salle 69100", ANNE, {}) == ""
