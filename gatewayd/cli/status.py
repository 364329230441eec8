"""`gatewayd status`: does it run, can it send, what waits, and what needs a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import typer
from rich.text import Text

from gatewayd import __version__
from gatewayd.cli import context, doubts, options, output, states
from gatewayd.cli.options import AsJson
from gatewayd.daemon import lock
from gatewayd.daemon import status as daemon_status
from gatewayd.daemon.rules import interest_of, rules_of, space_of
from gatewayd.domain.campaign import CampaignState
from gatewayd.domain.message import MessageState
from gatewayd.services import hearsay, simlist
from gatewayd.store.campaigns import Campaign, Campaigns
from gatewayd.store.inbox import Inbox
from gatewayd.store.outbox import Outbox
from gatewayd.store.sims import Sims
from gatewayd.store.unknowns import Unknowns
from gatewayd.store.webhooks import Counts, Webhooks

app = options.command()

_SHOWN = 20
_UNREPORTED = "such messages stay `sent`, and nothing waits for more"
_DISK = {
    "low": "nothing new is accepted; what waits is sent",
    "exhausted": "nothing is accepted and nothing is sent, for it could not be recorded",
}


@app.command()
def status(ctx: typer.Context, json: AsJson = False) -> None:
    """Say whether the daemon runs, what its modems do, what waits, and what needs a decision."""
    here = context.of(ctx)
    directory = here.settings.state_directory
    outbox = Outbox(here.database)  # first: who may not read it is told what to do
    pid = lock.holder(directory)
    told = daemon_status.read(directory)
    counts = outbox.counts()
    unknown = doubts.of(here, _SHOWN)
    room = space_of(here.settings, here.clock).tightest()
    inbox = Inbox(here.database)
    to_review, quarantined = inbox.to_review(), inbox.quarantined()
    going = Campaigns(here.database).active()
    told_to = _webhooks(here)
    mistyped = _mistyped(here)
    if json:
        output.as_json(
            {
                "running": pid is not None,
                "pid": pid,
                "version": told.version if told else __version__,
                "started_at": output.rfc3339(datetime.fromisoformat(told.started_at)) if told else None,
                "lines": [
                    {
                        "port": line.port,
                        "sim": line.sim or None,
                        "state": line.why or "ok",
                        "memory": "filling" if line.filling else "ok",
                    }
                    for line in _lines(told)
                ],
                "messages": {str(state): counts.get(state, 0) for state in MessageState},
                "unknown": [doubt.message.id for doubt in unknown],
                "unknown_since": [doubts.as_json(doubt) for doubt in unknown],
                "disk": {"path": str(room.path), "free": room.free, "least": room.least, "level": room.level}
                if room is not None
                else None,
                "mistyped": mistyped or None,
                "to_review": to_review,
                "quarantined": quarantined,
                "campaigns": [{"name": one.name, "state": one.state, "reason": one.reason or None} for one in going],
                "webhooks": [
                    {"name": name, "pending": one.pending, "dead": one.dead, "trouble": trouble or None}
                    for name, one, trouble in told_to
                ],
            }
        )
        return
    _print_daemon(here, pid, told)
    if room is not None and room.low:
        output.bullet("!", "bold yellow", f"{room.sentence()}: {_DISK[room.level]}")
    _print_counts(counts)
    doubts.show(here, unknown, counts.get(MessageState.UNKNOWN, 0))
    _print_unreported(here)
    _print_mistyped(mistyped)
    _print_received(told, to_review, quarantined)
    _print_campaigns(going)
    _print_webhooks(told_to)


def _lines(told: daemon_status.Status | None) -> Sequence[daemon_status.LineStatus]:
    return told.lines if told else ()


def _print_daemon(here: context.Context, pid: int | None, told: daemon_status.Status | None) -> None:
    if pid is None:
        output.show(
            Text.assemble(
                ("gatewayd does not run", "bold yellow"),
                ": what is accepted waits. Start it: systemctl start gatewayd, or gatewayd run",
            )
        )
        return
    zone = here.settings.timezone
    since = f", since {output.local(datetime.fromisoformat(told.started_at), zone)}" if told else ""
    output.show(Text.assemble(("gatewayd runs", "bold green"), f" (process {pid}{since})"))
    rows = [
        (line.port, line.sim, Text(line.why or "ok", style="yellow" if line.why else "green")) for line in _lines(told)
    ]
    if rows:
        output.show(output.table(("PORT", "SIM", "STATE"), rows))
        states.explain(line.why for line in _lines(told))
    elif told is not None:
        output.say("No modem is configured: gatewayd modems probe finds them.")


def _print_counts(counts: Mapping[str, int]) -> None:
    words = Text("messages: ")
    present = [state for state in MessageState if counts.get(state)]
    for number, state in enumerate(present):
        words.append(", " if number else "")
        words.append_text(output.state(state))
        words.append(f" {counts[state]}")
    output.show(words if present else Text("messages: none yet"))


def _print_unreported(here: context.Context) -> None:
    """SIMs whose modem is known to give no reports."""
    unknowns, long_ago = Unknowns(here.database), here.clock.utc_now() - hearsay.LONG_AGO
    silent = [sim.name for sim in Sims(here.database).list() if hearsay.gives_none(unknowns.heard(sim.id, long_ago))]
    if silent:
        output.bullet("!", "yellow", f"no status report was ever seen for what {', '.join(silent)} sent: {_UNREPORTED}")


def _print_mistyped(words: str) -> None:
    if words:
        output.bullet("!", "bold yellow", words)


def _mistyped(here: context.Context) -> str:
    """Of SIMs listed and never found while others are."""
    rules = rules_of(here.settings)
    found = [(rules.settings_of(sim.iccid, sim.imsi).name, sim.iccid) for sim in Sims(here.database).list()]
    return simlist.mistyped([sim.name for sim in rules.sims], dict(found))


def _print_received(told: daemon_status.Status | None, to_review: int, quarantined: int) -> None:
    """What came in and needs somebody."""
    for line in _lines(told):
        if line.filling:
            words = f"{line.sim or line.port}: the memory for replies is nearly full, and a STOP may be turned away"
            output.bullet("!", "bold yellow", f"{words}; the log says more (journalctl -u gatewayd -p warning)")
    if to_review:
        words = output.many(to_review, "opt-out") + " that may not have been meant"
        output.bullet("!", "bold yellow", f"{words}: gatewayd inbox review")
    if quarantined:
        words = f"{quarantined} of what came in could not be read"
        output.bullet("!", "bold yellow", f"{words}: gatewayd quarantine list")


def _print_campaigns(going: Sequence[Campaign]) -> None:
    """Those under way; and of those that have paused, why."""
    for one in going:
        if one.state is CampaignState.PAUSED:
            why = f": {one.reason}" if one.reason else ""
            output.bullet(
                "!", "bold yellow", f"campaign {one.name} is paused{why}; gatewayd campaigns resume {one.name}"
            )
        else:
            output.say(f"campaign {one.name}: {one.state}")


def _webhooks(here: context.Context) -> Sequence[tuple[str, Counts, str]]:
    """Of each endpoint: what waits for it and what was given up, and what is wrong with it."""
    store = Webhooks(here.database)
    return [
        (one.name, store.counts(one.name, interest_of(one)), found.trouble if found else "")
        for one in here.settings.webhooks
        for found in [store.condition(one.name)]
    ]


def _print_webhooks(told_to: Sequence[tuple[str, Counts, str]]) -> None:
    """Those that cannot be told, and what was given up."""
    for name, counts, trouble in told_to:
        if trouble or counts.dead:
            lost = f", {output.many(counts.dead, 'dead letter')} (gatewayd webhooks dead)" if counts.dead else ""
            why = f" ({trouble})" if trouble else ""
            output.bullet("!", "bold yellow", f"webhook {name}{why}: {counts.pending} waiting{lost}")
