"""`gatewayd consents`: agreements of people to a purpose, each with its proof."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By
from gatewayd.daemon.rules import number_rules
from gatewayd.errors import UsageError
from gatewayd.store.people import People

app = options.noun("Recorded agreements, with their proofs.")


@app.command()
def record(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Whose consent, one number or several.")],
    purpose: Annotated[str, typer.Option("--purpose", "-p", help="To which purpose, as the configuration names it.")],
    method: Annotated[
        Literal["paper", "form", "oral", "email", "sms", "other"], typer.Option(help="How it was given.")
    ] = "paper",
    wording: Annotated[str, typer.Option(help="What the person read or heard.")] = "",
    evidence: Annotated[str, typer.Option(help="Where the proof is: a file's name, a folder, a date.")] = "",
    by: By = "",
) -> None:
    """Record that people agreed to a purpose."""
    here = context.of(ctx)
    if purpose not in here.settings.purposes:
        known = ", ".join(here.settings.purposes) or "none"
        raise UsageError(f"there is no purpose {purpose!r}; the configuration has: {known}")
    recipients = context.recipients(here.settings, numbers)
    people = People(here.database)
    for recipient in recipients:
        people.record_consent(
            recipient,
            purpose,
            method=method,
            recorded_by=by or context.operator(),
            at=here.clock.utc_now(),
            wording=wording,
            evidence=evidence,
        )
        output.say(f"{recipient} agreed to {purpose} ({method})")


@app.command()
def show(ctx: typer.Context, number: str, json: AsJson = False) -> None:
    """Show what a person agreed to, and whether an opt-out stands against it."""
    here = context.of(ctx)
    recipient = number_rules(here.settings).parse(number)
    people = People(here.database)
    found = people.consents(recipient)
    opted_out = next((one for one in people.optouts() if one.recipient == recipient), None)
    if json:
        records = [
            {
                "purpose": one.purpose,
                "given": one.given,
                "method": one.method,
                "wording": one.wording or None,
                "evidence": one.evidence or None,
                "recorded_by": one.recorded_by,
                "recorded_at": output.rfc3339(one.recorded_at),
            }
            for one in found
        ]
        since = output.rfc3339(opted_out.recorded_at) if opted_out else None
        output.as_json({"recipient": recipient, "opted_out_at": since, "consents": records})
        return
    zone = here.settings.timezone
    if opted_out:
        output.say(f"{recipient} opted out ({opted_out.origin}): nothing is sent to this number", style="bold yellow")
    if not found:
        output.say(f"No consent of {recipient} is recorded.")
        return
    rows = [
        (one.purpose, "agreed" if one.given else "withdrawn", one.method, output.local(one.recorded_at, zone),
         one.recorded_by, one.evidence or one.wording)
        for one in found
    ]  # fmt: skip
    output.show(output.table(("PURPOSE", "", "METHOD", "RECORDED", "BY", "PROOF"), rows))
