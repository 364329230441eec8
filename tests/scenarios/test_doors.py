"""One message through every door: each makes the same of it, or refuses it for the same reason.

The doors: `gatewayd send`, the API (one, and among many), Kannel's call, and in the drop folder a list, JSON lines, a
file of smstools3 and one of gammu. There is one difference, and it is meant: who sends one message by hand or by a
program hears at once that its recipient opted out; a file is accepted, and the gate stops the message when it leaves.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from gatewayd.cli import context
from gatewayd.interfaces.dropfolder import sentences
from tests.scenarios.installation import Installation

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("doors")]

_NAMES = itertools.count(1)


Message = tuple[str, str, int]


@dataclass(frozen=True)
class Outcome:
    """The message as the queue has it, or why there is none: a word where the door says one, and a sentence."""

    message: Message | None = None
    word: str = ""
    sentence: str = ""


class House:
    """A daemon without modems: what is accepted stays in the queue."""

    def __init__(self, here: Installation) -> None:
        self.here = here
        self.socket = here.directory / "api.sock"
        self.token = ""

    def client(self) -> httpx.Client:
        transport, headers = httpx.HTTPTransport(uds=str(self.socket)), {"authorization": f"Bearer {self.token}"}
        return httpx.Client(transport=transport, base_url="http://localhost", headers=headers, timeout=30)

    def newest(self) -> int:
        with self.client() as client:
            found = client.get("/v1/messages?limit=1").json()["messages"]
        return int(found[0]["id"]) if found else 0

    def message(self, after: int) -> Message | None:
        """What was accepted since; never more than one."""
        with self.client() as client:
            new = [one for one in client.get("/v1/messages?limit=5").json()["messages"] if one["id"] > after]
        assert len(new) <= 1
        assert all(one["purpose"] == "alerte" and one["state"] == "queued" for one in new)
        return (new[0]["recipient"], new[0]["text"], new[0]["parts"]) if new else None

    def dropped(self, name: str, content: bytes) -> Outcome:
        before = self.newest()
        draft = self.here.spool / "drop" / f".{name}.part"
        draft.write_bytes(content)
        draft.rename(self.here.spool / "drop" / name)
        answers = [self.here.spool / folder / f"{name}.report.csv" for folder in ("done", "rejected", "corrupt")]
        deadline = time.monotonic() + 40
        while not any(path.exists() for path in answers) and time.monotonic() < deadline:
            time.sleep(0.01)
        (report,) = [path for path in answers if path.exists()]
        *_, row = csv.reader(report.read_text("utf-8-sig").splitlines(), delimiter=";")
        found = self.message(before)
        return Outcome(found) if found else Outcome(sentence=row[3] if len(row) > 3 else row[0])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    here = Installation(tmp_path_factory.mktemp("doors"))
    found = House(here)
    with here.file.open("a") as stream:
        stream.write(f"api: {{socket: {found.socket}}}\n")
    scopes = ("--scope", "submit", "--scope", "read", "--purpose", "alerte")
    found.token = here.json("tokens", "create", "shop", *scopes)["token"]
    with here.daemon() as daemon:
        daemon.ready()
        yield found
        assert daemon.terminate() == 0


def by_hand(house: House, number: str, text: str) -> Outcome:
    before = house.newest()
    done = house.here.run("send", "--purpose", "alerte", "--", number, text)
    if done.returncode == 0:
        return Outcome(house.message(before))
    assert house.message(before) is None
    said = done.stderr.strip().removeprefix("gatewayd: ")
    return Outcome(sentence=re.sub(r"\Athis (number|text) cannot be used: ", "", said))


def by_api(house: House, number: str, text: str) -> Outcome:
    before = house.newest()
    with house.client() as client:
        body = {"purpose": "alerte", "recipient": number, "text": text}
        answer = client.post("/v1/messages", json=body)
    if answer.status_code == 202:
        return Outcome(house.message(before))
    told = answer.json()
    assert house.message(before) is None
    return Outcome(word=told.get("reason", told["type"]), sentence=told.get("detail", told["title"]))


def among_many(house: House, number: str, text: str) -> Outcome:
    before = house.newest()
    with house.client() as client:
        body = {"purpose": "alerte", "messages": [{"recipient": number, "text": text}]}
        answer = client.post("/v1/messages/many", json=body)
    if answer.status_code == 202:
        return Outcome(house.message(before))
    (refusal,) = answer.json().get("refusals") or [{"reason": "", "detail": answer.json()["title"]}]
    return Outcome(word=refusal["reason"], sentence=refusal["detail"])


def as_to_kannel(house: House, number: str, text: str) -> Outcome:
    before = house.newest()
    with house.client() as client:
        fields = {"username": "shop", "password": house.token, "to": number, "text": text}
        answer = client.post("/cgi-bin/sendsms", data=fields)
    if answer.status_code == 202:
        return Outcome(house.message(before))
    return Outcome(sentence=answer.text.removesuffix(", rejected"))


def in_a_list(house: House, number: str, text: str) -> Outcome:
    path = house.here.directory / "list.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream, delimiter=";").writerows([["téléphone", "texte"], [number, text]])
    return house.dropped(f"{next(_NAMES)}.csv", path.read_bytes() + b"\r\n" * next(_NAMES))


def in_json_lines(house: House, number: str, text: str) -> Outcome:
    line = json.dumps({"to": number, "text": text, "n": next(_NAMES)})
    return house.dropped(f"{next(_NAMES)}.jsonl", f"{line}\n".encode())


def as_to_smstools(house: House, number: str, text: str) -> Outcome:
    return house.dropped(f"sms.{next(_NAMES)}", f"To: {number}\nAlphabet: UTF\n\n{text}".encode())


def as_to_gammu(house: House, number: str, text: str) -> Outcome:
    return house.dropped(f"OUTB_{number.replace(' ', '')}_{next(_NAMES)}.txt", text.encode("utf-16"))


Door = Callable[[House, str, str], Outcome]
ASKED: list[Door] = [by_api, among_many]
TOLD: list[Door] = [by_hand, as_to_kannel]
DROPPED: list[Door] = [in_a_list, in_json_lines, as_to_smstools, as_to_gammu]

WRITTEN, ALICE = "06 39 98 00 01", "+33639980001"
GOOD: list[tuple[str, str, Message]] = [
    (WRITTEN, "Bonjour", (ALICE, "Bonjour", 1)),
    ("+33639980001", "5 €", (ALICE, "5 €", 1)),
    ("0033639980001", "x" * 161, (ALICE, "x" * 161, 2)),
    (WRITTEN, "  e\u0301te\u0301\r\nDeux  ", (ALICE, "été\nDeux", 1)),
    (WRITTEN, "Oui 🙂" + " oui" * 17, (ALICE, "Oui 🙂" + " oui" * 17, 2)),
]
BAD: list[tuple[str, str, str]] = [
    ("01 99 00 12 34", "x", "landline"),
    ("0899123456", "x", "premium"),
    ("112", "x", "emergency"),
    ("3200", "x", "short"),
    ("+447700900123", "x", "foreign"),
    ("+870773111632", "x", "satellite"),
    ("0639", "x", "invalid"),
    ("06 39 98 OO 01", "x", "letters"),
    ("٠٦٣٩٩٨٠٠٠١", "x", "letters"),
    (WRITTEN, "x" * 2000, "too_many_parts:14/4"),
    (WRITTEN, "a\x01b", "control_characters"),
    (WRITTEN, "a\x1b[31mb", "control_characters"),
    (WRITTEN, " \n ", "no_text"),
]


def takes(door: Door, number: str) -> bool:
    """gammu knows its files by their names, which hold digits."""
    return door is not as_to_gammu or bool(re.fullmatch(r"\+?[0-9 ]+", number, re.ASCII))


@pytest.mark.parametrize(("number", "text", "message"), GOOD)
def test_each_makes_the_same_of_it(house: House, number: str, text: str, message: Message) -> None:
    for door in (*ASKED, *TOLD, *DROPPED):
        assert door(house, number, text) == Outcome(message), door.__name__


@pytest.mark.parametrize(("number", "text", "word"), BAD)
def test_each_refuses_it_for_the_same_reason(house: House, number: str, text: str, word: str) -> None:
    sentence = by_api(house, number, text).sentence
    for door in ASKED:
        assert door(house, number, text) == Outcome(word=word, sentence=sentence), door.__name__
    for door in TOLD:
        assert door(house, number, text) == Outcome(sentence=sentence), door.__name__
    for door in DROPPED:
        if takes(door, number):
            assert door(house, number, text).sentence == sentences.of_row(word, "fr"), door.__name__


@pytest.mark.parametrize("door", [*ASKED, *TOLD, *DROPPED])
@pytest.mark.parametrize(("number", "text"), [("", "x"), (WRITTEN, "")])
def test_nothing_is_made_of_nothing(house: House, door: Door, number: str, text: str) -> None:
    if takes(door, number):
        found = door(house, number, text)
        assert found.message is None
        assert found.sentence


@pytest.mark.parametrize("door", [*ASKED, *TOLD, *DROPPED])
def test_each_leaves_its_entry_in_the_audit_trail(house: House, door: Door) -> None:
    """Who it was: the operator, the token, or the file of a feed."""
    assert door(house, WRITTEN, "x").message is not None
    entry = next(one for one in house.here.json("audit", "list") if "accepted" in one["event"])
    who = "gatewayd" if door in DROPPED else context.operator() if door is by_hand else f"token:shop uid:{os.getuid()}"
    assert (entry["actor"], entry["event"]) == (who, "batch.accepted" if door in DROPPED else "message.accepted")
