"""The table of quirks: what fits first wins."""

from __future__ import annotations

import pytest

from gatewayd.modem import quirks
from gatewayd.modem.transport import Flow


@pytest.mark.parametrize(
    ("vid", "pid", "name", "interfaces"),
    [
        (0x2C7C, 0x0125, "quectel", (2, 3)),
        (0x1E0E, 0x9001, "simcom-lte", (2, 3)),
        (0x12D1, 0x1506, "huawei", ()),
        (0x12D1, 0x14DC, "huawei-hilink", ()),
        (0x12D1, 0x14DB, "huawei-hilink", ()),
        (0x19D2, 0x0001, "zte", (2, 0)),
        (0x19D2, 0x0002, "zte", (4, 2)),
        (0x19D2, 0x9999, "zte", ()),
        (0x1199, 0x68A2, "sierra", (2, 3)),
        (0x0403, 0x6001, "generic", ()),
        (None, None, "generic", ()),
    ],
)
def test_usb_numbers(vid: int | None, pid: int | None, name: str, interfaces: tuple[int, ...]) -> None:
    found = quirks.for_usb(vid, pid)
    assert (found.name, found.at_interfaces) == (name, interfaces)


@pytest.mark.parametrize(
    ("manufacturer", "model", "name"),
    [
        ("Quectel", "EC25", "quectel"),
        ("huawei", "E3372", "huawei"),
        ("SIMCOM_Ltd", "SIMCOM_SIM800L", "sim800"),
        ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E", "simcom-lte"),
        ("Sierra Wireless, Incorporated", "MC7455", "sierra"),
        ("ZTE INCORPORATED", "MF190", "zte"),
        ("Nobody", "X1", "generic"),
    ],
)
def test_what_a_modem_says_it_is(manufacturer: str, model: str, name: str) -> None:
    assert quirks.for_model(manufacturer, model).name == name


def test_an_unknown_model_keeps_what_its_usb_numbers_told() -> None:
    assert quirks.for_model("", "", quirks.SIERRA) is quirks.SIERRA


def test_sim800_is_opened_without_flow_control() -> None:
    assert quirks.SIM800.flow is Flow.NONE
    assert quirks.DEFAULT.flow is Flow.NONE


def test_huawei_chatter_is_muted() -> None:
    assert "AT^CURC=0" in quirks.HUAWEI.setup


def test_quectel_never_stores_reports() -> None:
    assert all(parameters.split(",")[3] != "2" for parameters in quirks.QUECTEL.cnmi)


@pytest.mark.parametrize(
    "row", [quirks.DEFAULT, *(row.quirks for row in quirks.USB), *(r.quirks for r in quirks.MODELS)]
)
def test_no_row_gives_up_before_the_network_does(row: quirks.Quirks) -> None:
    assert row.submit_timeout >= 120
    assert all(parameters.split(",")[1] == "1" for parameters in row.cnmi)
