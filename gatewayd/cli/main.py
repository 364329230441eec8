"""`gatewayd [--config FILE] COMMAND`: the operator's verbs.

Exit status: 0 done, 1 a fault, 2 wrong usage or configuration, 3 refused by a rule. An error is a sentence on stderr;
a traceback is a defect of ours.
"""

from __future__ import annotations

import secrets
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from gatewayd import __version__, logs
from gatewayd.cli import context, output
from gatewayd.config import InvalidConfiguration
from gatewayd.errors import GatewaydError, NumberError, RefusedByRule, TextError, UsageError

# A number with one of these reasons is mistyped; with any other it is one we may not write to.
_NO_NUMBER = frozenset({"missing", "letters", "invalid", "excel_precision"})

# A file a noun, read when it is asked for: a Pi takes a second for all that a modem or a spreadsheet needs.
COMMANDS = (
    *("run", "demo", "check", "status", "send", "messages", "inbox", "quarantine", "modems", "sims"),
    *("contacts", "consents", "optouts", "segments", "campaigns", "audit", "tokens"),
    *("webhooks", "drop", "import"),
)


_FILES = {"import": "inherit"}
"""Those whose name cannot be that of a module."""

# Verbs that are still to come: who reads of them elsewhere is told so.
LATER = frozenset({"doctor", "contacts", "campaigns", "privacy", "audit", "backup", "tokens", "import"}) - {*COMMANDS}


def module_of(command: str) -> str:
    """The module of a command."""
    return f"gatewayd.cli.{_FILES.get(command, command)}"


class _Commands(TyperGroup):
    """The commands, each from its own file."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # Typer's signature
        if cmd_name in LATER:
            raise UsageError(
                f"`gatewayd {cmd_name}` comes with a later version; `gatewayd --help` lists what this one has"
            )
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(module_of(cmd_name)).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Commands,
    name="gatewayd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.say(f"gatewayd {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", "-c", envvar="GATEWAYD_CONFIG", help="The configuration file.")
    ] = context.DEFAULT_CONFIG,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One individual SMS per recipient, through your own SIMs."""
    logs.configure(secrets.token_bytes(32), level="warning")  # until the state directory's own key is known
    ctx.obj = context.Context(config)


def main() -> None:
    """The console script."""
    try:
        app(prog_name="gatewayd")
    except InvalidConfiguration as error:
        more = len(error.problems) - 1
        output.fail(str(error) + (f" (and {more} more: `gatewayd check` lists them)" if more else ""))
        sys.exit(error.exit_status)
    except NumberError as error:
        output.fail(f"this number cannot be used: {error}")
        sys.exit(UsageError.exit_status if error.reason in _NO_NUMBER else RefusedByRule.exit_status)
    except TextError as error:
        output.fail(f"this text cannot be used: {error}")
        sys.exit(UsageError.exit_status)
    except GatewaydError as error:
        output.fail(str(error))
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
