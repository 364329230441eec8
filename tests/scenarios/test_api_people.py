"""A program looks after people, campaigns and figures through the API, by the rules of the command line."""

from __future__ import annotations

import pytest

from gatewayd.domain.token import Scope
from tests.serving import ALICE, ALICE_E164, TO_ALICE, Serving


def test_an_agreement_is_recorded_used_and_withdrawn(api: Serving) -> None:
    token, event = api.token(Scope.ADMIN), {"recipient": ALICE, "purpose": "events"}
    send = TO_ALICE | {"purpose": "events"}
    assert api.ask("POST", "/v1/messages", token, json=send).status_code == 422
    told = api.ask("POST", "/v1/consents", token, json=event | {"evidence": "site"})
    assert (told.status_code, told.json()["given"], told.json()["recorded_by"][:10]) == (201, True, "token:shop")
    assert api.ask("POST", "/v1/messages", token, json=send).status_code == 202
    assert api.ask("POST", "/v1/consents/withdraw", token, json=event).json()["withdrawn"] is True
    found = api.ask("GET", "/v1/consents", token, params={"recipient": ALICE}).json()
    assert (found["recipient"], [one["given"] for one in found["consents"]]) == (ALICE_E164, [True, False])


def test_what_was_recorded_is_told_though_another_was_said_later(api: Serving) -> None:
    token, event = api.token(Scope.ADMIN), {"recipient": ALICE, "purpose": "events"}
    api.ask("POST", "/v1/consents", token, json=event | {"evidence": "site"})
    old = event | {"evidence": "papier", "agreed_at": "2020-01-31T10:00:00Z"}
    assert api.ask("POST", "/v1/consents", token, json=old).json()["evidence"] == "papier"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+02:00", "1800-01-01T00:00:00Z"])
def test_a_day_that_no_calendar_has_is_refused(api: Serving, at: str) -> None:
    body = {"recipient": ALICE, "purpose": "events", "agreed_at": at}
    for path in ("consents", "consents/withdraw"):
        assert (
            400 <= api.ask("POST", f"/v1/{path}", api.token(Scope.ADMIN, name=path[-8:]), json=body).status_code < 500
        )


def test_an_opt_out_cancels_what_waits_and_is_lifted(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    api.ask("POST", "/v1/messages", token, json=TO_ALICE)
    assert api.ask("POST", "/v1/optouts", token, json={"recipient": ALICE}).json()["canceled"] == 1
    (held,) = api.ask("GET", "/v1/optouts", token).json()["optouts"]
    assert (held["recipient"], held["origin"]) == (ALICE_E164, "api")
    assert api.ask("POST", "/v1/optouts/lift", token, json={"recipient": ALICE}).json()["lifted"] is True


def test_figures_name_nobody(api: Serving) -> None:
    token = api.token()
    api.ask("POST", "/v1/messages", token, json=TO_ALICE)
    found = api.ask("GET", "/v1/metrics", token).text
    assert 'gatewayd_messages{state="queued"} 1.0' in found
    assert "98000" not in found


@pytest.mark.parametrize("path", ["/v1/inbox", "/v1/sims", "/v1/campaigns", "/v1/optouts", "/v1/metrics"])
def test_looking_needs_its_scope(api: Serving, path: str) -> None:
    assert api.ask("GET", path, api.token()).status_code == 200
    assert api.ask("GET", path, api.token(Scope.SUBMIT, name="b")).status_code == 403
    assert api.ask("GET", path).status_code == 401


@pytest.mark.parametrize("path", ["consents", "consents/withdraw", "optouts", "optouts/lift", "campaigns/x/start"])
def test_changing_needs_admin(api: Serving, path: str) -> None:
    body = {"recipient": ALICE, "purpose": "events"} if "consents" in path else {"recipient": ALICE}
    answer = api.ask("POST", f"/v1/{path}", api.token(), json=None if "campaigns" in path else body)
    assert answer.status_code == 403


def test_a_campaign_that_is_not_there(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    assert api.ask("GET", "/v1/campaigns/nope", token).status_code == 404
    assert api.ask("POST", "/v1/campaigns/nope/pause", token).status_code == 404
    assert api.ask("POST", "/v1/campaigns/nope/explode", token).status_code == 422
