"""Names of fields that sound like data which are nobody's business, and names that only look like them."""

from __future__ import annotations

import pytest

from gatewayd.domain.sensitive import kind_of

SENSITIVE = {
    "health": [
        "sante", "Santé", "SANTÉ", "etat_de_sante", "sante_publique", "probleme_medical", "medecin_traitant", "Maladie",
        "maladies_chroniques", "handicap", "handicapé", "allergies", "allergie_alimentaire", "Régime alimentaire",
        "groupe_sanguin", "grossesse", "vaccine", "vaccinations", "health", "HealthStatus", "medical_notes",
        "disability",
        "disabled", "illness", "blood_group", "pregnant", "vih", "diagnosis",
    ],
    "religion or belief": [
        "religion", "religieux", "confession", "culte", "croyances", "catholique", "musulman", "muslim", "juif",
        "jewish",
        "bouddhiste", "athée", "paroisse", "faith", "beliefs", "halal", "repas_casher", "chrétien", "christian",
        "convictions_philosophiques", "baptisé", "date_de_baptême",
    ],
    "union membership": [
        "syndicat", "syndique", "Syndiqué", "adhesion_syndicale", "CGT", "trade_union", "union", "union_member",
    ],
    "politics": ["politique", "opinions_politiques", "parti_politique", "political_party", "politics", "parti",
        "intention_de_vote",
    ],
    "origin": [
        "origine", "origin", "origine_ethnique", "ethnie", "Ethnicity", "race", "racial_origin", "pays_d_origine",
        "Pays d'origine", "country_of_origin", "couleur de peau",
    ],
    "sexual orientation": ["orientation", "orientation_sexuelle", "sexual_orientation", "lgbt", "homosexuel", "gay"],
    "genetic or biometric data": ["biometrie", "adn", "genetic_data", "empreintes digitales", "fingerprint"],
}  # fmt: skip
ORDINARY = [
    "region", "ville", "origine_du_contact", "contact_origin", "origine_inscription",
    "orientation_scolaire", "orientation_du_terrain", "reunion", "La Réunion", "union_sportive", "union_locale",
    "syndic",
    "syndicat_d_initiative", "syndicat de copropriété", "politique_de_confidentialite_lue", "participation", "partie",
    "partenaire", "parti_depuis", "policy", "sexe", "genre", "gender", "nationalite", "naissance", "date_naissance",
    "sport",
    "course", "race_du_chien", "trace", "embrace", "Christian name", "prenom", "categorie", "cotisation", "montant",
    "benevole", "section", "equipe", "profession", "wealth", "sandwich", "santiago",
    "cultivateur", "culture", "agriculture", "foire", "opinion_sur_le_repas", "originalite", "villa", "bill", "grill",
    "union_date",
    "medium", "media", "mediateur", "juin", "gaya", "transport", "date_race",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SENSITIVE.items() for name in names])
def test_sensitive(kind: str, name: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ORDINARY)
def test_near_misses_pass(name: str) -> None:
    assert kind_of(name) is None
