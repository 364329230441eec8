"""The whole way of a campaign through the API: two tokens, as two people, from the draft to the report."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from gatewayd.domain.token import Scope
from gatewayd.services.releasing import CampaignRunner
from tests.serving import ALICE, ALICE_E164, TRUSTED, Serving

CAMPAIGNS = "/v1/campaigns"
NEW = {"name": "reunion", "purpose": "events", "text": "Bonjour {{ prenom }}, à {{ ville }}.", "segment": "lyon"}


class Office:
    """Who writes campaigns, who agrees to them, and the daemon's ticks."""

    def __init__(self, api: Serving) -> None:
        self.api = api
        self.author, self.other = api.token(Scope.ADMIN, name="camille"), api.token(Scope.ADMIN, name="dominique")
        self._runner = CampaignRunner(api.database, api.services.house, api.clock, queued=lambda: None)

    def ask(self, path: str, status: int = 200, *, token: str = "", **body: Any) -> Any:
        place = f"{CAMPAIGNS}/{path}" if path else CAMPAIGNS
        answer = (
            self.api.ask("POST", place, token or self.author, json=body)
            if body
            else (self.api.ask("POST", place, token or self.author))
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def look(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = self.api.ask("GET", f"{CAMPAIGNS}/{path}", self.author, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    def people(self, *numbers: str, agreed: bool = True, ville: str = "Lyon") -> None:
        people = [{"number": one, "given_name": "Anne", "fields": {"ville": ville}} for one in numbers]
        consent = {"purpose": "events", "agreed_at": "2026-01-31T08:00:00Z"} if agreed else None
        body = {"contacts": people, "consent": consent, "write": True}
        assert self.api.ask("POST", "/v1/contacts/import", self.author, json=body).json()["written"]

    def tick(self) -> None:
        self._runner.run_once()

    def states(self) -> Sequence[str]:
        return sorted(str(one.state) for one in self.api.outbox.list())


@pytest.fixture
def office(api: Serving) -> Office:
    return Office(api)


def test_from_the_draft_to_the_report(office: Office) -> None:
    office.people(*[f"063998000{n}" for n in range(5)])
    office.people("0639980009", agreed=False)
    made = office.ask("", 201, **NEW)
    assert (made["state"], made["created_by"], made["audience"]) == ("draft", "token:camille", 'ville = "Lyon"')
    assert [one["about"] for one in made["remarks"]]

    told = office.look("reunion/explain", sample=2)
    assert (told["people"], told["included"], told["reasons"]) == (6, 5, {"no_consent": 1})
    assert [one["text"] for one in told["sample"]] == ["Bonjour Anne, à Lyon."] * 2
    assert "recipients" not in told

    office.ask("reunion/skip-test", reason="essai")
    assert office.ask("reunion/approve", 422)["reason"] == "own_campaign"
    agreed = office.ask("reunion/approve", token=office.other)
    assert (agreed["state"], agreed["missing"]) == ("approved", 0)
    assert [one["by"] for one in office.look("reunion")["approvals"]] == ["token:dominique"]
    assert office.ask("reunion/start")["state"] == "scheduled"
    office.tick()
    assert office.states() == ["queued"] * 5

    assert office.ask("reunion/pause")["state"] == "paused"
    office.tick()
    assert office.states() == ["held"] * 5
    assert office.ask("reunion/resume")["state"] == "running"
    office.tick()
    assert office.states() == ["queued"] * 5
    assert office.ask("reunion/cancel")["state"] == "canceled"
    office.tick()
    report = office.look("reunion/report")
    assert (report["state"], report["accepted"], report["states"]) == ("canceled", 5, {"canceled": 5})
    assert report["left_out_by_reason"] == {"no_consent": 1}
    assert office.api.woken >= 4


def test_a_token_for_one_purpose_leads_no_campaign_of_another(office: Office) -> None:
    alert = office.api.token(Scope.ADMIN, name="alarme", purposes=["alerte"])
    assert office.ask("", 403, token=alert, **NEW)["type"].endswith("out-of-scope")
    office.people(ALICE)
    office.ask("", 201, **NEW)
    for verb in ("test", "approve", "start", "pause", "resume", "cancel"):
        assert office.ask(f"reunion/{verb}", 403, token=alert)["type"].endswith("out-of-scope"), verb
    office.ask("reunion/skip-test", 403, token=alert, reason="essai")
    question = {"recipient": ALICE, "purpose": "events", "reason": "formulaire"}
    assert office.api.ask("POST", "/v1/consents/ask", alert, json=question).status_code == 403
    office.ask("", 201, token=alert, **{**NEW, "name": "feu", "purpose": "alerte"})


def test_each_person_a_page_at_a_time(office: Office) -> None:
    office.people(*[f"063998000{n}" for n in range(5)])
    office.people("0639980009", agreed=False)
    office.ask("", 201, **NEW)
    first = office.look("reunion/recipients", limit=4)
    second = office.look("reunion/recipients", limit=4, cursor=first["next"])
    seen = [*first["recipients"], *second["recipients"]]
    assert (len(first["recipients"]), len(seen), second["next"]) == (4, 6, None)
    assert seen[-1] == {"recipient": "+33639980009", "reason": "no_consent", "alphabet": None, "parts": 0}
    assert seen[0]["parts"] == 1


def test_a_list_with_columns_of_its_own(office: Office) -> None:
    listed = [
        {"number": ALICE, "fields": {"heure": "18 h", "part": 12.5}},
        {"number": "0123456789", "fields": {"heure": "19 h", "part": 1}},
        {"number": "0639980002", "fields": {"heure": "20 h", "part": "rien"}},
    ]
    new: dict[str, Any] = {
        "name": "rdv",
        "purpose": "alerte",
        "text": "À {{ heure }}, {{ part }} €.",
        "recipients": listed,
    }
    assert office.ask("", 201, **new)["audience_kind"] == "file"
    told = office.look("rdv/explain")
    assert told["sample"] == [{"recipient": ALICE_E164, "text": "À 18 h, 12,5 €."}]
    assert told["reasons"] == {"landline": 1, "bad_field:part": 1}


def test_the_test_goes_to_the_trusted_numbers(office: Office) -> None:
    office.people("0639980001", TRUSTED)
    office.ask("", 201, **NEW)
    assert office.ask("reunion/test")["trusted"] == [TRUSTED]
    (message,) = office.api.outbox.list()
    assert message.text.startswith("[ESSAI] Bonjour Anne")
    shown = office.look("reunion")
    assert shown["test"] == {
        "numbers": [{"number": TRUSTED, "state": "queued", "received": False}],
        "stop_and_start_tried": False,
    }
    assert office.ask("reunion/approve", 422, token=office.other)["reason"] == "to_test"


def test_a_start_at_a_time(office: Office) -> None:
    office.people(ALICE)
    office.ask("", 201, **NEW)
    office.ask("reunion/skip-test", reason="essai")
    office.ask("reunion/approve", token=office.other)
    started = office.ask("reunion/start", at="2099-01-31T08:00:00+01:00")
    assert (started["state"], started["start_at"]) == ("scheduled", "2099-01-31T07:00:00.000Z")
    office.tick()
    assert office.states() == []


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"name": "Réunion !"}, "invalid-value"),
        ({"purpose": "nope"}, "refused-by-rule"),
        ({"text": "{{ salaire }}"}, "invalid-value"),
        ({"text": "{% for a in b %}{% endfor %}"}, "invalid-value"),
        ({"segment": "ville ="}, "invalid-value"),
        ({"segment": ""}, "invalid-value"),
        ({"recipients": [{"number": ALICE}]}, "invalid-value"),
        ({"start_at": "2001-01-01T00:00:00Z"}, "refused-by-rule"),
        ({"start_at": "2026-12-01T18:00:00"}, "invalid-request"),
        ({"repeat": "hourly"}, "invalid-request"),
        ({"segment": "", "recipients": [{"number": "15"}]}, "refused-by-rule"),
        ({"segment": "", "recipients": [{"number": ALICE, "fields": {"religion": "x"}}]}, "refused-by-rule"),
    ],
)
def test_what_is_no_campaign(office: Office, changed: dict[str, Any], kind: str) -> None:
    office.people(ALICE)
    assert office.ask("", 422, **NEW | changed)["type"].endswith(kind)
    assert office.api.ask("GET", CAMPAIGNS, office.author).json() == {"campaigns": [], "next": None}


