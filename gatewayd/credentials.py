"""Secrets by name: from systemd's credentials, or from files only their owner can read; never from the configuration.

A name is looked for in `$CREDENTIALS_DIRECTORY` (systemd puts them there for the service alone), then in `credentials/`
beside the configuration, then in `credentials/` of the state directory, and last, for root, in systemd's encrypted
store (`systemd-creds decrypt`), so that the CLI finds the key the daemon has. Root becomes the service's user before it
touches anything of his: what only root can decrypt is read before that (`taken`). A file that others could read is
refused with the command that puts it right; a link is not followed. No value is ever part of a message.

The two keys gatewayd makes itself (`db-key`, `log-key`: 32 random bytes, kept as 64 hex digits) are created once, in
the state directory, with mode 0600. A database whose key is gone is refused, never given a new one.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gatewayd.errors import ConfigurationError, StorageUnavailable

DATABASE_KEY = "db-key"
LOG_KEY = "log-key"
KEY_BYTES = 32
_MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}\Z")
ENCRYPTED = (Path("/etc/credstore.encrypted"), Path("/run/credstore.encrypted"))
"""Where systemd looks for what `LoadCredentialEncrypted=` names."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value and where it came from; its repr tells only the place."""

    value: bytes = field(repr=False)
    origin: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where to look, in order; `given` is systemd's directory, whose access systemd controls, `store` has what it
    encrypts, `held` what was read already."""

    given: Path | None
    directories: Sequence[Path]
    state: Path
    store: Sequence[Path] = ENCRYPTED
    held: Mapping[str, Secret] = field(default_factory=dict)

    @classmethod
    def of(cls, configuration: Path, state_directory: Path) -> Credentials:
        """The places for a configuration file and its state directory."""
        given = os.environ.get("CREDENTIALS_DIRECTORY")
        own = state_directory / "credentials"
        return cls(Path(given) if given else None, (configuration.absolute().parent / "credentials", own), own)

    def taken(self, names: Iterable[str]) -> Credentials:
        """The same, with these secrets in hand, as far as they exist: for who is root now and will not be so later."""
        found = {name: self.find(name) for name in names}
        return replace(self, held={**self.held, **{name: secret for name, secret in found.items() if secret}})

    def find(self, name: str) -> Secret | None:
        """The secret of that name, or None. Raises ConfigurationError: its file is open to others, or unreadable."""
        if not _NAME.match(name):
            raise ConfigurationError("this is no name of a credential", expected="letters, digits, . - and _")
        if name in self.held:
            return self.held[name]
        if self.given is not None and (value := _read(self.given / name, private=False)) is not None:
            return Secret(value, "systemd")
        for directory in self.directories:
            if (value := _read(directory / name, private=True)) is not None:
                return Secret(value, str(directory / name))
        return _decrypt(name, self.store)

    def text(self, name: str) -> str:
        """A secret that is a word, as a PIN. Raises ConfigurationError when it is absent or no text."""
        secret = self.find(name)
        if secret is None:
            places = " or ".join(str(directory / name) for directory in self.directories)
            raise ConfigurationError(f"the credential `{name}` is missing", expected=f"a file of mode 0600: {places}")
        try:
            return secret.value.decode("ascii").strip()
        except UnicodeDecodeError:
            raise ConfigurationError(f"the credential `{name}` is no plain text", file=secret.origin) from None

    def key(self, name: str) -> Secret | None:
        """A key of 32 bytes, raw or as 64 hex digits, or None."""
        secret = self.find(name)
        return None if secret is None else Secret(_key_bytes(secret), secret.origin)

    def make_key(self, name: str) -> Secret:
        """A new key in the state directory; where another process was quicker, the key it made."""
        path = self.state / name
        draft = self.state / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        value = secrets.token_bytes(KEY_BYTES)
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(draft, value.hex().encode() + b"\n")
            os.link(draft, path)  # atomic, and never over a key that is there
        except FileExistsError:
            pass
        except OSError as error:
            raise StorageUnavailable(f"{path}: the key cannot be written: {error.strerror}") from None
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(self.state)
        found = self.key(name)
        if found is None:
            raise ConfigurationError("the key that was just written cannot be found", file=str(path))
        return found


def _key_bytes(secret: Secret) -> bytes:
    value = secret.value
    if len(value) == KEY_BYTES:
        return value
    words = value.strip()
    if re.fullmatch(rb"[0-9A-Fa-f]{64}", words):
        return bytes.fromhex(words.decode("ascii"))
    raise ConfigurationError("this is no key", file=secret.origin, expected="32 bytes, or 64 hex digits")


def _read(path: Path, *, private: bool) -> bytes | None:
    """The file's bytes, None when there is none; with `private`, only a file that nobody else can read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise ConfigurationError(
            "cannot be read: Permission denied; only root and the user of the service may: type sudo first",
            file=str(path),
        ) from None
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(path)) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise ConfigurationError("is no plain file of a secret's size", file=str(path))
        if private and status.st_mode & 0o077:
            mode = f"{status.st_mode & 0o777:04o}"
            raise ConfigurationError(
                f"others may read this secret (mode {mode}); type: chmod 600 {path}", file=str(path)
            )
        return os.read(handle, _MAX_BYTES)
    finally:
        os.close(handle)


def _decrypt(name: str, store: Sequence[Path]) -> Secret | None:
    """As root, from systemd's encrypted store, where the unit's LoadCredentialEncrypted= takes it from."""
    if os.geteuid() != 0:
        return None
    path = next((path for folder in store if (path := folder / f"gatewayd.{name}").exists()), None)
    if path is None:
        return None
    command = ["systemd-creds", "decrypt", f"--name={name}", str(path), "-"]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=30)  # noqa: S603  # no user's words
    except FileNotFoundError:
        words = f"is encrypted, and systemd-creds is not installed; {_PLAIN}"
        raise ConfigurationError(words, file=str(path)) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no reason given"]
        words = f"systemd-creds cannot decrypt it ({said[0][:200]}): was it encrypted on another machine? {_PLAIN}"
        raise ConfigurationError(words, file=str(path)) from None
    except (OSError, subprocess.SubprocessError) as error:
        words = f"systemd-creds did not decrypt it ({type(error).__name__})"
        raise ConfigurationError(words, file=str(path)) from None
    return Secret(done.stdout, str(path))


_PLAIN = "bring back the plain file of mode 0600 that you kept (docs/hardware.md, at the end)"


def _write_private(path: Path, content: bytes) -> None:
    """A new file of mode 0600, on stable storage; made by root, it belongs to the directory's owner."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        if os.geteuid() == 0:
            owner = path.parent.parent.stat()
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
            os.chown(path.parent, owner.st_uid, owner.st_gid)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
