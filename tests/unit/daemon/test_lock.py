"""One daemon a state directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayd.daemon.lock import LOCK_NAME, InstanceLock, holder
from gatewayd.errors import StorageUnavailable


def test_a_second_one_is_refused_with_the_first_one_s_process(tmp_path: Path) -> None:
    with InstanceLock(tmp_path), pytest.raises(StorageUnavailable, match=rf"process {os.getpid()}\) already runs"):
        InstanceLock(tmp_path).__enter__()


def test_the_lock_tells_whether_a_daemon_runs(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with InstanceLock(tmp_path):
        assert holder(tmp_path) == os.getpid()
    assert holder(tmp_path) is None


def test_a_lock_file_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("12345\n")
    with InstanceLock(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"
