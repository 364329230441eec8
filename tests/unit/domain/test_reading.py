"""What incoming texts ask for."""

from __future__ import annotations

import pytest

from gatewayd.domain.reading import Keywords, Kind, Tier, read

KEYWORDS = Keywords.for_languages()


@pytest.mark.parametrize(
    ("text", "kind", "tier"),
    [
        ("Stop!!", Kind.OPT_OUT, Tier.CERTAIN),
        ("stop merci", Kind.OPT_OUT, Tier.PROBABLE),
        ("arrêtez de m'envoyer des messages", Kind.OPT_OUT, Tier.MENTION),
        ("START", Kind.OPT_IN, Tier.CERTAIN),
        ("CONTACT", Kind.CONTACT, Tier.CERTAIN),
        ("Aide", Kind.HELP, Tier.CERTAIN),
        ("on se retrouve à l'arrêt de bus", Kind.OTHER, None),
    ],
)
def test_kinds_and_tiers(text: str, kind: Kind, tier: Tier | None) -> None:
    reading = read(text, KEYWORDS)
    assert (reading.kind, reading.tier) == (kind, tier)
    assert reading.review == (kind is Kind.OPT_OUT and tier is not Tier.CERTAIN)
