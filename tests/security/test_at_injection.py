"""Attack: a text or a number that ends the PDU and goes on as a command of its own (Ctrl-Z, CR, ESC, `AT+...`).

In PDU mode nothing that anybody wrote stands outside of hexadecimal digits. So each octet that could reach the line is
looked at, of any text that is accepted, and of any number.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.errors import NumberError, RefusedByRule, TextError
from gatewayd.modem.pdu import submissions
from gatewayd.services.encoding import VALIDITY
from gatewayd.services.intake import NumberRules, plan_text

EVENTS = Purpose("events", "Activités", Basis.CONSENT, max_parts=255)
RULES = NumberRules("FR", frozenset({"IE", "GB"}), frozenset({"short", "landline", "premium"}))
COMMAND = "\x1a\r\nAT+CMGD=1,4\r"


@given(st.text(max_size=400))
@example("Bonjour" + COMMAND)
@example("a\x1ab")
@example("a\rAT+CPWROFF\rb")
@example("\u241a\u2028AT")
@example("ЁЁ\u000d\u001a")  # of which two octets of UCS-2 are CR and Ctrl-Z
@example("\u0d1a\u1a0d\u1b1b")
def test_no_text_puts_anything_but_hexadecimal_digits_on_the_line(text: str) -> None:
    try:
        plan = plan_text(text, EVENTS)
    except (TextError, RefusedByRule):
        return
    for part in submissions(
        "+33639980001", plan, concat_reference=7, wide_reference=False, status_report=True, validity=VALIDITY
    ):
        assert re.fullmatch(r"[0-9A-F]+", part.encode().hex, re.ASCII)


@given(st.text(max_size=40))
@example("0639980001" + COMMAND)
@example('0639980001",145\r')
@example("0639980001\x1a")
@example("+33639980001;")
def test_no_number_is_anything_but_digits(number: str) -> None:
    try:
        found = RULES.parse(number)
    except NumberError:
        return
    assert re.fullmatch(r"\+?[0-9]{1,15}", found, re.ASCII)


@pytest.mark.parametrize("text", ["a\x1ab", "a\x1b", "Bonjour" + COMMAND, "\x00"])
def test_what_would_end_a_pdu_in_text_mode_is_not_even_accepted(text: str) -> None:
    with pytest.raises(TextError, match="control"):
        plan_text(text, EVENTS)
