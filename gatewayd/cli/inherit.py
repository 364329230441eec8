"""`gatewayd import`: what smstools3 or gammu-smsd left behind: its queue, its black list, its unheard STOPs, whom it
wrote to, and what people wrote back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.daemon.rules import number_rules, reader_of
from gatewayd.domain.sender import any_number, is_whole
from gatewayd.errors import UsageError
from gatewayd.interfaces.legacy import gammu, smsd
from gatewayd.interfaces.legacy.inheritance import Inheritance, Modem
from gatewayd.services import inheriting
from gatewayd.store.imported import Kept, Wrote
from gatewayd.store.people import People
from gatewayd.store.sims import Sim, Sims

app = options.noun("What another gateway left behind.")

_File = Annotated[Path, typer.Argument(help="Its configuration (/etc/smsd.conf, smsdrc) or SQLite database.")]
_Purpose = Annotated[str, typer.Option("--purpose", "-p", help="The purpose of what still waits; else it stays out.")]
_Queued = Annotated[bool, typer.Option("--queued", help="Queue what waits; else it is held until it is released.")]
_Apply = Annotated[bool, typer.Option("--apply-stops", help="Opt out whoever certainly wrote STOP.")]
_Keep = Annotated[bool, typer.Option("--keep-inbox", help="Keep what people wrote to it in the inbox.")]
_Of = Annotated[
    list[str] | None,
    typer.Option("--sim", metavar="MODEM=SIM", help="What it called a modem, and which SIM that is here; repeatable."),
]
_Dry = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be done with what is found."""

    purpose: str
    held: bool
    apply: bool
    keep: bool
    sims: Mapping[str, str]
    dry: bool


@app.command()
def smstools3(
    ctx: typer.Context,
    file: _File,
    purpose: _Purpose = "",
    queued: _Queued = False,
    apply_stops: _Apply = False,
    keep_inbox: _Keep = False,
    sim: _Of = None,
    dry_run: _Dry = False,
) -> None:
    """Bring in an smstools3: modems (as YAML), black list, spool, and a scan of its inbox. May be repeated."""
    asked = _Asked(purpose, not queued, apply_stops, keep_inbox, _pairs(sim), dry_run)
    _bring_in(context.of(ctx), file, smsd.read, asked)


@app.command("gammu", hidden=True)  # as people call it
@app.command("gammu-smsd")
def gammu_smsd(
    ctx: typer.Context,
    file: _File,
    purpose: _Purpose = "",
    queued: _Queued = False,
    apply_stops: _Apply = False,
    keep_inbox: _Keep = False,
    sim: _Of = None,
    dry_run: _Dry = False,
) -> None:
    """Bring in a gammu-smsd (SQLite or files): outbox, whom it wrote to, and a scan of its inbox. May be repeated."""
    asked = _Asked(purpose, not queued, apply_stops, keep_inbox, _pairs(sim), dry_run)
    _bring_in(context.of(ctx), file, gammu.read, asked)


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in given or []]
    if wrong := [name for name, _, sim in pairs if not sim]:
        raise UsageError(f"--sim {wrong[0]}: expected MODEM=SIM, as GSM1=accueil")
    return {name: sim for name, _, sim in pairs}


def _bring_in(here: context.Context, file: Path, read: Callable[[Path, tzinfo], Inheritance], asked: _Asked) -> None:
    if asked.purpose and asked.purpose not in here.settings.purposes:
        known = ", ".join(here.settings.purposes) or "none"
        raise UsageError(f"there is no purpose {asked.purpose!r}; the configuration has: {known}")
    try:
        found = read(file, here.settings.timezone)
    except OSError as error:
        raise UsageError(f"{error.filename or file}: {error.strerror}") from None
    sims = _sims(here, found, asked.sims)
    _say(found)
    _stops(here, found, apply=asked.apply and not asked.dry)  # before the queue: nobody who said STOP is written to
    _blacklist(here, found, dry=asked.dry)
    _history(here, found, sims, dry=asked.dry)  # before the queue as well: whom a SIM knows, it goes on writing to
    _inbox(here, found, sims, asked)
    _queue(here, found, asked)
    if asked.dry:
        output.note("nothing was written (--dry-run)")
    else:
        here.ring()


