"""The members' list of `gatewayd demo`, as a French spreadsheet saves it, with all that goes wrong in such lists.

`demo.csv`: UTF-8 with a byte order mark, `;`, 40 rows below the headings `Prénom;Nom;Téléphone;Message`. All numbers
are of the ranges kept for fiction. The demo records consent to its purpose for every number but `WITHOUT_CONSENT`,
and an opt-out for `OPTED_OUT`; a test holds the rest of these constants against the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DEMO_FILE = Path(__file__).with_name("demo.csv")

ROWS = 40
OPTED_OUT = "+33639981013"  # line 14: accepted, and blocked at the mark
WITHOUT_CONSENT = "+33639981021"  # line 22: likewise
SAYS_STOP = "+33639981019"  # line 20: answers STOP to this message, and another one is planned for him
LONG = "+33639981009"  # line 10: three parts of GSM 7-bit
EMOJI = "+33639981006"  # line 7: UCS-2, for one character

# Rows which are not accepted: line in the file, reason.
REFUSED: Mapping[int, str] = {
    17: "excel_precision",
    19: "duplicate:4",
    21: "landline",
    24: "invalid",
    26: "letters",
    32: "foreign",
    34: "missing",
    36: "no_text",
}
ACCEPTED = ROWS - len(REFUSED)
