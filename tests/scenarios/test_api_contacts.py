"""A program keeps contacts through the API: one at a time, and lists, which it may look at before it writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from gatewayd.domain.token import Scope
from gatewayd.store import audit
from gatewayd.store.inbox import NewIncoming
from gatewayd.store.schema import optouts, sims
from gatewayd.store.sims import Sims
from tests.serving import ALICE, ALICE_E164, TO_ALICE, Serving

CONTACTS = "/v1/contacts"
BOB, BOB_E164 = "0639980002", "+33639980002"


def post(api: Serving, token: str, path: str, status: int, **body: Any) -> Any:
    answer = api.ask("POST", path, token, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_contact_is_kept_changed_and_shown(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    fields = {"ville": "Lyon", "paye": True, "part": 12.5}
    made = post(api, token, CONTACTS, 201, number=ALICE, given_name="Alice", fields=fields)
    assert (made["number"], made["given_name"], made["fields"], made["source"]) == (
        ALICE_E164, "Alice", fields, "token:shop",
    )  # fmt: skip
    changed = post(api, token, CONTACTS, 200, number=ALICE, language="français", fields={"ville": None})
    assert (changed["id"], changed["given_name"], changed["language"]) == (made["id"], "Alice", "fr")
    assert changed["fields"] == {"paye": True, "part": 12.5}
    held = api.ask("GET", f"{CONTACTS}/{ALICE_E164}", token).json()
    assert (held["contact"], held["opt_outs"], held["messages"]) == (changed, [], [])
    assert api.ask("GET", CONTACTS, token).json() == {"contacts": [changed], "next": None}


@pytest.mark.parametrize(
    ("body", "problem", "words"),
    [
        ({"number": "01 23 45 67 89"}, "number-refused", "landline"),
        ({"number": ALICE, "fields": {"taille": 3}}, "invalid-value", "taille: the configuration declares no such"),
        ({"number": ALICE, "fields": {"paye": "peut-être"}}, "invalid-value", "paye: it is neither yes nor no"),
        ({"number": ALICE, "fields": {"part": 1e300}}, "invalid-value", "part"),
        ({"number": ALICE, "given_name": "\u202eAlice"}, "invalid-value", "control characters"),
    ],
)
def test_a_value_that_cannot_be_kept(api: Serving, body: dict[str, Any], problem: str, words: str) -> None:
    told = post(api, api.token(Scope.ADMIN), CONTACTS, 422, **body)
    assert told["type"].endswith(problem)
    assert words in told["detail"]


def test_what_nobody_is_held_about(api: Serving) -> None:
    token = api.token()
    assert api.ask("GET", f"{CONTACTS}/{ALICE}", token).status_code == 404
    assert api.ask("GET", f"{CONTACTS}/bonjour", token).status_code == 422


def test_a_list_is_looked_at_and_then_written(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    post(api, token, CONTACTS, 201, number=ALICE, given_name="Alice")
    post(api, token, "/v1/optouts", 201, recipient=BOB)
    people = [
        {"number": ALICE, "fields": {"ville": "Lyon"}},
        {"number": BOB, "given_name": "Bob"},
        {"number": "0123456789"},
        {"number": ALICE},
    ]
    consent = {"purpose": "events", "agreed_at": "2026-01-31T08:00:00Z"}
    given = {"contacts": people, "source": "bulletins 2026", "consent": consent}
    seen = post(api, token, f"{CONTACTS}/import", 200, **given)
    assert (seen["written"], [one["number"] for one in seen["new"]], seen["consents"]) == (False, [BOB_E164], 1)
    assert seen["changed"] == [{"number": ALICE_E164, "differences": [{"field": "ville", "old": None, "new": "Lyon"}]}]
    assert [(one["line"], one["reason"]) for one in seen["rejected"]] == [(3, "landline"), (4, "duplicate:1")]
    assert seen["opted_out"] == [BOB_E164]
    assert api.ask("GET", f"{CONTACTS}/{BOB_E164}", token).json()["contact"] is None

    written = post(api, token, f"{CONTACTS}/import", 200, **given, write=True)
    assert written == seen | {"written": True}
    (agreed,) = api.ask("GET", "/v1/consents", token, params={"recipient": ALICE}).json()["consents"]
    assert (agreed["evidence"], agreed["evidence_sha256"]) == ("bulletins 2026", seen["sha256"])
    again = post(api, token, f"{CONTACTS}/import", 200, **given, write=True)
    assert (again["written"], again["unchanged"], again["consents"]) == (False, 2, 0)
    with api.database.read() as connection:
        imported = [row for row in audit.latest(connection, 10) if row.event == "contacts.imported"]
    assert len(imported) == 2


def test_ten_thousand_contacts_in_pages(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    people = [{"number": f"+3363998{n:04}"} for n in range(3000)]
    assert post(api, token, f"{CONTACTS}/import", 200, contacts=people, write=True)["written"]
    seen, cursor = 0, None
    with api.client(token) as client:
        while seen == 0 or cursor is not None:
            page = client.get(CONTACTS, params={"limit": 1000} | ({"cursor": cursor} if cursor else {})).json()
            seen, cursor = seen + len(page["contacts"]), page["next"]
    assert seen == 3000


def test_many_agreements(api: Serving) -> None:
    token, path = api.token(Scope.ADMIN), "/v1/consents/import"
    rows = [
        {"recipient": ALICE, "agreed_at": "31/01/2026", "method": "papier"},
        {"recipient": BOB, "purpose": "Evénements"},
        {"recipient": "0123456789", "agreed_at": "31/01/2026"},
    ]
    seen = post(api, token, path, 200, consents=rows, purpose="events")
    assert [(one["number"], one["method"], one["agreed_at"]) for one in seen["new"]] == [
        (ALICE_E164, "paper", "2026-01-30T23:00:00.000Z")
    ]
    assert ([one["line"] for one in seen["rejected"]], seen["written"]) == ([2, 3], False)
    assert post(api, token, path, 200, consents=rows, purpose="events", write=True)["written"]
    assert post(api, token, path, 200, consents=rows, purpose="events", write=True)["known"] == 1


def test_the_words_that_were_read_and_the_proof(api: Serving) -> None:
    token, digest = api.token(Scope.ADMIN), "0" * 64
    event = {"recipient": ALICE, "purpose": "events"}
    own = post(api, token, "/v1/consents", 201, **event, language="en")
    assert (own["wording_language"], own["wording_version"]) == ("en", "association-1")
    said = post(
        api, token, "/v1/consents", 201, **event, wording="J'accepte.", evidence_sha256=digest,
        agreed_at="2026-01-31T08:00:00Z",
    )  # fmt: skip
    assert (said["wording"], said["evidence_sha256"], said["agreed_at"]) == (
        "J'accepte.", digest, "2026-01-31T08:00:00.000Z",
    )  # fmt: skip
    proof = api.ask("GET", "/v1/consents/proof", token, params={"recipient": ALICE}).json()
    assert [one["wording"] == "J'accepte." for one in proof["consents"]] == [True, False]
    assert all(one["audit"]["hash"] for one in proof["consents"])
    assert [one["event"] for one in proof["audit"]] == ["consent.recorded"] * 2


def test_somebody_is_asked_once(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    wanted = {"recipient": ALICE, "purpose": "events", "reason": "formulaire du site"}
    asked = post(api, token, "/v1/consents/ask", 202, **wanted)
    (message,) = api.outbox.list()
    assert (asked["message"], asked["recipient"], api.woken) == (message.id, ALICE_E164, 1)
    assert "OUI" in message.text
    assert post(api, token, "/v1/consents/ask", 422, **wanted)["reason"] == "asked_already"


def test_a_list_of_opt_outs_cancels_what_waits(api: Serving) -> None:
    token = api.token(Scope.ADMIN)
    post(api, token, "/v1/messages", 202, **TO_ALICE)
    done = post(api, token, "/v1/optouts/import", 200, recipients=[ALICE, BOB, ALICE_E164, "nobody"], origin="list")
    assert (done["new"], done["known"], done["canceled"]) == (2, 0, 1)
    assert [(one["line"], one["number"]) for one in done["rejected"]] == [(4, "nobody")]
    again = post(api, token, "/v1/optouts/import", 200, recipients=[ALICE])
    assert (again["new"], again["known"]) == (0, 1)
    first = api.ask("GET", "/v1/optouts", token, params={"limit": 1}).json()
    second = api.ask("GET", "/v1/optouts", token, params={"limit": 1, "cursor": first["next"]}).json()
    assert [first["optouts"][0]["recipient"], second["optouts"][0]["recipient"]] == [BOB_E164, ALICE_E164]
    assert second["next"] is None


def test_an_opt_out_that_was_not_certain_is_reviewed(api: Serving) -> None:
    token, now = api.token(Scope.ADMIN), datetime.now(UTC)
    api.people.add_optout(ALICE_E164, origin="sms", by="recipient", at=now)
    heard = _wrote(api, "je ne veux plus rien", now)
    listed = api.ask("GET", "/v1/inbox", token, params={"to_review": True, "kind": "opt_out"}).json()
    assert [one["id"] for one in listed["messages"]] == [heard]
    shown = api.ask("GET", f"/v1/inbox/{heard}", token).json()
    assert (shown["text"], shown["reviewed_by"]) == ("je ne veux plus rien", None)
    done = post(api, token, f"/v1/inbox/{heard}/review", 200, verdict="lift")
    assert done == {"number": ALICE_E164, "lifted": True, "stands": False, "others": []}
    assert api.ask("GET", "/v1/inbox", token, params={"to_review": True}).json()["messages"] == []
    assert post(api, token, f"/v1/inbox/{heard}/review", 422, verdict="keep")["detail"].endswith("already")
    assert api.ask("GET", "/v1/inbox/99", token).status_code == 404


def _wrote(api: Serving, text: str, now: datetime) -> int:
    """A message as the replies keep it, which made the opt-out that holds."""
    with api.database.read() as connection:
        optout = connection.execute(sa.select(optouts.c.id)).scalar_one()
    sim = Sims(api.database).remember(iccid="89331", imsi="", name="a", pool="default", imei="", port="", now=now)
    new = NewIncoming(
        sim_id=sim, sender=ALICE_E164, text=text, parts=1, complete=True, service_centre="", sent_at=now,
        received_at=now, kind="opt_out", tier="mention", rule="mention@1", review=True, optout_id=optout,
    )  # fmt: skip
    inbox = api.services.inbox
    return api.database.write(lambda connection: inbox.add(connection, new, []))


def test_what_needs_which_scope(api: Serving) -> None:
    reader = api.token(Scope.READ)
    for path in (CONTACTS, f"{CONTACTS}/import", "/v1/consents/import", "/v1/consents/ask", "/v1/optouts/import"):
        assert api.ask("POST", path, reader, json={}).status_code == 403, path
    sender = api.token(Scope.SUBMIT, name="b")
    for path in (CONTACTS, f"{CONTACTS}/{ALICE_E164}", "/v1/consents/proof?recipient=1", "/v1/inbox/1"):
        assert api.ask("GET", path, sender).status_code == 403, path


def test_sims_tell_their_limits(api: Serving) -> None:
    now = api.clock.utc_now()
    Sims(api.database).remember(iccid="89331", imsi="1", name="a", pool="default", imei="", port="/dev/x", now=now)
    (sim,) = api.ask("GET", "/v1/sims", api.token()).json()["sims"]
    limits = {one["limit"]: (one["allowed"], one["used"], one["left"]) for one in sim["limits"]}
    assert (sim["state"], sim["port"], limits["recipients_per_month"]) == ("absent", "/dev/x", (99, 0, 99))
    with api.database.read() as connection:
        assert connection.execute(sa.select(sims.c.iccid)).scalar_one() == sim["iccid"]
