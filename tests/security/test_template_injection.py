"""Attack: a cell that is written like a template, in a text column or in a field of the feed's template."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.dropping import Office

PAYLOADS = [
    "{{ 7*7 }}",
    "{{ prenom.__class__.__mro__ }}",
    "{% for a in range(9) %}x{% endfor %}",
    "{0.__class__}",
    "%(secret)s",
    "${7*7}",
    "{{ '{{ date }}' }}",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_field_is_inserted_and_never_read(tmp_path: Path, payload: str) -> None:
    office = Office(tmp_path)
    office.drop("rappels/a.csv", f"prenom;tel;date\n{payload};0639980001;mardi\n".encode())
    office.turn()
    assert office.queue() == [("+33639980001", f"Bonjour {payload}, la réunion est le mardi.")]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_of_the_file_is_no_template(tmp_path: Path, payload: str) -> None:
    office = Office(tmp_path)
    office.drop("a.csv", f"prenom;tel;message\nZoe;0639980001;{payload}\n".encode())
    office.turn()
    assert office.queue() == [("+33639980001", payload)]


def test_no_field_of_one_person_reaches_another(tmp_path: Path) -> None:
    office = Office(tmp_path)
    rows = [(f"Nom{count}", f"06399800{count:02}") for count in range(50)]
    content = "prenom;tel;date\n" + "".join(f"{name};{tel};mardi\n" for name, tel in rows)
    office.drop("rappels/a.csv", content.encode())
    office.turn()
    assert office.queue() == [(f"+33{tel[1:]}", f"Bonjour {name}, la réunion est le mardi.") for name, tel in rows]
