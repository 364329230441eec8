"""An opt-out is stronger than everything; consent is asked where it is the basis, and counts for so long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.domain.consent import GateFacts, decide
from gatewayd.domain.purpose import Basis, Purpose

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
THREE_YEARS = Purpose("p", "", Basis.CONSENT, retention_days=1095)


@pytest.mark.parametrize("agreed_at", [None, NOW])
@pytest.mark.parametrize("basis", Basis)
def test_an_opt_out_stops_every_purpose(basis: Basis, agreed_at: datetime | None) -> None:
    assert decide(Purpose("p", "", basis), GateFacts(opted_out=True, agreed_at=agreed_at), NOW) == "opt_out"


@pytest.mark.parametrize("basis", Basis)
def test_consent_is_asked_where_it_is_the_basis(basis: Basis) -> None:
    without = decide(Purpose("p", "", basis), GateFacts(opted_out=False, agreed_at=None), NOW)
    assert without == ("no_consent" if basis is Basis.CONSENT else None)
    assert decide(Purpose("p", "", basis), GateFacts(opted_out=False, agreed_at=NOW), NOW) is None


@pytest.mark.parametrize(
    ("agreed", "heard", "reason"),
    [
        (3 * YEAR - timedelta(seconds=1), None, None),
        (3 * YEAR, None, "consent_expired"),
        (9 * YEAR, 3 * YEAR - timedelta(seconds=1), None),
        (9 * YEAR, 3 * YEAR, "consent_expired"),
        (YEAR, 9 * YEAR, None),
        (-YEAR, None, None),
    ],
)
def test_a_consent_counts_from_the_agreement_or_the_last_sms_of_the_person(
    agreed: timedelta, heard: timedelta | None, reason: str | None
) -> None:
    facts = GateFacts(opted_out=False, agreed_at=NOW - agreed, heard_at=None if heard is None else NOW - heard)
    assert decide(THREE_YEARS, facts, NOW) == reason


def test_other_bases_know_no_expiry() -> None:
    old = GateFacts(opted_out=False, agreed_at=NOW - 9 * YEAR)
    assert decide(Purpose("p", "", Basis.CONTRACT, retention_days=1), old, NOW) is None
