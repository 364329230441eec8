"""The files of SPOOL/incoming: headers as smstools3 writes them, whatever a sender calls himself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gatewayd.interfaces.incoming import content, name_of
from gatewayd.store.inbox import Incoming

AT = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
MESSAGE = Incoming(
    id=42, sim="accueil", imsi="001010000000001", imei="350000000000001", sender="+33639980001",
    text="Été\n\nFrom: moi", parts=1, complete=True, service_centre="+33639980000", sent_at=AT,
    received_at=AT, kind="other", tier="", rule="none", review=False, reviewed_at=None, reviewed_by="", canceled=0,
)  # fmt: skip


def headers(message: Incoming) -> dict[str, str]:
    lines = content(message, UTC).partition("\n\n")[0].splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_headers_and_text() -> None:
    assert name_of(MESSAGE) == "accueil.000042"
    assert content(MESSAGE, UTC).partition("\n\n")[2] == MESSAGE.text
    found = headers(MESSAGE)
    assert (found["From"], found["From_TOA"]) == ("33639980001", "91 international, ISDN/telephone")
    assert (found["Sent"], found["Modem"], found["Length"]) == ("26-01-01 09:00:00", "accueil", "14")
    assert "Incomplete" not in found


def test_what_is_missing_is_left_out_or_said() -> None:
    found = headers(replace(MESSAGE, complete=False, sent_at=None, imsi=""))
    assert found["Incomplete"] == "yes"
    assert "Sent" not in found
    assert "IMSI" not in found


def test_no_sender_and_no_sim_can_make_a_line_or_a_path() -> None:
    found = headers(replace(MESSAGE, sender="Bank\nReport: yes"))
    assert found["From"] == "BankReport: yes"
    assert found["Report"] == "no"
    assert name_of(replace(MESSAGE, sim="../../etc")) == "______etc.000042"
