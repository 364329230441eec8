"""`gatewayd consents`: agreements of people to a purpose, each with its proof."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeAlias

import typer
from rich.table import Table

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By, PurposeKey, Yes
from gatewayd.cli.rejected import rejected_rows
from gatewayd.daemon.rules import number_rules
from gatewayd.domain.consent import EXPIRED, NO_CONSENT, OPT_OUT, Method
from gatewayd.domain.field import plain_text, read_moment
from gatewayd.domain.number import repair_excel
from gatewayd.domain.purpose import Purpose
from gatewayd.domain.sender import any_number
from gatewayd.errors import NumberError, RefusedByRule, UsageError
from gatewayd.interfaces.documents import html as as_html
from gatewayd.interfaces.documents import pdf as as_pdf
from gatewayd.interfaces.dropfolder.names import safe_name
from gatewayd.interfaces.lists import PeopleList, open_list
from gatewayd.interfaces.people_shapes import consent_plan_json, proof_json
from gatewayd.services.asking import Asking
from gatewayd.services.consents import ConsentBook, ConsentPlan, older_wording, present_wording
from gatewayd.services.proof import Document, Held, Writer
from gatewayd.store.contacts import Contacts
from gatewayd.store.people import Consent, NewConsent, People, Wording

app = options.noun("Recorded agreements, with their proofs.")


MethodOption = Annotated[
    Literal["paper", "web_form", "phone", "import"], typer.Option("--method", help="How they agreed.")
]
Agreed = Annotated[str, typer.Option("--agreed", help='When they agreed: "31/01/2026", "2026-01-31 14:30".')]
Words = Annotated[
    str, typer.Option("--wording", help="What they read or heard; else the wording of the purpose as it is now.")
]
Version = Annotated[
    str, typer.Option("--wording-version", help="Which version of the wording they read; else the present one.")
]
InLanguage = Annotated[
    Literal["fr", "en"] | None, typer.Option("--language", help="In which language they read the purpose's wording.")
]
Evidence = Annotated[
    str, typer.Option("--evidence", help="Where the proof is kept: a folder, a binder.", callback=options.words)
]


@app.command()
def record(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Whose consent, one number or several.")],
    purpose: PurposeKey,
    *,
    method: MethodOption = "paper",
    agreed: Agreed = "",
    wording: Words = "",
    version: Version = "",
    language: InLanguage = None,
    evidence: Evidence = "",
    evidence_file: Annotated[
        Path | None,
        typer.Option(
            "--evidence-file", help="The proof itself, a scan or an e-mail: its SHA-256 is kept, not the file."
        ),
    ] = None,
    by: By = "",
) -> None:
    """Record that people agreed to a purpose."""
    here = context.of(ctx)
    digest = sha256_of(evidence_file) if evidence_file is not None else ""
    recipients, ledger = context.recipients(here.settings, numbers), book(here)
    words = words_of(here, ledger.purpose(purpose), wording, language, version)
    at, who = ledger.when(agreed), by or context.operator()
    place = evidence or (context.readable(str(evidence_file)) if evidence_file is not None else "")
    ledger.record(
        [NewConsent(recipient, purpose, method, at, who, True, words, place, digest) for recipient in recipients]
    )
    for recipient in recipients:
        output.say(f"{recipient} agreed to {purpose} ({method}{_which(words)})")
        _tell_if_it_counts_for_nothing(here, recipient, purpose)


def _which(words: Wording | None) -> str:
    if words is None:
        return ", to words that nobody recorded"
    return f", wording {words.version} ({words.language})" if words.version else ", wording as given"


def _tell_if_it_counts_for_nothing(here: context.Context, recipient: str, purpose: str) -> None:
    with here.database.read() as connection:
        why = People(here.database).refusal(
            connection, here.settings.purposes[purpose], recipient, here.clock.utc_now()
        )
    if why is not None:
        output.warn(f"nothing is sent to {recipient} all the same: {_WHY[why]}")


_WHY = {
    OPT_OUT: "this person opted out",
    NO_CONSENT: "the agreement was withdrawn since",
    EXPIRED: "the agreement is too old",
}


@app.command()
def withdraw(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Who withdraws an agreement, one number or several.")],
    purpose: PurposeKey,
    method: Annotated[Literal["paper", "web_form", "phone"], typer.Option(help="How it was said.")] = "phone",
    said: Annotated[str, typer.Option("--said", help="When it was said, if not now.")] = "",
    by: By = "",
) -> None:
    """Record that people withdrew their agreement to one purpose. `optouts add` ends them all."""
    here = context.of(ctx)
    recipients, ledger = context.any_numbers(here.settings, numbers, "recorded"), book(here)
    ledger.purpose(purpose)
    at, who, missing = ledger.when(said), by or context.operator(), 0
    for recipient in recipients:
        if ledger.withdraw(recipient, purpose, method=Method(method), said_at=at, by=who):
            output.say(f"{recipient} no longer agrees to {purpose}")
        else:
            missing += 1
            output.warn(f"{recipient} has not agreed to {purpose}")
    if missing:
        raise typer.Exit(1)


@app.command()
def ask(
    ctx: typer.Context,
    numbers: Annotated[list[str] | None, typer.Argument(help="Whom to ask, one number or several.")] = None,
    *,
    purpose: PurposeKey,
    reason: Annotated[
        str, typer.Option("--reason", help="Why they are asked: who asked for it, as 'formulaire du site, 24/11'.")
    ],
    file: Annotated[
        Path | None, typer.Option("--file", help="Whom to ask, as CSV or XLSX with a column of numbers.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=30, help="Until when an answer counts.")] = 7,
    language: InLanguage = None,
    yes: Yes = False,
    by: By = "",
) -> None:
    """Ask people by SMS whether they agree; OUI in time records it. Exit status 3: somebody may not be asked."""
    here = context.of(ctx)
    wanted = [*(numbers or ()), *(_listed(file, here.settings.country) if file is not None else ())]
    if not wanted:
        raise UsageError("whom? Numbers, or --file")
    settings = here.settings
    asking = Asking(
        here.database,
        purposes=settings.purposes,
        who=settings.who,
        language=settings.organisation.language,
        numbers=number_rules(settings),
        clock=here.clock,
    )
    if file is not None and not yes and not output.confirmed(f"Ask {output.many(len(wanted), 'person')} by SMS?"):
        output.say("Nobody was asked; --yes asks them.")
        return
    refused = 0
    contacts = Contacts(here.database)
    for number in output.counted(wanted, "asked", len(wanted)):
        known = contacts.get(any_number(number, settings.country) or "")
        spoken = language or (known.language if known is not None else "")
        try:
            repaired, who = repair_excel(number), by or context.operator()
            asked = asking.ask(repaired, purpose, reason=reason, by=who, days=days, language=spoken)
        except (RefusedByRule, NumberError) as error:
            refused += 1
            output.warn(f"{number} is not asked: {error}")
        else:
            until = output.local(asked.deadline, settings.timezone)
            output.say(f"{asked.recipient} is asked by message {asked.message_id}; an answer counts until {until}")
    here.ring()
    if refused:
        raise typer.Exit(RefusedByRule.exit_status)


def _listed(file: Path, country: str) -> list[str]:
    """The numbers of a list as they are written, each once; rows without a number are told."""
    found: dict[str, str] = {}
    for row in open_list(file, {}).rows():
        number = next((cell for cell in row.numbers if cell), "")
        if number:
            found.setdefault(any_number(number, country) or number, number)
        else:
            output.warn(f"line {row.line}: there is no number")
    return list(found.values())


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "purpose": ("objet", "finalite", "purpose"),
    "method": ("methode", "method", "moyen"),
    "agreed_at": (
        "date",
        "date_accord",
        "date_d_accord",
        "date_consentement",
        "date_de_l_accord",
        "agreed_at",
        "agreed",
    ),
}


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV or XLSX: numbers, and perhaps columns Objet, Méthode, Date; - reads stdin.")
    ],
    purpose: Annotated[str, typer.Option("--purpose", "-p", help="To which purpose, where no column says it.")] = "",
    *,
    method: MethodOption = "import",
    agreed: Agreed = "",
    wording: Words = "",
    version: Version = "",
    language: InLanguage = None,
    evidence: Evidence = "",
    yes: Yes = False,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Record a list of agreements, its SHA-256 as the proof of each. Exit status 1: rows were rejected."""
    here = context.of(ctx)
    read = open_list(file, _COLUMNS)  # before root becomes another user, who may not read it
    ledger = book(here)
    if purpose:
        ledger.purpose(purpose)
    place = evidence or safe_name(file.name)
    each = NewConsent(
        "", purpose, method, ledger.when(agreed), by or context.operator(), True, None, place, read.sha256
    )
    plan = ledger.plan(output.counted(read.rows(), "rows read", read.lines), each, dated=bool(agreed))
    purposes = {one.purpose for one in plan.new}
    words = {key: words_of(here, ledger.purpose(key), wording, language, version) for key in purposes}
    new = [replace(one, wording=words[one.purpose]) for one in plan.new]
    if not json:
        _print(plan, read)
    written = bool(new) and (yes or (not json and output.confirmed()))
    if written:
        ledger.record(new)
    if json:
        about = {"sha256": read.sha256, "left_out": list(read.left_out)}
        output.as_json({**about, **consent_plan_json(plan), "written": written})
    else:
        output.say(options.verdict(written, bool(new)))
    if plan.rejected:
        raise typer.Exit(1)


