"""`gatewayd messages`: the queue, and the operator's hand in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Annotated, Protocol

import typer
from rich.text import Text

from gatewayd.cli import context, options, outlook, output
from gatewayd.cli.options import AsJson, Limit
from gatewayd.domain.message import WAITING_STATES, MessageState
from gatewayd.errors import TransitionError, UsageError
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.interfaces.shapes import message_json
from gatewayd.services import hearsay
from gatewayd.store.outbox import AttemptRecord, MessageRecord, Outbox, Resolution
from gatewayd.store.reports import Heard
from gatewayd.store.sims import Sims
from gatewayd.store.unknowns import Unknowns

app = options.noun("The queue: look, hold, release, cancel, resolve.")

Ids = Annotated[list[int], typer.Argument(help="Numbers of messages.", min=1)]


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[
        list[MessageState] | None,
        typer.Option("--state", metavar="STATE", help="Only in this state, as queued; repeatable."),
    ] = None,
    recipient: Annotated[str, typer.Option("--recipient", help="Only to this number.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="Only for this purpose.")] = "",
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List messages, the newest first."""
    here = context.of(ctx)
    number = context.any_numbers(here.settings, [recipient], "listed")[0] if recipient else ""
    found = Outbox(here.database).list(states=state or (), recipient=number, purpose=purpose, limit=limit)
    if json:
        output.as_json([message_json(message) for message in found])
        return
    if not found:
        output.say("No message.")
        return
    zone = here.settings.timezone
    rows = [
        (
            message.id,
            message.recipient,
            message.purpose,
            output.state(message.state),
            message.reason,
            message.sim or "",
            message.parts,
            output.local(message.sent_at or message.created_at, zone),
        )
        for message in found
    ]
    columns = ("ID", "NUMBER", "PURPOSE", "STATE", "REASON", "SIM", "SMS", "TIME")
    output.show(output.table(columns, rows, numeric=frozenset({"ID", "SMS"})))
    if len(found) == limit:
        output.note(f"the newest {limit}; --limit shows more")


@app.command()
def show(ctx: typer.Context, message_id: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Show one message wholly: why it waits and until when, and each attempt to send it."""
    here = context.of(ctx)
    outbox = Outbox(here.database)
    message = outbox.get(message_id)
    if message is None:
        raise UsageError(f"there is no message {message_id}")
    if json:
        output.as_json(message_json(message))
        return
    zone = here.settings.timezone
    facts: list[tuple[str, object]] = [
        ("number", message.recipient),
        ("purpose", message.purpose),
        ("feed", message.feed),
        ("state", output.state(message.state)),
        ("reason", message.reason),
        ("in words", sentences.of_message(message.state, message.reason, "en") if message.reason else ""),
        ("SIM", message.sim or ""),
        ("SMS", message.parts),
        ("waits", _waits(here, message)),
        ("accepted", output.local(message.created_at, zone)),
        ("sent", output.local(message.sent_at, zone)),
        ("delivered", output.local(message.delivered_at, zone)),
        ("report", _report(here, message)),
        ("text", message.text),
    ]
    output.show(Text(f"message {message.id}", style="bold"))
    output.show(output.pairs([(name, value) for name, value in facts if value != ""]))
    _print_attempts(outbox.attempts(message_id), zone)


def _waits(here: context.Context, message: MessageRecord) -> Text | str:
    """Why it waits, a sentence a line."""
    if message.state not in WAITING_STATES:
        return ""
    found = outlook.of_message(here, message.id)
    words = outlook.sentences(found, here.settings.timezone, here.clock.utc_now()) if found else []
    return Text("\n").join(Text(output.visible(each)) for each in words) if words else ""


def _print_attempts(attempts: Sequence[AttemptRecord], zone: tzinfo) -> None:
    rows = [
        (
            attempt.part,
            attempt.sim,
            output.local(attempt.begun_at, zone),
            output.local(attempt.on_wire_at, zone),
            output.local(attempt.ended_at, zone),
            attempt.outcome or "running",
            attempt.cause,
            _settled(attempt),
        )
        for attempt in attempts
    ]
    if rows:
        columns = ("PART", "SIM", "BEGUN", "ON THE WIRE", "ENDED", "OUTCOME", "CAUSE", "SETTLED BY")
        output.show(output.table(columns, rows))


def _settled(attempt: AttemptRecord) -> str:
    """Who settled what was unknown, and at whose word it was sent again."""
    if attempt.resent_by is None:
        return attempt.resolved_by or ""
    settled = f"{attempt.resolved_by}; " if attempt.resolved_by != attempt.resent_by else ""
    return f"{settled}sent again: {attempt.resent_by}"


def _report(here: context.Context, message: MessageRecord) -> str:
    """What is still to be heard of a message that is sent."""
    if message.state is not MessageState.SENT or message.sent_at is None:
        return ""
    now = here.clock.utc_now()
    sim_id = next((sim.id for sim in Sims(here.database).list() if sim.name == message.sim), None)
    heard = Unknowns(here.database).heard(sim_id, now - hearsay.LONG_AGO) if sim_id is not None else Heard(0, 0)
    return hearsay.awaited(message.sent_at, heard, now)


@app.command()
def cancel(ctx: typer.Context, ids: Ids) -> None:
    """Cancel waiting messages: they are not sent."""
    _each(ctx, ids, "canceled", Outbox.cancel)


@app.command()
def hold(ctx: typer.Context, ids: Ids) -> None:
    """Hold waiting messages until they are released."""
    _each(ctx, ids, "held", Outbox.hold)


@app.command()
def release(ctx: typer.Context, ids: Ids) -> None:
    """Release held messages: they are sent when their turn comes."""

    def let_go(outbox: Outbox, message_id: int, now: datetime, *, by: str) -> str:
        campaign = outbox.unhold(message_id, now, by=by)
        return f"it waits for its campaign {campaign}: gatewayd campaigns show {campaign}" if campaign else ""

    _each(ctx, ids, "released", let_go)


@app.command()
def resolve(
    ctx: typer.Context,
    ids: Ids,
    as_sent: Annotated[bool, typer.Option("--as-sent", help="It went out: the recipient has it.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send it again, even if it may arrive twice.")] = False,
) -> None:
    """Decide about messages that may have gone out (state `unknown`)."""
    if as_sent == resend:
        raise UsageError("say either --as-sent or --resend")
    decision = Resolution.AS_SENT if as_sent else Resolution.RESEND

    def decide(outbox: Outbox, message_id: int, now: datetime, *, by: str) -> None:
        outbox.resolve(message_id, decision, now, by=by)

    _each(ctx, ids, "taken as sent" if as_sent else "queued again", decide)


class _Change(Protocol):
    """A method of the outbox that changes one message; it may have something to tell."""

    def __call__(self, outbox: Outbox, message_id: int, now: datetime, /, *, by: str) -> str | None: ...


def _each(ctx: typer.Context, ids: Sequence[int], done: str, change: _Change) -> None:
    """Change each message; those that cannot be changed are told, and do not keep the others from it."""
    here, refused = context.of(ctx), 0
    outbox, who = Outbox(here.database), context.operator()
    for message_id in ids:
        try:
            more = change(outbox, message_id, here.clock.utc_now(), by=who)
        except (UsageError, TransitionError) as error:
            refused += 1
            output.fail(str(error))
        else:
            output.say(f"message {message_id} {done}" + (f"; {more}" if more else ""))
    here.ring()
    if refused:
        raise typer.Exit(1)
