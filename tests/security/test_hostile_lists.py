"""Lists of people made to harm: bombs, formulas, control characters, foreign digits, and more rows than anybody has."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewayd.domain.field import Field, FieldType, read_moment
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.errors import UsageError
from gatewayd.interfaces.lists import MAX_OCTETS, MAX_ROWS, Wanted, open_list
from gatewayd.services.consents import ConsentBook
from gatewayd.services.contacts import ContactLists, ListRow, Plan
from gatewayd.services.intake import NumberRules
from gatewayd.store.contacts import Contacts
from gatewayd.store.engine import Database
from gatewayd.store.people import NewConsent
from tests.security.dropping import StandingClock

WANTED: Wanted = {
    "given_name": ("prenom",), "family_name": ("nom",), "language": ("langue",), "ville": ("ville",), "age": ("age",),
}  # fmt: skip
FIELDS = {"ville": Field("ville", FieldType.TEXT, "test"), "age": Field("age", FieldType.NUMBER, "test")}
NUMBERS = NumberRules("FR", frozenset({"FR"}), frozenset({"mobile"}))
EVENTS = Purpose("events", "Activités", Basis.CONSENT)
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = Database.open(tmp_path_factory.mktemp("lists") / "gatewayd.db")
    yield opened
    opened.close()


def lists(database: Database) -> ContactLists:
    return ContactLists(database, fields=FIELDS, numbers=NUMBERS, clock=StandingClock())


def planned(database: Database, directory: Path, content: bytes) -> Plan:
    file = directory / "list"
    file.write_bytes(content)
    return lists(database).plan(open_list(file, WANTED).rows())


def rows(*cells: str) -> bytes:
    return "".join(("Portable;Nom;Prénom;Ville;Age\r\n", *(f"{row}\r\n" for row in cells))).encode()


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\x1bb[31m", "a\u202egnp.exe", "a\u2066b", "a\u200bb", "a\x85b", "x" * 101, "a\ufeffb"]
)
def test_a_name_with_what_is_not_seen_is_rejected(database: Database, tmp_path: Path, name: str) -> None:
    try:
        found = planned(database, tmp_path, rows(f"06 39 98 00 01;{name};;;"))
    except UsageError:
        return  # the reader takes such a file for no text
    assert (len(found.new), len(found.rejected)) == (0, 1)


@pytest.mark.parametrize("formula", ['=HYPERLINK("http://x")', "=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-2+3"])
def test_a_formula_is_a_text_like_any_other(database: Database, tmp_path: Path, formula: str) -> None:
    quoted = '"' + formula.replace('"', '""') + '"'
    (person,) = planned(database, tmp_path, rows(f"06 39 98 00 01;{quoted};;{quoted};")).new
    assert (person.family_name, person.fields["ville"]) == (formula, formula)


def test_a_formula_in_a_workbook_is_what_it_was_last_worth(database: Database, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Portable", "Nom"])
    sheet.append(["06 39 98 00 01", "=1+1"])
    data = io.BytesIO()
    book.save(data)
    (person,) = planned(database, tmp_path, data.getvalue()).new
    assert person.family_name == "", "nobody has calculated it, and we do not"


@pytest.mark.parametrize(
    "number", ["٠٦٣٩٩٨٠٠٠١", "०६३९९८०००१", "06 39 98 00 O1", "０６３９９８０００１", "=0639980001", "112"]
)
def test_digits_of_other_scripts_are_no_number(database: Database, tmp_path: Path, number: str) -> None:
    found = planned(database, tmp_path, rows(f"{number};x;;;"))
    assert (len(found.new), len(found.rejected)) == (0, 1)


@pytest.mark.parametrize("age", ["٣٥", "३५", "1e308", "nan", "0x23", "9" * 40, "１２"])
def test_nor_are_they_a_number_of_a_field(database: Database, tmp_path: Path, age: str) -> None:
    found = planned(database, tmp_path, rows(f"06 39 98 00 01;x;;;{age}"))
    assert (len(found.new), [one.words[:5] for one in found.rejected]) == (0, ["age: "])


@pytest.mark.parametrize("count", [MAX_ROWS, MAX_ROWS + 1])
def test_fifty_thousand_rows_and_not_one_more(tmp_path: Path, count: int) -> None:
    file = tmp_path / "many.csv"
    file.write_text("Portable\n" + "0\n" * count)
    if count > MAX_ROWS:
        with pytest.raises(UsageError, match="more than 50000 rows"):
            list(open_list(file, WANTED).rows())
    else:
        assert sum(1 for _ in open_list(file, WANTED).rows()) == count


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "huge.csv"
    with file.open("wb") as stream:
        stream.truncate(MAX_OCTETS * 1000)
    with pytest.raises(UsageError, match="larger than 10 MiB"):
        open_list(file, WANTED)


@pytest.mark.parametrize(("prolog", "sentence"), [(b"<a>", "too large when unpacked"), (b"", "damaged")])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, prolog: bytes, sentence: str) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<a/>")
        archive.writestr("xl/worksheets/sheet1.xml", prolog + b"0" * (200 * 1024 * 1024))
    file = tmp_path / "bomb.xlsx"
    file.write_bytes(data.getvalue())
    with pytest.raises(UsageError, match=sentence):
        list(open_list(file, WANTED).rows())


def test_a_directory_a_pipe_and_nothing_are_named(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError):
            open_list(file, WANTED)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_octets_are_a_list_or_a_sentence(database: Database, tmp_path: Path, content: bytes) -> None:
    for octets in (content, b"Portable;Nom;Ville;Age\r\n" + content, b"PK\x03\x04" + content):
        try:
            planned(database, tmp_path, octets)
        except UsageError as error:
            assert str(error)  # noqa: PT017  (either is right)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_cells_of_a_list_of_agreements_are_judged(database: Database, purpose: str, method: str, date: str) -> None:
    book = ConsentBook(
        database,
        purposes={"events": EVENTS},
        numbers=NUMBERS,
        clock=StandingClock(),
        moment=lambda written: read_moment(written, ZoneInfo("Europe/Paris")),
    )
    row = ListRow(2, ["0639980001"], {"purpose": purpose, "method": method, "agreed_at": date})
    each = NewConsent("", "events", "import", NOW, "t", evidence_sha256="x")
    found = book.plan([row], each, dated=True)
    assert len(found.new) + len(found.rejected) == 1


def test_what_was_kept_is_what_was_shown(database: Database, tmp_path: Path) -> None:
    """SQL in a cell is a cell."""
    evil = "Robert'); DROP TABLE contacts;--"
    found = planned(database, tmp_path, rows(f'06 39 98 00 77;"{evil}";;;'))
    lists(database).carry_out(found, "x.csv", by="t", sha256="0" * 64)
    kept = Contacts(database).get("+33639980077")
    assert kept is not None
    assert kept.family_name == evil
