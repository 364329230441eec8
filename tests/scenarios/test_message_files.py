"""Programs drop one message a file, as smstools3 and gammu take them, and lists as JSON lines."""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatewayd.clock import SystemClock
from gatewayd.interfaces.dropfolder.arrivals import Arrivals
from gatewayd.interfaces.dropfolder.folder import Turn
from gatewayd.interfaces.dropfolder.notifier import Notifier
from gatewayd.interfaces.dropfolder.spool import Spool
from gatewayd.store.schema import messages
from tests.scenarios.test_dropfolder_crash import STEPS, PowerCut, power_cut_at
from tests.security.dropping import NOON, Office

ALERT = b"To: 33639980001\n\nServer down\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def priorities(office: Office) -> list[int]:
    assert office.database is not None
    with office.database.read() as connection:
        return list(connection.execute(sa.select(messages.c.priority).order_by(messages.c.id)).scalars())


def refusal(office: Office) -> tuple[str, str]:
    answer = office.answer()
    assert office.queue() == []
    return answer.folder, answer.reasons[0]


# smstools3


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        ("", "Réunion à 19 h".encode(), "Réunion à 19 h"),
        ("", "Réunion, 5 €".encode("iso-8859-15"), "Réunion, 5 €"),
        ("Alphabet: ISO", "Déjà".encode("iso-8859-15"), "Déjà"),
        ("Alphabet: ISO", "Déjà".encode(), "Déjà"),
        ("Alphabet: UTF-8", "Déjà 🙂".encode(), "Déjà 🙂"),
        ("Alphabet: UCS2", "Déjà 🙂".encode("utf-16-be"), "Déjà 🙂"),
        ("Alphabet: Chinese", "中".encode("utf-16-be"), "中"),
        ("Alphabet: GSM", b"h\x05 \x1be", "hé €"),
        ("Alphabet: UTF", "Déjà\r\n\x1a".encode(), "Déjà"),
        ("", b"Alert\r\n\x1a", "Alert"),  # as DOS ends a file
        ("X-Program: nagios\r\nProvider: orange\r\nReport: yes\r\nFlash: no", b"a\r\n\r\nb", "a\n\nb"),
    ],
)
def test_a_file_of_smstools(office: Office, headers: str, body: bytes, text: str) -> None:
    office.drop("sms.x1", f"{headers}\nTo: 33 6 39 98 00 01\n".lstrip("\n").encode() + b"\n" + body)
    assert office.turn().accepted == 1
    assert office.queue() == [("+33639980001", text)]
    assert office.answer().states == ["queued"]


@pytest.mark.parametrize("blank", ["\n \n", "\n\t \n", "\r\n \r\n", "\n\r\n", "\r\n\n"])
def test_a_line_of_blanks_ends_the_headers(office: Office, blank: str) -> None:
    office.drop("a", f"To: 33639980001{blank}The cellar is flooding.\n\nCall Bob.".encode())
    office.turn()
    assert office.queue() == [("+33639980001", "The cellar is flooding.\n\nCall Bob.")]


@pytest.mark.parametrize("to", ["33639980001", "+33639980001", "0639980001", "0033639980001", "33 6 39-98-00-01"])
def test_numbers_as_programs_write_them(office: Office, to: str) -> None:
    office.drop("a", f"To: {to}\n\nx".encode())
    office.turn()
    assert office.queue() == [("+33639980001", "x")]


def test_the_same_words_again_are_another_alert(office: Office) -> None:
    for name in ("a", "b", "a"):
        office.drop(name, ALERT)
        assert office.turn().accepted == 1
    assert len(office.queue()) == 3
    assert [answer.name for answer in office.answers()] == ["a", "a-2", "b"]


@pytest.mark.parametrize(
    ("content", "folder", "words"),
    [
        (b"To: 33639980001\nTo: 33639980002\n\nx", "rejected", "plusieurs destinataires"),
        (b"To: 33639980001, 33639980002\n\nx", "rejected", "plusieurs destinataires"),
        (b"Alphabet: UTF\n\nTo: 33639980001", "rejected", "pas de ligne"),
        (b"To: 33639980001\nInclude: /etc/passwd\n\nx", "rejected", "Include"),
        (b"To: 33639980001\nUDH: true\nHex: 1\n\n0605040B8423F0", "rejected", "Hex"),
        (b"To: 33639980001\nSystem_message: yes\n\nx", "rejected", "System_message"),
        (b"To: 33639980001\nBinary: yes\n\nx", "rejected", "Binary"),
        (b"To: 33639980001\nAlphabet: binary\n\nx", "rejected", "alphabet inconnu"),
        (b"To: 33639980001\nAlphabet: UTF\n\n\xff\xfe", "corrupt", "n'est pas"),
        (b"To: 33639980001\nAlphabet: UCS\n\nabc", "corrupt", "n'est pas"),
        (b"To: 33639980001\n\n" + b"x" * 70_000, "rejected", "trop grand"),
        (b"To: 33639980001\n" + b"X: y\n" * 70 + b"\nx", "rejected", "en-t"),
        (b"To: 33639980001\n\n", "rejected", "pas de texte"),
        (b"To: 33639980001", "rejected", "pas de texte"),
        (b"To: 33639980001\n\na\0b", "rejected", "de commande"),
        (b"To: s112\n\nx", "rejected", "urgence"),
        (b"To: 33199001234\n\nx", "rejected", "fixe"),
        (b"To: \n\nx", "rejected", "pas de num"),
    ],
)
def test_what_is_refused(office: Office, content: bytes, folder: str, words: str) -> None:
    office.drop("a", content)
    office.turn()
    found, reason = refusal(office)
    assert (found, words in reason) == (folder, True), reason


