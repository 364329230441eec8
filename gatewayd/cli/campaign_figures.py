"""What became of a campaign, as an operator sees it: figures, a chart of lines, CSV and JSON."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from rich.text import Text

from gatewayd.cli import output
from gatewayd.domain.message import MessageState
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.dropfolder.report import neutral
from gatewayd.services.reporting import Report
from gatewayd.store.campaign_figures import Fate

_WIDEST = 40


def print_report(found: Report, zone: tzinfo, language: str) -> None:
    """The figures, for a person."""
    campaign = found.campaign
    output.show(Text.assemble((f"campaign {campaign.name}", "bold"), f", {campaign.state}"))
    counts = [(str(state), found.states[state]) for state in MessageState if found.states[state]]
    cost = "not known: price_per_sms of each SIM" if found.cost is None else f"{found.cost:.2f}"
    facts: list[tuple[str, object]] = [
        ("accepted", found.accepted),
        ("sent in all", found.sent),
        *((name, Text(str(count), style=output.STATE_STYLES.get(name, ""))) for name, count in counts),
        ("opt-outs", f"{found.optouts} ({found.optout_percent} % of those who got it)"),
        ("replies", found.replies),
        ("SMS", found.parts),
        ("cost", cost),
    ]
    output.show(output.pairs(facts))
    _reasons("NOT WRITTEN TO", found.left_out.items(), language)
    _reasons("BLOCKED", found.blocked.most_common(), language)
    _reasons("REFUSED BY THE NETWORK", found.causes.most_common(), language)
    if found.sims:
        rows = [
            (sim.name, sim.sent, sim.delivered, sim.failed, sim.parts, "-" if sim.price is None else f"{sim.price:.2f}")
            for sim in found.sims
        ]
        columns = ("SIM", "SENT", "DELIVERED", "FAILED", "SMS", "COST")
        output.show(output.table(columns, rows, numeric=frozenset(columns[1:])))
    _chart(found.hours, zone)
    _proof(found)


def _reasons(heading: str, reasons: Iterable[tuple[str, int]], language: str) -> None:
    rows = [(count, reason, sentences.of_person(reason, language)) for reason, count in reasons]
    if rows:
        output.show(output.table((heading, "REASON", "IN WORDS"), rows, numeric=frozenset({heading})))


def _chart(hours: Sequence[tuple[datetime, int]], zone: tzinfo) -> None:
    """A line for each hour in which anything was sent."""
    most = max((count for _, count in hours), default=0)
    for hour, count in hours:
        bar = "█" * max(1, round(_WIDEST * count / most))
        words = hour.astimezone(zone).strftime("%d/%m %Hh  ")
        output.show(Text.assemble((words, "dim"), (bar, "green"), f" {count}"))


def _proof(found: Report) -> None:
    """What was looked at for it is said, for "confidential" alone proves nothing."""
    given = f"{found.submissions} SMS of {output.many(found.submitted, 'message')}"
    words = f"Confidentiality: {given} {'was' if found.submissions == 1 else 'were'} given to the"
    if found.confidential:
        checked = "each message has one number, its own recipient's, and no text holds another recipient's"
        output.say(f"{words} network, each read back and let go to one destination; {checked}.", style="green")
        return
    if found.strays:
        output.fail(f"{words} network; {output.many(found.strays, 'message')} had not its own recipient's number alone")
    if found.betrayed:
        output.fail(f"{words} network; {output.many(found.betrayed, 'text')} held another recipient's number")


def print_csv(fates: Iterable[Fate], language: str) -> None:
    """A line a person, for a spreadsheet."""
    writer = csv.writer(sys.stdout, delimiter=";", lineterminator="\n")
    writer.writerow(("recipient", "run", "state", "reason", "in_words", "sim", "parts", "sent_at", "delivered_at"))
    for one in fates:
        state = str(one.state or "")
        words = (
            sentences.of_message(state, one.reason, language) if state else sentences.of_person(one.reason, language)
        )
        moments = (output.rfc3339(one.sent_at) or "", output.rfc3339(one.delivered_at) or "")
        row = (one.recipient, str(one.run), state, one.reason, words, one.sim, str(one.parts), *moments)
        writer.writerow([neutral(cell) for cell in row])