def _print(plan: ConsentPlan, read: PeopleList) -> None:
    if read.left_out:
        output.say(f"Columns left out: {', '.join(read.left_out)}", style="yellow")
    for key, count in Counter(one.purpose for one in plan.new).items():
        output.say(f"{key}: {output.many(count, 'agreement')} to record")
    output.section("Rejected", rejected_rows(plan.rejected))
    output.section("Opted out, and stay so: nothing is recorded", [(number,) for number in plan.opted_out])
    output.say(f"{len(plan.new)} new, {plan.known} recorded before from this file, {len(plan.rejected)} rejected")


def book(here: context.Context) -> ConsentBook:
    """The organisation's agreements."""
    settings = here.settings
    return ConsentBook(
        here.database,
        purposes=settings.purposes,
        numbers=number_rules(settings),
        clock=here.clock,
        moment=lambda written: read_moment(written, settings.timezone),
    )


def words_of(
    here: context.Context, purpose: Purpose, given: str, language: str | None, version: str = ""
) -> Wording | None:
    """What people read: as it was given, or the purpose's own wording, as it is now or was in this version."""
    own = here.settings.organisation.language
    if given:
        return Wording(plain_text(given, 4000), version, language or own if version else "")
    present = present_wording(purpose, here.settings.who, language or own, own)
    if not version or (present is not None and present.version == version):
        return present
    return older_wording(People(here.database).wordings(purpose.key), version, language or own)


