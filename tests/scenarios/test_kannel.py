"""Programs that speak Kannel's sendsms, and nothing else, are answered as by Kannel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from gatewayd.domain.token import Scope
from gatewayd.store.schema import messages
from tests.serving import PURPOSES, Serving

KANNEL = "/cgi-bin/sendsms"


def test_kannels_call(api: Serving) -> None:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])
    fields = {"username": "zabbix", "password": token, "to": "0639980001", "text": "Disque plein : é"}
    answer = api.ask("GET", KANNEL, params=fields | {"from": "Zabbix", "dlr-mask": "31"})
    assert (answer.status_code, answer.text) == (202, "0: Accepted for delivery")
    form = {"to": "0639980001 0639980002", "coding": "2", "charset": "UTF-8"}
    assert api.ask("POST", KANNEL, data=fields | form).status_code == 202
    assert [(one.recipient[-1], one.text, one.feed) for one in api.outbox.list()] == [
        (last, "Disque plein : é", "zabbix") for last in "211"
    ]


def test_a_plus_that_nobody_encoded_is_one(api: Serving) -> None:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])
    answer = api.ask("GET", f"{KANNEL}?username=zabbix&password={token}&text=x&to=+447700900123")
    assert answer.text == "a number of GB, where we may not write, rejected"
    assert api.ask("GET", f"{KANNEL}?username=zabbix&password={token}%0A&text=x&to=+33639980001").status_code == 202


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"username": "other"}, 403),
        ({"password": "x"}, 403),
        ({"to": ""}, 400),
        ({"to": "15"}, 400),
        ({"text": ""}, 400),
        ({"udh": "%06"}, 400),
        ({"charset": "utf-7"}, 400),
    ],
)
def test_kannels_refusals(api: Serving, changed: dict[str, str], status: int) -> None:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])
    fields = {"username": "zabbix", "password": token, "to": "0639980001", "text": "Bonjour"}
    assert api.ask("GET", KANNEL, params=fields | changed).status_code == status
    assert api.count() == 0


@pytest.fixture
def call(api: Serving) -> Callable[..., str]:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])

    def called(to: str = "0639980001", *, method: str = "GET", **more: str) -> str:
        fields = {"username": "zabbix", "password": token, "to": to, "text": "x"} | more
        given = {name: value.replace("TOKEN", token) for name, value in fields.items() if value}
        return str(api.ask(method, KANNEL, params=given).text)

    return called


def test_kannels_other_names_for_who_calls(call: Callable[..., str]) -> None:
    assert call(username="", user="zabbix", password="", **{"pass": "TOKEN"}) == "0: Accepted for delivery"
    assert call(username="", user="other") == "Authorization failed for sendsms"


def test_kannels_call_names_those_who_get_nothing_and_counts_each_once(api: Serving, call: Callable[..., str]) -> None:
    said = call("0639980001 0199000001 +33639980002 0639980001 0639980003x")
    assert said == "0: Accepted for delivery Denied receivers are: 0199000001 0639980003x"
    assert sorted(one.recipient for one in api.outbox.list()) == ["+33639980001", "+33639980002"]
    assert call("0199000001 0199000002").endswith(", rejected")


def test_kannels_call_says_when_and_for_how_long(api: Serving, call: Callable[..., str]) -> None:
    for when in ({"deferred": "60"}, {"validity": "30"}, {"deferred": "0", "validity": "-1"}, {"validity": "999999"}):
        assert call(**when) == "0: Accepted for delivery"
    with api.database.read() as connection:
        rows = connection.execute(sa.select(messages).order_by(messages.c.id)).all()
    lives = PURPOSES["alerte"].time_to_live
    hour, half = timedelta(hours=1), timedelta(minutes=30)
    assert [row.not_before and row.not_before - row.created_at for row in rows] == [hour, None, None, None]
    assert [row.expires_at - row.created_at for row in rows] == [hour + lives, half, lives, lives]
    assert [row.ready for row in rows] == [False, True, True, True]
    assert call(deferred="soon") == "Deferred field misformed, rejected"
    assert call(validity="1234567") == "Validity field misformed, rejected"


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "iso-8859-1", "ISO8859-1", "latin1", "CP1252", "iso_8859-15"])
def test_kannels_charsets_by_the_names_that_programs_write(api: Serving, charset: str) -> None:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])
    text = quote("é".encode("utf-8" if charset.lower().startswith("utf") else "iso-8859-1"))
    query = f"username=zabbix&password={token}&to=0639980001&coding=-1&charset={charset}&text={text}"
    assert api.ask("GET", f"{KANNEL}?{query}").status_code == 202
    assert api.outbox.list()[0].text == "é"


def test_a_form_of_kannels_may_say_its_charset_and_what_is_none_is_told_so(api: Serving) -> None:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])
    form = f"username=zabbix&password={token}&to=0639980001&text=x"
    kind = {"content-type": "application/x-www-form-urlencoded; charset=ISO-8859-1"}
    assert api.ask("POST", KANNEL, content=form, headers=kind).status_code == 202
    refused = api.ask("POST", KANNEL, content=form, headers={"content-type": "text/plain"})
    assert (refused.status_code, refused.json()["title"]) == (415, "The body must be a form")
    assert "application/x-www-form-urlencoded" in refused.json()["detail"]
    assert api.ask("POST", "/v1/messages", content="{}", headers=kind).json()["title"] == "The body must be JSON"


def test_kannels_call_wants_a_token_of_one_purpose(api: Serving) -> None:
    fields = {"username": "shop", "password": api.token(), "to": "0639980001", "text": "Bonjour"}
    assert api.ask("GET", KANNEL, params=fields).status_code == 403
