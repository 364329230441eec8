"""`gatewayd drop`: a file into a feed's folder as it should be done: copied under another name, flushed, renamed."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.cli import context, options, output
from gatewayd.errors import UsageError
from gatewayd.interfaces.dropfolder.names import is_ignored, numbered, safe_name
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
        raise UsageError(_why(error, folder)) from None
    output.say(f"dropped {folder / name}")


def _why(error: OSError, folder: Path) -> str:
    """What went wrong, and what to do about it."""
    words = f"{error.filename or folder}: {error.strerror}"
    if isinstance(error, PermissionError) and not os.access(folder, os.W_OK | os.X_OK):
        return f"{words}; who is in its group may drop files: sudo adduser NAME gatewayd-drop, and log in anew"
    if isinstance(error, FileNotFoundError) and not folder.is_dir():
        return f"{folder} is not there yet: gatewayd makes the folders of feeds when it starts, so restart it"
    return words


def _put(file: Path, folder: Path) -> str:
    """Its name there: none that is taken."""
    wanted = safe_name(file.name)
    if is_ignored(wanted):
        raise UsageError(f"{file.name}: what is called so is left alone, as a file that is still written; rename it")
    part = folder / f".{os.getpid()}.{wanted}.part"
    try:
        with file.open("rb") as source, part.open("xb") as target:
            os.fchmod(target.fileno(), 0o640)
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        name = _taken(folder, wanted)
        part.rename(folder / name)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(folder)
    return name


def _taken(folder: Path, wanted: str) -> str:
    """A name that is nobody else's, held by an empty file: who drops another at this moment gets the next one."""
    for count in itertools.count(1):
        with contextlib.suppress(FileExistsError), (folder / numbered(wanted, count)).open("xb"):
            break
    return numbered(wanted, count)
