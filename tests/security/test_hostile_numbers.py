"""Attack: numbers in foreign digits, with letters, that cost money, or that call the fire brigade."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.dropping import Office


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("०६३९९८०००१", "lettres"),
        ("０６３９９８０００１", "lettres"),
        ("٠٦٣٩٩٨٠٠٠١", "lettres"),
        ("+1412535abcd", "lettres"),
        ("06399800O1", "lettres"),
        ("0639980001;ext=3", "plus de cellules"),
        ("0639980001,,3", "lettres"),
        ("0639980001\u200b", "lettres"),
        ("\u202e0639980001", "lettres"),
        ("0639980001\r\nAT+CMGD=1", "lettres"),
        ("0639980001\x1b", "codage"),
        ("112", "urgence"),
        ("+33112", "urgence"),
        ("15", "urgence"),
        ("3615", "court"),
        ("0899123456", "surtaxé"),
        ("+881612345678", "satellite"),
        ("+447012345678", "renvoi"),
        ("+12125550123", "étranger"),
        ("0199001234", "fixe"),
        ("3,36E+10", "tableur"),
        ("0" * 5000, "n'existe pas"),
    ],
)
def test_refused_with_its_reason(tmp_path: Path, cell: str, reason: str) -> None:
    office = Office(tmp_path)
    quoted = f'"{cell}"' if "\n" in cell else cell
    office.drop("a.csv", f"message;tel\nBonjour;0639980002\nBonjour;{quoted}\n".encode())
    office.turn()
    assert reason in office.answer().reasons[-1]
    assert "+33639980001" not in {recipient for recipient, _ in office.queue()}
