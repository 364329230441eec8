"""Options that several commands have, written once."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayd.domain.field import plain_text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many, the newest first.")]


def words(given: str) -> str:
    """What a person says about something: a line without what is not seen. UsageError."""
    return plain_text(given, LONGEST)


LONGEST = 200
"""Characters of such words, as in the API."""
By = Annotated[str, typer.Option("--by", help="Who records it; else the person who types.", callback=words)]

Yes = Annotated[bool, typer.Option("--yes", help="Write it without asking.")]
PurposeKey = Annotated[str, typer.Option("--purpose", "-p", help="Which purpose, as the configuration names it.")]


def verdict(written: bool, something: bool) -> str:
    """What became of a list that was looked at."""
    if written:
        return "Written."
    return "Nothing was written; --yes writes it." if something else "Nothing to write."


def command() -> typer.Typer:
    """The Typer of a file with one command."""
    return typer.Typer(add_completion=False)


def noun(words: str) -> typer.Typer:
    """The Typer of a file with several commands about one thing."""
    return typer.Typer(help=words, no_args_is_help=True, add_completion=False)
