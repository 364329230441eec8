"""`gatewayd contacts`: whom we hold data about; lists of them come in after a look at what would change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.cli.consents import Agreed, Evidence, InLanguage, MethodOption, Version, Words, book, words_of
from gatewayd.cli.held import tables
from gatewayd.cli.options import AsJson, By, Limit, Yes
from gatewayd.cli.rejected import rejected_rows
from gatewayd.daemon.rules import number_rules
from gatewayd.domain.field import FAMILY_NAME, GIVEN_NAME, LANGUAGE, fold_heading, shown
from gatewayd.domain.sender import any_number
from gatewayd.errors import UsageError
from gatewayd.interfaces.dropfolder.names import safe_name
from gatewayd.interfaces.lists import PeopleList, Wanted, open_list
from gatewayd.interfaces.people_shapes import contact_json, contact_plan_json, holdings_json
from gatewayd.services.contacts import OWN, Change, ContactLists, Plan
from gatewayd.services.holdings import Holdings
from gatewayd.store.contacts import Contacts, Person
from gatewayd.store.people import NewConsent

app = options.noun("Whom we hold data about.")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV or XLSX with a column of numbers; - reads stdin.")],
    *,
    yes: Yes = False,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Show all changes, not the first {output.SECTION} of each kind.")
    ] = False,
    consent: Annotated[
        str,
        typer.Option("--consent", help="All of this list agreed to this purpose: record it, with the list as proof."),
    ] = "",
    method: MethodOption = "import",
    agreed: Agreed = "",
    wording: Words = "",
    version: Version = "",
    language: InLanguage = None,
    evidence: Evidence = "",
    by: By = "",
    json: AsJson = False,
) -> None:
    """Show what a list of people would change, and write it once confirmed. Exit status 1: rows were rejected."""
    here = context.of(ctx)
    settings = here.settings
    read = open_list(file, wanted(here), decimal="," if settings.organisation.language == "fr" else ".")
    each = None
    if consent:
        if not agreed:
            raise UsageError("--consent needs --agreed: when did they agree?")
        ledger, place = book(here), evidence or safe_name(file.name)
        words = words_of(here, ledger.purpose(consent), wording, language, version)
        who = by or context.operator()
        each = NewConsent("", consent, method, ledger.when(agreed), who, True, words, place, read.sha256)
    lists = ContactLists(here.database, fields=settings.fields, numbers=number_rules(settings), clock=here.clock)
    plan = lists.plan(output.counted(read.rows(), "rows read", read.lines), each)
    if not json:
        _print(plan, read, None if everything else output.SECTION)
    written = plan.writes and (yes or (not json and output.confirmed()))
    if written:
        lists.carry_out(plan, safe_name(file.name), by=by or context.operator(), sha256=read.sha256)
    if json:
        about = {"sha256": read.sha256, "left_out": list(read.left_out)}
        output.as_json({**about, **contact_plan_json(plan), "written": written})
    else:
        output.say(options.verdict(written, plan.writes))
    if plan.rejected:
        raise typer.Exit(1)


def wanted(here: context.Context) -> Wanted:
    """What a list may hold, by its headings: names, language, and the declared fields by name or label."""
    own = dict(zip(OWN, (GIVEN_NAME, FAMILY_NAME, LANGUAGE), strict=True))
    declared = {name: (fold_heading(name), fold_heading(field.label)) for name, field in here.settings.fields.items()}
    return {**own, **declared}


def _print(plan: Plan, read: PeopleList, limit: int | None) -> None:
    if read.left_out:
        output.say(f"Columns left out, for no field declares them: {', '.join(read.left_out)}", style="yellow")
    output.section("New", [(one.number, _name(one), _fields(one)) for one in plan.new], limit)
    output.section("Changed", [(one.new.number, _name(one.old), _differences(one)) for one in plan.changed], limit)
    output.section("Rejected", rejected_rows(plan.rejected), limit)
    output.section("Opted out, and stay so", [(number,) for number in plan.opted_out], limit)
    for purpose, count in Counter(one.purpose for one in plan.consents).items():
        output.say(f"{output.many(count, 'agreement')} to {purpose} to record")
    output.say(
        f"{len(plan.new)} new, {len(plan.changed)} changed, {plan.unchanged} unchanged, {len(plan.rejected)} rejected"
    )


def _name(person: Person) -> str:
    return " ".join(filter(None, (person.given_name, person.family_name)))


def _fields(person: Person) -> str:
    return ", ".join(f"{name}: {shown(value)}" for name, value in person.fields.items())


def _differences(change: Change) -> str:
    return ", ".join(f"{name}: {shown(before)} -> {shown(after)}" for name, before, after in change.differences)


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
    who = any_number(number, here.settings.country)
    if who is None:
        raise UsageError(f"{number} is no phone number")
    held = Holdings.of(here.database, who)
    if json:
        output.as_json(holdings_json(held))
        return
    if not held:
        output.say(f"Nothing is held about {who}.")
        return
    for thing in tables(held, here):
        output.show(thing)
