"""The options of a URL, and their manual."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from gatewayd.errors import UsageError
from gatewayd.modem.simulator.faults import Fault
from gatewayd.modem.simulator.options import Options, OptionsError, Rule


def test_nothing_said_is_the_defaults() -> None:
    assert Options.parse("") == Options()


def test_each_type_is_read() -> None:
    options = Options.parse("latency=3&report=no&mr=0x10&smsc=+33639980099&operator=Fiction%20Mobile")
    assert (options.latency, options.report, options.mr) == (3.0, False, 16)
    assert (options.smsc, options.operator) == ("+33639980099", "Fiction Mobile")


def test_repeated_options_add_up() -> None:
    options = Options.parse("rule=99;cms=38&rule=77;status=0x46;reply=STOP&fault=answer-lost;times=2")
    assert options.rule == (Rule("99", cms=38), Rule("77", status=0x46, reply="STOP"))
    assert options.fault == (Fault("answer-lost", times=2),)


@pytest.mark.parametrize("query", ["nope=1", "latency=", "latency=inf", "csq=-1", "report=2", "rule=9;cms=x", "me"])
def test_a_wrong_one_names_itself(query: str) -> None:
    with pytest.raises(OptionsError, match=query.split("=", maxsplit=1)[0]):
        Options.parse(query)


def test_an_error_is_the_operators_and_pyserials() -> None:
    assert issubclass(OptionsError, UsageError)
    assert issubclass(OptionsError, ValueError)


def test_every_option_is_in_the_manual() -> None:
    manual = set(re.findall(r"[a-z_]+", Options.__doc__ or ""))
    assert {field.name for field in fields(Options)} <= manual
