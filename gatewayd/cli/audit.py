"""`gatewayd audit`: the trail of what was done, whether it is as it was written, and all of it for somebody else."""

from __future__ import annotations

import csv
import io
import json as jsons
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, Limit
from gatewayd.domain import audit_files as files
from gatewayd.domain.audit import Anchor, Broken, Event, Fault, Row, Value, Verdict, timestamp, verify
from gatewayd.domain.sender import any_number
from gatewayd.errors import UsageError
from gatewayd.interfaces.dropfolder.report import neutral
from gatewayd.store import audit

app = options.noun("The audit trail: who did what and when, and whether it is as it was written.")

_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
_SHOWN_EVERY = 1000


@app.command("list")
def list_(
    ctx: typer.Context,
    event: Annotated[
        Event | None, typer.Option("--event", metavar="EVENT", help="Only these, as optout.recorded.")
    ] = None,
    about: Annotated[str, typer.Option("--about", help="Only about this number, or this pseudonym (p:...).")] = "",
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List entries, the newest first."""
    here = context.of(ctx)
    database, subject = here.database, about
    if about and not about.startswith("p:"):
        number = any_number(about, here.settings.country)
        if number is None:
            raise UsageError(f"{about} is neither a phone number nor a pseudonym (p:...)")
        subject = here.pseudonyms.in_trail(number)
    with database.read() as connection:
        found = audit.latest(connection, limit, event=event or "", subject=subject)
    if json:
        output.as_json([_as_json(row) for row in found])
        return
    if not found:
        output.say("No entry.")
        return
    zone = here.settings.timezone
    rows = [(row.seq, _local(row, zone), row.actor, row.event, row.subject, _words(row)) for row in found]
    output.show(output.table(("ENTRY", "TIME", "BY", "EVENT", "ABOUT", ""), rows, numeric=frozenset({"ENTRY"})))
    if len(found) == limit:
        output.note(f"the newest {limit}; --limit shows more")


def _local(row: Row, zone: tzinfo) -> str:
    try:
        return output.local(datetime.fromisoformat(row.at), zone)
    except ValueError:
        return row.at


def _words(row: Row) -> str:
    details = _details(row)
    return details if isinstance(details, str) else " ".join(f"{name}={value}" for name, value in details.items())


def _details(row: Row) -> dict[str, object] | str:
    """As they were written; what somebody made of them since is shown as it is, for `verify` to judge."""
    try:
        found = jsons.loads(row.details)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else row.details


def _as_json(row: Row) -> dict[str, object]:
    """An entry with the names of its canonical form, and its hash."""
    return {**row._asdict(), "details": _details(row), "hash": row.hash.hex()}


# Verify.


@app.command("verify")
def verify_(
    ctx: typer.Context,
    anchor: Annotated[
        list[str] | None, typer.Option("--anchor", metavar="SEQ:HASH", help="An entry that must be there; repeatable.")
    ] = None,
    anchors: Annotated[
        list[Path] | None,
        typer.Option(help="A file with anchors, as the journal's lines; - reads stdin; repeatable."),
    ] = None,
    export: Annotated[
        list[Path] | None, typer.Option(help="An export that the trail must agree with; repeatable.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Check each entry against all before it, and the trail against anchors that stand elsewhere."""
    here = context.of(ctx)
    wanted = [files.anchor(words) for words in anchor or ()]
    for file in anchors or ():
        with _lines(file) as lines:
            found = [*files.anchors(lines)]
        if not found:
            said = "there: does journalctl need sudo?" if str(file) == "-" else f"in {file}"
            raise UsageError(f"no anchor was found {said}")
        wanted += found
    for file in export or ():
        wanted.extend(_of_export(file, as_json=json))
    with here.database.read() as connection:
        total = audit.head(connection).seq
        with _progress("checking", total) as passing:
            verdict = verify(passing(audit.rows(connection)), wanted)
    if json:
        output.as_json({**_verdict(verdict), "anchors": len(wanted)})
    elif verdict.broken is None:
        _print_whole(verdict, len(wanted))
    else:
        _print_broken(verdict.broken, "the trail")
    if verdict.broken is not None:
        raise typer.Exit(1)


def _of_export(file: Path, *, as_json: bool) -> list[Anchor]:
    """The anchors that an export is, after it was checked in itself."""
    with _lines(file) as lines:
        export = files.Export(str(file), lines)
        verdict = verify(export.rows(), after=export.after)
    if verdict.broken is not None:
        if as_json:
            output.as_json({**_verdict(verdict), "export": str(file)})
        else:
            _print_broken(verdict.broken, str(file))
        raise typer.Exit(1)
    return [one for one in (export.after, verdict.head, export.head) if one is not None]


def _verdict(verdict: Verdict) -> dict[str, object]:
    broken = verdict.broken
    return {
        "verified": broken is None,
        "entries": verdict.head.seq,
        "head": str(verdict.head),
        "broken": None if broken is None else {"seq": broken.seq, "fault": broken.fault, "words": str(broken)},
    }


def _print_whole(verdict: Verdict, anchors: int) -> None:
    sure = f", and {output.many(anchors, 'anchor')} agreed with" if anchors else ""
    words = f": {output.many(verdict.head.seq, 'entry', 'entries')} verified{sure}"
    output.show(Text.assemble(("The audit trail is whole", "bold green"), words))
    output.say(f"head {verdict.head}")
    if not anchors:
        output.note(
            "Only an anchor tells that its end was not cut off: "
            "sudo journalctl -u gatewayd | sudo gatewayd audit verify --anchors -"
        )


_MEANS: Mapping[Fault, str] = {
    Fault.TRUNCATED: "What happened since then is not proven any more. Was a backup restored? If not, somebody who "
    "could write the database has cut it off.",
    Fault.REWRITTEN: "Was a backup restored? Then what came after it is lost, and anchors from before it still agree. "
    "If not, somebody who could write the database has written the trail anew.",
}
_MEANING = (
    "Entries before it are as they were written; those from it on prove nothing any more. gatewayd never changes an "
    "entry: look who could write the database, and compare with an export or a backup."
)


def _print_broken(broken: Broken, where: str) -> None:
    output.fail(f"{where} is not as it was written: {broken}")
    output.fail(_MEANS.get(broken.fault, _MEANING))


# Export.


@app.command("export")
def export_(
    ctx: typer.Context,
    since: Annotated[
        datetime | None, typer.Option(formats=_DATES, help="From this day or time on, local time.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_DATES, help="Before this day or time.")] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="With the numbers that are still known; the trail keeps who asked for it.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON lines, which can be verified: the default.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV for a spreadsheet.")] = False,
) -> None:
    """Write the trail on stdout, with its head as the last line."""
    if json and as_csv:
        raise UsageError("say either --json or --csv")
    here = context.of(ctx)
    zone = here.settings.timezone
    first, last = (moment.replace(tzinfo=zone).astimezone(UTC) if moment else None for moment in (since, until))
    now = here.clock.utc_now()
    told: dict[str, Value] = {
        "since": timestamp(first) if first else None,
        "until": timestamp(last) if last else None,
    }
    event = Event.REVEALED if reveal else Event.EXPORTED
    here.database.write(
        lambda connection: audit.append(connection, event, now, by=context.operator(), number="", **told)
    )
    with here.database.read() as connection:
        numbers = {here.pseudonyms.in_trail(number): number for number in audit.numbers(connection)} if reveal else {}
        after, until_seq = audit.between(connection, first, last)
        head = audit.head(connection)
        start = audit.at(connection, min(after, head.seq))
        with _progress("writing", min(until_seq, head.seq) - start.seq) as passing:
            rows = passing(audit.rows(connection, after=start.seq, until=until_seq))
            lines = _as_csv(rows, numbers) if as_csv else _as_lines(rows, numbers, start, head, now)
            for line in lines:
                sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    if as_csv:
        output.note(f"head {head}")


def _as_lines(
    rows: Iterable[Row], numbers: Mapping[str, str], start: Anchor, head: Anchor, now: datetime
) -> Iterator[bytes]:
    yield files.opening(start, now)
    for row in rows:
        yield files.entry(row, numbers.get(row.subject, ""))
    yield files.closing(head)


def _as_csv(rows: Iterable[Row], numbers: Mapping[str, str]) -> Iterator[bytes]:
    buffer = io.StringIO()
    out = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    out.writerow(("seq", "at", "actor", "event", "subject", *(("number",) if numbers else ()), "details", "hash"))
    for row in rows:
        number = (numbers.get(row.subject, ""),) if numbers else ()
        cells = (row.at, neutral(row.actor), row.event, row.subject, *number, row.details, row.hash.hex())
        out.writerow((row.seq, *cells))
        yield buffer.getvalue().encode("utf-8", "backslashreplace")
        buffer.seek(0)
        buffer.truncate()


# Files and progress.


@contextmanager
def _lines(file: Path) -> Iterator[Iterator[str]]:
    """The lines of a file or of stdin, each cut at what no line of ours is long enough for."""
    try:
        octets: IO[bytes] = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    with octets:
        yield (line.decode("utf-8", "replace") for line in iter(lambda: octets.readline(files.LONGEST_LINE + 1), b""))


@contextmanager
def _progress(words: str, total: int) -> Iterator[Callable[[Iterable[Row]], Iterable[Row]]]:
    """A bar on a terminal, beside what goes to stdout; yields what rows are passed through."""
    console = output.console(stderr=True)
    if not console.is_terminal:
        yield lambda rows: rows
        return
    columns = (TextColumn(words), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)

        def passing(rows: Iterable[Row]) -> Iterator[Row]:
            for number, row in enumerate(rows):
                if number % _SHOWN_EVERY == 0:
                    progress.update(task, completed=number)
                yield row

        yield passing
