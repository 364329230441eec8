"""A document on paper: nothing in it can act, and no letter is changed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gatewayd.errors import UsageError
from gatewayd.interfaces.documents import html, pdf
from gatewayd.services.proof import Document, Section

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def document(name: str = "Zoé Léger", quote: str = "Oui, j’accepte.", sections: int = 1) -> Document:
    return Document("fr", "Preuve", ["Amicale"], [Section("Accord", [("Nom", name)], quote)] * sections, ["Fin"])


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "</title><b>"]
)
def test_what_people_wrote_is_text(evil: str) -> None:
    tags = Tags()
    tags.feed(html.render(document(evil, evil)))
    assert tags.seen == {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section", "dl", "dt", "dd", "blockquote",
        "footer",
    }  # fmt: skip
    assert evil in tags.text


def test_a_name_cannot_turn_the_line_round() -> None:
    page = html.render(document("Zoé\u202egnp.exe\x00"))
    assert "\u202e" not in page
    assert "Zoé\\u202egnp.exe\\u0000" in page


def test_a_pdf_is_made_of_it_and_of_many_pages_too() -> None:
    assert pdf.render(document(), NOW).startswith(b"%PDF-")
    many = pdf.render(document(sections=60), NOW)
    assert many.count(b"/Type /Page\n") > 1


def test_without_a_font_western_letters_serve_and_others_are_refused(tmp_path: Path) -> None:
    assert pdf.render(document("Zoé Œuvrard € ’"), NOW, fonts=tmp_path).startswith(b"%PDF-")
    with pytest.raises(UsageError, match="fonts-dejavu-core"):
        pdf.render(document("Łukasz"), NOW, fonts=tmp_path)


@pytest.mark.skipif(not pdf.FONTS.is_dir(), reason="fonts-dejavu-core is not installed")
def test_with_a_font_too_no_letter_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    assert pdf.render(document("Łukasz\nΩ €"), NOW).startswith(b"%PDF-")
    assert caplog.records == []
    with pytest.raises(UsageError, match="山"):
        pdf.render(document("山田"), NOW)


def test_without_fpdf2_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fpdf", None)
    with pytest.raises(UsageError, match=r"ensurepip .* pip install fpdf2"):
        pdf.render(document(), NOW)