def test_a_text_is_not_wanted_where_a_template_is(office: Office) -> None:
    office.drop("rappels/a", ALERT)
    office.turn()
    assert "modèle" in refusal(office)[1]


@pytest.mark.parametrize(
    ("written", "lasts"),
    [
        ("2 hours", timedelta(hours=2)),
        ("hour", timedelta(hours=1)),
        ("1 day", timedelta(days=1)),
        ("11", timedelta(hours=1)),
        ("9 weeks", None),
        ("", None),
        ("soon", None),
    ],
)
def test_a_validity_shortens_the_wait_and_never_lengthens_it(
    office: Office, written: str, lasts: timedelta | None
) -> None:
    office.drop("a", f"Validity: {written}\n".encode() + ALERT)
    office.turn()
    assert office.expiries() == [NOON + (lasts or office.purpose.time_to_live)]


def test_high_priority_goes_before_the_others_of_its_class_and_not_before_alerts(office: Office) -> None:
    for name, headers in (("a", b""), ("b", b"Priority: high\n"), ("c", b"Priority: low\n")):
        office.drop(name, headers + ALERT)
        office.turn()
    assert priorities(office) == [5, 4, 5]


def test_approval_holds_for_a_single_message_too(office: Office) -> None:
    office.drop("relu/a", ALERT)
    office.turn()
    assert office.states() == [("+33639980001", "held", "approval")]


@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_at_each_step_brings_it_in_once(tmp_path: Path, step: str) -> None:
    office = Office(tmp_path)
    office.drop("z", ALERT)
    office.turn()
    office.restart(power_cut_at(step))
    office.drop("a", ALERT)
    with pytest.raises(PowerCut):
        office.turn()
    office.restart()
    office.turn()
    office.turn()
    assert len(office.queue()) == 2
    assert [(answer.folder, answer.name) for answer in office.answers()] == [("done", "a"), ("done", "z")]
    assert list((office.root / "claimed").iterdir()) == []


# gammu


@pytest.mark.parametrize(
    ("name", "priority"),
    [
        ("OUT+33639980001.txt", 5),
        ("OUT0639980001.txt", 5),
        ("OUTA_+33639980001_00.txt", 4),
        ("OUTZ+33639980001_00.txtd", 6),
        ("OUTB20261124_100000_00_+33639980001_sms0.txtf", 4),
        ("OUTB20261124_100000_pc1_+33639980001_sms0.txt", 4),
    ],
)
def test_a_file_of_gammu(office: Office, name: str, priority: int) -> None:
    office.drop(name, "Déjà 🙂".encode("utf-16"))
    office.turn()
    assert office.queue() == [("+33639980001", "Déjà 🙂")]
    assert priorities(office) == [priority]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "iso-8859-15", "utf-16"])
def test_the_charsets_of_gammu(office: Office, encoding: str) -> None:
    office.drop("OUT0639980001.txt", "Café à 5 €".encode(encoding))
    office.turn()
    assert office.queue() == [("+33639980001", "Café à 5 €")]


def test_gammus_text_may_look_like_headers(office: Office) -> None:
    office.drop("OUT0639980001.txt", b"To: all of you\n\nHello")
    office.turn()
    assert office.queue() == [("+33639980001", "To: all of you\n\nHello")]


@pytest.mark.parametrize(
    ("name", "words"),
    [("OUT0639980001.smsbackup", "sauvegarde"), ("OUT0639980001.txtb", "signet"), ("OUT112.txt", "urgence")],
)
def test_what_is_refused_of_gammu(office: Office, name: str, words: str) -> None:
    office.drop(name, b"x")
    office.turn()
    assert words in refusal(office)[1]


@pytest.mark.parametrize("rest", ["", "_00", "_00_x_+33639980001"])
def test_a_date_in_a_name_is_no_number(office: Office, rest: str) -> None:
    office.drop(f"OUTC20261124_100000{rest}.txt", b"x")
    office.turn()
    assert "20261124" not in str(office.answer().report)


# JSON lines


