"""Each request that changes something is carried out once for its key, whatever it changes, wherever it is cut off."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from gatewayd.domain.campaign import CampaignRules
from gatewayd.domain.token import Scope
from gatewayd.errors import StorageUnavailable
from gatewayd.interfaces.http import app
from gatewayd.store import campaigns, engine, people
from gatewayd.store.receipts import Receipts
from gatewayd.store.schema import campaign_rows, consents, optouts
from gatewayd.store.schema.audit import trail
from tests.serving import ALICE, ALICE_E164, TO_ALICE, TRUSTED, Serving

KEY = {"idempotency-key": "8e03978e"}
DRAFT = {"name": "reunion", "purpose": "alerte", "text": "Bonjour {{ prenom }}", "recipients": [{"number": ALICE}]}
AGREED = {"recipient": ALICE, "purpose": "events"}
WHO = {"recipient": ALICE}
QUESTION = {**AGREED, "reason": "formulaire"}
SAID = {"agreed_at": "2026-01-31T08:00:00Z", "write": True}
PEOPLE = [{"number": f"063998000{n}"} for n in range(5)]

# What is asked before, the path, the body, and another body.
CHANGES: dict[str, tuple[list[tuple[str, Any]], str, Any, Any]] = {
    "cancel": ([("messages", TO_ALICE)], "messages/1/cancel", None, None),
    "held": ([("messages", TO_ALICE)], "messages/1/hold", None, None),
    "released": ([("messages", TO_ALICE), ("messages/1/hold", None)], "messages/1/release", None, None),
    "contact": ([], "contacts", {"number": ALICE, "given_name": "Anne"}, {"number": ALICE, "given_name": "Zoé"}),
    "contacts": ([], "contacts/import", {"contacts": PEOPLE, "write": True}, {"contacts": PEOPLE}),
    "agreed": ([], "consents", AGREED, AGREED | {"method": "paper"}),
    "withdrawn": ([("consents", AGREED)], "consents/withdraw", AGREED, AGREED | {"method": "paper"}),
    "listed": ([], "consents/import", {"consents": [AGREED], **SAID}, {"consents": [AGREED]}),
    "asked": ([], "consents/ask", QUESTION, QUESTION | {"days": 3}),
    "left": ([], "optouts", WHO, WHO | {"origin": "lettre"}),
    "lifted": ([("optouts", WHO)], "optouts/lift", WHO, WHO | {"origin": "lettre"}),
    "many left": ([], "optouts/import", {"recipients": [ALICE]}, {"recipients": ["0639980002"]}),
    "drafted": ([], "campaigns", DRAFT, DRAFT | {"name": "autre"}),
    "tested": ([("campaigns", DRAFT)], "campaigns/reunion/test", None, None),
    "skipped": ([("campaigns", DRAFT)], "campaigns/reunion/skip-test", {"reason": "essai"}, {"reason": "autre"}),
}


class Program:
    """Asks with a key, and asks again."""

    def __init__(self, api: Serving) -> None:
        self.api, self.token = api, api.token(Scope.ADMIN)

    def ask(self, path: str, body: Any = None, *, token: str = "", **headers: str) -> Any:
        how = {} if body is None else {"json": body}
        return self.api.ask("POST", f"/v1/{path}", token or self.token, headers=headers, **how)

    def keyed(self, path: str, body: Any = None) -> Any:
        return self.ask(path, body, **KEY)

    def count(self, table: sa.Table) -> int:
        with self.api.database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


@pytest.fixture
def program(api: Serving) -> Program:
    return Program(api)


@pytest.fixture(params=list(CHANGES.values()), ids=list(CHANGES))
def change(request: pytest.FixtureRequest, program: Program) -> tuple[str, Any, Any]:
    before, path, body, other = request.param
    for place, given in before:
        assert program.ask(place, given).status_code < 300
    return path, body, other


def test_the_same_answer_and_nothing_is_done_twice(program: Program, change: tuple[str, Any, Any]) -> None:
    path, body, other = change
    first = program.keyed(path, body)
    assert first.status_code < 300, first.text
    known = program.count(trail)
    again = program.keyed(path, body)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert program.count(trail) == known
    if other is not None:
        refused = program.keyed(path, other)
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:gatewayd:problem:key-reused")


def test_a_receipt_is_there_exactly_when_the_change_is(
    program: Program, change: tuple[str, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt cannot be written: the change is not there either, but for lists, which may come again."""
    path, body, _ = change
    known = program.count(trail)
    with monkeypatch.context() as patch:
        patch.setattr(Receipts, "add", _dies)
        assert program.keyed(path, body).status_code == 503
    assert path.endswith("import") or program.count(trail) == known
    done = program.keyed(path, body)
    assert done.status_code < 300
    assert "idempotent-replayed" not in done.headers