def _sims(here: context.Context, found: Inheritance, given: Mapping[str, str]) -> dict[Modem, Sim]:
    """Which SIM of ours a modem had: as was said, else by the IMSI that was noted. UsageError: there is no such SIM."""
    known = Sims(here.database).list()
    named = {one.name: one for one in known} | {one.iccid: one for one in known}
    if wrong := sorted(set(given.values()) - named.keys()):
        raise UsageError(f"there is no SIM {wrong[0]!r} yet; `gatewayd sims list` shows those that were plugged in")
    by_imsi = {one.imsi: one for one in known if one.imsi}
    modems = {*found.sent, *(one.modem for one in found.heard)}
    hers = {modem: named[given[modem.name]] for modem in modems if modem.name in given}
    return {modem: by_imsi[modem.imsi] for modem in modems if modem.imsi in by_imsi} | hers


def _history(here: context.Context, found: Inheritance, sims: Mapping[Modem, Sim], *, dry: bool) -> None:
    """What was sent: in a few words; and where the SIM is ours, its recipients stay with it."""
    now, country = here.clock.utc_now(), here.settings.country
    for modem, sent in sorted(found.sent.items()):
        output.say(f"{modem} sent {sent.parts} SMS to {output.many(len(sent.people), 'number')}")
        if modem not in sims:
            output.note(f"which SIM {modem} had is not known: `--sim {modem}=NAME`, and its recipients stay with it")
            continue
        people = {}
        for written, (first, last) in sent.people.items():
            if number := any_number(written, country):
                people[number] = Wrote(number, min(first, now), min(last, now))
        done = 0 if dry else inheriting.adopt(
            here.database, sims[modem].id, people.values(), by=context.operator(), at=now
        )  # fmt: skip
        said = output.many(len(people), "number")
        output.say(f"they stay with {sims[modem].name}: {said}" + ("" if dry else f", {done} of them new to it"))


def _inbox(here: context.Context, found: Inheritance, sims: Mapping[Modem, Sim], asked: _Asked) -> None:
    """What people wrote, kept if that is wanted: as history, which nobody answers."""
    ours = list(_kept(here, found, sims))
    left = len(found.heard) - len(ours)
    if not asked.keep:
        return
    if left:
        output.warn(
            f"{output.many(left, 'message')} of the old inbox left out: without a time, or of a SIM not known here"
        )
    if not asked.dry:
        new = inheriting.keep(here.database, ours, by=context.operator(), at=here.clock.utc_now())
        output.say(f"{output.many(new, 'message')} kept in the inbox, {len(ours) - new} known already")
    else:
        output.say(f"{output.many(len(ours), 'message')} to be kept in the inbox")


def _kept(here: context.Context, found: Inheritance, sims: Mapping[Modem, Sim]) -> Iterator[Kept]:
    read, country, now = reader_of(here.settings), here.settings.country, here.clock.utc_now()
    for one in found.heard:
        if one.at is not None and one.modem in sims:
            reading, sender = read(one.text), any_number(one.sender, country) or one.sender
            yield Kept(
                sims[one.modem].id, sender, one.text, min(one.at, now), str(reading.kind), str(reading.tier or ""),
                reading.decision,
            )  # fmt: skip


def _say(found: Inheritance) -> None:
    for line in found.yaml:
        output.say(line)
    for what, count in sorted(found.told.items()):
        if count:
            output.warn(f"{output.many(count, 'waiting message')} {what}")
    for line in found.notes:
        output.warn(line)


def _queue(here: context.Context, found: Inheritance, asked: _Asked) -> None:
    key, dry = asked.purpose, asked.dry
    if not key:
        if found.waiting:
            count = output.many(len(found.waiting), "waiting message")
            output.warn(f"{count} left out: --purpose says why they are sent")
        return
    purpose, now = here.settings.purposes[key], here.clock.utc_now()
    judged = inheriting.judge(found.waiting, purpose, number_rules(here.settings), now, held=asked.held)
    for name, reason in judged.refused:
        output.warn(f"{name}: {reason}")
    before = inheriting.known(here.database, judged.good)
    new = len(judged.good) - before if dry else inheriting.bring_in(here.database, judged.good, context.operator())
    output.say(f"{output.many(new, 'message')} {'held' if asked.held else 'queued'}, {before} known already")


def _blacklist(here: context.Context, found: Inheritance, *, dry: bool) -> None:
    country = here.settings.country
    read = [any_number(written, country) for written in found.optouts]
    numbers = {number for number in read if number is not None and is_whole(number)}
    if left := sum(number not in numbers for number in read):
        output.warn(f"{output.many(left, 'number')} of the black list: the beginning of one, or none, left out")
    if not numbers:
        return
    people, now = People(here.database), here.clock.utc_now()
    known = {one.recipient for one in people.optouts()}
    new = len(numbers - known)
    if not dry:
        origin = "smstools3 blacklist"
        listed = [(number, origin) for number in sorted(numbers)]
        new, _ = people.add_optouts(listed, origin=origin, by=context.operator(), at=now)
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
