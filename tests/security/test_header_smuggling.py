"""Attack: a line becomes a header: of a file of smstools3, of what is written into it, of SPOOL/incoming/, or a form.

Who reads those files (an event handler, an old script) believes their headers. What a sender of an SMS or the writer of
a file makes up must not become one; and what two programs could read differently is refused.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatewayd.domain.token import Scope
from gatewayd.interfaces import incoming
from gatewayd.interfaces.dropfolder.answered import with_headers
from gatewayd.store.inbox import Incoming
from tests.security.dropping import Office
from tests.serving import Serving

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
CAME = Incoming(
    id=1, sim="accueil", imsi="208010000000001", imei="35", sender="+33639980001", text="Oui", parts=1, complete=True,
    service_centre="+33639980000", sent_at=NOON, received_at=NOON, kind="other", tier="", rule="", review=False,
    reviewed_at=None, reviewed_by="", verdict="", canceled=0,
)  # fmt: skip

SECOND = [
    b"To: 33639980001\nTo: 33639980002\n\nx",
    b"To: 33639980001\r\nTo: 33639980002\r\n\r\nx",
    b"To: 33639980001, 33639980002\n\nx",
    b"To: 33639980001;33639980002\n\nx",
    b"To: 33639980001\n 33639980002\n\nx",
    b"To: 33639980001\rTo: 33639980002\n\nx",
    b"To: 33639980001\x0bTo: 33639980002\n\nx",
    "To: 33639980001\u2028To: 33639980002\n\nx".encode(),
    "To: 33639980001\u0085To: 33639980002\n\nx".encode(),
]


@pytest.mark.parametrize("content", SECOND)
def test_a_second_recipient_never_gets_the_message(tmp_path: Path, content: bytes) -> None:
    office = Office(tmp_path)
    office.drop("sms.1", content)
    office.turn()
    assert office.queue() in ([], [("+33639980001", "x")])
    assert content not in SECOND[:4] or office.queue() == []  # where it is plain, the whole file is refused


def test_what_stands_below_the_empty_line_is_text(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("sms.1", b"To: 33639980001\n\nTo: 33639980002\nHex: yes\n\nx")
    office.turn()
    assert office.queue() == [("+33639980001", "To: 33639980002\nHex: yes\n\nx")]


def test_a_file_that_says_it_was_sent_loses_that_line(tmp_path: Path) -> None:
    office = Office(tmp_path)
    forged = b"To: 112\nSent: 26-11-24 10:00:00\nMessage_id: 7\nModem: accueil\nFail_reason: none\n\nx"
    office.drop("sms.1", forged)
    office.turn()
    head = (office.root / "rejected" / "sms.1").read_text().split("\n\n")[0].splitlines()
    names = [line.split(":")[0] for line in head]
    assert names == ["To", "Fail_reason", "Failed"]
    assert "emergency" in head[1]


@pytest.mark.parametrize("value", ["a\nTo: 1", "a\r\nTo: 1", "a\rTo: 1", "a\u2028To: 1", "a\x00To: 1", "a\x85To: 1"])
def test_no_reason_makes_a_line_of_its_own(value: str) -> None:
    made = with_headers(b"To: 33639980001\n\nx", [("Fail_reason", value)]).decode()
    assert [line.split(":")[0] for line in made.split("\n\n")[0].splitlines()] == ["To", "Fail_reason"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sender", "Banque\nFrom: 33639980002"),
        ("sender", "Banque\r\nFrom: 33639980002"),
        ("sender", "Banque\u2028From: 33639980002"),
        ("sim", "accueil\nFrom: 33639980002"),
        ("imsi", "1\nFrom: 33639980002"),
        ("text", "\nFrom: 33639980002\n\nx"),
        ("text", "From: 33639980002"),
    ],
)
def test_nobody_writes_a_header_of_a_received_message(field: str, value: str) -> None:
    changed: dict[str, Any] = {field: value}
    made = incoming.content(dataclasses.replace(CAME, **changed), UTC)
    head = made.split("\n\n")[0].splitlines()
    assert sum(line.startswith("From:") for line in head) == 1
    assert len(head) == len(incoming.content(CAME, UTC).split("\n\n")[0].splitlines())


@pytest.mark.parametrize("name", ["to", "text", "username", "password", "charset"])
def test_a_field_of_kannels_call_that_stands_twice_is_refused(api: Serving, name: str) -> None:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])
    fields = {"username": "zabbix", "password": token, "to": "0639980001", "text": "x", "charset": "utf-8"}
    answer = api.ask("POST", "/cgi-bin/sendsms", params={name: "other"}, data=fields)
    assert (answer.status_code, api.count()) == (400, 0)
    answer = api.ask("GET", "/cgi-bin/sendsms", params=[*fields.items(), (name, fields[name])])
    assert (answer.status_code, api.count()) == (400, 0)
