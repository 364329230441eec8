"""The same request twice, at once, from somebody else, changed: one key makes one message."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from gatewayd.store.receipts import Receipts
from tests.serving import ALICE, TO_ALICE, Serving

SEND = "/v1/messages"
KEY = {"idempotency-key": "8e03978e"}


def test_the_same_answer_and_no_second_message(api: Serving) -> None:
    token = api.token()
    first, again = (api.ask("POST", SEND, token, json=TO_ALICE, headers=KEY) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    quoted = api.ask("POST", SEND, token, json=TO_ALICE, headers={"idempotency-key": '"8e03978e"'})
    assert quoted.content == first.content
    assert api.count() == 1


def test_another_body_is_refused(api: Serving) -> None:
    token = api.token()
    api.ask("POST", SEND, token, json=TO_ALICE, headers=KEY)
    changed = api.ask("POST", SEND, token, json=TO_ALICE | {"text": "Autre"}, headers=KEY)
    many = {"purpose": "alerte", "messages": [{"recipient": ALICE, "text": "Bonjour"}]}
    elsewhere = api.ask("POST", f"{SEND}/many", token, json=many, headers=KEY)
    for answer in (changed, elsewhere):
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:gatewayd:problem:key-reused")
    assert api.count() == 1


def test_a_key_belongs_to_its_token(api: Serving) -> None:
    for name in ("a", "b"):
        assert api.ask("POST", SEND, api.token(name=name), json=TO_ALICE, headers=KEY).status_code == 202
    assert api.count() == 2


def test_many_at_the_same_moment_make_one(api: Serving) -> None:
    token, told, start = api.token(), Counter[int](), threading.Barrier(8)

    def ask() -> None:
        with api.client(token) as client:
            start.wait()
            told[client.post(SEND, json=TO_ALICE, headers=KEY).status_code] += 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(told) <= {202, 409}
    assert told[202] >= 1
    assert api.count() == 1


def test_a_refusal_may_be_asked_again(api: Serving) -> None:
    token, body = api.token(), TO_ALICE | {"purpose": "events"}
    assert api.ask("POST", SEND, token, json=body, headers=KEY).status_code == 422
    now = api.clock.utc_now()
    api.people.record_consent("+33639980001", "events", method="paper", recorded_by="test", at=now)
    assert api.ask("POST", SEND, token, json=body, headers=KEY).status_code == 202


def test_a_receipt_names_nobody(api: Serving) -> None:
    api.ask("POST", SEND, api.token(), json=TO_ALICE, headers=KEY)
    kept = Receipts(api.database).find(1, "8e03978e")
    assert kept is not None
    assert b"98000" not in kept.answer
    assert b"Bonjour" not in kept.answer


@pytest.mark.parametrize("key", ["a b", "x" * 300, '"é"'])
def test_keys_that_are_none(api: Serving, key: str) -> None:
    headers = {"idempotency-key": key.encode()}
    assert api.ask("POST", SEND, api.token(), json=TO_ALICE, headers=headers).status_code == 422
