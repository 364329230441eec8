"""The chain: what is done to it at any place is found, and named; a chain that was written once verifies for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.domain import audit_files as files
from gatewayd.domain.audit import (
    BEGINNING,
    MEANINGS,
    Anchor,
    Details,
    Entry,
    Event,
    Fault,
    Row,
    canonical,
    chain,
    verify,
)

GOLDEN = Path(__file__).parents[2] / "data" / "audit_1.jsonl"
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
EPOCH, KARACHI = datetime(1970, 1, 1, tzinfo=UTC), timezone(timedelta(hours=5))
LENGTH = 250
"""Each kind of change is made at each place: the time it takes grows with the square."""


def made(length: int) -> list[Row]:
    rows: list[Row] = []
    previous = BEGINNING.hash
    for seq in range(1, length + 1):
        details: Details = {"message": seq, "parts": 1 + seq % 3, "purpose": "événements"}
        entry = Entry(seq, AT + timedelta(seconds=seq), "gatewayd", Event.SENT, f"p:{seq:016x}", details)
        rows.append(entry.sealed(previous))
        previous = rows[-1].hash
    return rows


ROWS = made(LENGTH)
HEAD = Anchor(LENGTH, ROWS[-1].hash)
OTHER = Entry(1, AT, "mallory", Event.CONSENT, "p:0123456789abcdef", {"purpose": "fees"})


def renumbered(rows: Sequence[Row]) -> list[Row]:
    return [row._replace(seq=seq) for seq, row in enumerate(rows, 1)]


def resealed(rows: Sequence[Row]) -> list[Row]:
    """Each with the hash that fits: what somebody can do who knows how it is made."""
    done: list[Row] = []
    for row in rows:
        done.append(row._replace(hash=chain(done[-1].hash if done else BEGINNING.hash, row)))
    return done


def before(at: int) -> bytes:
    return ROWS[at - 2].hash if at > 1 else BEGINNING.hash


def edited(at: int, changes: dict[str, object]) -> list[Row]:
    return [*ROWS[: at - 1], ROWS[at - 1]._replace(**changes), *ROWS[at:]]  # type: ignore[arg-type]  # by their names


def swapped(one: int, other: int) -> list[Row]:
    rows = list(ROWS)
    rows[one - 1], rows[other - 1] = rows[other - 1]._replace(seq=one), rows[one - 1]._replace(seq=other)
    return rows


def inserted(at: int) -> list[Row]:
    return renumbered([*ROWS[: at - 1], OTHER.sealed(b"something else"), *ROWS[at - 1 :]])


def test_an_untouched_chain_is_whole() -> None:
    verdict = verify(ROWS, [BEGINNING, HEAD, Anchor(125, ROWS[124].hash)])
    assert (verdict.head, verdict.broken) == (HEAD, None)
    assert verify([]).head == BEGINNING


CHANGES: Sequence[dict[str, object]] = (
    {"actor": "nobody"},
    {"at": "2026-11-24T10:00:00.000001Z"},
    {"event": "message.failed"},
    {"subject": "p:0000000000000000"},
    {"details": "{}"},
    {"hash": bytes(32)},
    {"version": 2},
    {"details": None},
)


def found(rows: Sequence[Row], *anchors: Anchor) -> tuple[int, Fault] | None:
    broken = verify(rows, anchors).broken
    return None if broken is None else (broken.seq, broken.fault)


def test_an_edited_entry_is_found() -> None:
    for at in range(1, LENGTH + 1):
        assert found(edited(at, CHANGES[at % len(CHANGES)])) == (at, Fault.EDITED)


def test_an_edited_entry_with_the_hash_that_fits_is_found_at_the_next_one() -> None:
    for at in range(1, LENGTH):
        rows = edited(at, {"actor": "nobody"})
        rows[at - 1] = rows[at - 1]._replace(hash=chain(before(at), rows[at - 1]))
        assert found(rows) == (at + 1, Fault.EDITED)


@pytest.mark.parametrize("many", [1, 3])
def test_deleted_entries_are_found(many: int) -> None:
    for at in range(1, LENGTH - many + 1):
        assert found([*ROWS[: at - 1], *ROWS[at - 1 + many :]]) == (at, Fault.MISSING)


@pytest.mark.parametrize("many", [1, 3])
def test_deleted_entries_are_found_where_the_rest_was_renumbered(many: int) -> None:
    for at in range(1, LENGTH - many):
        assert found(renumbered([*ROWS[: at - 1], *ROWS[at - 1 + many :]])) == (at, Fault.MISSING)
    # Of the last one alone nobody can say more than that it does not fit.
    assert found(renumbered([*ROWS[: LENGTH - 1 - many], ROWS[-1]])) == (LENGTH - many, Fault.EDITED)


def test_the_end_cut_off_is_found_by_an_anchor() -> None:
    for at in range(1, LENGTH + 1):
        assert found(ROWS[: at - 1], HEAD) == (at, Fault.TRUNCATED)
        assert found(ROWS[: at - 1]) is None, "without one nobody can tell"


@pytest.mark.parametrize("distance", [1, 2, 7, 120])
def test_entries_that_changed_places_are_found(distance: int) -> None:
    for at in range(1, LENGTH - distance + 1):
        assert found(swapped(at, at + distance)) == (at, Fault.SWAPPED)


def test_an_entry_put_in_is_found() -> None:
    for at in range(1, LENGTH + 1):
        assert found(inserted(at)) == (at, Fault.INSERTED)
    assert found([*ROWS, inserted(LENGTH + 1)[-1]]) == (LENGTH + 1, Fault.EDITED)


def test_an_entry_put_in_with_the_hash_that_fits_is_found() -> None:
    for at in range(1, LENGTH + 1):
        rows = inserted(at)
        rows[at - 1] = rows[at - 1]._replace(hash=chain(before(at), rows[at - 1]))
        assert found(rows) == (at, Fault.INSERTED)


def test_a_chain_written_anew_is_found_by_an_anchor() -> None:
    for at in range(1, LENGTH + 1, 37):
        rows = resealed(edited(at, {"actor": "nobody"}))
        assert found(rows) is None, "without one nobody can tell"
        assert found(rows, HEAD) == (LENGTH, Fault.REWRITTEN)


def test_one_wrong_anchor_among_right_ones_is_found() -> None:
    assert verify(ROWS, [HEAD, Anchor(7, ROWS[6].hash), Anchor(7, ROWS[7].hash)]).broken is not None


def test_a_wrong_anchor_of_the_beginning_is_found() -> None:
    assert found(ROWS, Anchor(0, ROWS[0].hash)) == (0, Fault.REWRITTEN)
    broken = verify(ROWS[7:], [Anchor(7, ROWS[7].hash)], after=Anchor(7, ROWS[6].hash)).broken
    assert broken is not None, "nor may an anchor contradict what a part begins with"


def test_each_fault_has_its_sentence() -> None:
    broken = verify(edited(41, {"actor": "x"})).broken
    assert str(broken).startswith("entry 41 does not fit the one before it")


# The canonical form.

_text = st.text(st.characters(codec="utf-8"), max_size=40)
_values = st.one_of(_text, st.integers(-(2**63), 2**63), st.booleans(), st.none())
_times = st.integers(0, 250 * 10**15).map(lambda ticks: (EPOCH + timedelta(microseconds=ticks)).astimezone(KARACHI))
_entries = st.builds(
    Entry, st.integers(1, 10**17), _times, _text, st.sampled_from(Event), _text, st.dictionaries(_text, _values)
)


@given(_entries)
def test_the_canonical_form_is_json_with_sorted_keys_and_no_spaces(entry: Entry) -> None:
    row = entry.sealed(BEGINNING.hash)
    octets = canonical(row)
    found = json.loads(octets)
    assert json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == octets
    assert datetime.fromisoformat(found.pop("at")) == entry.at
    assert found == {
        "seq": entry.seq, "actor": entry.actor, "event": entry.event, "subject": entry.subject,
        "details": dict(entry.details), "version": 1,
    }  # fmt: skip
    assert row.hash == hashlib.sha256(bytes(32) + octets).digest()


@given(_entries)
def test_an_exported_line_is_read_as_the_entry_that_was_written(entry: Entry) -> None:
    row = entry.sealed(BEGINNING.hash)
    after = Anchor(entry.seq - 1, bytes(32))
    lines = [files.opening(after, AT), files.entry(row, "+33639980001"), files.closing(Anchor(row.seq, row.hash))]
    export = files.Export("x", [line.decode() for line in lines])
    assert (export.after, list(export.rows()), export.head) == (after, [row], Anchor(row.seq, row.hash))


def test_what_was_written_once_verifies_for_ever() -> None:
    """Written by the first version of this program; the file is never made again."""
    with GOLDEN.open(encoding="utf-8") as lines:
        export = files.Export(GOLDEN.name, lines)
        verdict = verify(export.rows(), after=export.after)
    assert verdict.broken is None
    assert verdict.head == export.head
    assert str(verdict.head) == "29:24e6939aaf09d9dca881c5bf0a02accb27fd5e30569bb44650462d6957657a48"


def test_each_event_says_what_it_means() -> None:
    assert MEANINGS.keys() == set(Event)
    assert len(set(MEANINGS.values())) == len(MEANINGS)
