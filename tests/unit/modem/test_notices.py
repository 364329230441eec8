"""Unsolicited results as values."""

from __future__ import annotations

import pytest

from gatewayd.modem import notices
from gatewayd.modem.notices import Notice


@pytest.mark.parametrize(
    ("lines", "notice"),
    [
        (['+CMTI: "ME",3'], notices.MessageStored("ME", 3)),
        (["+CMTI: SM,0"], notices.MessageStored("SM", 0)),
        (['+CDSI: "SR",12'], notices.ReportStored("SR", 12)),
        (["+CDS: 25", "07ab"], notices.ReportReceived("07AB")),
        (["+CMT: ,25", "07ab"], notices.MessageReceived("07AB")),
        (["+CBM: 88", "00cd"], notices.BroadcastReceived("00CD")),
        (["+CMGS: 77"], notices.LateReference(77)),
        (["+CMS ERROR: 38"], notices.LateRefusal("cms", "38")),
        (["+CREG: 5"], notices.Registration("CREG", 5)),
        (['+CEREG: 1,"00C3","01A2",7'], notices.Registration("CEREG", 1)),
        (["RING"], notices.Ringing()),
        (["+CRING: VOICE"], notices.Ringing()),
        (['^SMMEMFULL: "ME"'], notices.StorageFull()),
        (['+CIEV: "smsfull",1'], notices.StorageFull()),
        (["RDY"], notices.Restarted("RDY")),
        (["^RSSI:18"], None),
        (["+QIND: SMS DONE"], None),
        (['+CIEV: "smsfull",0'], None),
        (["+CDS: 25"], None),
    ],
)
def test_each_result_is_its_value(lines: list[str], notice: Notice | None) -> None:
    assert notices.parse(lines) == notice
