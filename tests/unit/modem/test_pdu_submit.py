"""SMS-SUBMIT against the vectors, and texts cut into parts."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gatewayd.domain.text import Alphabet, plan, to_gsm7
from gatewayd.errors import PduError, TextError
from gatewayd.modem.pdu import Concat, Submit, submissions

VECTORS = Path(__file__).parents[2] / "vectors"


def vectors(name: str) -> list[Any]:
    return [pytest.param(v, id=v["id"]) for v in json.loads((VECTORS / name).read_text())["vectors"]]


@pytest.mark.parametrize("vector", vectors("segmentation.json"))
def test_texts_are_cut_as_the_vectors_say(vector: dict[str, Any]) -> None:
    repeated = vector.get("text_repeat")
    text = repeated[0] * repeated[1] if repeated else vector["text"]
    if vector.get("expect_error"):
        with pytest.raises(TextError):
            plan(text)
        return
    planned = plan(text, wide_reference=vector.get("reference_bits") == 16)
    assert planned.alphabet == Alphabet(vector["alphabet"])
    assert "".join(planned.parts) == text
    assert len(planned.parts) == vector.get("expect_parts", len(planned.parts))
    assert list(planned.parts) == vector.get("expect_chunks", list(planned.parts))


PLAIN = {"smsc", "message_class", "validity_absolute", "alphabet", "validity_tpvp", "reject_duplicates"}


@pytest.mark.parametrize("vector", vectors("submit-encode.json"))
def test_plain_submissions_have_the_octets_of_the_vectors(vector: dict[str, Any]) -> None:
    if PLAIN & vector.keys() or len(vector["expect_hex"]) > 1:
        return
    minutes = vector.get("validity_minutes")
    validity = timedelta(minutes=minutes) if minutes is not None else None
    [submit] = submissions(
        vector["number"],
        plan(vector["text"]),
        concat_reference=None,
        validity=validity,
        status_report=vector["status_report"],
    )
    assert submit.encode().hex == vector["expect_hex"][0]


def test_a_wide_reference_leaves_fill_bits() -> None:
    octets = bytes.fromhex(Submit("+33639980001", "A", Alphabet.GSM7, Concat(0x1234, 2, 1, wide=True)).encode().hex)
    assert octets[-8:] == bytes([0x06, 0x08, 0x04, 0x12, 0x34, 2, 1, 0x41])


def test_a_text_cannot_leave_hexadecimal() -> None:
    for text in ("a\rAT+CMGD=1,4\r", "\x1a", "\x1b", "é😀"):
        [submit] = submissions("+33639980001", plan(text), concat_reference=None)
        assert set(submit.encode().hex) <= set("0123456789ABCDEF")


@pytest.mark.parametrize("number", ["", "+", "+33 6", "+33a", "1" * 21, "٠٦"])
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(PduError):
        Submit(number, "a", Alphabet.GSM7).encode()


def test_french_typography_is_written_plainly() -> None:
    assert to_gsm7("Forêt – « ça va »… l’œuvre ☀") == 'Foret - " ca va "... l\'oeuvre '
