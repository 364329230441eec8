"""`gatewayd webhooks`: the programs that are told what happens, what they did not take, and a test."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer
from rich.text import Text

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By, Limit
from gatewayd.config import WebhookSettings
from gatewayd.daemon.rules import interest_of
from gatewayd.domain.webhooks import Verdict, judge
from gatewayd.errors import UsageError
from gatewayd.store.webhooks import Condition, Counts, Delivery, Webhooks

app = options.noun("The programs that are told what happens.")

Endpoint = Annotated[str, typer.Option("--endpoint", help="Only those of this one.")]


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the endpoints: what waits for each, what was given up, and how it is."""
    here = context.of(ctx)
    store = Webhooks(here.database)
    found = [
        (one, store.condition(one.name), store.counts(one.name, interest_of(one))) for one in here.settings.webhooks
    ]
    if json:
        output.as_json([_as_json(*one) for one in found])
        return
    for name, count in store.left_behind([one.name for one in here.settings.webhooks]).items():
        words = f"{name} is configured no longer: {count} of its events and dead letters go when gatewayd starts again"
        output.bullet("!", "bold yellow", words)
    if not found:
        output.say("No webhook is configured.")
        return
    zone = here.settings.timezone
    rows = [
        (one.name, _state(condition), counts.pending, counts.dead,
         output.local(condition.told_at, zone) if condition else "", condition.trouble if condition else "", one.url)
        for one, condition, counts in found
    ]  # fmt: skip
    columns = ("NAME", "STATE", "PENDING", "DEAD", "LAST TOLD", "TROUBLE", "URL")
    output.show(output.table(columns, rows, numeric=frozenset({"PENDING", "DEAD"})))


@app.command()
def dead(ctx: typer.Context, *, endpoint: Endpoint = "", limit: Limit = 100, json: AsJson = False) -> None:
    """List what no endpoint took for three days, the newest first."""
    here = context.of(ctx)
    _known(here, endpoint)
    found = Webhooks(here.database).dead(limit, name=endpoint)
    if json:
        output.as_json([_letter(one) for one in found])
        return
    if not found:
        output.say("No dead letter.")
        return
    zone = here.settings.timezone
    rows = [
        (one.id, one.webhook, one.what.event, one.what.subject, output.local(one.what.at, zone), one.tries, one.trouble)
        for one in found
    ]
    columns = ("ID", "ENDPOINT", "EVENT", "OF", "AT", "TRIES", "TROUBLE")
    output.show(output.table(columns, rows, numeric=frozenset({"ID", "OF", "TRIES"})))
    output.say("gatewayd webhooks replay sends them again.")


@app.command()
def replay(
    ctx: typer.Context,
    letter: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="One of `webhooks dead`; else all.")
    ] = None,
    *,
    endpoint: Endpoint = "",
    by: By = "",
    json: AsJson = False,
) -> None:
    """Send again what was given up. An endpoint that said 410 is told again what happens, from now on."""
    here = context.of(ctx)
    if letter is not None and endpoint:
        raise UsageError("an ID says which endpoint: give one of the two")
    _known(here, endpoint)
    count = Webhooks(here.database).replay(
        here.clock.utc_now(), by=by or context.operator(), name=endpoint, delivery=letter
    )
    here.ring()
    if json:
        output.as_json({"replayed": count})
        return
    output.say(f"{output.many(count, 'dead letter')} will be sent again")


@app.command("test")
def try_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The endpoint, as the configuration names it.")],
    *,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Send a test (`webhook.test`) from here, now, and say what came back."""
    here = context.of(ctx)
    from gatewayd.daemon.webhooks import sender_of  # noqa: PLC0415  (TLS and HTTP, which only this verb asks for)

    one = _known(here, name)
    send, store = sender_of(one, here.credentials, here.clock), Webhooks(here.database)
    begun = here.clock.monotonic()
    answer = send.test(secrets.token_hex(12))
    seconds, told = here.clock.monotonic() - begun, judge(answer) is Verdict.TOLD
    words = f"status {answer.status}" if answer.status is not None else answer.trouble
    store.tested(name, here.clock.utc_now(), by=by or context.operator(), outcome=words, well=told)
    if json:
        output.as_json({"told": told, "status": answer.status, "trouble": answer.trouble or None, "seconds": seconds})
    elif told:
        output.say(f"{name} answered {words} after {seconds:.1f} s")
        output.note("sent from this command; the service itself needs a network of its own (docs/webhooks.md)")
    else:
        output.fail(f"{name} was not told: {words}")
    if not told:
        raise typer.Exit(1)


def _known(here: context.Context, name: str) -> WebhookSettings:
    """UsageError: there is no such endpoint (of an empty name, any will do)."""
    found = [one for one in here.settings.webhooks if name in ("", one.name)]
    if not found and name:
        known = ", ".join(one.name for one in here.settings.webhooks) or "none"
        raise UsageError(f"there is no webhook {name!r}; there are: {known}")
    return found[0] if found else WebhookSettings("", "", "", frozenset())


def _state(condition: Condition | None) -> Text:
    if condition is None:
        return Text("not met yet: restart gatewayd", style="yellow")
    if condition.gone_at is not None:
        return Text("gone", style="red")
    return Text("failing", style="yellow") if condition.failing_since is not None else Text("ok", style="green")


def _as_json(one: WebhookSettings, condition: Condition | None, counts: Counts) -> dict[str, object]:
    return {
        "name": one.name,
        "url": one.url,
        "events": sorted(one.events),
        "purposes": sorted(one.purposes),
        "feeds": sorted(one.feeds),
        "state": str(_state(condition)).split(":", 1)[0],
        "pending": counts.pending,
        "dead": counts.dead,
        "told": condition.told if condition else 0,
        "told_at": output.rfc3339(condition.told_at if condition else None),
        "failing_since": output.rfc3339(condition.failing_since if condition else None),
        "trouble": (condition.trouble if condition else "") or None,
    }


def _letter(one: Delivery) -> dict[str, object]:
    return {
        "id": one.id,
        "endpoint": one.webhook,
        "event": one.what.event,
        "subject": one.what.subject,
        "at": output.rfc3339(one.what.at),
        "tries": one.tries,
        "trouble": one.trouble,
        "dead_at": output.rfc3339(one.dead_at),
    }
