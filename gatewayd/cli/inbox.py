"""`gatewayd inbox`: what people wrote, how it was read, and which opt-outs a person should look at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By, Limit
from gatewayd.daemon.rules import answers_of, reader_of
from gatewayd.domain import vocabulary
from gatewayd.domain.reading import Kind
from gatewayd.domain.sender import any_number
from gatewayd.errors import UsageError
from gatewayd.interfaces.shapes import incoming_json
from gatewayd.services import answers
from gatewayd.services.replies import Reading
from gatewayd.services.reviews import Reviews, Verdict
from gatewayd.store.inbox import Inbox, Incoming
from gatewayd.store.people import ENDED

app = options.noun("What people wrote.")

_SHOWN = 60


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
    who = (any_number(number, here.settings.country) or number) if number else ""
    found = Inbox(here.database).list(kind=kind or "", sender=who, to_review=to_review, limit=limit)
    if json:
        output.as_json([incoming_json(message) for message in found])
        return
    if not found:
        nobody = "No such message." if kind or number else "Nobody has written."
        output.say("No message to review." if to_review else nobody)
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
            _shown(one),
        )
        for one in found
    ]
    return output.table(("ID", "TIME", "FROM", "SIM", "READ AS", "", "TEXT"), rows, numeric=frozenset({"ID"}))


def _shown(message: Incoming) -> str:
    """Its text, shortened; of a notice without text, what it tells."""
    text = message.text
    if message.kind == Kind.NOTICE and not text:
        return f"[{vocabulary.explain(message.rule)}]"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


@app.command()
def show(ctx: typer.Context, incoming_id: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Show one incoming message wholly, with the rule that read it."""
    here = context.of(ctx)
    message = _found(Inbox(here.database), incoming_id)
    if json:
        output.as_json(incoming_json(message))
        return
    output.show(Text(f"incoming message {message.id}", style="bold"))
    output.show(output.pairs(_facts(message, here)))


def _facts(message: Incoming, here: context.Context) -> list[tuple[str, object]]:
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
        ("octets", " ".join(Inbox(here.database).octets(message.id)) if message.kind == Kind.NOTICE else ""),
    ]
    return [(name, value) for name, value in facts if value != ""]


_SAID: dict[str, str] = {
    Verdict.KEEP: "it was meant, said",
    Verdict.LIFT: "it was not meant, said",
    ENDED: "not needed any more: the opt-out was ended by",
}


def _review(message: Incoming) -> str:
    if message.reviewed_at is not None:
        return f"{_SAID.get(message.verdict, 'done by')} {message.reviewed_by}"
    return f"waits for a person: gatewayd inbox review {message.id}" if message.review else ""


@app.command()
def review(
    ctx: typer.Context,
    incoming_id: Annotated[int | None, typer.Argument(metavar="[ID]", show_default=False)] = None,
    verdict: Annotated[
        Verdict | None,
        typer.Argument(
            metavar="[keep|lift]",
            help="keep: the opt-out was meant. lift: it was not, and ends; nothing is sent again.",
            show_default=False,
        ),
    ] = None,
    by: By = "",
) -> None:
    """Say of opt-outs that were not certain whether they were meant: of one, or, without ID, of each in its turn."""
    here = context.of(ctx)
    inbox, who = Inbox(here.database), by or context.operator()
    if incoming_id is not None and verdict is not None:
        _decide(here, incoming_id, verdict, who)
        return
    waiting = [_found(inbox, incoming_id)] if incoming_id is not None else inbox.list(to_review=True, limit=_AT_ONCE)
    if not waiting:
        output.say("No message to review.")
    for message in reversed(waiting):
        output.show(Text(f"incoming message {message.id}", style="bold"))
        output.show(output.pairs(_facts(message, here)))
        answer = _asked()
        if answer is None:
            return
        if answer:
            _decide(here, message.id, Verdict(answer), who)


_AT_ONCE = 1000
_ANSWERED = {"k": "keep", "keep": "keep", "l": "lift", "lift": "lift", "s": "", "skip": "", "": ""}


def _asked() -> str | None:
    """`keep`, `lift`, "" to leave it for later; None to stop."""
    while True:
        output.console().print("Was it meant? keep, lift, skip, quit (k/l/s/q): ", end="")
        typed = sys.stdin.readline()
        word = typed.strip().lower()
        if not typed or word in ("q", "quit"):
            output.say("")
            return None
        if word in _ANSWERED:
            return _ANSWERED[word]


def _decide(here: context.Context, incoming_id: int, verdict: Verdict, who: str) -> None:
    done = Reviews(here.database, here.settings.country).decide(incoming_id, verdict, by=who, at=here.clock.utc_now())
    if done.lifted:
        output.say(f"{done.number} may be written to again; what was canceled stays canceled")
    elif done.stands:
        others = f"messages {', '.join(map(str, done.others))} ask" if done.others else "it was recorded otherwise"
        why = f"{others} for it too" if done.others else others
        output.say(f"incoming message {incoming_id} is reviewed; {done.number} stays opted out: {why}")
        output.say(f"  gatewayd optouts remove {done.number}    ends it, when the person asks for it")
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
