"""The daemon's word about itself: seldom written, believed only while a daemon runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.daemon.lock import InstanceLock
from gatewayd.daemon.status import BURST, INTERVAL, STATUS_NAME, LineStatus, Status, StatusFile, read

STATUS = Status(7, "0.1.0", "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z", [LineStatus("sim://a", "a", "")], 0)


def test_what_is_written_is_read_while_a_daemon_runs(tmp_path: Path) -> None:
    assert StatusFile(tmp_path).offer(STATUS, 0.0)
    assert read(tmp_path) is None
    with InstanceLock(tmp_path):
        assert read(tmp_path) == STATUS


def test_it_is_written_on_change_only(tmp_path: Path) -> None:
    file = StatusFile(tmp_path)
    assert file.offer(STATUS, 100.0)
    assert not file.offer(replace(STATUS, at="later"), 200.0)
    assert file.offer(replace(STATUS, crashes=1), 201.0)


def test_a_wavering_modem_costs_one_writing_in_ten_seconds(tmp_path: Path) -> None:
    file = StatusFile(tmp_path)
    states = [STATUS, replace(STATUS, lines=[LineStatus("sim://a", "", "absent")])]
    written = [file.offer(states[second % 2], float(second)) for second in range(1000)]
    assert all(written[:BURST])
    assert sum(written) <= BURST + 1000 / INTERVAL


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"lines": [{"x": 1}]}', "\x00"])
def test_a_file_of_another_kind_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / STATUS_NAME).write_text(content)
    with InstanceLock(tmp_path):
        assert read(tmp_path) is None
