"""`gatewayd sims`: the SIMs, their limits and what is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import typer
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson
from gatewayd.daemon import status
from gatewayd.daemon.rules import rules_of
from gatewayd.domain.pacing import Remaining
from gatewayd.domain.purpose import SimSettings
from gatewayd.services import hearsay
from gatewayd.services.allowance import Rules, load_history
from gatewayd.store.outbox import Outbox
from gatewayd.store.reports import Heard
from gatewayd.store.sims import Sim, Sims
from gatewayd.store.unknowns import Unknowns

app = options.noun("The SIMs, their limits and what is left of them.")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A SIM: its settings, where it was last found (None: never), and what is left of its limits."""

    settings: SimSettings
    found: Sim | None
    left: Sequence[Remaining]
    state: str
    heard: Heard


@app.callback()
def sims() -> None:
    """A noun with one verb: without this, Typer would make the verb the noun's own."""


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the SIMs, with what is left of their limits."""
    here = context.of(ctx)
    seen = _all(here)
    if json:
        output.as_json([_as_json(sim) for sim in seen])
        return
    if not seen:
        output.say("No SIM is listed in the configuration, and none was ever found.")
        return
    rows = []
    for sim in seen:
        limits = Text("\n").join(_limit(one) for one in sim.left) if sim.left else Text("-", style="dim")
        allows = sim.settings.line_allows
        line = ", ".join(sorted(allows)) if allows is not None else "not set"
        last = sim.found.port if sim.found else "never seen"
        reports = Text(hearsay.in_words(sim.heard) or "-", style="yellow" if hearsay.gives_none(sim.heard) else "")
        rows.append((sim.settings.name, sim.settings.pool, line, _state(sim.state), last, reports, limits))
    output.show(output.table(("SIM", "POOL", "LINE ALLOWS", "STATE", "PORT", "REPORTS", "LEFT"), rows))


def _all(here: context.Context) -> list[_Seen]:
    """The SIMs of the database, then those that are listed and were never found."""
    rules = rules_of(here.settings)
    told = status.read(here.settings.state_directory)
    states = {line.sim: line.why or "ok" for line in told.lines if line.sim} if told else {}
    outbox, found, unknowns = Outbox(here.database), Sims(here.database).list(), Unknowns(here.database)
    long_ago = here.clock.utc_now() - hearsay.LONG_AGO
    seen = []
    for sim in found:
        settings = rules.settings_of(sim.iccid, sim.imsi)
        state = states.get(settings.name, "absent") if told else "not running"
        left = _remaining(here, rules, outbox, settings, sim)
        seen.append(_Seen(settings, sim, left, state, unknowns.heard(sim.id, long_ago)))
    names = {sim.settings.name for sim in seen}
    never = [settings for settings in here.settings.sims if settings.name not in names]
    state = "absent" if told else "not running"
    return seen + [_Seen(settings, None, [], state, Heard(0, 0)) for settings in never]


def _remaining(
    here: context.Context, rules: Rules, outbox: Outbox, settings: SimSettings, sim: Sim
) -> Sequence[Remaining]:
    history = load_history(sim.id, settings, rules, outbox, here.clock)
    return history.remaining(here.clock.utc_now(), here.clock.monotonic())


def _limit(one: Remaining) -> Text:
    words = f"{one.left} of {one.allowed} {one.limit.replace('_', ' ')}"
    return Text(words, style="" if one.left else "bold yellow")


def _state(words: str) -> Text:
    return Text(words, style={"ok": "green", "not running": "dim", "absent": "yellow"}.get(words, "yellow"))


def _as_json(sim: _Seen) -> dict[str, object]:
    settings, found = sim.settings, sim.found
    return {
        "name": settings.name,
        "pool": settings.pool,
        "iccid": settings.iccid or None,
        "imsi": settings.imsi or None,
        "line_allows": sorted(settings.line_allows) if settings.line_allows is not None else None,
        "state": sim.state,
        "port": found.port if found else None,
        "seen_at": output.rfc3339(found.seen_at) if found else None,
        "reports": {"sent": sim.heard.sent, "reported": sim.heard.reported},
        "suspended_until": output.rfc3339(found.suspended_until) if found else None,
        "limits": [
            {
                "limit": one.limit,
                "allowed": one.allowed,
                "used": one.used,
                "left": one.left,
                "renews_at": output.rfc3339(one.renews_at),
            }
            for one in sim.left
        ],
    }
