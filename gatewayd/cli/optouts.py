"""`gatewayd optouts`: who said "no more". An opt-out stops every purpose, on every SIM, at once."""

from __future__ import annotations

import contextlib
import csv
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By, Limit
from gatewayd.domain.audit import Event
from gatewayd.domain.sender import any_number
from gatewayd.errors import UsageError
from gatewayd.interfaces.dropfolder.report import neutral
from gatewayd.interfaces.lists import read_file
from gatewayd.interfaces.shapes import optout_json
from gatewayd.store import audit
from gatewayd.store.people import People

app = options.noun('Who said "no more".')


@app.command()
def add(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Who wants no more messages, one number or several.")],
    origin: Annotated[
        str, typer.Option(help="How it was said: by phone, by letter ...", callback=options.words)
    ] = "operator",
    by: By = "",
) -> None:
    """Record an opt-out; what waits for the number is canceled in the same transaction."""
    here = context.of(ctx)
    recipients, people = context.any_numbers(here.settings, numbers, "recorded"), People(here.database)
    for recipient in recipients:
        canceled = people.add_optout(recipient, origin=origin, by=by or context.operator(), at=here.clock.utc_now())
        waiting = f", {output.many(canceled, 'waiting message')} canceled" if canceled else ""
        output.say(f"{recipient} opted out{waiting}")
    here.ring()


@app.command()
def remove(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Who wants messages again, one number or several.")],
    by: By = "",
) -> None:
    """Lift opt-outs, when the person asks for it. The records stay; what was canceled stays canceled."""
    here = context.of(ctx)
    recipients, people = context.any_numbers(here.settings, numbers, "changed"), People(here.database)
    for recipient in recipients:
        lifted = people.remove_optout(recipient, by=by or context.operator(), at=here.clock.utc_now())
        output.say(f"{recipient} may be written to again" if lifted else f"{recipient} has not opted out")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A number a line, or a CSV whose first column is the number; - reads stdin.")
    ],
    origin: Annotated[str, typer.Option(help="Where the list comes from.", callback=options.words)] = "import",
    by: By = "",
) -> None:
    """Record an opt-out for each number of a list; those that hold already stay as they are. May be given again.

    What `optouts export` wrote on another machine keeps its origins, with their day.
    """
    here = context.of(ctx)
    found, wrong = _numbers_of(_rows(_read(file), origin), here.settings.country)
    people, who, now = People(here.database), by or context.operator(), here.clock.utc_now()
    passing = output.counted(found.items(), "numbers", len(found))
    new, canceled = people.add_optouts(passing, origin=origin, by=who, at=now)
    for line, words in wrong:
        output.warn(f"line {line}: {words!r} is no phone number")
    waiting = f", {output.many(canceled, 'waiting message')} canceled" if canceled else ""
    output.say(f"{output.many(new, 'opt-out')} recorded, {len(found) - new} known already{waiting}")
    here.ring()
    if not found and not wrong:
        output.warn(f"{file}: there is no number in it")
    if wrong or not found:
        raise typer.Exit(1)


def _read(file: Path) -> str:
    octets = read_file(file)
    if octets.startswith(_WORKBOOK):
        raise UsageError(f"{file} is a workbook: save it as CSV, with the numbers in its first column")
    for encoding in ("utf-8-sig", "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            return octets.decode(encoding)
    return octets.decode("latin-1")


_WORKBOOK = b"PK\x03\x04"
_EXPORTED = ("recipient", "recorded_at", "origin", "recorded_by")


def _rows(text: str, origin: str) -> Iterator[tuple[int, str, str]]:
    """Line, number and origin: that of the option, or, in what `export` wrote, what stands there, with its day."""
    lines = text.splitlines()
    if lines[:1] != [";".join(_EXPORTED)]:
        for line, written in enumerate(lines, 1):
            yield line, re.split(r"[;,\t]", written, maxsplit=1)[0].strip().strip('"').strip(), origin
        return
    for line, cells in enumerate(csv.reader(lines[1:], delimiter=";"), 2):
        number, day, said = [*cells, "", "", ""][:3]
        yield line, number, f"{said.removeprefix(chr(39))} {day[:10]}".strip() or origin


def _numbers_of(rows: Iterable[tuple[int, str, str]], country: str) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """The numbers with their origins, of whatever kind and country: an opt-out holds for all; and the lines without
    one."""
    found: dict[str, str] = {}
    wrong: list[tuple[int, str]] = []
    for line, cell, origin in rows:
        number = any_number(cell, country)
        if number is not None:
            found.setdefault(number, origin)
        elif cell and not (line == 1 and not any(map(str.isdigit, cell))):  # a heading
            wrong.append((line, cell))
    return found, wrong


@app.command()
def export(ctx: typer.Context) -> None:
    """Write the opt-outs that hold as CSV on stdout: number; since; origin; recorded by."""
    here = context.of(ctx)
    found, now = People(here.database).optouts(), here.clock.utc_now()
    here.database.write(
        lambda connection: audit.append(
            connection, Event.OPT_OUTS_EXPORTED, now, by=context.operator(), count=len(found)
        )
    )
    out = csv.writer(sys.stdout, delimiter=";", lineterminator="\n")
    out.writerow(_EXPORTED)
    for one in found:
        out.writerow((one.recipient, output.rfc3339(one.recorded_at), neutral(one.origin), neutral(one.recorded_by)))


@app.command("list")
def list_(
    ctx: typer.Context,
    recipient: Annotated[str, typer.Option("--recipient", help="Only of this number.")] = "",
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List the opt-outs that hold, the newest first."""
    here = context.of(ctx)
    number = context.any_numbers(here.settings, [recipient], "listed")[0] if recipient else ""
    found = People(here.database).optouts(recipient=number, limit=limit)
    if json:
        output.as_json([optout_json(one) for one in found])
        return
    if not found:
        output.say(f"{number} has not opted out." if number else "No opt-out is recorded.")
        return
    zone = here.settings.timezone
    rows = [(one.recipient, one.origin, output.local(one.recorded_at, zone), one.recorded_by) for one in found]
    output.show(output.table(("NUMBER", "ORIGIN", "SINCE", "BY"), rows))
    if len(found) == limit:
        output.note(f"the newest {limit}; --limit shows more, gatewayd optouts export all of them")
