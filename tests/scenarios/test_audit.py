"""The audit trail from outside: each verb of the operator leaves its entry, and nothing personal."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gatewayd.cli.main import app
from gatewayd.domain.audit import Row, verify
from gatewayd.domain.message import Outcome
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.store import audit
from gatewayd.store.engine import Database
from gatewayd.store.inbox import UNREADABLE, Inbox, NewArrival, NewIncoming
from gatewayd.store.outbox import Finished, Outbox, Wanted
from gatewayd.store.sims import Sims
from tests.receiver import SECRET
from tests.scenarios import forked
from tests.scenarios.installation import ROOT, Installation, environment
from tests.scenarios.test_demo import demo
from tests.scenarios.test_inherit import database

FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"+3363998000{place}" for place in (1, 2, 3, 4, 9))
ALERTE = Purpose("alerte", "Alertes", Basis.VITAL_INTEREST)


def trail(installation: Installation) -> list[Row]:
    with installation.database() as database, database.read() as connection:
        return list(audit.rows(connection))


def prepare(installation: Installation) -> None:
    """What no command makes: two messages that may have gone out, an opt-out to review, two PDUs nobody can read."""
    with installation.database() as database:
        now, outbox = datetime.now(UTC), Outbox(database)
        sim_id = Sims(database).remember(
            iccid="8933000000000000001", imsi="208", name="s", pool="default", imei="35", port="p", now=now
        )
        wanted = Wanted(sim_id, "default", {"alerte": ALERTE}, frozenset(), None, 9, False, "test/1", 300.0)
        for _ in range(2):
            work = outbox.turn(None, wanted, now)
            assert work is not None
            outbox.mark_on_wire(work, ALERTE, now)
            outbox.turn(Finished(work, Outcome.UNKNOWN, now), None, now)
        inbox = Inbox(database)
        inbox.keep([NewArrival(sim_id, bytes([n]) * 16, f"0{n}", UNREADABLE, now) for n in (1, 2)])
        new = NewIncoming(sim_id, FIRST, "stop ?", 1, True, "", now, now, "opt_out", "probable", "r", True)
        for _ in range(2):
            database.write(lambda connection: inbox.add(connection, new, []))


# Each verb in its turn, what is typed, and the entries that it leaves. Messages 1 and 2 are unknown.
VERBS: list[tuple[str, tuple[str, ...], dict[str, int]]] = [
    ("send", ("-p", "alerte", FIRST, "Bonjour"), {"message.accepted": 1}),
    ("messages hold", ("3",), {"message.held": 1}),
    ("messages hold", ("3",), {}),
    ("messages release", ("3",), {"message.released": 1}),
    ("messages cancel", ("3", "99"), {"message.canceled": 1}),
    ("messages resolve", ("1", "--as-sent"), {"message.resolved": 1}),
    ("messages resolve", ("2", "--resend"), {"message.resolved": 1}),
    ("consents record", ("-p", "events", "--evidence", "classeur 3", SECOND), {"consent.recorded": 1}),
    ("consents withdraw", ("-p", "events", SECOND), {"consent.withdrawn": 1}),
    ("consents import", ("-p", "events", "--agreed", "2026-01-02", "--yes", "people.csv"), {"consent.recorded": 2}),
    ("contacts import", ("--yes", "people.csv"), {"contacts.imported": 1}),
    ("consents ask", ("-p", "events", "--reason", "formulaire", FOURTH), {"consent.asked": 1, "message.accepted": 1}),
    ("optouts add", ("--origin", "tel 06 39 98 00 02", SECOND), {"optout.recorded": 1}),
    ("optouts add", (SECOND,), {"optout.repeated": 1}),
    ("optouts remove", (SECOND,), {"optout.lifted": 1}),
    ("optouts remove", (SECOND,), {}),
    ("optouts import", ("stops.csv",), {"optout.recorded": 1, "optouts.imported": 1}),
    ("optouts export", (), {"optouts.exported": 1}),
    ("inbox review", ("1", "keep"), {"inbox.reviewed": 1}),
    ("inbox review", ("2", "lift"), {"inbox.reviewed": 1}),
    ("quarantine retry", ("1",), {}),
    ("quarantine discard", ("1", "2"), {"quarantine.discarded": 2}),
    ("tokens create", ("--scope", "submit", "site"), {"token.created": 1}),
    ("tokens revoke", ("site",), {"token.revoked": 1}),
    ("import smstools3", ("-p", "alerte", "smsd.conf"), {"optout.recorded": 1, "optouts.imported": 1}),
    ("import gammu-smsd", ("-p", "alerte", "--apply-stops", "smsd.db"), {"messages.accepted": 1, "optout.recorded": 2}),
    # The same by its other name: all of it is there.
    ("import gammu", ("-p", "alerte", "--apply-stops", "smsd.db"), {}),
    ("webhooks replay", (), {}),
    ("webhooks test", ("app",), {"webhook.tested": 1}),
    ("audit export", (), {"trail.exported": 1}),
    ("audit export", ("--reveal",), {"trail.revealed": 1}),
]
READS = {
    "check", "status", "messages list", "messages show", "inbox list", "inbox show", "inbox read", "quarantine list",
    "modems list", "modems probe", "modems simulate", "sims list", "contacts list", "contacts show", "consents show",
    "optouts list", "audit list", "audit verify", "campaigns explain", "campaigns lint", "campaigns list",
    "campaigns report", "campaigns show", "segments list", "segments preview", "tokens list",
    "webhooks list", "webhooks dead",
}  # fmt: skip
FILES = (".csv", ".conf", ".db")
ELSEWHERE = {"run", "demo", "drop"}  # what is dropped has its entry when the daemon accepts it
CAMPAIGNS = {f"campaigns {verb}" for verb in ("create", "test", "approve", "start", "pause", "resume", "cancel")}


def leaves(command: Any, path: str = "") -> Iterator[str]:
    if not hasattr(command, "list_commands"):
        yield path
        return
    for name in command.list_commands(None):
        yield from leaves(command.get_command(None, name), f"{path} {name}".strip())


def test_whoever_opted_out_is_found_in_the_trail(tmp_path: Path) -> None:
    installed = Installation(tmp_path)
    installed.run("optouts", "add", "01 99 00 12 34", "+44 7700 900123")
    for number in ("01 99 00 12 34", "+44 7700 900123"):
        (entry,) = installed.json("audit", "list", "--about", number)
        assert entry["event"] == "optout.recorded"
    assert installed.run("audit", "list", "--about", "Zoé").returncode == 2


def test_each_verb_is_known_to_leave_an_entry_or_none() -> None:
    assert set(leaves(typer.main.get_command(app))) == {verb for verb, _, _ in VERBS} | READS | ELSEWHERE | CAMPAIGNS


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.mark.timeout(300)
def test_each_verb_leaves_its_entry_with_who_typed_it(installed: Installation) -> None:
    for _ in range(2):
        assert installed.run("send", "-p", "alerte", FIRST, "Bonjour").returncode == 0
    prepare(installed)
    (installed.directory / "people.csv").write_text(f"Téléphone;Prénom\n{SECOND};Zoé\n{THIRD};Léo\n")
    (installed.directory / "stops.csv").write_text(f"{THIRD}\n")
    left_behind(installed.directory)
    asks = "basis: consent, wording: {template: association, frequency: un SMS par mois}"
    told = "webhooks: [{name: app, url: 'http://127.0.0.1:9/', secret: app}]\n"
    installed.file.write_text(installed.file.read_text().replace("basis: consent", asks) + told)
    installed.give("app", SECRET)
    before = trail(installed)
    for verb, words, wanted in VERBS:
        typed = [str(installed.directory / word) if word.endswith(FILES) else word for word in words]
        done = run_as("camille", installed, *verb.split(), *typed)
        after = trail(installed)
        new = after[len(before) :]
        assert Counter(row.event for row in new) == wanted, (verb, done.stderr)
        assert {row.actor for row in new} <= {"camille"}, verb
        before = after
    assert verify(before).broken is None
    assert personal(json.dumps([row[:-1] for row in before])) == set()


def left_behind(directory: Path) -> None:
    """What smstools3 and gammu-smsd leave: a black list; two messages that wait and two STOPs that nobody heard."""
    (directory / "black").write_text(f"{FIFTH.removeprefix('+')}\n")
    spool = "".join(f"{key} = {directory}/none\n" for key in ("outgoing", "checked", "incoming"))
    (directory / "smsd.conf").write_text(f"blacklist = {directory}/black\n{spool}")
    database(directory)


def run_as(who: str, installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["--config", str(installation.file), *words], environment(SUDO_USER=who))


def personal(words: str) -> set[str]:
    """Numbers, and texts and names of the demo and of these tests."""
    return set(re.findall(r"6[ .-]?39[ .-]?98|Bonjour|Zoé|Léo|classeur|noté|Amicale", words))


def test_the_demo_leaves_no_number_and_no_text_and_verifies(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    done = demo("--directory", str(place))
    assert "The audit trail is whole: " in done.stdout, done.stdout + done.stderr
    gateway = Demonstrated(place)
    exported = gateway.run("audit", "export").stdout
    assert personal(exported) == set()
    assert set(re.findall(r'"event":"([a-z.]+)"', exported)) >= {
        "daemon.started", "batch.accepted", "message.accepted", "message.sent", "message.delivered", "message.blocked",
        "consent.recorded", "optout.recorded", "daemon.stopped", "trail.exported",
    }  # fmt: skip
    anchored = gateway.run("audit", "verify", "--anchors", str(place / "gatewayd.log"), "--json")
    told = json.loads(anchored.stdout)
    assert (told["verified"], told["broken"]) == (True, None)
    assert told["anchors"] >= 2
    words = {row["subject"][:10] for row in map(json.loads, exported.splitlines()[1:-1]) if row["subject"]}
    assert set(re.findall(r"p:[0-9a-f]{8}", (place / "gatewayd.log").read_text())) <= words, (
        "the log's words begin them"
    )


class Demonstrated(Installation):
    """The directory that a demo has left."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.file, self.state = directory, directory / "gatewayd.yaml", directory / "state"


