"""`gatewayd campaigns`: group sends, one text a person: explained, tested and agreed to before they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gatewayd.cli import campaign_figures, campaign_views, context, options, output
from gatewayd.cli.options import AsJson, By
from gatewayd.daemon import lock
from gatewayd.daemon.rules import house_of, number_rules
from gatewayd.domain import template
from gatewayd.domain.campaign import Audience, Missed, Repeat
from gatewayd.domain.field import Value, fold_heading, read_moment
from gatewayd.domain.lint import with_footer
from gatewayd.errors import TextError, UsageError
from gatewayd.interfaces.campaign_page import page
from gatewayd.interfaces.campaign_shapes import explanation_json, foretold_json, remark_json, report_json, shown_json
from gatewayd.interfaces.dropfolder.names import safe_name
from gatewayd.interfaces.lists import open_list
from gatewayd.interfaces.shapes import campaign_json
from gatewayd.services.audience import OWN_FIELDS, House, read_numbers
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.explaining import Explanation, check, explain, lint
from gatewayd.services.releasing import CampaignRunner
from gatewayd.services.reporting import report
from gatewayd.store.campaign_figures import Figures
from gatewayd.store.campaigns import AudienceRow, Campaign, Campaigns, NewCampaign

app = options.noun("Group sends: create, explain, test, approve, start, report.")

_FOLLOWED = 5.0
"""Seconds that a command gives to the messages of a campaign that it has stopped: some hundred thousand of them."""
Name = Annotated[str, typer.Argument(help="The campaign's name.")]
Moment = Annotated[str, typer.Option(metavar="WHEN", help='Local time, as "2026-12-01 18:00" or "01/12/2026 18:00".')]


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A short name: a-z, 0-9, - and _.")],
    *,
    purpose: Annotated[str, typer.Option("--purpose", "-p", help="Why, as the configuration names it.")],
    text: Annotated[str, typer.Option("--text", "-t", help="The text, with {{ fields }}; @FILE reads it from a file.")],
    segment: Annotated[str, typer.Option("--segment", "-s", help="Whom: a segment's name, or a rule.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Whom: CSV or XLSX with a column of numbers.")
    ] = None,
    to: Annotated[list[str] | None, typer.Option("--to", help="Whom: a number; repeatable.")] = None,
    pool: Annotated[str, typer.Option("--pool", help="Which SIMs; else those of the purpose.")] = "",
    priority: Annotated[
        int | None, typer.Option("--priority", min=0, max=9, help="0 goes first; else the purpose's.")
    ] = None,
    window: Annotated[str, typer.Option("--window", help='When it may leave, as "mon-fri 09:00-12:00".')] = "",
    start: Moment = "",
    deadline: Moment = "",
    repeat: Annotated[
        Repeat, typer.Option("--repeat", help="Ask the segment again each day, week, month or year.")
    ] = Repeat.ONCE,
    missed: Annotated[
        Missed, typer.Option("--missed", help="A start that passed while gatewayd was off: hold it, or send.")
    ] = Missed.HELD,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Create a campaign: a draft, of which nothing is sent yet. Exit status 3: a rule forbids it."""
    here = context.of(ctx)
    house, zone = house_of(here.settings), here.settings.timezone
    source = _text(text)
    kind, audience, rows = _audience(here, house, source, segment, file, to or [])
    new = NewCampaign(
        name=name,
        purpose=purpose,
        template=source,
        audience_kind=kind,
        audience=audience,
        pool=pool,
        priority=house.purpose(purpose).priority if priority is None else priority,
        created_by=by or context.operator(),
        window=window,
        start_at=_when(start, zone),
        deadline=_when(deadline, zone),
        repeat=repeat,
        missed=missed,
    )
    campaign = CampaignDesk(here.database, house, here.clock).create(new, rows)
    if json:
        output.as_json(campaign_json(campaign))
        return
    output.show(Text.assemble(("created ", "green"), f"campaign {name}, a draft: nothing is sent."))
    _print_lint(house, campaign)
    output.note(f"gatewayd campaigns explain {name}   tells who gets it, and what it costs")


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the campaigns, the newest first."""
    here = context.of(ctx)
    found = Campaigns(here.database).list()
    if json:
        output.as_json([campaign_json(one) for one in found])
    elif found:
        output.show(campaign_views.table(found, here.settings.timezone))
    else:
        output.say("No campaign.")


@app.command()
def show(ctx: typer.Context, name: Name, json: AsJson = False) -> None:
    """Show a campaign: its text, who agreed to it, how its test stands."""
    here = context.of(ctx)
    store = Campaigns(here.database)
    desk = CampaignDesk(here.database, house_of(here.settings), here.clock)
    campaign = store.get(name)
    tested = None
    if campaign.test_begun_at is not None:
        campaign, tested = desk.look_at_test(campaign)
    approvals = store.approvals(campaign.id)
    if json:
        output.as_json(shown_json(campaign, approvals, tested))
    else:
        campaign_views.print_campaign(campaign, approvals, tested, here.settings.timezone)


@app.command("explain")
def explain_(
    ctx: typer.Context,
    name: Name,
    sample: Annotated[int, typer.Option("--sample", min=0, max=100, help="Show so many texts.")] = 3,
    csv: Annotated[bool, typer.Option("--csv", help="Print a line a person, for a spreadsheet.")] = False,
    json: AsJson = False,
) -> None:
    """Say who would get it and who not and why, its texts, its price, its end. Nothing is sent."""
    here = context.of(ctx)
    house = house_of(here.settings)
    campaign = Campaigns(here.database).get(name)
    with output.progress("people judged", quiet=json or csv) as told:
        found: Explanation = explain(here.database, house, campaign, here.clock, sample=sample, told=told)
    language = here.settings.organisation.language
    if json:
        output.as_json(explanation_json(found) | {"recipients": [foretold_json(one) for one in found.people]})
    elif csv:
        campaign_views.print_people_csv(found, language)
    else:
        campaign_views.print_explanation(found, here.settings.timezone, language)


@app.command("lint")
def lint_(ctx: typer.Context, name: Name, json: AsJson = False) -> None:
    """Say what the text does not tell its reader. Exit status 3: it may not be sent so."""
    here = context.of(ctx)
    house = house_of(here.settings)
    campaign = Campaigns(here.database).get(name)
    purpose = house.purpose(campaign.purpose)
    found = lint(house, campaign, with_footer(campaign.template, purpose.footer))
    if json:
        output.as_json([remark_json(one) for one in found])
    elif found:
        _print_lint(house, campaign)
    else:
        output.say("It says who writes, how to leave, and where the privacy notice is.", style="green")
    check(purpose, found)


@app.command("test")
def rehearse(
    ctx: typer.Context,
    name: Name,
    skip: Annotated[bool, typer.Option("--skip-test", help="Go on without a test.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why it is not tested; kept.")] = "",
    by: By = "",
) -> None:
    """Send it to the trusted numbers, marked as a test, or go on without for a reason."""
    here = context.of(ctx)
    desk = CampaignDesk(here.database, house_of(here.settings), here.clock)
    person = by or context.operator()
    if skip:
        desk.skip_test(name, person, reason)
        output.say(f"campaign {name} goes on without a test: {reason}")
        return
    _, trusted = desk.test(name, person)
    here.ring()
    output.show(Text.assemble(("sent ", "green"), f"as a test to {', '.join(trusted)}."))
    output.say("It is tested when each has received it (or answers OK), and one of them has answered STOP, then START.")
    output.note(f"gatewayd campaigns show {name}   tells how far that is")


@app.command()
def approve(ctx: typer.Context, name: Name, by: By = "") -> None:
    """Agree to a campaign that somebody else wrote. Exit status 3: a rule forbids it."""
    here = context.of(ctx)
    desk = CampaignDesk(here.database, house_of(here.settings), here.clock)
    person = by or context.operator()
    _, missing = desk.approve(name, person)
    output.show(Text.assemble(("approved ", "green"), f"by {person}."))
    if missing:
        output.say(f"It needs {output.many(missing, 'person')} more.", style="yellow")


@app.command()
def start(
    ctx: typer.Context,
    name: Name,
    at: Annotated[str, typer.Option("--at", metavar="WHEN", help='When, as "2026-12-01 18:00"; else now.')] = "",
    by: By = "",
) -> None:
    """Let an approved campaign go, now or at a time."""
    here = context.of(ctx)
    zone = here.settings.timezone
    desk = CampaignDesk(here.database, house_of(here.settings), here.clock)
    campaign = desk.start(name, by or context.operator(), _when(at, zone))
    here.ring()
    output.show(Text.assemble(("started ", "green"), f"campaign {name}: {output.local(campaign.start_at, zone)}"))


@app.command()
def pause(ctx: typer.Context, name: Name, by: By = "") -> None:
    """Stop it for now: from this moment on nothing more of it starts."""
    here = context.of(ctx)
    CampaignDesk(here.database, house_of(here.settings), here.clock).pause(name, by or context.operator())
    _follow(here)
    output.say(f"campaign {name} is paused: what is out is out, the rest waits for gatewayd campaigns resume {name}")


@app.command()
def resume(ctx: typer.Context, name: Name, by: By = "") -> None:
    """Let a paused campaign go on."""
    here = context.of(ctx)
    CampaignDesk(here.database, house_of(here.settings), here.clock).resume(name, by or context.operator())
    _follow(here)
    output.say(f"campaign {name} goes on")


@app.command()
def cancel(ctx: typer.Context, name: Name, by: By = "") -> None:
    """End it: what is out is out, from this moment on nothing more of it starts."""
    here = context.of(ctx)
    CampaignDesk(here.database, house_of(here.settings), here.clock).cancel(name, by or context.operator())
    _follow(here)
    output.say(f"campaign {name} is canceled: what is out is out, nothing more of it starts")


def _follow(here: context.Context) -> None:
    """The messages that wait are to show how their campaign stands: the daemon sees to it, or we where none runs."""
    here.ring()
    if lock.holder(here.settings.state_directory) is None:
        CampaignRunner(here.database, house_of(here.settings), here.clock).settle(here.clock.monotonic() + _FOLLOWED)


@app.command("report")
def report_(
    ctx: typer.Context,
    name: Name,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with a chart into this file.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print a line a person, for a spreadsheet.")] = False,
    json: AsJson = False,
) -> None:
    """Say what became of it: who got it, what failed, who left, what it cost."""
    here = context.of(ctx)
    settings, store = here.settings, Campaigns(here.database)
    campaign = store.get(name)
    if csv:
        campaign_figures.print_csv(Figures(here.database).fates(campaign), settings.organisation.language)
        return
    found = report(here.database, house_of(settings), campaign)
    if html is not None:
        agreed = [one.approved_by for one in store.approvals(campaign.id)]
        purpose = settings.purposes.get(campaign.purpose)
        words = page(
            found,
            organisation=settings.organisation.name,
            purpose=purpose.label if purpose is not None else campaign.purpose,
            language=settings.organisation.language,
            zone=settings.timezone,
            now=here.clock.utc_now(),
            approved=agreed,
        )
        _write(html, words)
    if json:
        output.as_json(report_json(found))
    elif html is None:
        campaign_figures.print_report(found, settings.timezone, settings.organisation.language)


def _write(file: Path, words: str) -> None:
    try:
        file.write_text(words, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    output.note(f"written to {file}")


def _print_lint(house: House, campaign: Campaign) -> None:
    text = with_footer(campaign.template, house.purpose(campaign.purpose).footer)
    for one in lint(house, campaign, text):
        output.warn(one.words)


def _text(given: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{given[1:]}: the text cannot be read: {error}") from None


def _when(words: str, zone: tzinfo) -> datetime | None:
    if not words:
        return None
    try:
        return read_moment(words, zone)
    except UsageError as error:
        raise UsageError(f"{words!r}: {error}; expected a time as 2026-12-01 18:00, or 01/12/2026 18:00") from None


def _audience(
    here: context.Context, house: House, source: str, segment: str, file: Path | None, to: Sequence[str]
) -> tuple[Audience, str, Sequence[AudienceRow]]:
    """Where the recipients come from, in words, and the rows of a list."""
    if sum((bool(segment), file is not None, bool(to))) != 1:
        raise UsageError("say once whom it is for: --segment, --file, or --to")
    if segment:
        return Audience.SEGMENT, house.segments.get(segment.strip(), segment), ()
    if file is None:
        judged = read_numbers(enumerate(to, start=1), number_rules(here.settings))
        rows = [AudienceRow(place, number, reason) for place, (number, reason) in enumerate(judged, start=1)]
        return Audience.NUMBERS, f"{output.many(len(rows), 'number')}", rows
    return Audience.FILE, safe_name(file.name), _rows(here, source, file)


def _rows(here: context.Context, source: str, file: Path) -> list[AudienceRow]:
    """The numbers of a list, with the columns that the template asks for, and no others."""
    try:
        asked = template.compile(source)
    except TextError as error:
        raise UsageError(f"this text cannot be used: {error}") from None
    names = asked.required | asked.optional
    wanted = {name: (fold_heading(name),) for name in names}
    read = open_list(file, wanted, decimal="," if here.settings.organisation.language == "fr" else ".")
    rules, lines = number_rules(here.settings), []
    for row in read.rows():
        fields, fault = _values(here, row.cells)
        lines.append((row.line, next((cell for cell in row.numbers if cell), ""), row.fault or fault, fields))
    judged = read_numbers([(line, raw) for line, raw, _, _ in lines], rules)
    return [
        AudienceRow(line, number, fault or reason, fields)
        for (line, _, fault, fields), (number, reason) in zip(lines, judged, strict=True)
    ]


def _values(here: context.Context, cells: Mapping[str, str | None]) -> tuple[dict[str, Value], str]:
    """The cells of a row, those of declared fields read as such; and which one cannot be."""
    found: dict[str, Value] = {}
    for name, cell in cells.items():
        declared = here.settings.fields.get(name)
        try:
            if cell:
                found[_own(name)] = declared.read(cell) if declared is not None else cell
        except UsageError:
            return {}, f"bad_field:{name}"
    return found, ""


def _own(name: str) -> str:
    """A column called as a template calls what every contact has."""
    return next((own for own, names in OWN_FIELDS.items() if name in names), name)
