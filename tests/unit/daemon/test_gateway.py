"""The whole gateway in one process, on a simulated SIM: how it starts, lives and ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd import config
from gatewayd.clock import SystemClock
from gatewayd.credentials import Credentials
from gatewayd.daemon.gateway import Gateway
from gatewayd.errors import ConfigurationError, StorageUnavailable
from gatewayd.store.outbox import NewMessage

CONFIGURATION = """\
organisation: {{name: Amicale}}
state_directory: {directory}/state
spool_directory: {directory}/spool
modems: [{{port: "sim://gateway-{name}?report=1", pin: {pin}}}]
purposes: {{alerte: {{label: Alertes, basis: vital_interest, class: alert}}}}
feeds: [{{folder: ., purpose: alerte}}]
"""


class LeapingClock(SystemClock):
    """The machine's clock, with leaps."""

    def __init__(self) -> None:
        super().__init__(earliest=datetime(2020, 1, 1, tzinfo=UTC))
        self.leap = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.leap


def settings_in(directory: Path, pin: str = "sim-pin") -> config.Settings:
    text = CONFIGURATION.format(directory=directory, name=os.getpid(), pin=pin)
    return config.loads(text, directory / "gatewayd.yaml")


@contextmanager
def running(directory: Path, clock: SystemClock) -> Iterator[Gateway]:
    secret = directory / "credentials" / "sim-pin"
    secret.parent.mkdir(exist_ok=True)
    secret.touch(mode=0o600)
    secret.write_text("1234\n")
    settings = settings_in(directory)
    gateway = Gateway(settings, Credentials.of(settings.file, settings.state_directory), clock)
    gateway.start()
    try:
        yield gateway
    finally:
        while not gateway.stop(5):
            pass


def test_it_is_alive_only_while_its_workers_turn(tmp_path: Path) -> None:
    clock = LeapingClock()
    with running(tmp_path, clock) as gateway:
        assert gateway.alive()
        clock.leap += 100_000
        assert not gateway.alive()


def test_it_is_not_alive_when_the_database_does_not_answer(tmp_path: Path) -> None:
    with running(tmp_path, SystemClock()) as gateway:
        database = gateway.settings.database_file
        for _ in range(2):  # a worker may have opened it again meanwhile, and written
            gateway.database.close()
            database.with_name(f"{database.name}-wal").unlink(missing_ok=True)
            database.write_bytes(b"x" * 8192)
        assert not gateway.alive()


def test_a_missing_pin_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, pin="elsewhere")
    with pytest.raises(ConfigurationError, match="the credential `elsewhere` is missing"):
        Gateway(settings, Credentials.of(settings.file, settings.state_directory), SystemClock())


def test_a_spool_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file stands where the folder should be")
    with pytest.raises(StorageUnavailable, match="spool"), running(tmp_path, SystemClock()):
        pass


def test_nothing_expires_by_a_clock_that_is_not_trusted(tmp_path: Path) -> None:
    class Doubtful(SystemClock):
        known = False

        def trusted(self) -> bool:
            return self.known

    clock = Doubtful()
    with running(tmp_path, clock) as gateway:
        late = NewMessage(
            "+33639980001", "alerte", "test", "elsewhere", 0, "Bonjour", "gsm7", 1, clock.utc_now(),
            expires_at=clock.utc_now(),
        )  # fmt: skip
        gateway.outbox.accept(None, [late])
        assert gateway._expire() == 0
        clock.known = True
        assert gateway._expire() == 1
