"""`gatewayd tokens`: who may call the HTTP API."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By
from gatewayd.domain.token import Scope
from gatewayd.services.tokens import MESSAGES_PER_MINUTE, PER_MINUTE, TokenDesk
from gatewayd.store.tokens import Token, Tokens

app = options.noun("Who may call the HTTP API.")

Name = Annotated[str, typer.Argument(help="A short name, as the program that uses it: a-z, 0-9, - and _.")]


@app.command()
def create(
    ctx: typer.Context,
    name: Name,
    *,
    scope: Annotated[list[Scope], typer.Option("--scope", metavar="SCOPE", help="submit, read or admin; repeatable.")],
    purpose: Annotated[
        list[str] | None, typer.Option("--purpose", "-p", help="It may send only for this one; repeatable.")
    ] = None,
    feed: Annotated[str, typer.Option("--feed", help="The feed of its messages; else its name.")] = "",
    rate: Annotated[int, typer.Option("--rate", min=1, max=1_000_000, help="Requests a minute.")] = PER_MINUTE,
    messages: Annotated[
        int, typer.Option("--messages", min=1, max=1_000_000, help="Messages a minute, one by one or in a call.")
    ] = MESSAGES_PER_MINUTE,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3650, help="It ends after so many days; else never.")
    ] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Make a token. It is shown this once, and kept nowhere: hand it over as you would a key."""
    here = context.of(ctx)
    folders = [feed.folder for feed in here.settings.feeds]
    desk = TokenDesk(here.database, here.clock, purposes=here.settings.purposes, folders=folders)
    token = desk.create(
        name,
        scopes=scope,
        purposes=purpose or (),
        feed=feed,
        per_minute=rate,
        messages_per_minute=messages,
        days=days,
        by=by or context.operator(),
    )
    if json:
        output.as_json({"name": name, "token": token})
        return
    sys.stdout.write(f"{token}\n")
    output.note("shown this once; the program sends it as `Authorization: Bearer ...`")
    if here.settings.api is None:
        output.warn("the configuration has no `api`: nothing listens yet")


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the tokens, the newest first: what each may do, and when it was used last."""
    here = context.of(ctx)
    found = Tokens(here.database).list()
    if json:
        output.as_json([_as_json(one) for one in found])
        return
    if not found:
        output.say("No token; `gatewayd tokens create` makes one.")
        return
    zone, now = here.settings.timezone, here.clock.utc_now()
    rows = [
        (one.name, one.feed, " ".join(sorted(one.scopes)), " ".join(sorted(one.purposes)) or "all", one.per_minute,
         output.local(one.last_used_at, zone) or "never", _state(one, now))
        for one in found
    ]  # fmt: skip
    columns = ("NAME", "FEED", "SCOPES", "PURPOSES", "A MINUTE", "LAST USED", "STATE")
    output.show(output.table(columns, rows, numeric=frozenset({"A MINUTE"})))


@app.command()
def revoke(ctx: typer.Context, name: Name, by: By = "") -> None:
    """End a token: from now on it opens nothing."""
    here = context.of(ctx)
    desk = TokenDesk(here.database, here.clock, purposes=here.settings.purposes)
    desk.revoke(name, by=by or context.operator())
    output.say(f"the token {name} is revoked")


def _state(one: Token, now: datetime) -> Text:
    if one.valid(now):
        return Text("valid", style="green")
    return Text("revoked" if one.revoked_at is not None else "expired", style="yellow")


def _as_json(one: Token) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "feed": one.feed,
        "scopes": sorted(one.scopes),
        "purposes": sorted(one.purposes),
        "per_minute": one.per_minute,
        "messages_per_minute": one.messages_per_minute,
        "created_at": output.rfc3339(one.created_at),
        "created_by": one.created_by,
        "expires_at": output.rfc3339(one.expires_at),
        "last_used_at": output.rfc3339(one.last_used_at),
        "revoked_at": output.rfc3339(one.revoked_at),
        "revoked_by": one.revoked_by,
    }