def test_what_a_text_does_not_tell(office: Office) -> None:
    office.people(ALICE)
    office.ask("", 201, **NEW)
    told = office.look("reunion/lint")
    assert told["refused"] is None
    assert "sender" in {one["about"] for one in told["remarks"]}
    office.look("autre/lint", 404)


def test_whom_a_rule_selects(office: Office) -> None:
    office.people("0639980001", "0639980002", "0639980003")
    office.people("0639980004", ville="Nantes")
    ask = partial(office.api.ask, "GET")
    listed = ask("/v1/segments", office.author).json()
    assert listed == {"segments": [{"name": "lyon", "segment": 'ville = "Lyon"', "contacts": 3}]}
    shown = ask("/v1/segments/preview", office.author, params={"segment": "lyon", "limit": 2}).json()
    assert shown == {"segment": "lyon", "contacts": 3, "numbers": ["+33639980001", "+33639980002"]}
    rule = ask("/v1/segments/preview", office.author, params={"segment": 'ville = "Nantes"'}).json()
    assert (rule["contacts"], rule["numbers"]) == (1, ["+33639980004"])
    wrong = ask("/v1/segments/preview", office.author, params={"segment": "ville ="})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:gatewayd:problem:invalid-value")


def test_campaigns_a_page_at_a_time(office: Office) -> None:
    office.people(ALICE)
    for place in range(5):
        office.ask("", 201, **NEW | {"name": f"reunion-{place}"})
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor is not None else {})
        page = office.api.ask("GET", CAMPAIGNS, office.author, params=asked).json()
        seen += [one["name"] for one in page["campaigns"]]
        cursor, pages = page["next"], pages + 1
    assert (seen, pages) == ([f"reunion-{place}" for place in reversed(range(5))], 3)


