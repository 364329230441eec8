"""Secrets: found in the right order, never from files that others can read, never in a message."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.credentials import DATABASE_KEY, Credentials
from gatewayd.errors import ConfigurationError

KEY = bytes(range(32))


@pytest.fixture
def places(tmp_path: Path) -> Credentials:
    for name in ("given", "beside", "state"):
        (tmp_path / name).mkdir(mode=0o700)
    return Credentials(tmp_path / "given", (tmp_path / "beside", tmp_path / "state"), tmp_path / "state")


def put(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def test_systemd_comes_first_then_beside_the_configuration(places: Credentials, tmp_path: Path) -> None:
    put(tmp_path / "state" / "pin", b"1111\n")
    assert places.text("pin") == "1111"
    put(tmp_path / "beside" / "pin", b"2222\n")
    assert places.text("pin") == "2222"
    put(tmp_path / "given" / "pin", b"3333\n", 0o440)
    assert places.text("pin") == "3333"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_cure(places: Credentials, tmp_path: Path, mode: int) -> None:
    put(tmp_path / "state" / "pin", b"4321\n", mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {tmp_path}/state/pin") as caught:
        places.find("pin")
    assert "4321" not in str(caught.value)


def test_a_link_is_not_followed(places: Credentials, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", b"x")
    (tmp_path / "state" / "pin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        places.find("pin")


def test_a_directory_is_no_secret(places: Credentials, tmp_path: Path) -> None:
    (tmp_path / "state" / "pin").mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="plain file"):
        places.find("pin")


@pytest.mark.parametrize("name", ["../pin", "/etc/passwd", "", "a/b", ".hidden", "1234"])
def test_a_name_is_no_path(places: Credentials, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no name of a credential"):
        places.find(name)


def test_a_missing_pin_says_where_to_put_it(places: Credentials, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"`pin` is missing.*{tmp_path}/beside/pin"):
        places.text("pin")


@pytest.mark.parametrize("content", [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n"])
def test_a_key_is_32_bytes_or_64_digits(places: Credentials, tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "state" / DATABASE_KEY, content)
    found = places.key(DATABASE_KEY)
    assert found is not None
    assert found.value == KEY
    assert KEY.hex() not in repr(found)


@pytest.mark.parametrize("content", [b"", b"short", KEY.hex().encode()[:-1], b"\xff" * 33])
def test_what_is_no_key_is_refused_without_showing_it(places: Credentials, tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "state" / DATABASE_KEY, content)
    with pytest.raises(ConfigurationError, match="expected 32 bytes, or 64 hex digits") as caught:
        places.key(DATABASE_KEY)
    assert "short" not in str(caught.value)


def test_a_new_key_is_private_and_stays(places: Credentials, tmp_path: Path) -> None:
    assert places.key(DATABASE_KEY) is None
    made = places.make_key(DATABASE_KEY)
    assert (tmp_path / "state" / DATABASE_KEY).stat().st_mode & 0o777 == 0o600
    assert places.make_key(DATABASE_KEY) == made == places.key(DATABASE_KEY)
    assert [path.name for path in (tmp_path / "state").iterdir()] == [DATABASE_KEY]


@pytest.mark.skipif(os.geteuid() != 0, reason="systemd's encrypted store is asked for root only")
def test_without_systemd_creds_an_encrypted_key_is_a_sentence(
    places: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "gatewayd.db-key", b"encrypted")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="systemd-creds is not installed; bring back the plain file"):
        replace(places, store=(tmp_path,)).key(DATABASE_KEY)


def test_what_was_taken_needs_no_second_look(places: Credentials, tmp_path: Path) -> None:
    put(tmp_path / "state" / DATABASE_KEY, KEY)
    taken = places.taken([DATABASE_KEY, "pin"])
    (tmp_path / "state" / DATABASE_KEY).unlink()
    found = taken.key(DATABASE_KEY)
    assert found is not None
    assert found.value == KEY
    assert taken.find("pin") is None
    assert KEY.hex() not in repr(taken)
    assert repr(KEY) not in repr(taken)
