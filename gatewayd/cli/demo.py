"""`gatewayd demo`: the whole thing on two simulated SIMs, from an empty directory, in under a minute.

The parts are the daemon's own, in this process; only the SIMs and their network are simulated. The demo ends well only
if the network's ledger agrees with the database: each part of each sent message accepted exactly once, for its own
recipient and nobody else, and nothing for those who may not be written to. One recipient answers STOP in the middle:
what was planned for him later is canceled, and the campaign that follows leaves him out. The audit trail of it all is
verified at the end.
"""

from __future__ import annotations

import csv
import json
import secrets
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from gatewayd import config, data, logs
from gatewayd.cli import demo_campaign, options, output
from gatewayd.clock import Clock, SystemClock
from gatewayd.config import Settings
from gatewayd.credentials import Credentials
from gatewayd.daemon.gateway import Gateway
from gatewayd.daemon.rules import number_rules
from gatewayd.daemon.storage import log_key
from gatewayd.domain.audit import Verdict, verify
from gatewayd.domain.message import SETTLED_STATES, MessageState
from gatewayd.domain.number import repair_excel
from gatewayd.errors import ModemBusy, NumberError, UsageError
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.dropfolder.names import REPORT
from gatewayd.interfaces.spreadsheet.table import REJECTED
from gatewayd.modem import simulator
from gatewayd.modem.simulator import Accepted, Network
from gatewayd.services.intake import plan_text
from gatewayd.store import audit
from gatewayd.store.contacts import Person
from gatewayd.store.people import People
from gatewayd.store.work import MessageRecord, NewMessage

app = options.command()

PURPOSE = "vie-associative"
NAME = "membres.csv"
ICCIDS = ("8933000000000000001", "8933000000000000002")
_REMINDER = "Bonjour, la réunion commence dans une heure. Amicale des Jardins"
_MESSAGES = data.ACCEPTED + 2
"""Those of the file; the reminder for the person who says STOP, and the confirmation that he gets instead."""
_LONGEST = 55.0
"""Seconds after which the demo has failed."""
_LOOK = 0.1

_CONFIGURATION = """\
# Written by `gatewayd demo`. The SIMs are simulated: nothing leaves this machine.
organisation:
  name: Amicale des Jardins
  privacy_contact: rgpd@example.org
  privacy_notice: https://example.org/confidentialite
country: FR
state_directory: {state}
spool_directory: {spool}
modems:
  - port: sim://accueil?network={network}&iccid={first}&latency=0.3&jitter=0.1&report=1&rule={stops};reply=STOP
  - port: sim://secours?network={network}&iccid={second}&latency=0.3&jitter=0.1&report=1&rule={stops};reply=STOP
sims:
  - {{name: accueil, iccid: "{first}", line: {{allows: [information]}}, price_per_sms: 0}}
  - {{name: secours, iccid: "{second}", line: {{allows: [information]}}, price_per_sms: 0.05}}
default_limits: {{per_minute: 600, per_day: 1000, recipients_per_month: 250}}
purposes:
  {purpose}:
    label: La vie de l'association
    basis: consent
    wording: {{template: association, frequency: deux SMS par mois au plus}}
    footer: "Amicale des Jardins. STOP : répondez STOP. CONTACT : qui écrit"
contacts:
  fields:
    parcelle: {{type: number, why: prévenir ceux dont la parcelle est prête}}
feeds:
  - folder: .
    purpose: {purpose}
"""


@app.command()
def demo(
    directory: Annotated[
        Path | None, typer.Option("--directory", "-d", help="An empty or new directory; it is kept.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary directory.")] = False,
) -> None:
    """Show the whole thing on two simulated SIMs, from an empty directory."""
    with _place(directory, keep) as place:
        network = simulator.network(f"demo-{secrets.token_hex(4)}")
        settings = _configured(place, network)
        outcome = _Demo(settings, network).run()
    if outcome:
        output.fail("\n".join(outcome))
        raise typer.Exit(1)


@contextmanager
def _place(directory: Path | None, keep: bool) -> Iterator[Path]:
    """The directory to work in; a temporary one goes away at the end, unless it is to be kept."""
    if directory is None:
        place = Path(tempfile.mkdtemp(prefix="gatewayd-demo-"))
    else:
        place = directory.absolute()
        if place.exists() and any(place.iterdir()):
            raise UsageError(f"{place} is not empty: the demo begins from nothing")
        place.mkdir(parents=True, exist_ok=True)
    try:
        yield place
    finally:
        if directory is None and not keep:
            shutil.rmtree(place, ignore_errors=True)
        else:
            output.say(f"All of it is in {place}")


