"""`gatewayd inbox`: what people wrote, how it was read, and which opt-outs a person should look at."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By, Limit
from gatewayd.domain import sender
from gatewayd.domain.reading import Kind
from gatewayd.errors import UsageError
from gatewayd.store.inbox import Inbox, Incoming
from gatewayd.store.people import People

app = options.noun("What people wrote.")

_SHOWN = 60


class Verdict(StrEnum):
    """What a person says of an opt-out that was not certain."""

    KEEP = "keep"
    LIFT = "lift"


@app.command("list")
def list_(
    ctx: typer.Context,
    kind: Annotated[Kind | None, typer.Option("--kind", metavar="KIND", help="Only those read so, as opt_out.")] = None,
    number: Annotated[str, typer.Option("--from", help="Only from this number.")] = "",
    to_review: Annotated[bool, typer.Option("--to-review", help="Only those a person should look at.")] = False,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List incoming messages, the newest first."""
    here = context.of(ctx)
    who = (sender.e164(number, here.settings.country) or number) if number else ""
    found = Inbox(here.database).list(kind=kind or "", sender=who, to_review=to_review, limit=limit)
    if json:
        output.as_json([as_json(message) for message in found])
        return
    if not found:
        output.say("No message to review." if to_review else "Nobody has written.")
        return
    output.show(_table(found, here))
    if len(found) == limit:
        output.note(f"the newest {limit}; --limit shows more")


def _table(found: Sequence[Incoming], here: context.Context) -> Table:
    zone = here.settings.timezone
    rows = [
        (
            one.id,
            output.local(one.received_at, zone),
            one.sender,
            one.sim,
            one.kind,
            "to review" if one.review and one.reviewed_at is None else "",
            one.text if len(one.text) <= _SHOWN else one.text[: _SHOWN - 1] + "…",
        )
        for one in found
    ]
    return output.table(("ID", "TIME", "FROM", "SIM", "READ AS", "", "TEXT"), rows, numeric=frozenset({"ID"}))


@app.command()
def show(ctx: typer.Context, incoming_id: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Show one incoming message wholly, with the rule that read it."""
    here = context.of(ctx)
    message = _found(Inbox(here.database), incoming_id)
    if json:
        output.as_json(as_json(message))
        return
    zone = here.settings.timezone
    facts = [
        ("from", message.sender),
        ("SIM", message.sim),
        ("sent", output.local(message.sent_at, zone)),
        ("received", output.local(message.received_at, zone)),
        ("SMS", message.parts),
        ("incomplete", "" if message.complete else "parts never came"),
        ("read as", message.kind),
        ("certainty", message.tier),
        ("rule", message.rule),
        ("canceled", output.many(message.canceled, "waiting message") if message.canceled else ""),
        ("review", _review(message)),
        ("text", message.text),
    ]
    output.show(Text(f"incoming message {message.id}", style="bold"))
    output.show(output.pairs([(name, value) for name, value in facts if value != ""]))


def _review(message: Incoming) -> str:
    if message.reviewed_at is not None:
        return f"done by {message.reviewed_by}"
    return "waits for a person: gatewayd inbox review" if message.review else ""


@app.command()
def review(
    ctx: typer.Context,
    incoming_id: Annotated[int, typer.Argument(metavar="ID")],
    verdict: Annotated[
        Verdict, typer.Argument(help="keep: the opt-out was meant. lift: it was not, and ends; nothing is sent again.")
    ],
    by: By = "",
) -> None:
    """Say of an opt-out that was not certain whether it was meant."""
    here = context.of(ctx)
    inbox, who, now = Inbox(here.database), by or context.operator(), here.clock.utc_now()
    message = _found(inbox, incoming_id)
    if message.kind != Kind.OPT_OUT:
        raise UsageError(f"incoming message {incoming_id} is no opt-out")
    inbox.reviewed(incoming_id, by=who, at=now)
    number = sender.e164(message.sender, here.settings.country)
    if verdict is Verdict.LIFT and number is not None and People(here.database).remove_optout(number, by=who, at=now):
        output.say(f"{number} may be written to again; what was canceled stays canceled")
    else:
        output.say(f"incoming message {incoming_id} is reviewed")


def _found(inbox: Inbox, incoming_id: int) -> Incoming:
    message = inbox.get(incoming_id)
    if message is None:
        raise UsageError(f"there is no incoming message {incoming_id}")
    return message


def as_json(message: Incoming) -> dict[str, object]:
    """An incoming message for scripts."""
    return {
        "id": message.id,
        "sender": message.sender,
        "sim": message.sim,
        "text": message.text,
        "parts": message.parts,
        "complete": message.complete,
        "sent_at": output.rfc3339(message.sent_at),
        "received_at": output.rfc3339(message.received_at),
        "kind": message.kind,
        "tier": message.tier or None,
        "rule": message.rule,
        "review": message.review,
        "reviewed_at": output.rfc3339(message.reviewed_at),
        "reviewed_by": message.reviewed_by or None,
        "canceled": message.canceled,
    }
