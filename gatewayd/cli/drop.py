"""`gatewayd drop`: a file into a feed's folder as it should be done: copied under another name, flushed, renamed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.errors import UsageError
from gatewayd.interfaces.dropfolder.names import numbered, safe_name
from gatewayd.interfaces.dropfolder.spool import sync_folder

app = options.command()


@app.command()
def drop(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="What to drop; it stays where it is.")],
    feed: Annotated[str, typer.Option("--feed", help="The feed's folder, as the configuration names it.")] = ".",
) -> None:
    """Drop a file whole: it is taken at once, and its report comes beside it in done/ or rejected/."""
    settings = context.of(ctx).settings
    if feed not in {one.folder for one in settings.feeds}:
        raise UsageError(f"there is no feed {feed!r}; the configuration says which ones there are")
    folder = settings.spool_directory / "drop" / feed
    try:
        name = _put(file, folder)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from None
    output.say(f"dropped {folder / name}")


def _put(file: Path, folder: Path) -> str:
    """Its name there: none that is taken."""
    wanted = safe_name(file.name)
    part = folder / f".{os.getpid()}.{wanted}.part"
    try:
        with file.open("rb") as source, part.open("xb") as target:
            os.fchmod(target.fileno(), 0o640)
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        count = 1
        while (folder / numbered(wanted, count)).exists():
            count += 1
        part.rename(folder / numbered(wanted, count))
    finally:
        part.unlink(missing_ok=True)
    sync_folder(folder)
    return numbered(wanted, count)
