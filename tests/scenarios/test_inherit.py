"""An administrator leaves smstools3, or gammu-smsd: what waited, the black list, and the STOPs nobody heard."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.scenarios.installation import Installation

GAMMU = """
CREATE TABLE gammu (Version INTEGER NOT NULL DEFAULT 0 PRIMARY KEY);
CREATE TABLE outbox (ID INTEGER PRIMARY KEY, InsertIntoDB, SendingDateTime, Text, DestinationNumber, Coding, UDH, Class,
  TextDecoded, MultiPart, RelativeValidity, SenderID, CreatorID, Priority);
CREATE TABLE outbox_multipart (ID INTEGER, SequencePosition INTEGER, Text, Coding, UDH, Class, TextDecoded);
CREATE TABLE sentitems (ID INTEGER, SequencePosition INTEGER, SendingDateTime, DestinationNumber, TextDecoded, Status,
  SenderID);
CREATE TABLE inbox (ID INTEGER PRIMARY KEY, ReceivingDateTime, SenderNumber, Coding, UDH, TextDecoded, Processed);
INSERT INTO outbox (ID, InsertIntoDB, DestinationNumber, TextDecoded, MultiPart, UDH) VALUES
  (1, '2026-11-01', '+33639980001', 'court', 'false', ''),
  (2, '2026-11-01', '0639980002', 'long ', 'true', '050003AA0201'),
  (3, '2026-11-01', '+33639980003', 'incomplet', 'true', '050003AB0301'),
  (4, '2026-11-01', '112', 'x', 'false', ''),
  (5, '2026-11-01', '+33639980009', 'parti', 'false', '');
INSERT INTO outbox_multipart (ID, SequencePosition, TextDecoded) VALUES (2, 2, 'et fin'), (3, 2, 'x');
INSERT INTO sentitems VALUES (9, 1, '2026-10-01 10:00:00', '+33639980001', 'x', 'SendingOK', 'huawei'),
  (9, 2, '2026-10-01 10:00:01', '+33639980001', 'x', 'SendingOK', 'huawei'),
  (10, 1, '2026-10-02 10:00:00', '+33639980004', 'x', 'SendingError', 'huawei'),
  (1, 1, '2026-10-02 10:00:00', '+33639980001', 'court', 'SendingError', 'huawei'),
  (2, 1, '2026-10-02 10:00:00', '0639980002', 'another', 'SendingError', 'huawei'),
  (5, 1, '2026-10-02 10:00:00', '+33639980009', 'parti', 'SendingOKNoReport', 'huawei');
INSERT INTO inbox (ReceivingDateTime, SenderNumber, UDH, TextDecoded) VALUES
  ('2026-09-01 10:00:00', '+33639980001', '', 'STOP'),
  ('2026-09-02 10:00:00', '+33639980005', '', 'Stop'),
  ('2026-09-03 10:00:00', '+33639980005', '', 'START'),
  ('2026-09-04 10:00:00', '+33639980006', '', 'je ne veux plus recevoir vos messages svp'),
  ('2026-09-05 10:00:00', '+33639980007', '', 'merci, à samedi'),
  ('2026-09-06 10:00:00', '+33639980008', '050003010202', 'OP'),
  ('2026-09-06 10:00:00', '+33639980008', '050003010201', 'ST'),
  ('2026-09-06 10:00:00', 'FREE', '', 'STOP');
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def database(directory: Path, version: int = 18) -> Path:
    file = directory / "smsd.db"
    connection = sqlite3.connect(file)
    connection.executescript(GAMMU)
    connection.execute("INSERT INTO gammu VALUES (?)", (version,))
    connection.commit()
    connection.close()
    return file


def brought(installed: Installation, *words: str) -> str:
    done = installed.run("import", *words)
    assert done.returncode == 0, done.stderr
    return " ".join((done.stdout + done.stderr).split())


def queue(installed: Installation) -> list[tuple[str, str, str]]:
    found = installed.json("messages", "list")
    return sorted((one["recipient"], one["state"], one["text"]) for one in found)


def opted_out(installed: Installation) -> list[tuple[str, str]]:
    return sorted((one["recipient"], one["origin"]) for one in installed.json("optouts", "list"))


