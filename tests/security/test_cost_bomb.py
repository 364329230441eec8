"""Attack: one text that costs as much as many."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.errors import RefusedByRule
from tests.security.dropping import Office


def test_a_text_of_eleven_parts_is_refused_and_its_neighbour_is_not(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", f"tel;message\n0639980001;{'x' * (10 * 153 + 1)}\n0639980002;Bonjour\n".encode())
    office.turn()
    assert office.answer().reasons[0] == "texte trop long : 11 SMS, 4 au plus"
    assert office.queue() == [("+33639980002", "Bonjour")]


def test_one_letter_that_forces_ucs2_counts(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", f"tel;message\n0639980001;{'ê' + 'x' * 4 * 67}\n0639980002;{'x' * 4 * 153}\n".encode())
    office.turn()
    assert office.answer().reasons[0] == "texte trop long : 5 SMS, 4 au plus"
    assert [recipient for recipient, _ in office.queue()] == ["+33639980002"]


def test_a_single_message_is_refused_likewise(tmp_path: Path) -> None:
    with pytest.raises(RefusedByRule) as refused:
        Office(tmp_path).intake.accept("events", "+33639980001", "x" * 1531)
    assert refused.value.reason == "too_many_parts:11/4"


def test_a_list_with_one_number_many_times_writes_once(tmp_path: Path) -> None:
    office = Office(tmp_path)
    ways = ["0639980001", "06 39 98 00 01", "+33639980001", "0033639980001", "639980001", "33639980001"]
    office.drop("a.csv", ("tel;message\n" + "".join(f"{way};texte {n}\n" for n, way in enumerate(ways))).encode())
    office.turn()
    assert office.queue() == [("+33639980001", "texte 0")]
    assert office.answer().reasons[1:] == ["en double : déjà à la ligne 2"] * 5
