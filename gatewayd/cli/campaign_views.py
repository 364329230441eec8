"""How campaigns are shown: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, tzinfo

from rich.table import Table
from rich.text import Text

from gatewayd.cli import output
from gatewayd.domain.campaign import ENDED, CampaignState
from gatewayd.domain.forecast import Share
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.dropfolder.report import neutral
from gatewayd.services.campaigns import Tested
from gatewayd.services.explaining import Explanation
from gatewayd.store.campaigns import Approval, Campaign

_STYLES = {
    CampaignState.RUNNING: "green",
    CampaignState.FINISHED: "green",
    CampaignState.PAUSED: "yellow",
    CampaignState.CANCELED: "dim",
    CampaignState.TO_TEST: "yellow",
}


def state(campaign: Campaign) -> Text:
    """A campaign's state in its colour."""
    return Text(campaign.state, style=_STYLES.get(campaign.state, "cyan"))


def table(found: Sequence[Campaign], zone: tzinfo) -> Table:
    """A line a campaign."""
    rows = [
        (one.name, one.purpose, state(one), one.audience_kind, output.local(one.next_run_at or one.start_at, zone),
         one.created_by, one.reason)
        for one in found
    ]  # fmt: skip
    return output.table(("NAME", "PURPOSE", "STATE", "AUDIENCE", "START", "BY", "REASON"), rows)


def print_campaign(campaign: Campaign, approvals: Sequence[Approval], tested: Tested | None, zone: tzinfo) -> None:
    """A campaign, for a person."""
    facts: list[tuple[str, object]] = [
        ("state", state(campaign)),
        ("reason", campaign.reason),
        ("purpose", campaign.purpose),
        ("audience", f"{campaign.audience_kind}: {campaign.audience}"),
        ("pool", campaign.pool),
        ("priority", campaign.priority),
        ("window", campaign.window),
        ("start", output.local(campaign.start_at, zone)),
        ("deadline", output.local(campaign.deadline, zone)),
        ("repeat", campaign.repeat if campaign.repeat != "once" else ""),
        ("next run", output.local(campaign.next_run_at, zone)),
        ("written by", f"{campaign.created_by}, {output.local(campaign.created_at, zone)}"),
        ("test skipped", campaign.test_skipped),
        *(("approved by", f"{one.approved_by}, for {output.many(one.size, 'recipient')}") for one in approvals),
        ("text", campaign.template),
    ]
    output.show(Text(f"campaign {campaign.name}", style="bold"))
    output.show(output.pairs([(name, value) for name, value in facts if value != ""]))
    if tested is not None:
        _print_test(tested)


def _print_test(tested: Tested) -> None:
    rows = [
        (number, output.state(state), "yes" if received else "not yet") for number, state, received in tested.states
    ]
    output.show(output.table(("TESTED BY", "STATE", "RECEIVED"), rows))
    tried = "tried" if tested.stop_tried else "not yet tried by one of them"
    output.say(f"STOP, then START: {tried}", style="green" if tested.stop_tried else "yellow")


# What a campaign would do.


def print_explanation(found: Explanation, zone: tzinfo, language: str) -> None:
    """What a campaign would do, for a person."""
    left_out = found.size - found.included
    name, state = found.campaign.name, found.campaign.state
    if state in ENDED:
        output.warn(f"campaign {name} is {state}: what came of it, gatewayd campaigns report {name} tells")
    output.show(
        Text.assemble(
            (f"campaign {name}: ", "bold"),
            (f"{found.included} of {output.many(found.size, 'contact')} would get it", "green"),
            f", {left_out} would not. Nothing is sent.",
        )
    )
    if found.reasons:
        rows = [(count, reason, sentences.of_person(reason, language)) for reason, count in found.reasons.most_common()]
        output.show(output.table(("PEOPLE", "REASON", "IN WORDS"), rows, numeric=frozenset({"PEOPLE"})))
    for number, text in found.sample:
        output.bullet(number, "cyan", text.replace("\n", " ⏎ "))
    output.show(output.pairs(_figures(found, zone)))
    if found.shares:
        output.show(_shares(found.shares, zone))
    if found.shares and found.included:
        output.show(_days(found, zone, language))
    for one in found.remarks:
        output.warn(one.words)
    if found.forcing:
        letters = ", ".join(f"{each} ({output.many(count, 'text')})" for each, count in found.forcing.most_common(5))
        how = "write it otherwise, or set `encoding: gsm7` of the purpose"
        output.warn(f"70 characters an SMS instead of 160, for the sake of {letters}: {how}")
    _print_late(found, zone)


