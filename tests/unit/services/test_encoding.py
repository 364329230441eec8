"""From a part to its PDU, which is read back before it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gatewayd.errors import PduError
from gatewayd.modem.pdu import Submit, decode, destination, submissions
from gatewayd.services.encoding import Encoder
from gatewayd.store.outbox import Work

ANNE, KARIM = "+33639980001", "+33639980002"
WORK = Work(1, 1, ANNE, "events", "Bonjour " + "x" * 200, "gsm7", 1, 2, 7, "lease", 1, 0)


def test_each_part_goes_to_the_recipient_of_its_message() -> None:
    encoder = Encoder()
    parts = [encoder.pdu(replace(WORK, part=part), status_report=True) for part in (1, 2)]
    assert [destination(part.hex) for part in parts] == [ANNE, ANNE]
    assert "".join(decode(part.hex, outgoing=True).text for part in parts) == WORK.text


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_part_that_would_go_to_somebody_else_is_not_let_go(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    def defective(*given: Any, **how: Any) -> list[Submit]:
        made = submissions(*given, **how)
        return [replace(one, number=KARIM) if place == wrong else one for place, one in enumerate(made)]

    monkeypatch.setattr("gatewayd.services.encoding.submissions", defective)
    encoder = Encoder()
    for _ in range(2):  # nor at the second try
        with pytest.raises(PduError, match="another number"):
            encoder.pdu(WORK, status_report=True)


def test_only_what_is_submitted_has_a_destination() -> None:
    with pytest.raises(PduError, match="no SMS-SUBMIT"):
        destination("07913366003000F0040B913366990810F1000062010100000000024833")
