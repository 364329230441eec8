"""Everything that is held about one number, for `contacts show`: tables for a person."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from gatewayd.cli import consents, context, output
from gatewayd.domain.field import Field, shown
from gatewayd.services.holdings import Holdings


def tables(held: Holdings, here: context.Context) -> Iterator[Table | Text]:
    """The contact, then what was agreed to, then the messages."""
    yield Text(held.number, style="bold")
    yield output.pairs(_facts(held, here))
    if held.consents:
        yield consents.table(held.consents, here.settings.timezone)
    if held.sent or held.received:
        yield _messages(held, here)


def _facts(held: Holdings, here: context.Context) -> Iterator[tuple[str, object]]:
    zone = here.settings.timezone
    if held.contact is None:
        yield "contact", "no: nothing but what follows is held about this number"
    else:
        yield "name", f"{held.contact.given_name} {held.contact.family_name}".strip()
        yield "language", held.contact.language
        for name, value in held.contact.fields.items():
            yield _label(here.settings.fields.get(name), name), shown(value)
        yield "from", f"{held.contact.source}, {output.local(held.contact.created_at, zone)}"
        yield "last change", output.local(held.contact.updated_at, zone)
    for one in held.optouts:
        since = f"{output.local(one.recorded_at, zone)} ({one.origin}, {one.recorded_by})"
        ended = f", lifted {output.local(one.lifted_at, zone)} by {one.lifted_by}" if one.lifted_at else ""
        yield "opted out", Text(since + ended, style="" if ended else "bold yellow")


def _messages(held: Holdings, here: context.Context) -> Table:
    zone = here.settings.timezone
    to = [(one.created_at, "to", one.state, one.purpose, one.text) for one in held.sent]
    came = [(one.received_at, "from", one.kind, "", one.text) for one in held.received]
    rows = [(output.local(at, zone), *rest) for at, *rest in sorted([*to, *came], key=lambda row: row[0])]
    return output.table(("TIME", "", "STATE", "PURPOSE", "TEXT"), rows)


def _label(field: Field | None, name: str) -> str:
    return f"{name} (no longer declared)" if field is None else field.label or name
