"""`gatewayd contacts`: whom we hold data about; lists of them come in after a look at what would change."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gatewayd.cli import context, options, output
from gatewayd.cli.held import Held, contact_json, person_json
from gatewayd.cli.options import AsJson, Limit
from gatewayd.daemon.rules import number_rules
from gatewayd.domain.field import FAMILY_NAME, GIVEN_NAME, LANGUAGE, fold_heading, shown
from gatewayd.errors import UsageError
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.dropfolder.names import safe_name
from gatewayd.interfaces.lists import PeopleList, Wanted, open_list
from gatewayd.services.contacts import OWN, Change, ContactLists, Plan, Rejected
from gatewayd.store.contacts import Contacts, Person

app = options.noun("Whom we hold data about.")

_SHOWN = 20


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV or XLSX with a column of numbers; - reads stdin.")],
    yes: Annotated[bool, typer.Option("--yes", help="Write the changes without asking.")] = False,
    everything: Annotated[bool, typer.Option("--all", help=f"Show all, not the first {_SHOWN} of each kind.")] = False,
    json: AsJson = False,
) -> None:
    """Show what a list of people would change, and write it once confirmed. Exit status 1: rows were rejected."""
    here = context.of(ctx)
    settings = here.settings
    decimal = "," if settings.organisation.language == "fr" else "."
    read = open_list(file, wanted(here), decimal=decimal)
    lists = ContactLists(here.database, fields=settings.fields, numbers=number_rules(settings), clock=here.clock)
    plan = lists.plan(output.counted(read.rows(), "rows read", read.lines))
    if not json:
        _print(plan, read, None if everything else _SHOWN)
    written = plan.writes and (yes or (not json and _confirmed()))
    if written:
        lists.carry_out(plan, safe_name(file.name))
    if json:
        output.as_json({**_plan_json(plan, read), "written": written})
    elif written:
        output.say("Written.", style="green")
    else:
        output.say("Nothing to write." if not plan.writes else "Nothing was written; --yes writes it.")
    if plan.rejected:
        raise typer.Exit(1)


def wanted(here: context.Context) -> Wanted:
    """What a list may hold, by its headings: names, language, and the declared fields by name or label."""
    own = dict(zip(OWN, (GIVEN_NAME, FAMILY_NAME, LANGUAGE), strict=True))
    declared = {name: (fold_heading(name), fold_heading(field.label)) for name, field in here.settings.fields.items()}
    return {**own, **declared}


def _confirmed() -> bool:
    """Asked of a person, and of nobody else."""
    return sys.stdin.isatty() and sys.stdout.isatty() and typer.confirm("Write this?", default=False)


def _print(plan: Plan, read: PeopleList, limit: int | None) -> None:
    if read.left_out:
        output.say(f"Columns left out, for no field declares them: {', '.join(read.left_out)}", style="yellow")
    _section("New", [(one.number, _name(one), _fields(one)) for one in plan.new], limit)
    _section("Changed", [(one.new.number, _name(one.old), _differences(one)) for one in plan.changed], limit)
    _section("Rejected", [(f"line {one.line}", one.number, why(one)) for one in plan.rejected], limit)
    _section("Opted out, and stay so", [(number, "", "") for number in plan.opted_out], limit)
    output.say(
        f"{len(plan.new)} new, {len(plan.changed)} changed, {plan.unchanged} unchanged, {len(plan.rejected)} rejected"
    )


def _section(title: str, rows: Sequence[tuple[str, str, str]], limit: int | None) -> None:
    if not rows:
        return
    output.say(f"{title}: {len(rows)}", style="bold")
    found = Table.grid(padding=(0, 2))
    for row in rows[:limit]:
        found.add_row("", *map(output.visible, row))
    output.show(found)
    if limit is not None and len(rows) > limit:
        output.say(f"  ... and {len(rows) - limit} more (--all)")


def why(one: Rejected) -> str:
    """Why a row of a list is not used, in words."""
    return one.words or sentences.of_row(one.reason, "en")


def _name(person: Person) -> str:
    return " ".join(filter(None, (person.given_name, person.family_name)))


def _fields(person: Person) -> str:
    return ", ".join(f"{name}: {shown(value)}" for name, value in person.fields.items())


def _differences(change: Change) -> str:
    return ", ".join(f"{name}: {shown(before)} -> {shown(after)}" for name, before, after in change.differences)


def _plan_json(plan: Plan, read: PeopleList) -> dict[str, Any]:
    return {
        "sha256": read.sha256,
        "left_out": list(read.left_out),
        "new": [person_json(person) for person in plan.new],
        "changed": [
            {
                "number": one.new.number,
                "differences": [dict(zip(("field", "old", "new"), each, strict=True)) for each in one.differences],
            }
            for one in plan.changed
        ],
        "unchanged": plan.unchanged,
        "rejected": [
            {"line": one.line, "number": one.number, "reason": one.reason or None, "words": why(one)}
            for one in plan.rejected
        ],
        "opted_out": plan.opted_out,
        "consents": len(plan.consents),
    }


@app.command("list")
def list_(ctx: typer.Context, limit: Limit = 100, json: AsJson = False) -> None:
    """List contacts, the newest first."""
    here = context.of(ctx)
    found = Contacts(here.database).list(limit)
    if json:
        output.as_json([contact_json(one) for one in found])
        return
    if not found:
        output.say("There is no contact; `gatewayd contacts import FILE` brings a list in.")
        return
    rows = [(one.number, _name(one), one.language, _fields(one)) for one in found]
    output.show(output.table(("NUMBER", "NAME", "LANG", "FIELDS"), rows))
    if len(found) == limit:
        output.note(f"the newest {limit}; --limit shows more")


@app.command()
def show(ctx: typer.Context, number: str, json: AsJson = False) -> None:
    """Show everything that is held about a number: the contact, what was agreed to, opt-outs, the last messages."""
    here = context.of(ctx)
    who = context.any_number(number, here.settings.country)
    if who is None:
        raise UsageError(f"{number} is no phone number")
    held = Held.of(here, who)
    if json:
        output.as_json(held.as_json())
        return
    if not held:
        output.say(f"Nothing is held about {who}.")
        return
    for thing in held.tables(here):
        output.show(thing)
