"""The recovery ladder as its table says."""

from __future__ import annotations

import re

import pytest

from gatewayd.modem import ladder
from gatewayd.modem.ladder import Step, step_for


@pytest.mark.parametrize(("missed", "name"), re.findall(r"^    (\d)\s+([A-Z_]+) ", ladder.__doc__ or "", re.MULTILINE))
def test_each_step_is_as_drawn(missed: str, name: str) -> None:
    assert step_for(int(missed)) is Step[name]


def test_an_answer_is_no_step_and_the_end_is_the_end() -> None:
    assert step_for(0) is Step.NONE
    assert step_for(99) is Step.GIVE_UP