@pytest.mark.timeout(180)
def test_gammus_database(installed: Installation, tmp_path: Path) -> None:
    file = database(tmp_path)
    before = file.read_bytes()
    words = ("gammu-smsd", str(file), "--purpose", "alerte", "--apply-stops")
    said = brought(installed, *words, "--dry-run")
    assert "huawei sent 3 SMS to 2 numbers" in said
    assert "outbox 5: it was sent already" in said
    assert "`--sim huawei=NAME`" in said
    assert "2 messages held, 0 known already" in said
    assert "outbox 3: a part is missing" in said
    assert "7 messages of the old inbox read: 2 say STOP, 1 perhaps" in said
    assert (queue(installed), opted_out(installed)) == ([], [])
    brought(installed, *words)
    assert queue(installed) == [("+33639980001", "held", "court"), ("+33639980002", "held", "long et fin")]
    assert [number for number, _ in opted_out(installed)] == ["+33639980001", "+33639980008"]
    assert opted_out(installed)[0][1].startswith("imported inbox 2026-09-01 ")
    said = brought(installed, *words)
    assert "0 messages held, 2 known already" in said
    assert "0 say STOP" in said
    assert len(queue(installed)) == 2
    assert file.read_bytes() == before


@pytest.mark.timeout(180)
def test_smstools(installed: Installation, tmp_path: Path) -> None:
    spool = tmp_path / "sms"
    for folder in ("outgoing", "checked", "incoming"):
        (spool / folder).mkdir(parents=True)
    (spool / "outgoing/a").write_bytes("To: 33639980001\n\nDéjà".encode("iso-8859-15"))
    (spool / "checked/b").write_bytes(b"To: 33639980002\n\nx")
    (spool / "outgoing/c.LOCK").write_bytes(b"To: 33639980003\n\nx")
    (spool / "outgoing/d").write_bytes(b"Voicecall: yes\nTo: 33639980003\n\nx")
    (spool / "incoming/e").write_bytes(b"From: 33639980002\nReceived: 26-09-01 10:00:00\nAlphabet: ISO\n\nSTOP\n")
    (tmp_path / "black").write_text("33639980009 # angry\n33899\n336399800\n33639980009,\n")
    conf = tmp_path / "smsd.conf"
    conf.write_text(
        f"Devices = GSM1\noutgoing = {spool}/outgoing\nchecked = {spool}/checked\nincoming = {spool}/incoming\n"
        f"Blacklist = {tmp_path}/black\neventhandler = /usr/local/bin/event\n[GSM1]\n"
        "device = /dev/ttyUSB0\npin = 1234\nmessage_limit = 200\n"
    )
    said = brought(installed, "smstools3", str(conf), "--purpose", "alerte", "--queued", "--apply-stops")
    assert "- port: /dev/ttyUSB0 pin: sim-gsm1" in said
    assert "1234" not in said
    assert "`limits: {per_day: 200}`" in said
    assert "forbidden_header" in said
    assert "1 entries are the beginning of a number" in said
    assert "2 numbers of the black list: the beginning of one, or none, left out" in said
    assert queue(installed) == [("+33639980001", "queued", "Déjà"), ("+33639980002", "queued", "x")]
    assert opted_out(installed)[1] == ("+33639980009", "smstools3 blacklist")
    assert opted_out(installed)[0][0] == "+33639980002"
    assert "0 messages queued, 2 known" in brought(installed, "smstools3", str(conf), "-p", "alerte", "--queued")