def test_a_name_is_taken_once(office: Office) -> None:
    office.people(ALICE)
    office.ask("", 201, **NEW)
    office.ask("", 422, **NEW)


def test_campaigns_are_read_one_at_a_time(office: Office) -> None:
    """Who asks for ten explanations at once does not keep the messages of all others waiting."""
    office.people(ALICE)
    office.ask("", 201, **NEW)
    held, done = threading.Event(), threading.Event()

    def reading() -> None:
        with office.api.services.at_length():
            held.set()
            done.wait(30)

    reader = threading.Thread(target=reading)
    reader.start()
    assert held.wait(30)
    busy = office.api.ask("GET", f"{CAMPAIGNS}/reunion/explain", office.author)
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "2")
    done.set()
    reader.join()
    office.look("reunion/explain")


@pytest.mark.parametrize("path", ["", "x/test", "x/skip-test", "x/approve", "x/start", "x/pause"])
def test_changing_a_campaign_needs_admin(api: Serving, path: str) -> None:
    assert api.ask("POST", f"{CAMPAIGNS}/{path}".rstrip("/"), api.token(), json={}).status_code == 403


@pytest.mark.parametrize("path", ["x", "x/explain", "x/lint", "x/recipients", "x/report"])
def test_who_may_only_send_learns_nothing_of_campaigns(api: Serving, path: str) -> None:
    assert api.ask("GET", f"{CAMPAIGNS}/{path}", api.token(Scope.SUBMIT)).status_code == 403
    assert api.ask("GET", f"{CAMPAIGNS}/{path}", api.token(Scope.READ, name="b")).status_code == 404
