"""What every command needs: the configuration, the secrets, the database, each opened when it is first asked for.

The CLI works beside a running daemon: they meet in the database, and a ring tells the daemon of a change. Run by root,
a command becomes the owner of the state directory before it writes anything there, so that the daemon can read it.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import typer

from gatewayd import config, logs
from gatewayd.clock import Clock, SystemClock
from gatewayd.credentials import Credentials
from gatewayd.daemon import storage
from gatewayd.daemon.rules import number_rules
from gatewayd.domain.sender import any_number
from gatewayd.errors import NumberError, UsageError
from gatewayd.services import wakeup
from gatewayd.store.engine import Database

DEFAULT_CONFIG = Path("/etc/gatewayd/gatewayd.yaml")
PATIENCE = 60.0
"""Seconds that a command waits for the daemon's own writing: a file of 100,000 rows is accepted in one transaction,
which takes a slow card ten."""
_STARTED_AS = os.getuid()


@dataclass
class Context:
    """One run of the CLI."""

    file: Path

    @cached_property
    def settings(self) -> config.Settings:
        """The configuration. ConfigurationError if it cannot be used."""
        return config.load(self.file)

    @cached_property
    def credentials(self) -> Credentials:
        """The secrets, by name."""
        return Credentials.of(self.file, self.settings.state_directory)

    @cached_property
    def clock(self) -> Clock:
        """The machine's."""
        return SystemClock()

    @cached_property
    def database(self) -> Database:
        """The database, made if there is none yet."""
        storage.make_state_directory(self.settings)
        key = storage.database_key(self.settings, self.credentials)  # as root: it may be root's alone
        logs.configure(self._log_key, level="warning")
        become_owner(self.settings.state_directory)
        return storage.open_database(self.settings, key, self.pseudonyms, patience=PATIENCE)

    @cached_property
    def _log_key(self) -> bytes:
        return storage.log_key(self.credentials)

    @cached_property
    def pseudonyms(self) -> logs.Pseudonyms:
        """The words that stand for numbers."""
        return logs.Pseudonyms(self._log_key)

    def ring(self) -> None:
        """Tell a running daemon that there is something to do."""
        wakeup.ring(self.settings.state_directory / wakeup.SOCKET_NAME)


def of(context: typer.Context) -> Context:
    """The Context of a Typer context."""
    found = context.obj
    assert isinstance(found, Context)  # noqa: S101  # set by the root callback before any command
    return found


def operator() -> str:
    """Who typed the command: the person behind sudo, where there is one; never the owner whom root has become."""
    known = os.environ.get("SUDO_USER") or os.environ.get("LOGNAME") or os.environ.get("USER")
    if known:
        return readable(known)
    try:
        return pwd.getpwuid(_STARTED_AS).pw_name
    except KeyError:
        return str(_STARTED_AS)


def readable(words: str) -> str:
    """What a shell gave, whose octets that are no UTF-8 nothing else could keep."""
    return os.fsencode(words).decode("utf-8", "replace")


def recipients(settings: config.Settings, numbers: Sequence[str]) -> list[str]:
    """Numbers as people write them, in E.164. NumberError names the one that cannot be used, if there are several."""
    rules = number_rules(settings)
    found = []
    for number in numbers:
        try:
            found.append(rules.parse(number))
        except NumberError as error:
            if len(numbers) == 1:
                raise
            raise NumberError(error.reason, f"{number}: {error} (nothing was recorded)") from None
    return found


def any_numbers(settings: config.Settings, numbers: Sequence[str], done: str) -> list[str]:
    """Numbers of whatever kind and country: an opt-out and a withdrawal hold for all. UsageError if one is none, before
    anything was `done`."""
    found = [(written, any_number(written, settings.country)) for written in numbers]
    for written, number in found:
        if number is None:
            raise UsageError(f"{written}: this is no phone number (nothing was {done})")
    return [number for _, number in found if number is not None]


def hand_over(file: Path) -> None:
    """What root has written beside the owner's files belongs to him too."""
    if os.geteuid() == 0 and file.exists():
        owner = file.parent.stat()
        os.chown(file, owner.st_uid, owner.st_gid)


def become_owner(directory: Path) -> None:
    """Where root runs a command on a service user's directory, go on as that user, with its groups."""
    if os.geteuid() != 0 or not directory.exists():
        return
    owner = directory.stat()
    if owner.st_uid == 0:
        return
    try:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
