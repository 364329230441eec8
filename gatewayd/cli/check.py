"""`gatewayd check`: may this configuration be used, and what should be known about it? Nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.text import Text

from gatewayd import config, credentials
from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson
from gatewayd.daemon import status, storage
from gatewayd.daemon.rules import answers_of
from gatewayd.domain import vocabulary
from gatewayd.domain.webhooks import secrets_of
from gatewayd.errors import ConfigurationError, UsageError
from gatewayd.services.answers import Kind
from gatewayd.services.simlist import mistyped

app = options.command()

# The WAL-reset bug: two connections that write and checkpoint at one instant (fixed in 3.51.3).
_FIXED = (3, 51, 3)


@app.command()
def check(ctx: typer.Context, json: AsJson = False) -> None:
    """Say whether the configuration can be used, and what should be known about it."""
    here = context.of(ctx)
    try:
        settings = here.settings
    except ConfigurationError as error:
        _refused(error, as_json=json)
        raise typer.Exit(error.exit_status) from None
    faults = list(_faults(here))
    notices = [
        *((notice.line, notice.text) for notice in settings.warnings),
        *((None, words) for words in _machine(here)),
    ]
    if json:
        warnings = [{"line": line, "text": text} for line, text in notices]
        output.as_json(
            {
                "file": str(here.file),
                "valid": not faults,
                "errors": faults,
                "warnings": warnings,
                "replies": _replies(settings),
                "webhooks": [
                    {"name": one.name, "url": one.url, "events": sorted(one.events)} for one in settings.webhooks
                ],
            }
        )
    else:
        _print(here, faults, notices)
    if faults:
        raise typer.Exit(ConfigurationError.exit_status)


def _refused(error: ConfigurationError, *, as_json: bool) -> None:
    lines = error.lines() if isinstance(error, config.InvalidConfiguration) else [str(error)]
    if as_json:
        output.as_json({"file": error.file, "valid": False, "errors": lines, "warnings": []})
    else:
        output.fail("\n".join(lines))


def _faults(here: context.Context) -> Iterator[str]:
    """What the file names and the machine does not have."""
    for modem in here.settings.modems:
        if modem.pin is not None:
            try:
                here.credentials.text(modem.pin)
            except ConfigurationError as error:
                yield f"{modem.port}: {error}"
    for one in here.settings.webhooks:
        try:
            secrets_of(here.credentials.text(one.secret))
        except (ConfigurationError, UsageError) as error:
            yield f"webhook {one.name}, credential `{one.secret}`: {error}"
        if one.ca is not None and not one.ca.is_file():
            yield f"webhook {one.name}: {one.ca} is no file"
    for name in (credentials.DATABASE_KEY, credentials.LOG_KEY):
        try:
            here.credentials.key(name)
        except ConfigurationError as error:
            yield str(error)


def _machine(here: context.Context) -> Iterator[str]:
    version = storage.sqlite_version()
    if not storage.encrypts():
        yield "sqlcipher3 is not installed: the database is not encrypted, whoever takes the card can read it"
    elif here.credentials.key(credentials.DATABASE_KEY) is None:
        path = here.credentials.state / credentials.DATABASE_KEY
        if here.settings.database_file.exists():
            yield f"the database is there, but its key ({path}) is not: it cannot be opened"
        else:
            yield f"there is no database key yet: the first start makes {path}; keep a copy of it elsewhere"
    if tuple(int(number) for number in version.split(".")[:3]) < _FIXED:
        yield f"SQLite {version} may damage a database in rare moments (WAL-reset bug, fixed in 3.51.3)"
    told = status.read(here.settings.state_directory)
    found = {line.sim: "" for line in told.lines if line.sim} if told else {}
    if words := mistyped([one.name for one in here.settings.sims], found, "in no modem"):
        yield words
    if here.settings.webhooks and without_network(_UNITS):
        yield "the service has no network, and so no webhook can be sent: it needs a drop-in (docs/webhooks.md)"


_UNITS = tuple(
    Path(folder) for folder in ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/lib/systemd/system")
)


def without_network(folders: Sequence[Path]) -> bool:
    """Whether the service is installed in one of these, and neither it nor a drop-in gives it a network."""
    unit = next((path for folder in folders if (path := folder / "gatewayd.service").is_file()), None)
    if unit is None:
        return False
    drop_ins = sorted(path for folder in folders for path in folder.glob("gatewayd.service.d/*.conf"))
    said = "\n".join(path.read_text(errors="replace") for path in (unit, *drop_ins))
    return (re.findall(r"^PrivateNetwork=(\w+)", said, re.MULTILINE) or ["no"])[-1] not in ("no", "false", "0", "off")


def _print(here: context.Context, faults: list[str], notices: list[tuple[int | None, str]]) -> None:
    for words in faults:
        output.fail(words)
    settings = here.settings
    if not faults:
        output.show(Text.assemble(("ok ", "bold green"), f"{here.file} can be used"))
    ways = "encrypted" if storage.encrypts() else "not encrypted"
    sizes = (
        output.many(len(settings.modems), "modem"),
        output.many(len(settings.sims), "SIM") + " listed",
        output.many(len(settings.purposes), "purpose"),
        output.many(len(settings.feeds), "drop folder"),
        *([output.many(len(settings.webhooks), "webhook")] if settings.webhooks else []),
    )
    output.say(f"   {', '.join(sizes)}")
    output.say(f"   database {settings.database_file} (SQLite {storage.sqlite_version()}, {ways})")
    for one in settings.webhooks:
        whose = " of " + ", ".join(sorted(one.purposes | one.feeds)) if one.purposes or one.feeds else ""
        output.say(f"   webhook {one.name}: {one.url}, {output.many(len(one.events), 'event')}{whose}")
    _print_replies(settings)
    for line, words in notices:
        place = f"line {line}: " if line else ""
        output.bullet("! ", "bold yellow", place + words)


def _replies(settings: config.Settings) -> dict[str, object]:
    """What people may write and are answered, for scripts."""
    words, answers = settings.replies.vocabulary, answers_of(settings)
    lists = {name: list(getattr(words, name)) for name in (*vocabulary.KINDS, vocabulary.ORDINARY)}
    found = {str(kind): answers.text(kind) for kind in Kind if not answers.fault(kind)}
    texts = {
        kind: {
            "text": planned.text,
            "parts": len(planned.parts),
            "alphabet": str(planned.alphabet),
            "sent": kind not in answers.unsaid,
        }
        for kind, planned in found.items()
    }
    return {"version": words.version, "languages": list(words.languages), "words": lists, "answers": texts}


def _print_replies(settings: config.Settings) -> None:
    words, answers = settings.replies.vocabulary, answers_of(settings)
    output.say(f"   replies are read in {', '.join(words.languages) or 'no language'} (keywords {words.version})")
    for name in vocabulary.KINDS:
        if own := getattr(words, name):
            output.say(f"   also {name}: {', '.join(own)}")
    if words.ordinary:
        output.say(f"   no keywords here: {', '.join(words.ordinary)} (a sentence that asks for an end is obeyed)")
    rows = []
    for kind in Kind:
        if answers.fault(kind):
            continue  # told among the warnings
        planned = answers.text(kind)
        size = f"{len(planned.parts)} SMS, {output.ALPHABETS[planned.alphabet]}"
        rows.append((kind.upper(), "not sent" if kind in answers.unsaid else size, planned.text))
    output.show(output.table(("   WRITES", "IS ANSWERED IN", "TEXT"), [(f"   {row[0]}", *row[1:]) for row in rows]))
