"""A document as one HTML file that needs nothing else: no script, no font, no picture; it prints on A4.

What came from people is escaped, and characters that would turn the direction of a line, or are not seen, are shown by
their numbers: a name cannot change what the document says.
"""

from __future__ import annotations

import html
import re

from gatewayd.domain.unseen import UNSEEN
from gatewayd.services.proof import Document, Section

_UNSEEN = re.compile(rf"(?![\t\n])[{UNSEEN}]")
_STYLE = """
@page { size: A4; margin: 18mm }
body { font: 10.5pt/1.4 system-ui, sans-serif; color: #222; max-width: 174mm; margin: 8mm auto; padding: 0 4mm }
h1 { font-size: 17pt; margin: 0 0 2mm }
h2 { font-size: 11.5pt; margin: 6mm 0 1mm; border-bottom: 1px solid #999 }
section { break-inside: avoid }
dl { display: grid; grid-template-columns: 48mm 1fr; gap: .6mm 4mm; margin: 0 }
dt { color: #555 }
dd { margin: 0; overflow-wrap: anywhere }
blockquote { margin: 2mm 0 0; padding: 2mm 4mm; border-left: 1mm solid #bbb; background: #f6f6f6;
             white-space: pre-line }
footer { margin-top: 8mm; font-size: 9pt; color: #555 }
p { margin: 0 }
"""


def plain(words: str) -> str:
    """Words whose every character is seen."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", words)


def render(document: Document) -> str:
    """The file."""
    sections = "\n".join(map(_section, document.sections))
    lead = "".join(f"<p>{_safe(words)}</p>" for words in document.lead)
    foot = "".join(f"<p>{_safe(words)}</p>" for words in document.foot)
    return (
        f'<!doctype html>\n<html lang="{document.language}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_safe(document.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{_safe(document.title)}</h1>\n{lead}\n{sections}\n<footer>{foot}</footer>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    facts = "".join(f"<dt>{_safe(name)}</dt><dd>{_safe(value)}</dd>" for name, value in section.facts)
    quote = f"<blockquote>{_safe(section.quote)}</blockquote>" if section.quote else ""
    return f"<section><h2>{_safe(section.title)}</h2><dl>{facts}</dl>{quote}</section>"


def _safe(words: str) -> str:
    return html.escape(plain(words))
