"""An opt-out is stronger than everything; consent is asked where it is the basis."""

from __future__ import annotations

import pytest

from gatewayd.domain.consent import GateFacts, decide
from gatewayd.domain.purpose import Basis, Purpose


@pytest.mark.parametrize("consent", [False, True])
@pytest.mark.parametrize("basis", Basis)
def test_an_opt_out_stops_every_purpose(basis: Basis, consent: bool) -> None:
    assert decide(Purpose("p", "", basis), GateFacts(opted_out=True, consent=consent)) == "opt_out"


@pytest.mark.parametrize("basis", Basis)
def test_consent_is_asked_where_it_is_the_basis(basis: Basis) -> None:
    without = decide(Purpose("p", "", basis), GateFacts(opted_out=False, consent=False))
    assert without == ("no_consent" if basis is Basis.CONSENT else None)
    assert decide(Purpose("p", "", basis), GateFacts(opted_out=False, consent=True)) is None
