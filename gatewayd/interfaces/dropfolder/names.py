"""File names are data: what somebody called a file never decides where anything is written."""

from __future__ import annotations

import os
import unicodedata

REPORT = ".report.csv"
_IGNORED_ENDINGS = (".part", ".tmp", ".filepart", ".crdownload", "~")
_MAX_OCTETS = 180  # room for a number and the report's ending below the 255 of every file system
_UNSAFE = frozenset('/\\:*?"<>|')


def is_ignored(name: str) -> bool:
    """Names by which programs say that they are still writing."""
    return name.startswith((".", "~$")) or name.casefold().endswith(_IGNORED_ENDINGS)


def safe_name(name: str) -> str:
    """A name for the answer folders: no separators, no control or invisible characters, no leading dot or dash."""
    readable = os.fsencode(name).decode("utf-8", "replace")
    kept = "".join(character if _is_plain(character) else "_" for character in readable)
    kept = kept.strip(" .").lstrip("-") or "_"
    stem, extension = os.path.splitext(kept)
    if len(extension) > 10:
        stem, extension = kept, ""
    stem = stem.encode()[: _MAX_OCTETS - len(extension.encode())].decode("utf-8", "ignore")
    return stem + extension


def numbered(name: str, count: int) -> str:
    """The name of the `count`-th file called so: `membres.csv`, `membres-2.csv`."""
    stem, extension = os.path.splitext(name)
    return name if count == 1 else f"{stem}-{count}{extension}"


def _is_plain(character: str) -> bool:
    category = unicodedata.category(character)
    return character not in _UNSAFE and (character == " " or category[0] not in "CZ")
