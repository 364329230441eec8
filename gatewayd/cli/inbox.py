"""`gatewayd inbox`: what people wrote, how it was read, and which opt-outs a person should look at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By, Limit
from gatewayd.daemon.rules import answers_of, reader_of
from gatewayd.domain import sender, vocabulary
from gatewayd.domain.reading import Kind
from gatewayd.errors import UsageError
from gatewayd.services import answers
from gatewayd.services.replies import Reading
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
        ("", vocabulary.explain(message.rule)),
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
    inbox.reviewed(incoming_id, by=who, at=now, verdict=verdict)
    number = sender.e164(message.sender, here.settings.country)
    if verdict is Verdict.LIFT and number is not None and People(here.database).remove_optout(number, by=who, at=now):
        output.say(f"{number} may be written to again; what was canceled stays canceled")
    else:
        output.say(f"incoming message {incoming_id} is reviewed")


@app.command()
def read(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="What somebody might write; - reads it from stdin.")],
    json: AsJson = False,
) -> None:
    """Try how a text would be read, and what would be done. Nothing is sent or recorded."""
    settings = context.of(ctx).settings
    found = reader_of(settings)(sys.stdin.read() if text == "-" else text)
    done, answered = _would_do(found, answers_of(settings))
    if json:
        facts = {"kind": found.kind, "tier": found.tier, "rule": found.decision, "review": found.review}
        output.as_json({**facts, "done": done, "answer": answered})
        return
    rows = [
        ("read as", found.kind),
        ("certainty", found.tier or ""),
        ("rule", found.decision),
        ("", vocabulary.explain(found.decision)),
        *(("" if place else "then", step) for place, step in enumerate(done)),
        ("answer", answered or ""),
    ]
    output.show(output.pairs([(name, value) for name, value in rows if value]))


_DONE = {
    Kind.OPT_OUT: ["an opt-out for all purposes on all SIMs", "all that waits for the number is canceled"],
    Kind.OPT_IN: ["the opt-out of the number ends, if there is one; no consent is recorded"],
    Kind.CONTACT: ["an answer, once a day, unless the number has opted out"],
    Kind.HELP: ["an answer, once a day, unless the number has opted out"],
    Kind.OTHER: ["it goes to the inbox, and nothing else happens"],
}
_ANSWERS = {
    Kind.OPT_OUT: answers.Kind.STOP,
    Kind.OPT_IN: answers.Kind.START,
    Kind.CONTACT: answers.Kind.CONTACT,
    Kind.HELP: answers.Kind.HELP,
}


def _would_do(found: Reading, texts: answers.Answers) -> tuple[list[str], str | None]:
    """What the gateway does with a text read so, and what it answers."""
    kind = Kind(found.kind)
    done = [*_DONE[kind], *(["a person is asked to look at it: gatewayd inbox list --to-review"] * found.review)]
    answer = _ANSWERS.get(kind)
    if answer is None or answer in texts.unsaid or texts.fault(answer):
        return done, None
    return done, texts.text(answer).text


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