# Verify and export.


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One with some entries; tests take copies."""
    installation = Installation(tmp_path_factory.mktemp("used"))
    installation.run("send", "-p", "alerte", FIRST, "un")
    installation.run("optouts", "add", SECOND, THIRD)
    return installation


@pytest.fixture
def copy(used: Installation, tmp_path: Path) -> Installation:
    installation = Installation(tmp_path)
    shutil.copytree(used.state, installation.state, symlinks=True)
    return installation


def damage(installation: Installation, statement: str) -> None:
    """As somebody does it who has the key and takes the triggers away."""
    with installation.database() as database:

        def act(connection: Any) -> None:
            for name in ("audit_next", "audit_final", "audit_kept"):
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.exec_driver_sql(statement)

        database.write(act)


def test_an_export_is_checked_and_checks_the_trail(copy: Installation) -> None:
    export = copy.directory / "trail.jsonl"
    export.write_text(copy.run("audit", "export").stdout)
    assert copy.run("audit", "verify", "--export", str(export)).returncode == 0
    damage(copy, "DELETE FROM audit WHERE seq > 2")
    assert copy.run("audit", "verify").returncode == 0, "nobody can tell without it"
    done = copy.run("audit", "verify", "--export", str(export))
    assert done.returncode == 1
    assert "entry 3 is missing, and all after it" in done.stderr
    export.write_text(export.read_text().replace('"actor":"', '"actor":"x', 1))
    done = copy.run("audit", "verify", "--export", str(export))
    assert done.returncode == 1
    assert f"{export} is not as it was written: entry 1" in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET details = 'x'",
        "UPDATE audit SET details = '[1]'",
        "UPDATE audit SET at = 'yesterday'",
        "UPDATE audit SET version = 9",
        "UPDATE audit SET actor = char(27)",
    ],
)
def test_a_damaged_trail_can_be_looked_at(copy: Installation, change: str) -> None:
    damage(copy, change)
    done = copy.run("audit", "list")
    assert (done.returncode, done.stderr, "\x1b" in done.stdout) == (0, "", False)
    assert len(copy.json("audit", "list")) == len(done.stdout.splitlines()) - 2
    assert copy.run("audit", "verify").returncode == 1


def test_a_changed_entry_is_named_in_plain_words(copy: Installation) -> None:
    damage(copy, "UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    done = copy.run("audit", "verify")
    assert done.returncode == 1
    assert "entry 2 does not fit the one before it" in done.stderr
    told = copy.run("audit", "verify", "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["broken"]["fault"] == "edited"


def test_anchors_come_from_the_journal_by_stdin_or_by_hand(copy: Installation) -> None:
    head = json.loads(copy.run("audit", "verify", "--json").stdout)["head"]
    seq, digest = head.split(":")
    journal = f"Nov 24 10:00:00 pi gatewayd[1]: audit.anchor seq={seq} hash={digest}\nNov 24 line.up port=x\n"
    assert copy.run("audit", "verify", "--anchors", "-", given=journal).returncode == 0
    assert copy.run("audit", "verify", "--anchor", head, "--anchor", f"0:{'0' * 64}").returncode == 0
    later = journal.replace(f"seq={seq}", "seq=77")
    assert copy.run("audit", "verify", "--anchors", "-", given=later).returncode == 1
    assert copy.run("audit", "verify", "--anchor", f"{seq}:{'0' * 64}").returncode == 1
    assert copy.run("audit", "verify", "--anchor", "12:zz").returncode == 2


def test_where_no_anchor_is_found_nothing_is_said_to_agree(copy: Installation) -> None:
    done = copy.run("audit", "verify", "--anchors", "-", given="-- No entries --\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no anchor was found" in done.stderr
    assert "sudo" in done.stderr


@pytest.mark.parametrize("words", ["", "nonsense\n", "[]\n", '{"after":"0:00"}\n', '{"after":3}\n', "{" * 200_000])
def test_what_is_no_export_is_refused_in_a_sentence(copy: Installation, words: str) -> None:
    file = copy.directory / "x.jsonl"
    file.write_text(words)
    done = copy.run("audit", "verify", "--export", str(file))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_an_export_that_was_cut_off_is_refused(copy: Installation) -> None:
    file = copy.directory / "x.jsonl"
    file.write_text("".join(copy.run("audit", "export").stdout.splitlines(keepends=True)[:-1]))
    done = copy.run("audit", "verify", "--export", str(file))
    assert done.returncode == 2
    assert "the file was cut off" in done.stderr


def test_numbers_are_revealed_only_when_asked_for_and_that_is_told_first(copy: Installation) -> None:
    plain = copy.run("audit", "export").stdout
    assert personal(plain) == set()
    revealed = [json.loads(line) for line in copy.run("audit", "export", "--reveal").stdout.splitlines()[1:-1]]
    assert [row["number"] for row in revealed if "number" in row] == [FIRST, SECOND, THIRD]
    assert revealed[-1]["event"] == "trail.revealed"
    table = copy.run("audit", "export", "--csv", "--reveal").stdout.splitlines()
    assert table[0] == "seq;at;actor;event;subject;number;details;hash"
    assert FIRST in table[1]


def test_a_part_is_exported_and_verifies(copy: Installation) -> None:
    file = copy.directory / "x.jsonl"
    file.write_text(copy.run("audit", "export", "--since", "2020-01-01", "--until", "2099-01-01").stdout)
    assert copy.run("audit", "verify", "--export", str(file)).returncode == 0
    for words in (("--since", "2099-01-01"), ("--until", "2020-01-01")):
        file.write_text(copy.run("audit", "export", *words).stdout)
        assert len(file.read_text().splitlines()) == 2
        assert copy.run("audit", "verify", "--export", str(file)).returncode == 0


def test_the_script_of_the_book_checks_an_export(copy: Installation) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "audit.md").read_text(), re.DOTALL)
    exported = copy.run("audit", "export", "--reveal").stdout
    for words, status in ((exported, 0), (exported.replace('"canceled":0', '"canceled":1', 1), 1)):
        done = subprocess.run([sys.executable, "-c", script], check=False, input=words, capture_output=True, text=True)
        assert done.returncode == status, done.stderr


def test_entries_are_listed_by_number_or_pseudonym(copy: Installation) -> None:
    (entry,) = copy.json("audit", "list", "--about", "06 39 98 00 02")
    assert set(entry) == {"seq", "version", "at", "actor", "event", "subject", "details", "hash"}
    assert entry["event"] == "optout.recorded"
    assert copy.json("audit", "list", "--about", entry["subject"]) == [entry]
    assert [one["seq"] for one in copy.json("audit", "list", "--event", "optout.recorded", "--limit", "1")] == [3]
    assert "optout.recorded" in copy.run("audit", "list").stdout


# Two processes.

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from gatewayd.domain.audit import Event
from gatewayd.store import audit
from gatewayd.store.engine import Database
database = Database.open(Path(sys.argv[1]), patience=40)
print("ready", flush=True)
sys.stdin.readline()
mine = others = 0
while mine < 50 or others < 50:
    database.write(lambda connection: audit.append(connection, Event.HELD, datetime.now(UTC), by=sys.argv[2]))
    mine += 1
    with database.read() as connection:
        others = audit.head(connection).seq - mine
database.close()
"""


def test_two_processes_at_once_make_one_gapless_chain(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    Database.open(path).close()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name], cwd=ROOT, env=environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        for name in ("daemon", "cli")
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=50)
        assert writer.returncode == 0
    database = Database.open(path)
    with database.read() as connection:
        rows = list(audit.rows(connection))
    database.close()
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert verify(rows).broken is None
    turns = sum(1 for one, other in itertools.pairwise(rows) if one.actor != other.actor)
    assert turns > 1, "they did write at once"


def test_the_daemon_tells_its_start_and_end_and_anchors_them(tmp_path: Path) -> None:
    installed = Installation(tmp_path)
    with installed.daemon() as daemon:
        daemon.ready()
        assert installed.run("optouts", "add", FIRST).returncode == 0
        assert daemon.terminate() == 0
    events = [row.event for row in trail(installed)]
    assert events == ["daemon.started", "optout.recorded", "daemon.stopped"]
    anchors = re.findall(r"audit\.anchor seq=(\d+) hash=[0-9a-f]{64}", daemon.log.read_text())
    assert anchors == ["1", "3"]
    done = installed.run("audit", "verify", "--anchors", str(daemon.log))
    assert (done.returncode, "2 anchors agreed with" in done.stdout) == (0, True)
