"""The simulated network reads what our encoder writes: two sets of tables, written apart, agree."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from gatewayd.domain.text import plan
from gatewayd.modem import pdu
from gatewayd.modem.simulator.submit_check import check

_GSM7 = st.text(st.sampled_from("abc éèà@£$_ΔΩ§¿\n[]{}€|^~\\"), min_size=1, max_size=500)
_ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
_NUMBER = st.integers(0, 99).map(lambda last: f"+336399800{last:02d}")


@given(st.one_of(_GSM7, _ANY), _NUMBER, st.booleans(), st.booleans(), st.sampled_from([None, timedelta(days=1)]))
@example("x" * 152 + "€", "+33639980011", False, True, None)
@example("ê" * 66 + "😀" * 40, "+33639980011", True, True, timedelta(minutes=5))
def test_a_text_arrives_as_it_was_meant(
    text: str, number: str, wide: bool, report: bool, validity: timedelta | None
) -> None:
    parts = pdu.submissions(
        number,
        plan(text, wide_reference=wide),
        concat_reference=0x1234 if wide else 0x34,
        wide_reference=wide,
        status_report=report,
        validity=validity,
    )
    read = [check(encoded.hex, encoded.length) for encoded in (part.encode() for part in parts)]
    assert "".join(part.text or "" for part in read) == text
    assert {part.destination for part in read} == {number}
    assert {part.status_report for part in read} == {report}
    if len(read) > 1:
        reference = 0x1234 if wide else 0x34
        assert [part.concat for part in read] == [(reference, len(read), place) for place in range(1, len(read) + 1)]