def _configured(place: Path, network: Network) -> Settings:
    file = place / "gatewayd.yaml"
    words = _CONFIGURATION.format(
        state=json.dumps(str(place / "state")),  # a JSON string is a YAML string, whatever the directory's name
        spool=json.dumps(str(place / "spool")),
        network=network.name,
        purpose=PURPOSE,
        first=ICCIDS[0],
        second=ICCIDS[1],
        stops=data.SAYS_STOP.removeprefix("+"),
    )
    file.write_text(words, encoding="utf-8")
    network.ledger.write_to(place / "ledger.jsonl")
    return config.load(file)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the sample, as the person who wrote it sees it; `recipient` is empty where it is no number."""

    line: int
    name: str
    written: str
    recipient: str


class _Answer(NamedTuple):
    """A row of the report, with its columns in their order."""

    line: str
    number: str
    state: str
    reason: str
    sent_at: str
    parts: str


class _Demo:
    def __init__(self, settings: Settings, network: Network) -> None:
        self._settings, self._network = settings, network
        self._clock: Clock = SystemClock()
        self._secrets = replace(Credentials.of(settings.file, settings.state_directory), store=())
        self._report = settings.spool_directory / "done" / f"{NAME}{REPORT}"

    def run(self) -> list[str]:
        """What does not agree, in sentences; nothing when all is well."""
        directory = self._settings.file.parent
        settings = self._settings
        settings.state_directory.mkdir(mode=0o700)
        with (directory / "gatewayd.log").open("w", encoding="utf-8") as stream:
            logs.configure(log_key(self._secrets), stream=stream, style="plain")
            gateway = Gateway(settings, self._secrets, self._clock, settle=0.2)
            rows = self._rows()
            self._record_people(gateway, rows)
            gateway.start()
            try:
                self._plan_a_later_message(gateway)
                _drop(data.DEMO_FILE, settings.spool_directory / "drop" / NAME)
                self._watch(gateway)
                self._print(rows, gateway.outbox.list(limit=1000))
                demo_campaign.run(gateway, settings, self._clock, _members(rows), PURPOSE)
                messages = gateway.outbox.list(limit=1000)
                verdict = _verified(gateway)
            finally:
                while not gateway.stop(5):
                    pass
        faults = disagreements(messages, self._network.ledger.entries())
        if verdict.broken is not None:
            faults.append(f"the audit trail is not as it was written: {verdict.broken}")
        if not faults:
            sent = sum(message.parts for message in messages if message.state in _SENT)
            output.show(
                Text.assemble(
                    ("The ledger agrees with the database", "bold green"),
                    f": {sent} SMS, each accepted once by the network, each for its own recipient.",
                )
            )
            words = f": {verdict.head.seq} entries verified, each sealing all before it."
            output.show(Text.assemble(("The audit trail is whole", "bold green"), words))
        return faults

    def _rows(self) -> list[_Row]:
        rules = number_rules(self._settings)
        rows = []
        with data.DEMO_FILE.open(encoding="utf-8-sig", newline="") as stream:
            for line, cells in enumerate(csv.DictReader(stream, delimiter=";"), start=2):
                written = cells["Téléphone"]
                try:
                    recipient = rules.parse(repair_excel(written))
                except NumberError:
                    recipient = ""
                rows.append(_Row(line, f"{cells['Prénom']} {cells['Nom']}", written, recipient))
        return rows

    def _record_people(self, gateway: Gateway, rows: Sequence[_Row]) -> None:
        people, now = People(gateway.database), self._clock.utc_now()
        recipients = {row.recipient for row in rows} - {"", data.WITHOUT_CONSENT}
        for recipient in sorted(recipients):
            people.record_consent(
                recipient, PURPOSE, method="paper", recorded_by="demo", at=now, evidence="bulletin d'adhésion"
            )
        people.add_optout(data.OPTED_OUT, origin="by letter", by="demo", at=now)
        output.say(f"{len(recipients)} consents and one opt-out are recorded; {NAME} is dropped into the folder.")

    def _plan_a_later_message(self, gateway: Gateway) -> None:
        """To somebody who will answer STOP to his first one: it must never leave."""
        purpose, now = self._settings.purposes[PURPOSE], self._clock.utc_now()
        planned = plan_text(_REMINDER, purpose)
        later = NewMessage(
            recipient=data.SAYS_STOP,
            purpose=purpose.key,
            feed="demo",
            pool=purpose.pool,
            priority=purpose.priority,
            text=planned.text,
            alphabet=str(planned.alphabet),
            parts=len(planned.parts),
            created_at=now,
            not_before=now + timedelta(hours=1),
        )
        gateway.outbox.accept(None, [later])

    def _watch(self, gateway: Gateway) -> None:
        """Until every message has come to its end and the report says so."""
        deadline = self._clock.monotonic() + _LONGEST
        with _progress(_MESSAGES) as tell:
            while not self._reported(gateway):
                if self._clock.monotonic() > deadline:
                    raise ModemBusy(f"after {_LONGEST:.0f} seconds there are still {dict(gateway.outbox.counts())}")
                counts = gateway.outbox.counts()
                tell(sum(count for state, count in counts.items() if state in SETTLED_STATES))
                time.sleep(_LOOK)
            tell(_MESSAGES)

    def _reported(self, gateway: Gateway) -> bool:
        counts = gateway.outbox.counts()
        settled = sum(count for state, count in counts.items() if state in SETTLED_STATES)
        if settled < _MESSAGES or sum(counts.values()) > settled or not self._report.exists():
            return False
        return not any(answer.state in _OPEN for answer in self._answers())

    def _answers(self) -> list[_Answer]:
        """The rows of the report, below its heading."""
        with self._report.open(encoding="utf-8-sig", newline="") as stream:
            return [_Answer(*cells) for cells in islice(csv.reader(stream, delimiter=";"), 1, None)]

    def _print(self, rows: Sequence[_Row], messages: Sequence[MessageRecord]) -> None:
        by_number = {message.recipient: message for message in messages if message.feed == "."}
        answers = {answer.line: answer for answer in self._answers()}
        cells: list[tuple[object, ...]] = []
        for row in rows:
            answer = answers[str(row.line)]
            message = by_number.get(row.recipient) if answer.state != REJECTED else None
            state = message.state if message else REJECTED
            sent = message is not None and message.state in _SENT
            sim, parts, why = (message.sim, message.parts, "") if message and sent else ("", "", answer.reason)
            cells.append((row.line, row.name, row.written, output.state(state), sim, parts, why))
            if row.recipient == data.SAYS_STOP:
                cells += [_after_stop(row, one) for one in reversed(messages) if one.feed != "."]
        columns = ("LINE", "NAME", "NUMBER", "STATE", "SIM", "SMS", "WHY")
        output.show(output.table(columns, cells, numeric=frozenset({"LINE", "SMS"})))
        output.show(Text.assemble("\nThe report: ", (str(self._report), "bold")))
        for line in self._report.read_text(encoding="utf-8-sig").splitlines():
            output.say(f"  {line}", style="dim")
        output.say("")
        _print_counts(messages)


def _members(rows: Sequence[_Row]) -> list[Person]:
    """The rows as contacts, each number once, with a plot of the garden each."""
    found: dict[str, Person] = {}
    for row in rows:
        if row.recipient:
            given_name, _, family_name = row.name.partition(" ")
            fields = {"parcelle": row.line}
            found.setdefault(row.recipient, Person(row.recipient, given_name, family_name, "fr", fields))
    return list(found.values())


def _verified(gateway: Gateway) -> Verdict:
    """The audit trail, checked from its first entry to its last."""
    with gateway.database.read() as connection:
        return verify(audit.rows(connection))


def _after_stop(row: _Row, message: MessageRecord) -> tuple[object, ...]:
    """A message to the person who said STOP that is not out of the file."""
    if message.state in _SENT:
        return ("", row.name, row.written, output.state(message.state), message.sim, message.parts, message.text)
    why = sentences.of_message(message.state, message.reason, "fr")
    return ("", row.name, row.written, output.state(message.state), "", "", f"rappel prévu plus tard : {why}")


_OPEN = frozenset(str(state) for state in MessageState if state not in SETTLED_STATES)
_SENT = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED})


def _print_counts(messages: Sequence[MessageRecord]) -> None:
    counts = Counter(message.state for message in messages)
    words = Text(f"{len(messages)} messages: ")
    for number, (state, count) in enumerate(counts.most_common()):
        words.append(", " if number else "")
        words.append_text(output.state(state))
        words.append(f" {count}")
    output.show(words)


def _drop(sample: Path, target: Path) -> None:
    """As a careful program does it: written under another name, then renamed."""
    draft = target.with_name(f".{target.name}.part")
    shutil.copyfile(sample, draft)
    draft.rename(target)


def disagreements(messages: Sequence[MessageRecord], ledger: Sequence[Accepted]) -> list[str]:
    """Where the database and the network's ledger do not say the same."""
    faults = []
    unfinished = [message.id for message in messages if message.state not in SETTLED_STATES]
    if unfinished:
        faults.append(f"messages {unfinished} have not come to an end")
    wanted: Counter[tuple[str, int, int]] = Counter()
    for message in messages:
        if message.state in _SENT:
            wanted.update((message.recipient, part, message.parts) for part in range(1, message.parts + 1))
    found = Counter(
        (entry.destination, entry.concat[2] if entry.concat else 1, entry.concat[1] if entry.concat else 1)
        for entry in ledger
    )
    for (recipient, part, parts), count in sorted((wanted - found).items()):
        faults.append(f"part {part} of {parts} to {recipient} is recorded as sent {count} times more than accepted")
    for (recipient, part, parts), count in sorted((found - wanted).items()):
        faults.append(f"part {part} of {parts} to {recipient} was accepted {count} times more than recorded")
    texts = Counter((message.recipient, message.text) for message in messages if message.state in _SENT)
    whole = Counter(simulator.whole_messages(ledger))
    faults.extend(f"what {recipient} received is not what was meant for him" for recipient, _ in (whole - texts))
    return faults


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere a line for each quarter."""
    console = output.console()
    if not console.is_terminal:
        told = {0}

        def tell(done: int) -> None:
            quarter = 4 * done // total
            if quarter not in told:
                told.add(quarter)
                output.say(f"{done} of {total} messages have come to their end")

        yield tell
        return
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)
