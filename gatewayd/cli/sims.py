"""`gatewayd sims`: the SIMs, their limits and what is left of them."""

from __future__ import annotations

import typer
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson
from gatewayd.daemon import status
from gatewayd.daemon.rules import rules_of
from gatewayd.domain.pacing import Remaining
from gatewayd.interfaces.shapes import sim_json
from gatewayd.services import hearsay
from gatewayd.services.simlist import Seen, all_sims

app = options.noun("The SIMs, their limits and what is left of them.")


@app.callback()
def sims() -> None:
    """A noun with one verb: without this, Typer would make the verb the noun's own."""


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the SIMs, with what is left of their limits."""
    here = context.of(ctx)
    seen = _all(here)
    if json:
        output.as_json([sim_json(sim) for sim in seen])
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


def _all(here: context.Context) -> list[Seen]:
    database = here.database  # first: who may not read it is told what to do
    told = status.read(here.settings.state_directory)
    states = {line.sim: line.why or "ok" for line in told.lines if line.sim} if told else None
    return all_sims(database, rules_of(here.settings), here.clock, states)


def _limit(one: Remaining) -> Text:
    words = f"{one.left} of {one.allowed} {one.limit.replace('_', ' ')}"
    return Text(words, style="" if one.left else "bold yellow")


def _state(words: str) -> Text:
    return Text(words, style={"ok": "green", "not running": "dim", "absent": "yellow"}.get(words, "yellow"))
