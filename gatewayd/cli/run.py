"""`gatewayd run`: the daemon, in the foreground."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gatewayd.cli import context, options
from gatewayd.credentials import DATABASE_KEY, LOG_KEY
from gatewayd.daemon import process

app = options.command()


@app.command()
def run(
    ctx: typer.Context,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="Least level of a log line.")
    ] = "info",
) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; a running submission ends first."""
    here = context.of(ctx)
    pins = [modem.pin for modem in here.settings.modems if modem.pin is not None]
    secrets = here.credentials.taken([DATABASE_KEY, LOG_KEY, *pins])
    context.become_owner(here.settings.state_directory)
    raise typer.Exit(process.run(here.settings, secrets, here.clock, level=log_level))
