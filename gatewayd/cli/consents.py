"""`gatewayd consents`: agreements of people to a purpose, each with its proof."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from gatewayd.cli import context, options, output
from gatewayd.cli.options import AsJson, By
from gatewayd.daemon.rules import number_rules
from gatewayd.errors import UsageError
from gatewayd.store.people import Consent, People

app = options.noun("Recorded agreements, with their proofs.")


@app.command()
def record(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Whose consent, one number or several.")],
    purpose: Annotated[str, typer.Option("--purpose", "-p", help="To which purpose, as the configuration names it.")],
    method: Annotated[
        Literal["paper", "web_form", "phone", "import"], typer.Option(help="How it was given.")
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
        records = [as_json(one) for one in found]
        since = output.rfc3339(opted_out.recorded_at) if opted_out else None
        output.as_json({"recipient": recipient, "opted_out_at": since, "consents": records})
        return
    zone = here.settings.timezone
    if opted_out:
        output.say(f"{recipient} opted out ({opted_out.origin}): nothing is sent to this number", style="bold yellow")
    if not found:
        output.say(f"No consent of {recipient} is recorded.")
        return
    output.show(table(found, zone))


def table(found: Sequence[Consent], zone: tzinfo) -> Table:
    """Records of consents, for a person."""
    rows = [
        (one.purpose, "agreed" if one.given else "withdrawn", one.method, output.local(one.agreed_at, zone),
         one.recorded_by, one.evidence or one.wording_version or one.wording)
        for one in found
    ]  # fmt: skip
    return output.table(("PURPOSE", "", "METHOD", "SAID", "RECORDED BY", "PROOF"), rows)


def as_json(one: Consent) -> dict[str, Any]:
    """A record of a consent, for scripts."""
    return {
        "purpose": one.purpose,
        "given": one.given,
        "method": one.method,
        "wording": one.wording or None,
        "wording_version": one.wording_version or None,
        "wording_language": one.wording_language or None,
        "wording_sha256": one.wording_sha256 or None,
        "evidence": one.evidence or None,
        "evidence_sha256": one.evidence_sha256 or None,
        "agreed_at": output.rfc3339(one.agreed_at),
        "recorded_by": one.recorded_by,
        "recorded_at": output.rfc3339(one.recorded_at),
    }
