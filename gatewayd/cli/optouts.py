"""`gatewayd optouts`: who said "no more". An opt-out stops every purpose, on every SIM, at once."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By
from gatewayd.store.people import People

app = options.noun('Who said "no more".')


@app.command()
def add(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Who wants no more messages, one number or several.")],
    origin: Annotated[str, typer.Option(help="How it was said: by phone, by letter ...")] = "operator",
    by: By = "",
) -> None:
    """Record an opt-out; what waits for the number is canceled in the same transaction."""
    here = context.of(ctx)
    recipients = context.recipients(here.settings, numbers)
    people = People(here.database)
    for recipient in recipients:
        canceled = people.add_optout(recipient, origin=origin, by=by or context.operator(), at=here.clock.utc_now())
        waiting = f", {output.many(canceled, 'waiting message')} canceled" if canceled else ""
        output.say(f"{recipient} opted out{waiting}")
    here.ring()


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the opt-outs that hold."""
    here = context.of(ctx)
    found = People(here.database).optouts()
    if json:
        output.as_json(
            [
                {
                    "recipient": one.recipient,
                    "origin": one.origin,
                    "recorded_by": one.recorded_by,
                    "recorded_at": output.rfc3339(one.recorded_at),
                }
                for one in found
            ]
        )
        return
    if not found:
        output.say("No opt-out is recorded.")
        return
    zone = here.settings.timezone
    rows = [(one.recipient, one.origin, output.local(one.recorded_at, zone), one.recorded_by) for one in found]
    output.show(output.table(("NUMBER", "ORIGIN", "SINCE", "BY"), rows))
