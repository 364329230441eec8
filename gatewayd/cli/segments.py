"""`gatewayd segments`: whom a rule over contacts selects, before anything is sent to them."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson
from gatewayd.daemon.rules import house_of
from gatewayd.services.audience import House
from gatewayd.store.audiences import Audiences
from gatewayd.store.campaigns import Campaigns

app = options.noun("Rules that select contacts, as audiences of campaigns.")


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the segments of the configuration, with how many contacts are in each now."""
    here = context.of(ctx)
    house = house_of(here.settings)
    counted = [(name, words, _count(here, house, name)) for name, words in house.segments.items()]
    if json:
        output.as_json([{"name": name, "segment": words, "contacts": count} for name, words, count in counted])
    elif counted:
        output.show(output.table(("NAME", "SEGMENT", "CONTACTS"), counted, numeric=frozenset({"CONTACTS"})))
    else:
        output.say("No segment is listed in the configuration (`segments:`).")


@app.command()
def preview(
    ctx: typer.Context,
    segment: Annotated[
        str,
        typer.Argument(help='A name of the configuration, or a rule as: ville = "Lyon" and not paye.'),
    ],
    limit: Annotated[int, typer.Option("--limit", min=0, max=1000, help="Show at most so many of them.")] = 10,
    json: AsJson = False,
) -> None:
    """Say how many contacts a rule selects, and show some."""
    here = context.of(ctx)
    house = house_of(here.settings)
    store = Audiences(here.database)
    rule = house.segment(segment, [one.name for one in Campaigns(here.database).list()])
    moment = house.moment(here.clock.utc_now())
    count = store.count(rule, moment)
    found = list(islice(store.members(rule, moment, limit), limit))
    if json:
        output.as_json({"segment": segment, "contacts": count, "numbers": [number for number, _ in found]})
        return
    output.say(output.many(count, "contact"), style="bold")
    if found:
        output.show(output.table(("NUMBER", "NAME"), found))
    if count > len(found) > 0:
        output.note(f"the first {len(found)}; --limit shows more")


def _count(here: context.Context, house: House, name: str) -> int:
    return Audiences(here.database).count(house.segment(name), house.moment(here.clock.utc_now()))
