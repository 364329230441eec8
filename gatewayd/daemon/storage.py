"""The database with its key, as daemon and CLI open it.

The key is a credential (`db-key`); with none, one is made in the state directory at the first start. A database whose
key is gone is refused: a new key would only hide that the old one is lost.
"""

from __future__ import annotations

import sqlite3
from importlib.util import find_spec

import structlog

from gatewayd import credentials, logs
from gatewayd.config import Settings
from gatewayd.credentials import Credentials, Secret
from gatewayd.errors import ConfigurationError, StorageUnavailable
from gatewayd.store.engine import Database

log = structlog.get_logger(__name__)

REFUSED_PINS = "refused-pins.json"
"""In the state directory: the digests of PINs that no SIM is given again."""


def encrypts() -> bool:
    """Whether the database is encrypted on this machine: where sqlcipher3 has a wheel."""
    return find_spec("sqlcipher3") is not None


def sqlite_version() -> str:
    """The version of the SQLite that would be used."""
    if encrypts():
        from sqlcipher3 import dbapi2  # noqa: PLC0415  # absent on 32-bit ARM

        return str(dbapi2.sqlite_version)
    return sqlite3.sqlite_version


def open_database(
    settings: Settings, key: Secret | None, pseudonyms: logs.Pseudonyms, patience: float | None = None
) -> Database:
    """The opened database. StoreError: the key does not fit; StorageUnavailable: the file cannot be written."""
    return Database.open(
        settings.database_file,
        key=key.value if key else None,
        patience=patience,
        pseudonym=pseudonyms.in_trail,
    )


def make_state_directory(settings: Settings) -> None:
    """The state directory, private, if it is not there yet."""
    try:
        settings.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(f"{settings.state_directory} cannot be made: {error.strerror}") from None


def database_key(settings: Settings, secrets: Credentials) -> Secret | None:
    """The key of the embedded database, made if there is neither key nor database; None where nothing is encrypted."""
    if not encrypts():
        return None
    key = secrets.key(credentials.DATABASE_KEY)
    if key is not None:
        return key
    if settings.database_file.exists():
        raise ConfigurationError(
            f"the key of {settings.database_file} is missing",
            expected=f"{secrets.state / credentials.DATABASE_KEY}, or, for root (type sudo first), "
            f"{secrets.store[0] if secrets.store else 'a store of systemd'}/gatewayd.{credentials.DATABASE_KEY}",
        )
    key = secrets.make_key(credentials.DATABASE_KEY)
    log.info("key.made", file=key.origin)
    return key


def log_key(secrets: Credentials) -> bytes:
    """The key of the logs' pseudonyms, made at the first start."""
    key = secrets.key(credentials.LOG_KEY) or secrets.make_key(credentials.LOG_KEY)
    return key.value
