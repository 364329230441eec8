"""Characters that nobody sees, or that act on what shows them: one list for fields, logs, the trail, screens and pages.

Controls in both their forms, marks that turn or join a line, separators of lines, what is no character at all, halves
of characters, and the tags by which text can be hidden in text.
"""

from __future__ import annotations

UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    r"\U000e0000-\U000e007f"
)
"""For between the brackets of a pattern."""
