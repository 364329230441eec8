"""Messages that may have gone out, as `status` lists them: since when, what may settle them, and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from rich.text import Text

from gatewayd.cli import context, output
from gatewayd.modem import causes
from gatewayd.services import hearsay
from gatewayd.services.hearsay import Way
from gatewayd.store.unknowns import Unknowns, Unresolved


@dataclass(frozen=True, slots=True)
class Doubt:
    """An unknown message, and what may settle it."""

    message: Unresolved
    way: Way


def of(here: context.Context, limit: int) -> Sequence[Doubt]:
    """The oldest first."""
    unknowns, now = Unknowns(here.database), here.clock.utc_now()
    resending = {key for key, purpose in here.settings.purposes.items() if purpose.resend_unknown}
    found = unknowns.list(limit)
    heard = {sim_id: unknowns.heard(sim_id, now - hearsay.LONG_AGO) for sim_id in {one.sim_id for one in found}}
    return [Doubt(one, hearsay.way_of(one, heard[one.sim_id], resending, now)) for one in found]


def as_json(doubt: Doubt) -> dict[str, object]:
    """One of `status --json`."""
    message, way = doubt.message, doubt.way
    return {
        "id": message.id,
        "sim": message.sim,
        "part": message.part,
        "parts": message.parts,
        "since": output.rfc3339(message.since),
        "cause": message.cause,
        "settled_by": way.words,
        "until": output.rfc3339(way.until),
        "resent": message.resent,
    }


def show(here: context.Context, doubts: Sequence[Doubt], total: int) -> None:
    """The table, and what to type."""
    if not total:
        return
    zone = here.settings.timezone
    output.show(Text(f"{total} may have gone out:", style="bold yellow"))
    columns = ("ID", "NUMBER", "SIM", "SMS", "SINCE", "BECAUSE", "SETTLED BY")
    output.show(output.table(columns, [_row(doubt, zone) for doubt in doubts], numeric=frozenset({"ID"})))
    if len(doubts) < total:
        output.note(f"the oldest {len(doubts)}; gatewayd messages list --state unknown shows more")
    output.say("Wait for what may settle it; or ask the recipient, or look at the SIM's bill, and type")
    output.say("  gatewayd messages resolve ID --as-sent    it went out")
    output.say("  gatewayd messages resolve ID --resend     send it again, even if it may arrive twice")


def _row(doubt: Doubt, zone: tzinfo) -> tuple[object, ...]:
    message, way = doubt.message, doubt.way
    until = f", until {output.local(way.until, zone)}" if way.until is not None else ""
    sent = " (sent twice)" if message.resent else ""
    because = causes.describe(message.cause, doubtful=True)[0]
    part = f"{message.part} of {message.parts}"
    return (
        message.id,
        message.recipient,
        message.sim,
        part,
        output.local(message.since, zone),
        because,
        (f"{way.words}{until}{sent}"),
    )