@pytest.mark.parametrize("path", ["consents", "campaigns/reunion/skip-test", "messages/1/cancel"])
def test_what_dies_behind_the_commit_has_its_answer(
    program: Program, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.ask("campaigns", DRAFT)
    program.ask("messages", TO_ALICE)
    body = {"consents": AGREED, "campaigns/reunion/skip-test": {"reason": "essai"}}.get(path)
    with monkeypatch.context() as patch:
        patch.setattr(engine.Database, "alongside", _dying_behind(engine.Database.alongside))
        assert program.keyed(path, body).status_code == 503
    known = program.count(trail)
    again = program.keyed(path, body)
    assert (again.status_code < 300, again.headers["idempotent-replayed"]) == (True, "true")
    assert program.count(trail) == known


def test_a_list_of_contacts_that_was_cut_off_goes_on(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    consent = {"purpose": "events", "agreed_at": "2026-01-31T08:00:00Z"}
    body = {"contacts": PEOPLE, "consent": consent, "write": True}
    monkeypatch.setattr(engine, "CHUNK", 2)
    with monkeypatch.context() as patch:
        patch.setattr(people.People, "record_consents", _dies_at(2, people.People.record_consents))
        assert program.keyed("contacts/import", body).status_code == 503
    assert program.count(consents) == 2
    again = program.keyed("contacts/import", body).json()
    assert (again["new"], again["unchanged"], again["consents"], again["written"]) == ([], 5, 3, True)
    assert program.count(consents) == 5
    assert program.keyed("contacts/import", body).json() == again


def test_a_list_of_agreements_that_was_cut_off_goes_on(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"consents": [{"recipient": one["number"], "purpose": "events"} for one in PEOPLE]} | SAID
    monkeypatch.setattr(engine, "CHUNK", 2)
    with monkeypatch.context() as patch:
        patch.setattr(people.People, "record_consents", _dies_at(2, people.People.record_consents))
        assert program.keyed("consents/import", body).status_code == 503
    again = program.keyed("consents/import", body).json()
    assert (len(again["new"]), again["known"], program.count(consents)) == (3, 2, 5)


def test_a_list_of_opt_outs_that_was_cut_off_goes_on(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"recipients": [one["number"] for one in PEOPLE]}
    monkeypatch.setattr(engine, "CHUNK", 2)
    with monkeypatch.context() as patch:
        patch.setattr(people, "_add_optouts", _dies_at(2, people._add_optouts))
        assert program.keyed("optouts/import", body).status_code == 503
    again = program.keyed("optouts/import", body).json()
    assert (again["new"], again["known"], program.count(optouts)) == (3, 2, 5)


def test_a_campaign_whose_list_was_cut_off_is_made_under_another_name(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = DRAFT | {"recipients": PEOPLE}
    monkeypatch.setattr(campaigns, "ROWS_AT_ONCE", 2)
    with monkeypatch.context() as patch:
        patch.setattr(campaigns.Campaigns, "_add_rows", _dies_at(1, campaigns.Campaigns._add_rows))
        assert program.keyed("campaigns", body).status_code == 503
    assert program.keyed("campaigns", body).json()["reason"] == "name_taken"
    assert program.ask("campaigns/reunion/skip-test", {"reason": "essai"}).json()["reason"] == "incomplete"
    assert program.ask("campaigns/reunion/cancel").status_code == 200
    anew = body | {"name": "reunion-2"}
    made = program.keyed("campaigns", anew)
    assert (made.status_code, program.count(campaign_rows)) == (201, 2 + 5)
    assert program.keyed("campaigns", anew).content == made.content


@pytest.fixture
def alone(api: Serving) -> Iterator[None]:
    """Nobody else has to agree to campaigns."""
    rules = api.services.house.rules
    object.__setattr__(api.services.house, "rules", CampaignRules(approvals=False, trusted_numbers=(TRUSTED,)))
    yield
    object.__setattr__(api.services.house, "rules", rules)


@pytest.mark.usefixtures("alone")
def test_a_start_that_was_cut_off_between_its_two_steps_starts(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.ask("campaigns", DRAFT)
    program.ask("campaigns/reunion/skip-test", {"reason": "essai"})
    with monkeypatch.context() as patch:
        patch.setattr(campaigns.Campaigns, "change", _dies_at(2, campaigns.Campaigns.change))
        assert program.keyed("campaigns/reunion/start").status_code == 503
    assert program.api.services.campaigns.get("reunion").state == "approved"
    started = program.keyed("campaigns/reunion/start")
    assert (started.json()["state"], "idempotent-replayed" in started.headers) == ("scheduled", False)
    assert program.keyed("campaigns/reunion/start").content == started.content


def test_an_answer_stays_as_it_was_while_the_thing_goes_on(program: Program) -> None:
    other = program.api.token(Scope.ADMIN, name="other")
    program.api.people.record_consent(
        ALICE_E164, "events", method="paper", recorded_by="t", at=program.api.clock.utc_now()
    )
    program.ask("campaigns", DRAFT | {"purpose": "events", "text": "Bonjour"})
    program.ask("campaigns/reunion/skip-test", {"reason": "essai"})
    agreed = program.ask("campaigns/reunion/approve", token=other, **KEY)
    assert agreed.status_code == 200, agreed.text
    assert (agreed.status_code, agreed.json()["missing"], agreed.json()["state"]) == (200, 0, "approved")
    for verb in ("start", "pause", "resume", "cancel"):
        done = program.ask(f"campaigns/reunion/{verb}", **{"idempotency-key": verb})
        assert done.status_code == 200, done.text
    again = program.ask("campaigns/reunion/approve", token=other, **KEY)
    assert again.content == agreed.content
    assert program.ask("campaigns/reunion/pause", **{"idempotency-key": "pause"}).json()["state"] == "paused"
    # A path is a part of what was asked for, and a key another token's.
    assert program.ask("campaigns/reunion/cancel", **{"idempotency-key": "pause"}).status_code == 422
    assert program.ask("campaigns/reunion/approve", **KEY).status_code == 422


def test_how_a_body_is_written_does_not_count(program: Program) -> None:
    first = program.keyed("optouts", {"recipient": ALICE, "origin": "api"})
    written = b'{ "origin": "api",\n "recipient": "06 39 98 00 01" }'
    with program.api.client(program.token) as client:
        headers = KEY | {"content-type": "application/json"}
        again = client.post("/v1/optouts", content=written, headers=headers)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")


def test_many_at_the_same_moment_change_once(program: Program) -> None:
    told, start = Counter[int](), threading.Barrier(8)

    def ask() -> None:
        with program.api.client(program.token) as client:
            start.wait()
            told[client.post("/v1/consents", json=AGREED, headers=KEY).status_code] += 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(told) <= {201, 409}
    assert (told[201] >= 1, program.count(consents)) == (True, 1)


def test_while_the_first_is_at_work_the_second_is_told_so(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, add = threading.Event(), threading.Event(), people.People.add_optout

    def waits(*what: Any, **how: Any) -> int:
        begun.set()
        assert go.wait(20)
        return add(*what, **how)

    monkeypatch.setattr(people.People, "add_optout", waits)
    found: list[Any] = []
    first = threading.Thread(target=lambda: found.append(program.keyed("optouts", WHO)))
    first.start()
    assert begun.wait(20)
    busy = program.keyed("optouts", WHO)
    go.set()
    first.join(20)
    assert (busy.status_code, busy.json()["type"]) == (409, "urn:gatewayd:problem:key-busy")
    assert (found[0].status_code, program.keyed("optouts", WHO).content) == (201, found[0].content)


def test_each_route_that_changes_something_takes_a_key() -> None:
    for path, methods in app.document()["paths"].items():
        for method, operation in methods.items():
            taken = {one["name"].lower() for one in operation.get("parameters", ()) if one["in"] == "header"}
            changes = method != "get" and operation["tags"] != ["compatibility"]
            assert ("idempotency-key" in taken) == changes, (method, path)
            assert ("409" in operation["responses"]) == changes, (method, path)


def _dies(*_what: Any, **_how: Any) -> Any:
    raise StorageUnavailable("it dies here")


def _dies_at(turn: int, real: Callable[..., Any]) -> Callable[..., Any]:
    turns = Counter[str]()

    def perhaps(*what: Any, **how: Any) -> Any:
        turns["so far"] += 1
        return _dies() if turns["so far"] == turn else real(*what, **how)

    return perhaps


def _dying_behind(real: Callable[..., Any]) -> Callable[..., Any]:
    """Right behind the commit, before anything is answered."""

    def dying(self: Any, also: Any) -> Any:
        class Dying:
            def __enter__(self) -> None:
                self.real = real(database, also)
                self.real.__enter__()

            def __exit__(self, *what: Any) -> None:
                self.real.__exit__(*what)
                _dies()

        database = self
        return Dying()

    return dying