def _figures(found: Explanation, zone: tzinfo) -> list[tuple[str, object]]:
    alphabets = ", ".join(f"{count} in {output.ALPHABETS[name]}" for name, count in found.alphabets.most_common())
    lengths = ", ".join(f"{count} of {parts} SMS" for parts, count in sorted(found.lengths.items()))
    price = "not known: price_per_sms of each SIM" if found.price is None else f"{found.price:.2f}"
    opens = output.local(found.opens_at, zone) if found.opens_at else "never within a year"
    facts: list[tuple[str, object]] = [
        ("SMS", found.parts),
        ("alphabets", alphabets),
        ("lengths", lengths),
        ("price", price),
        ("first may leave", opens),
        ("last would leave", _last(found, zone)),
        ("to be approved by", output.many(found.approvals, "person") if found.approvals else "nobody"),
    ]
    return [(name, value) for name, value in facts if value != ""]


def _shares(shares: Sequence[Share], zone: tzinfo) -> Table:
    rows = [
        (
            *(one.sim, one.messages, one.parts, "-" if one.price is None else f"{one.price:.2f}", one.new),
            "no limit" if one.left is None else one.left,
            "-" if one.left_after is None else one.left_after,
            one.waiting or "",
            _end(one.ends_at, zone) if one.messages else "-",
        )
        for one in shares
    ]
    columns = ("SIM", "MESSAGES", "SMS", "PRICE", "NEW PEOPLE", "MAY STILL MEET", "LEFT THEN", "OVER LIMIT", "ENDS")
    return output.table(columns, rows, numeric=frozenset(columns[1:8]))


_DAYS = 10
"""Days that are shown one by one."""


def _days(found: Explanation, zone: tzinfo, language: str) -> Table:
    """How many leave on each day from which SIM, and what keeps them back until then."""
    groups: Counter[tuple[date, str, str, bool]] = Counter()
    for one in found.people:
        if not one.reason:
            day = one.leaves_at.astimezone(zone).date() if one.leaves_at is not None else date.max
            groups[day, one.sim, one.waits_for, one.late] += 1
    ordered = sorted(groups.items())
    rows = [
        (count, sim, _day(day), sentences.of_wait(why, sim, language, late=late))
        for (day, sim, why, late), count in ordered[:_DAYS]
    ]
    if len(ordered) > _DAYS:
        rest, last = sum(count for _, count in ordered[_DAYS:]), ordered[-1][0][0]
        rows.append((rest, "", f"until {_day(last)}", "--csv tells it of each"))
    return output.table(("PEOPLE", "SIM", "LEAVE", "KEPT BACK BY"), rows, numeric=frozenset({"PEOPLE"}))


def _day(day: date) -> str:
    return "not within a year" if day == date.max else f"{day:%d/%m/%Y}"


def _last(found: Explanation, zone: tzinfo) -> str:
    if not found.included:
        return ""
    return _end(found.ends_at, zone) if found.shares else f"no SIM of the pool {found.campaign.pool} is known yet"


def _end(at: datetime | None, zone: tzinfo) -> str:
    return output.local(at, zone) if at is not None else "not within a year"


def _print_late(found: Explanation, zone: tzinfo) -> None:
    if found.late and found.expires_at is not None:
        more = "" if found.campaign.deadline else ", or a --deadline that is further off"
        until, late = output.local(found.expires_at, zone), output.many(found.late, "message")
        output.warn(f"about {late} could not leave before {until} and would expire: more SIMs{more}")


def print_people_csv(found: Explanation, language: str) -> None:
    """A line a person, for a spreadsheet."""
    writer = csv.writer(sys.stdout, delimiter=";", lineterminator="\n")
    head = ("recipient", "included", "reason", "in_words", "alphabet", "parts", "sim", "leaves_at", "waits_for", "late")
    writer.writerow(head)
    for one in found.people:
        waits = sentences.of_wait(one.waits_for, one.sim, language, late=one.late)
        words = sentences.of_person(one.reason, language) if one.reason else waits
        row = (
            *(one.number, "no" if one.reason else "yes", one.reason, words, one.alphabet, str(one.parts), one.sim),
            *(output.rfc3339(one.leaves_at) or "", one.waits_for, "yes" if one.late else "no"),
        )
        writer.writerow([neutral(cell) for cell in row])
