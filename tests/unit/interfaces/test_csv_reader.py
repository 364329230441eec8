"""CSV: encodings, delimiters, quotes, and files that stop too early."""

from __future__ import annotations

import io

import pytest

from gatewayd.interfaces.spreadsheet.csv_reader import CsvTable
from gatewayd.interfaces.spreadsheet.table import Bounds, Refused, Row

EXCEL = 'Prénom;Nom;Téléphone;Message\r\nZoé;Léger;06 39 98 00 01;"Réunion ; à 19 h\r\nça ira ?"\r\n;;;\r\n'


def read(content: bytes, bounds: Bounds | None = None) -> list[Row]:
    return list(CsvTable(io.BytesIO(content), bounds or Bounds()).rows())


def refusal(content: bytes, bounds: Bounds | None = None) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        read(content, bounds)
    return refused.value.folder, refused.value.reason


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16", "mac_roman"])
def test_french_excel_in_every_encoding_it_has(encoding: str) -> None:
    assert read(EXCEL.encode(encoding)) == [
        Row(1, ["Prénom", "Nom", "Téléphone", "Message"]),
        Row(2, ["Zoé", "Léger", "06 39 98 00 01", "Réunion ; à 19 h\r\nça ira ?"]),
    ]


@pytest.mark.parametrize("text", ["12 € à régler, l’été – cœur", "À bientôt", "ÉTÉ", "Anaïs, Noël, Agnès, François"])
def test_cp1252_is_what_short_french_texts_are_taken_for(text: str) -> None:
    assert read(f"tel;message\r\n0639980001;{text}\r\n".encode("cp1252"))[1].cells[1] == text


def test_the_old_dos_page_is_recognised_by_its_words() -> None:
    names = "".join(f"06399800{n:02};{name}\r\n" for n, name in enumerate(["Zoé", "Léo", "Anaïs", "Hélène", "Agnès"]))
    assert read(f"tel;prénom\r\n{names}".encode("cp850"))[1].cells[1] == "Zoé"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    content = delimiter.join(["Prénom", "Téléphone"]) + "\n" + delimiter.join(["Zoé", "0639980001"]) + "\n"
    assert read(content.encode()) == [Row(1, ["Prénom", "Téléphone"]), Row(2, ["Zoé", "0639980001"])]


def test_commas_in_titles_and_texts_do_not_decide_the_delimiter() -> None:
    content = "Amicale, liste des membres, 2026, mise à jour\nTel;Message\n0639980001;un, deux, trois, quatre\n"
    assert read(content.encode())[1:] == [Row(2, ["Tel", "Message"]), Row(3, ["0639980001", "un, deux, trois, quatre"])]


def test_a_single_column_needs_no_delimiter() -> None:
    assert read(b"mobile\n0639980001\n0639980002\n")[2] == Row(3, ["0639980002"])


def test_excels_own_word_on_the_delimiter_is_obeyed() -> None:
    assert read(b"sep=|\r\ntel|texte;\r\n1|2;3\r\n") == [Row(2, ["tel", "texte;"]), Row(3, ["1", "2;3"])]


@pytest.mark.parametrize("sign", [b'"', b"\r"])
def test_a_line_that_tells_what_can_be_no_delimiter_is_not_obeyed(sign: bytes) -> None:
    """Python 3.13 does not read a table so at all."""
    assert CsvTable(io.BytesIO(b"sep=" + sign + b"\ntel;texte\n1;2\n"), Bounds()).delimiter == ";"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_systems_and_line_numbers(end: str) -> None:
    content = end.join(["tel;texte", "", '1;"a', 'b"', "2;c", ""])
    assert [row.line for row in read(content.encode())] == [1, 3, 5]


def test_a_last_line_without_its_end_is_read() -> None:
    assert read(b"tel;texte\n1;a\n2;b")[-1] == Row(3, ["2", "b"])


@pytest.mark.parametrize(
    ("content", "folder", "reason"),
    [
        (b"tel;texte\n1;a\x00b\n", "corrupt", "unknown_encoding"),
        (b"tel;texte\n1;a\x1ab\n", "corrupt", "unknown_encoding"),
        (bytes(range(256)), "corrupt", "unknown_encoding"),
        ("tel;é".encode("utf-32"), "corrupt", "unknown_encoding"),
        ("tel;é\n".encode("utf-16")[:-1], "corrupt", "unknown_encoding"),
        (b"\xef\xbb\xbftel;\xe9\n1;2\n", "corrupt", "unknown_encoding"),
        (b'tel;texte\n1;"a', "corrupt", "bad_quotes"),
        (b'tel;texte\n1;"a"b;c\n', "corrupt", "bad_quotes"),
        (b'tel;texte\n1;"' + b"a" * 200_000, "corrupt", "bad_quotes"),
        (b"tel;prenom;texte\n1;Zo", "corrupt", "cut_short"),
        (b"tel;texte\n1;a\n2", "corrupt", "cut_short"),
        (b"tel;texte\n" + b"a" * 300_000, "corrupt", "line_too_long"),
        (b"tel;texte\n1;" + b"a" * 9_000 + b"\n", "rejected", "cell_too_long"),
        (b"tel;" * 65 + b"tel\n", "rejected", "too_many_columns"),
    ],
)
def test_refused(content: bytes, folder: str, reason: str) -> None:
    assert refusal(content) == (folder, reason)


def test_more_rows_than_allowed_are_refused() -> None:
    assert refusal(b"tel\n1\n2\n3\n", Bounds(rows=3)) == ("rejected", "too_many_rows")
    assert len(read(b"tel\n\n\n1\n\n2\n", Bounds(rows=3))) == 3