def test_gammus_folders_and_what_is_no_gammu(installed: Installation, tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    (tmp_path / "out/OUTA_0639980001_0.txt").write_bytes("Déjà".encode("utf-16"))
    (tmp_path / "in/IN20260901_100000_00_+33639980002_00.txt").write_bytes(b"ST")
    (tmp_path / "in/IN20260901_100000_00_+33639980002_01.txt").write_bytes(b"OP")
    rc = tmp_path / "smsdrc"
    rc.write_text(f"[gammu]\nport = /dev/ttyUSB1\n[smsd]\nInboxPath = {tmp_path}/in/\nOutboxPath = {tmp_path}/out/\n")
    said = brought(installed, "gammu-smsd", str(rc), "-p", "alerte")
    assert "+33639980002 wrote STOP 2026-09-01" in said
    assert queue(installed) == [("+33639980001", "held", "Déjà")]
    assert opted_out(installed) == []
    assert installed.run("import", "gammu-smsd", str(installed.file)).returncode == 2
    assert installed.run("import", "gammu-smsd", str(tmp_path / "none")).returncode == 2
    assert installed.run("import", "gammu-smsd", str(database(tmp_path, 7))).returncode == 2


@pytest.fixture
def met(tmp_path: Path) -> Installation:
    """A gateway that has met its SIM."""
    installed = Installation(tmp_path, ("sim://a",))
    with installed.daemon() as daemon:
        daemon.ready().all_modems_ok()
        assert daemon.terminate() == 0
    return installed


MODERN = """
CREATE TABLE gammu (Version INTEGER);
INSERT INTO gammu VALUES (18);
CREATE TABLE phones (ID, IMEI, IMSI);
INSERT INTO phones VALUES ('huawei', '1', '{imsi}'), ('old', '2', '');
CREATE TABLE outbox (ID INTEGER PRIMARY KEY, InsertIntoDB, SendingDateTime, SendBefore DEFAULT '23:59:59',
  SendAfter DEFAULT '00:00:00', SendDays DEFAULT 127, DestinationNumber, Coding, UDH, Class DEFAULT -1, TextDecoded,
  MultiPart DEFAULT 'false', RelativeValidity DEFAULT -1, SenderID, DeliveryReport DEFAULT 'default',
  Priority DEFAULT 0);
INSERT INTO outbox (ID, InsertIntoDB, DestinationNumber, TextDecoded, Priority, RelativeValidity) VALUES
  (1, '2026-11-01', '+33639980001', 'vite', 5, 11), (2, '2026-11-01', '+33639980002', 'plus tard', -1, -1);
INSERT INTO outbox (ID, InsertIntoDB, DestinationNumber, TextDecoded, SendingDateTime, SendDays) VALUES
  (3, '2026-11-01', '+33639980003', 'à Noël', '2099-12-25 10:00:00', 31);
INSERT INTO outbox (ID, InsertIntoDB, DestinationNumber, TextDecoded, SenderID, DeliveryReport, Class) VALUES
  (4, '2026-11-01', '+33639980004', 'x', 'huawei', 'no', 0);
INSERT INTO outbox (ID, InsertIntoDB, DestinationNumber, TextDecoded, Class) VALUES (5, '', '*100#', 'x', 127);
INSERT INTO outbox (ID, InsertIntoDB, DestinationNumber, Coding) VALUES (6, '', '+33639980006', '8bit');
CREATE TABLE outbox_multipart (ID, SequencePosition, TextDecoded);
CREATE TABLE sentitems (ID, SequencePosition, SendingDateTime, DestinationNumber, Status, SenderID);
INSERT INTO sentitems VALUES (9, 1, '2026-10-01 10:00:00', '+33639980001', 'DeliveryOK', 'huawei'),
  (10, 1, '2026-10-03 10:00:00', '0639980001', 'SendingOK', 'huawei'),
  (11, 1, '2026-10-02 10:00:00', '+33639980002', 'SendingOKNoReport', 'old');
CREATE TABLE inbox (ID INTEGER PRIMARY KEY, ReceivingDateTime, SenderNumber, UDH, TextDecoded, RecipientID);
INSERT INTO inbox (ReceivingDateTime, SenderNumber, UDH, TextDecoded, RecipientID) VALUES
  ('2026-09-01 10:00:00', '+33639980001', '', 'Merci', 'huawei'),
  ('2026-09-02 10:00:00', '+33639980002', '', 'STOP', 'old');
"""


@pytest.mark.timeout(180)
def test_what_gammus_messages_ask_for_and_whom_its_modems_knew(met: Installation, tmp_path: Path) -> None:
    (sim,) = met.json("sims", "list")
    file = tmp_path / "smsd.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(MODERN.format(imsi=sim["imsi"]))
    connection.close()
    words = ("gammu-smsd", str(file), "-p", "alerte", "--keep-inbox")
    said = brought(met, *words, "--dry-run")
    for expected in (
        "outbox 5: a USSD code is no message",
        "outbox 6: it is binary",
        "1 waiting message had hours or days of its own",
        "1 waiting message was to be sent by a certain modem",
        "1 waiting message asked for no delivery report",
        "1 waiting message was to flash",
        "huawei sent 2 SMS to 2 numbers",
        f"they stay with {sim['name']}: 1 number",
        "`--sim old=NAME`",
        "1 message of the old inbox left out",
        "1 message to be kept",
    ):
        assert expected in said
    assert met.json("inbox", "list") == met.json("messages", "list") == []

    brought(met, *words, "--sim", f"old={sim['name']}")
    listed = sorted(met.json("messages", "list"), key=lambda one: one["recipient"])
    assert [(one["text"], one["sim"]) for one in listed] == [
        ("vite", sim["name"]), ("plus tard", sim["name"]), ("à Noël", None), ("x", None)
    ]  # fmt: skip
    assert [(one["sender"], one["text"], one["kind"], one["review"]) for one in met.json("inbox", "list")] == [
        ("+33639980002", "STOP", "opt_out", False),
        ("+33639980001", "Merci", "other", False),
    ]
    again = brought(met, *words, "--sim", f"old={sim['name']}")
    assert "0 messages held, 4 known already" in again
    assert "0 messages kept in the inbox, 2 known already" in again
    assert "0 of them new to it" in again
    assert "inbox.imported" in met.run("audit", "list").stdout
    with met.daemon() as daemon:  # history is told to nobody
        daemon.ready()
        assert daemon.terminate() == 0
    assert not list((met.spool / "incoming").glob("*"))
    assert met.run("import", *words, "--sim", "old=nobody").returncode == 2
    assert met.run("import", *words, "--sim", "old").returncode == 2


@pytest.mark.timeout(180)
def test_what_smstools_sent_and_failed(met: Installation, tmp_path: Path) -> None:
    (sim,) = met.json("sims", "list")
    for folder in ("sent", "failed", "incoming"):
        (tmp_path / folder).mkdir()
    ending = f"Modem: GSM1\nSent: 26-10-01 10:00:00\nIMSI: {sim['imsi']}\n\nx"
    (tmp_path / "sent/a").write_text(f"To: 33639980001\n{ending}")
    (tmp_path / "sent/b").write_text(f"To: 33639980002\n{ending}")
    (tmp_path / "failed/c").write_text("To: 33639980003\nFailed: 26-10-01 10:00:00\n\nx")
    heard = f"From: 33639980001\nReceived: 26-10-02 10:00:00\nSubject: GSM1\nIMSI: {sim['imsi']}\n\nBien"
    (tmp_path / "incoming/d").write_text(heard)
    conf = tmp_path / "smsd.conf"
    folders = "".join(f"{folder} = {tmp_path}/{folder}\n" for folder in ("sent", "failed", "incoming"))
    extra = "checkhandler = /usr/local/bin/check\nalarmhandler = /usr/local/bin/alarm\n"
    conf.write_text(f"devices = GSM* 1-2, other\n{folders}{extra}[GSM1]\ndevice = /dev/ttyUSB0\nbaudrate = 9600\n")
    said = brought(met, "smstools3", str(conf), "--keep-inbox")
    assert "- port: /dev/ttyUSB0 baudrate: 9600 - port: ? - port: ?" in said
    assert "GSM1 sent 2 SMS to 2 numbers" in said
    assert "checkhandler = /usr/local/bin/check: not done here; purposes, consents and limits decide" in said
    assert "alarmhandler = /usr/local/bin/alarm: not done here" in said
    assert f"they stay with {sim['name']}: 2 numbers, 2 of them new" in said
    assert "failed: 1 that could not be sent stay there" in said
    assert [one["text"] for one in met.json("inbox", "list")] == ["Bien"]


def test_drop_puts_a_file_whole_under_a_free_name(installed: Installation, tmp_path: Path) -> None:
    folder = installed.spool / "drop"
    folder.mkdir(parents=True)
    (tmp_path / "a.csv").write_bytes(b"tel;message\n0639980001;x\n")
    for _ in range(2):
        assert installed.run("drop", str(tmp_path / "a.csv")).returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["a-2.csv", "a.csv"]
    assert (folder / "a-2.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    assert installed.run("drop", str(tmp_path / "a.csv"), "--feed", "../done").returncode == 2
    assert installed.run("drop", str(tmp_path / "none")).returncode == 2
    (installed.spool / "drop").rename(installed.spool / "away")
    done = installed.run("drop", str(tmp_path / "a.csv"))
    assert done.returncode == 2
    assert "restart" in done.stderr
