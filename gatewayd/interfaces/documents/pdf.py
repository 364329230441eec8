"""A document as PDF, by fpdf2, which is installed only where somebody wants PDFs (55 MB with what it needs).

Names are written with DejaVu, which Debian has (fonts-dejavu-core). Without it the PDF's own fonts serve, which know
the letters of western Europe only. A document with letters that the font has not is refused, for a proof changes none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayd.errors import UsageError
from gatewayd.interfaces.documents.html import plain
from gatewayd.services.proof import Document, Section

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = Path("/usr/share/fonts/truetype/dejavu")
_FACES = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
_MARGIN, _NAMES, _KEPT = 18, 46, 30
"""Millimetres: beside the text, of the column of names, and what of a section stays with its title."""


def render(document: Document, made_at: datetime, fonts: Path = FONTS) -> bytes:
    """The file. UsageError: fpdf2 is not installed, or there is no font for these letters."""
    page = library()(format="A4")
    page.set_creation_date(made_at)
    page.set_lang(document.language)
    page.set_title(plain(document.title))
    page.set_margins(_MARGIN, 16)
    page.set_auto_page_break(auto=True, margin=16)
    sheet = _Sheet(page, _family(page, document, fonts))
    page.add_page()
    sheet.write(document)
    return bytes(page.output())


def library() -> type[FPDF]:
    """What makes PDFs. UsageError: it is not installed."""
    try:
        from fpdf import FPDF  # noqa: PLC0415  (not everybody wants PDFs)
    except ImportError:
        python = f"{sys.prefix}/bin/python3 -m"
        install = f"{python} ensurepip && {python} pip install fpdf2"
        raise UsageError(f"PDFs need fpdf2: {install}; or print what --html writes") from None
    return FPDF


def _family(page: FPDF, document: Document, fonts: Path) -> str:
    if all((fonts / face).is_file() for face in _FACES.values()):
        page.add_font("DejaVu", "", fonts / _FACES[""])
        page.add_font("DejaVu", "B", fonts / _FACES["B"])
        known = page.fonts["dejavu"].cmap  # type: ignore[union-attr]  # a font of a file
        words = plain("".join(_words(document))).replace("\n", "").replace("\t", "")
        missing = next((letter for letter in words if ord(letter) not in known), None)
        if missing is not None:
            raise UsageError(f"no font here has {missing!r}: print what --html writes")
        return "DejaVu"
    try:
        "".join(_words(document)).encode("cp1252")
    except UnicodeEncodeError as error:
        letter = error.object[error.start]
        raise UsageError(f"no font here has {letter!r}: apt-get install fonts-dejavu-core") from None
    page.core_fonts_encoding = "cp1252"
    return "Helvetica"


def _words(document: Document) -> Iterator[str]:
    yield from (document.title, *document.lead, *document.foot)
    for section in document.sections:
        yield from (section.title, section.quote)
        for fact in section.facts:
            yield from fact


class _Sheet:
    """Writes a document from the top of a page, and on others if it is long."""

    def __init__(self, page: FPDF, family: str) -> None:
        self._page, self._family = page, family

    def write(self, document: Document) -> None:
        self._line(document.title, 15, bold=True, height=8)
        for words in document.lead:
            self._line(words, 9.5)
        for section in document.sections:
            self._section(section)
        self._page.ln(4)
        for words in document.foot:
            self._line(words, 8, grey=90, height=4)

    def _line(self, words: str, size: float, *, bold: bool = False, grey: int = 20, height: float = 5) -> None:
        self._page.set_font(self._family, "B" if bold else "", size)
        self._page.set_text_color(grey)
        self._page.multi_cell(0, height, plain(words), new_x="LMARGIN", new_y="NEXT", align="L")

    def _section(self, section: Section) -> None:
        page = self._page
        page.ln(3)
        if page.will_page_break(_KEPT):
            page.add_page()
        self._line(section.title, 11, bold=True, height=6)
        page.set_draw_color(150)
        page.line(_MARGIN, page.get_y(), page.w - _MARGIN, page.get_y())
        page.ln(1)
        for name, value in section.facts:
            self._fact(name, value)
        if section.quote:
            self._quote(section.quote)

    def _fact(self, name: str, value: str) -> None:
        page = self._page
        top, sheet = page.get_y(), page.page_no()
        self._cell(_NAMES, name, grey=90)
        under = page.get_y()
        if page.page_no() == sheet:
            page.set_y(top)
        page.set_x(_MARGIN + _NAMES)
        self._cell(0, value, grey=20)
        page.set_y(max(page.get_y(), under) if page.page_no() == sheet else page.get_y())

    def _cell(self, width: float, words: str, *, grey: int) -> None:
        self._page.set_font(self._family, "", 8.6)
        self._page.set_text_color(grey)
        self._page.multi_cell(width, 4.3, plain(words), new_x="LMARGIN", new_y="NEXT", align="L")

    def _quote(self, words: str) -> None:
        page = self._page
        page.ln(1)
        page.set_font(self._family, "", 8.6)
        page.set_text_color(20)
        page.set_fill_color(244)
        page.set_x(_MARGIN + 3)
        page.multi_cell(0, 4.4, plain(words), fill=True, new_x="LMARGIN", new_y="NEXT", align="L", padding=2)
