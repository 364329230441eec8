"""`gatewayd send`: one message, checked by every rule, accepted durably; its price is told, and when it may leave."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer
from rich.text import Text

from gatewayd.cli import context, options, outlook, output
from gatewayd.cli.options import AsJson
from gatewayd.daemon.rules import number_rules, space_of
from gatewayd.domain import text as texts
from gatewayd.domain.purpose import Encoding
from gatewayd.errors import StoreError, UsageError
from gatewayd.services.intake import Intake, Receipt
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People

app = options.command()

_LONGEST_INPUT = 20_000  # characters read from stdin: far above what any purpose may send


@app.command()
def send(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(help="To whom, as people write it: 06 39 98 00 01, +33639980001.")],
    text: Annotated[str, typer.Argument(help="The text; - reads it from stdin.")],
    purpose: Annotated[str, typer.Option("--purpose", "-p", help="Why, as the configuration names it.")],
    json: AsJson = False,
) -> None:
    """Send one message. Exit status 3: a rule forbids it (no consent, opt-out, too many parts)."""
    here = context.of(ctx)
    settings = here.settings
    intake = Intake(
        here.database,
        Outbox(here.database),
        People(here.database),
        purposes=settings.purposes,
        numbers=number_rules(settings),
        clock=here.clock,
        space=space_of(settings, here.clock),
    )
    given, waits = _given(text), None
    receipt = intake.accept(purpose, number, given, by=context.operator())
    here.ring()
    with contextlib.suppress(StoreError):  # it is accepted: a failing look at the rest takes nothing back
        waits = outlook.of_message(here, receipt.message_id)
    if json:
        output.as_json(
            {
                "id": receipt.message_id,
                "recipient": receipt.recipient,
                "alphabet": receipt.alphabet,
                "parts": receipt.parts,
                "waits": outlook.as_json(waits),
            }
        )
        return
    _print(receipt, given)
    for words in outlook.sentences(waits, settings.timezone, here.clock.utc_now()) if waits else ():
        output.bullet(" -", "yellow", words)


def _print(receipt: Receipt, text: str) -> None:
    """What was accepted, and what would make it cheaper."""
    words = f"message {receipt.message_id} to {receipt.recipient}: {receipt.parts} SMS, {_alphabet(receipt)}"
    output.show(Text.assemble(("accepted ", "green"), words))
    if receipt.alphabet == texts.Alphabet.UCS2:
        forcing = " ".join(texts.plan(text).forcing)
        parts = len(texts.render(text, Encoding.GSM7).parts)
        output.note(f"because of {forcing}; with `encoding: gsm7` the purpose would write it in {parts} SMS")


def _alphabet(receipt: Receipt) -> str:
    name = output.ALPHABETS[receipt.alphabet]
    return name if receipt.alphabet == texts.Alphabet.GSM7 else f"{name} (70 characters an SMS)"


def _given(text: str) -> str:
    if text != "-":
        return text
    found = sys.stdin.read(_LONGEST_INPUT + 1)
    if len(found) > _LONGEST_INPUT:
        raise UsageError(f"more than {_LONGEST_INPUT} characters came from stdin")
    return found
