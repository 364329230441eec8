"""Attack (or mistake): byte order marks where none belongs, twice, or of another encoding, and NULs in the text."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from gatewayd.domain.token import Scope
from tests.security.dropping import Office
from tests.serving import TO_ALICE, Serving

LIST = "téléphone;texte\n0639980001;Réunion\n"
UTF8, UTF16 = codecs.BOM_UTF8, codecs.BOM_UTF16_LE
SENT = [("+33639980001", "Réunion")]


@pytest.mark.parametrize(
    ("name", "content", "queue"),
    [
        ("one.csv", UTF8 + LIST.encode(), SENT),
        ("utf-16.csv", LIST.encode("utf-16"), SENT),
        ("utf-16be.csv", codecs.BOM_UTF16_BE + LIST.encode("utf-16-be"), SENT),
        ("two.csv", UTF8 * 2 + LIST.encode(), SENT),
        ("of another encoding.csv", UTF16 + LIST.encode(), []),
        ("utf-32.csv", codecs.BOM_UTF32_LE + LIST.encode("utf-32-le"), []),
        ("alone.csv", UTF8, []),
        ("nul.csv", LIST.replace("Ré", "R\0").encode(), []),
        ("nul in the number.csv", LIST.replace("06", "0\x006").encode(), []),
        ("half of utf-16.csv", LIST.encode("utf-16-le"), []),
        ("lines.jsonl", UTF8 + b'{"to": "0639980001", "text": "R\xc3\xa9union"}\n', SENT),
        ("nul.jsonl", b'{"to": "0639980001", "text": "R\\u0000union"}\n', []),
        ("raw nul.jsonl", b'{"to": "0639980001", "text": "R\0union"}\n', []),
        ("sms", UTF8 + "To: 33639980001\n\nRéunion".encode(), SENT),
        ("sms of nuls", b"To: 33639980001\n\nR\0union", []),
        ("nul in the header", b"To: 3363998\x000001\n\nR", []),
        ("OUT+33639980001.txt", "Réunion".encode("utf-16"), SENT),
        ("OUT+33639980002.txt", UTF8 + b"R\0union", []),
        ("OUT+33639980003.txt", UTF16 + b"R", []),
    ],
)
def test_read_as_it_was_meant_or_refused(
    tmp_path: Path, name: str, content: bytes, queue: list[tuple[str, str]]
) -> None:
    office = Office(tmp_path)
    office.drop(name, content)
    office.turn()
    assert office.queue() == queue
    answer = office.answer()
    assert (answer.folder == "done") == bool(queue)
    assert "\0" not in str(answer)


@pytest.mark.parametrize("field", ["recipient", "text", "purpose"])
def test_a_nul_in_json_is_refused(api: Serving, field: str) -> None:
    body = TO_ALICE | {field: TO_ALICE[field] + "\0"}
    assert api.ask("POST", "/v1/messages", api.token(), json=body).status_code == 422
    assert api.count() == 0


def test_a_byte_order_mark_before_json_is_no_json(api: Serving) -> None:
    body, headers = UTF8 + json.dumps(TO_ALICE).encode(), {"content-type": "application/json"}
    answer = api.ask("POST", "/v1/messages", api.token(), content=body, headers=headers)
    assert answer.status_code in (202, 400, 422)
    assert api.count() == (answer.status_code == 202)


@pytest.mark.parametrize("name", ["to", "text", "password", "username"])
def test_a_nul_in_kannels_call_is_refused(api: Serving, name: str) -> None:
    token = api.token(Scope.SUBMIT, name="zabbix", purposes=["alerte"])
    fields = {"username": "zabbix", "password": token, "to": "0639980001", "text": "Bonjour"}
    answer = api.ask("POST", "/cgi-bin/sendsms", data=fields | {name: fields[name] + "\0"})
    assert answer.status_code in (400, 403)
    assert api.count() == 0
