"""The ledger is right in memory and in its file, and tells messages from parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.modem.simulator.ledger import Accepted, Ledger, read_ledger, whole_messages
from tests.unit.modem.simulator.bench import ALICE, BOB


def record(
    ledger: Ledger, text: str | None = "Bonjour", to: str = ALICE, concat: tuple[int, int, int] | None = None
) -> Accepted:
    return ledger.append(
        datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        iccid="8933",
        sim="accueil",
        destination=to,
        reference=7,
        pdu="00",
        text=text,
        concat=concat,
        status_report=True,
    )


def test_what_is_appended_is_kept_in_order() -> None:
    ledger = Ledger()
    first, second = record(ledger), record(ledger, to=BOB)
    assert list(ledger) == [first, second]
    assert (first.sequence, second.sequence, first.at) == (1, 2, "2026-03-02T09:00:00+00:00")
    assert ledger.to(BOB) == [second]


def test_a_file_holds_the_same(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    record(ledger, "ê\n😀", concat=(9, 2, 1))
    record(ledger, None)
    assert read_ledger(tmp_path / "ledger") == list(ledger)
    ledger.close()


def test_two_ledgers_share_a_file(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path / "ledger", keep=False) for _ in range(2)]
    for ledger in ledgers * 2:
        record(ledger)
    assert len(read_ledger(tmp_path / "ledger")) == 4
    assert [(len(ledger), ledger.total) for ledger in ledgers] == [(0, 2)] * 2
    for ledger in ledgers:
        ledger.close()


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "none") == []


def test_a_full_disk_is_told() -> None:
    ledger = Ledger("/dev/full")
    with pytest.raises(OSError, match="No space"):
        record(ledger)
    ledger.close()


def test_parts_make_a_message_once_they_are_all_there() -> None:
    ledger = Ledger()
    record(ledger, "monde", concat=(9, 2, 2))
    record(ledger, "seul", to=BOB)
    record(ledger, "Bonjour ", concat=(9, 2, 1))
    record(ledger, "moitié", concat=(10, 2, 1))
    assert whole_messages(ledger) == [(BOB, "seul"), (ALICE, "Bonjour monde")]


def test_a_message_sent_twice_shows_twice() -> None:
    ledger = Ledger()
    for _ in range(2):
        record(ledger, "un", concat=(9, 2, 1))
        record(ledger, "deux", concat=(9, 2, 2))
    assert whole_messages(ledger) == [(ALICE, "undeux")] * 2
    assert whole_messages([replace(entry, sim="b") for entry in ledger][:3]) == [(ALICE, "undeux")]
