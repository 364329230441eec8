"""`gatewayd import`: what smstools3 or gammu-smsd left behind; its queue, its black list, its unheard STOPs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.daemon.rules import number_rules, reader_of
from gatewayd.domain.sender import any_number
from gatewayd.errors import UsageError
from gatewayd.interfaces.legacy import gammu, smsd
from gatewayd.interfaces.legacy.inheritance import Inheritance
from gatewayd.services import inheriting
from gatewayd.store.people import People

app = options.noun("What another gateway left behind.")

_File = Annotated[Path, typer.Argument(help="Its configuration (/etc/smsd.conf, smsdrc) or SQLite database.")]
_Purpose = Annotated[str, typer.Option("--purpose", "-p", help="The purpose of what still waits; else it stays out.")]
_Queued = Annotated[bool, typer.Option("--queued", help="Queue what waits; else it is held until it is released.")]
_Apply = Annotated[bool, typer.Option("--apply-stops", help="Opt out whoever certainly wrote STOP.")]
_Dry = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]


@app.command()
def smstools3(
    ctx: typer.Context,
    file: _File,
    purpose: _Purpose = "",
    queued: _Queued = False,
    apply_stops: _Apply = False,
    dry_run: _Dry = False,
) -> None:
    """Bring in an smstools3: modems (as YAML), black list, spool, and a scan of its inbox. May be repeated."""
    _bring_in(context.of(ctx), file, smsd.read, purpose, held=not queued, apply=apply_stops, dry=dry_run)


@app.command("gammu-smsd")
def gammu_smsd(
    ctx: typer.Context,
    file: _File,
    purpose: _Purpose = "",
    queued: _Queued = False,
    apply_stops: _Apply = False,
    dry_run: _Dry = False,
) -> None:
    """Bring in a gammu-smsd (SQLite or files): outbox, what it sent in a few words, and a scan of its inbox."""
    _bring_in(context.of(ctx), file, gammu.read, purpose, held=not queued, apply=apply_stops, dry=dry_run)


def _bring_in(
    here: context.Context,
    file: Path,
    read: Callable[[Path, tzinfo], Inheritance],
    purpose: str,
    *,
    held: bool,
    apply: bool,
    dry: bool,
) -> None:
    if purpose and purpose not in here.settings.purposes:
        raise UsageError(f"there is no purpose {purpose!r}")
    try:
        found = read(file, here.settings.timezone)
    except OSError as error:
        raise UsageError(f"{error.filename or file}: {error.strerror}") from None
    _say(found)
    _stops(here, found, apply=apply and not dry)  # before the queue: nobody who said STOP is written to
    _blacklist(here, found, dry=dry)
    _queue(here, found, purpose, held=held, dry=dry)
    if dry:
        output.note("nothing was written (--dry-run)")
    else:
        here.ring()


def _say(found: Inheritance) -> None:
    for line in found.yaml:
        output.say(line)
    for line in found.history:
        output.say(line)
    for line in found.notes:
        output.warn(line)


def _queue(here: context.Context, found: Inheritance, key: str, *, held: bool, dry: bool) -> None:
    if not key:
        if found.waiting:
            count = output.many(len(found.waiting), "waiting message")
            output.warn(f"{count} left out: --purpose says why they are sent")
        return
    waiting = [(one.key, one.number, one.text, one.ahead) for one in found.waiting]
    purpose, now = here.settings.purposes[key], here.clock.utc_now()
    judged = inheriting.judge(waiting, purpose, number_rules(here.settings), now, held=held)
    for name, reason in judged.refused:
        output.warn(f"{name}: {reason}")
    before = inheriting.known(here.database, judged.good)
    new = len(judged.good) - before if dry else inheriting.bring_in(here.database, judged.good, context.operator())
    output.say(f"{output.many(new, 'message')} {'held' if held else 'queued'}, {before} known already")


def _blacklist(here: context.Context, found: Inheritance, *, dry: bool) -> None:
    country = here.settings.country
    numbers = {number for written in found.optouts if (number := any_number(written, country)) is not None}
    if not numbers:
        return
    people, now = People(here.database), here.clock.utc_now()
    known = {one.recipient for one in people.optouts()}
    new = len(numbers - known)
    if not dry:
        new, _ = people.add_optouts(sorted(numbers), origin="smstools3 blacklist", by=context.operator(), at=now)
    output.say(f"{output.many(new, 'opt-out')} from the black list, {len(numbers & known)} known already")


def _stops(here: context.Context, found: Inheritance, *, apply: bool) -> None:
    """What the old inbox says, whose STOPs nobody may have heard."""
    people, country, now = People(here.database), here.settings.country, here.clock.utc_now()
    heard = [(one.sender, one.text, one.at) for one in found.heard]
    stops = inheriting.stops(heard, reader_of(here.settings), lambda sender: any_number(sender, country), people)
    for number, (at, rule) in stops.certain.items():
        day = f" {at:%Y-%m-%d}" if at else ""
        if apply:
            people.add_optout(number, origin=f"imported inbox{day} {rule}", by=context.operator(), at=now)
        output.say(f"{number} wrote STOP{day} ({rule}){': opted out' if apply else ''}")
    for number, (_, text) in stops.doubtful.items():
        output.warn(f"{number} perhaps wants no more: {text[:160]!r}; `gatewayd optouts add` if so")
    count = output.many(len(heard), "message")
    output.say(f"{count} of the old inbox read: {len(stops.certain)} say STOP, {len(stops.doubtful)} perhaps")
    if stops.certain and not apply:
        output.note("--apply-stops opts them out")