def sha256_of(file: Path) -> str:
    """Of a file, which is read and not kept."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None


@app.command()
def show(
    ctx: typer.Context,
    number: str,
    html: Annotated[Path | None, typer.Option("--html", help="Write the proof as HTML, to print or to send.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write the proof as PDF.")] = None,
    json: AsJson = False,
) -> None:
    """Show the proof of what a person agreed to, in the organisation's language, with all that was said since."""
    here = context.of(ctx)
    settings, now = here.settings, here.clock.utc_now()
    who = any_number(number, settings.country)
    if who is None:
        raise UsageError(f"{number} is no phone number")
    if json and (html or pdf):
        raise UsageError("say either --json, or --html and --pdf")
    if pdf:
        as_pdf.library()  # before there is a file
    wanted = ((html, _html), (pdf, as_pdf.render))
    files: list[_File] = [(output.open_file(path), path, render) for path, render in wanted if path]
    held = Held.read(here.database, who)
    if json:
        output.as_json(proof_json(held))
    else:
        _show(here, held, files, now)
    if held.altered:
        output.fail(f"{output.many(len(held.altered), 'record')} of this proof changed after being written")
        raise typer.Exit(1)


_File: TypeAlias = tuple[BinaryIO, Path, Callable[[Document, datetime], bytes]]


def _show(here: context.Context, held: Held, files: Sequence[_File], now: datetime) -> None:
    settings = here.settings
    writer = Writer(settings.who, settings.organisation.language, settings.timezone, settings.purposes)
    document = writer.document(held, now)
    if not files:
        _print_document(document)
    for stream, path, render in files:
        with stream:
            stream.write(render(document, now))
        output.say(f"{path} is written")


def _html(document: Document, _now: datetime) -> bytes:
    return as_html.render(document).encode()


def _print_document(document: Document) -> None:
    output.say(document.title, style="bold")
    for words in document.lead:
        output.say(words)
    for section in document.sections:
        output.say("")
        output.say(section.title, style="bold")
        output.show(output.pairs(section.facts))
        if section.quote:
            for line in f"« {section.quote} »".split("\n"):
                output.say(line, style="italic")
    output.say("")
    for words in document.foot:
        output.say(words, style="dim")


def table(found: Sequence[Consent], zone: tzinfo) -> Table:
    """Records of consents, for a person."""
    rows = [
        (one.purpose, "agreed" if one.given else "withdrawn", one.method, output.local(one.agreed_at, zone),
         one.recorded_by, one.evidence or one.wording_version or one.wording)
        for one in found
    ]  # fmt: skip
    return output.table(("PURPOSE", "", "METHOD", "SAID", "RECORDED BY", "PROOF"), rows)