def test_json_lines_with_texts(office: Office) -> None:
    lines: list[object] = [
        {"to": "06 39 98 00 01", "text": "un"},
        {"mobile": 33639980002, "message": "deux", "x": None},
        {"to": "+33639980001", "text": "encore"},
        {"to": "+33639980003"},
        ["+33639980004", "x"],
        {"to": "+33639980005", "text": ["x"]},
    ]
    office.drop("a.jsonl", "\n".join(map(json.dumps, lines)).encode() + b'\nnot json\n{"to": "1", "to": "2"}\n')
    assert office.turn().accepted == 2
    assert office.queue() == [("+33639980001", "un"), ("+33639980002", "deux")]
    report = office.answer().report
    assert [row[0] for row in report] == [str(line) for line in range(1, 9)]
    assert [row[3] for row in report][2:] == [
        "en double : déjà à la ligne 1",
        "pas de texte",
        "un objet JSON est attendu, entre accolades",
        "« text » : un texte ou un nombre entier est attendu",
        "cette ligne n'est pas un objet JSON",
        "une clé y figure deux fois",
    ]


def test_json_lines_for_a_template(office: Office) -> None:
    office.drop("rappels/a.jsonl", b'{"to":"0639980001","prenom":"Z","date":"24"}\n{"to":"0639980002","prenom":"Al"}\n')
    office.turn()
    assert office.queue() == [("+33639980001", "Bonjour Z, la réunion est le 24.")]
    assert office.answer().reasons[1] == "la colonne « date » est vide"


@pytest.mark.parametrize("half", ['"to": "\\ud800"', '"prenom": "\\udc00"', '"\\ud83d": [1]', '"\\ud83d": "x"'])
def test_half_a_character_is_a_fault_of_its_line_alone(office: Office, half: str) -> None:
    office.drop("a.jsonl", f'{{"to": "0639980001", "text": "x"}}\n{{{half}, "text": "x"}}\n'.encode())
    assert office.turn().accepted == 1
    assert office.answer().folder == "done"
    assert office.answer().reasons[1] == "le texte contient un caractère coupé en deux"


@pytest.mark.parametrize(
    "content",
    [b'{"to":"0639980001","text":"a"}\n{"to":"06399800', b"[" * 60_000, b'{"to":"' + b"0" * 70_000 + b'"}\n'],
)
def test_json_lines_cut_short_deep_or_long_are_refused_as_a_whole(office: Office, content: bytes) -> None:
    office.drop("a.jsonl", content)
    office.turn()
    assert (office.answer().folder, office.queue()) == ("corrupt", [])


def test_the_same_json_lines_are_accepted_once(office: Office) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        office.drop(name, b'{"to":"0639980001","text":"a"}\n')
        office.turn()
    assert len(office.queue()) == 1
    assert [answer.folder for answer in office.answers()] == ["done", "rejected"]


# Many, and at once


def test_a_file_renamed_into_place_is_taken_at_once(tmp_path: Path) -> None:
    bell = threading.Event()
    spool = Spool(tmp_path, [".", "rappels"])
    spool.prepare()
    notifier = Notifier(spool, bell)
    notifier.start()
    try:
        (tmp_path / "a").write_bytes(ALERT)
        (tmp_path / "a").rename(tmp_path / "drop/a")
        assert bell.wait(20)
        bell.clear()
        (tmp_path / "drop/rappels/.b.part").write_bytes(ALERT)
        (tmp_path / "drop/rappels/.b.part").rename(tmp_path / "drop/rappels/b")
        assert bell.wait(20)
    finally:
        notifier.stop()
    (tmp_path / "drop/c").write_bytes(ALERT)
    arrivals = Arrivals(spool, SystemClock(), 10, notifier.renamed)
    taken, _ = arrivals.take(50)
    assert [(one.feed, one.name) for one in taken] == [(".", "a"), ("rappels", "b")]


def test_no_feed_waits_for_the_files_of_another(office: Office) -> None:
    for index in range(120):
        office.drop(f"a{index:03}", ALERT, age=7200 - index)
    office.drop("relu/last", ALERT, age=60)
    assert office.turn() == Turn(100, 100, more=True)
    assert ("+33639980001", "held", "approval") in office.states()


def test_the_oldest_of_many_go_first_and_what_changed_is_left_alone(office: Office) -> None:
    for index in range(110):
        office.drop(f"a{index:02}", f"To: 33639980001\n\n{index}".encode(), age=100 + index)
    office.turn()
    assert [text for _, text in office.queue()][:3] == ["109", "108", "107"]
    (office.root / "drop/a09").write_bytes(b"To: 33639980001\n\nanew")
    os.utime(office.root / "drop/a09", (office.clock.now.timestamp(),) * 2)
    (office.root / "drop/a08").unlink()
    assert office.turn().accepted == 8
    office.clock.pass_by(30)
    assert office.turn().accepted == 1
    assert office.queue()[-1][1] == "anew"
