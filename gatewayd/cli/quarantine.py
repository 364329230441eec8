"""`gatewayd quarantine`: what the modems gave and nobody could read. It is kept, and keeps nothing else waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By, Limit
from gatewayd.errors import UsageError
from gatewayd.services.receiving import understood
from gatewayd.store.inbox import UNREADABLE
from gatewayd.store.quarantine import Quarantine, Quarantined

app = options.noun("What could not be read.")

Ids = Annotated[list[int], typer.Argument(help="Numbers of the list.", min=1)]


@app.command("list")
def list_(ctx: typer.Context, limit: Limit = 50, json: AsJson = False) -> None:
    """List what was put aside, the newest first, with its octets."""
    here = context.of(ctx)
    found = Quarantine(here.database).list(limit=limit)
    if json:
        output.as_json([_as_json(one) for one in found])
        return
    if not found:
        output.say("Nothing is in quarantine.")
        return
    zone = here.settings.timezone
    rows = [(one.id, output.local(one.received_at, zone), one.sim, one.reason, one.pdu) for one in found]
    output.show(output.table(("ID", "TIME", "SIM", "WHY", "OCTETS"), rows, numeric=frozenset({"ID"})))
    output.say("It was deleted from the SIM, and is kept here. After an update, or to let it go, type")
    output.say("  gatewayd quarantine retry ID      read it again")
    output.say("  gatewayd quarantine discard ID    nobody needs to look at it any more")


@app.command()
def retry(ctx: typer.Context, ids: Ids) -> None:
    """Read it again, as this version of the program does."""
    here = context.of(ctx)
    quarantine, still = Quarantine(here.database), 0
    for one in _found(quarantine, ids):
        now_read = understood(one.sim_id, one.pdu, one.received_at, here.settings.country)
        if now_read.kind == UNREADABLE:
            still += 1
            output.warn(f"{one.id} is still no PDU: {now_read.reason}")
        elif quarantine.retry(one.id, now_read, by=context.operator(), at=here.clock.utc_now()):
            output.say(f"{one.id} is a {now_read.kind}, and is dealt with by the running gateway")
    if still:
        raise typer.Exit(1)


@app.command()
def discard(ctx: typer.Context, ids: Ids, by: By = "") -> None:
    """Let it go: it leaves this list, and its octets stay in the database."""
    here = context.of(ctx)
    quarantine, who = Quarantine(here.database), by or context.operator()
    for one in _found(quarantine, ids):
        if quarantine.discard(one.id, by=who, at=here.clock.utc_now()):
            output.say(f"{one.id} is discarded")


def _found(quarantine: Quarantine, ids: Sequence[int]) -> list[Quarantined]:
    """Those with these numbers, in their order. UsageError if one is missing: nothing is done then."""
    found = {one.id: one for one in quarantine.list(ids, limit=len(ids))}
    for number in ids:
        if number not in found:
            raise UsageError(f"{number} is not in quarantine (nothing was changed)")
    return [found[number] for number in dict.fromkeys(ids)]


def _as_json(one: Quarantined) -> dict[str, object]:
    return {
        "id": one.id,
        "sim": one.sim,
        "received_at": output.rfc3339(one.received_at),
        "reason": one.reason,
        "octets": one.pdu,
    }
