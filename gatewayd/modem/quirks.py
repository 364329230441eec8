"""What models do differently, as a table of overrides: never an `if` on a model's name elsewhere.

`for_usb(vid, pid)` knows what must be known before the port is opened (flow control, which port to take);
`for_model(manufacturer, model)` refines it with what the modem says of itself. The first row that fits wins, from the
particular to the general; what no row says is `DEFAULT`. Two things need no row, for lines.py and at.py take them from
every modem: chatter between the lines of an answer, and a prompt without its blank.

Sources: ModemManager's port tables (77-mm-*-port-types.rules) and plugins, the makers' AT manuals, smstools' and
gammu's initialisation. None of it replaces a trial with the model at hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gatewayd.modem.transport import Flow

# <mode>,<mt>,<bm>,<ds>,<bfr> (TS 27.005 clause 3.4.1). mt=1 stores what arrives: mt=2 would lose it while we are down.
# ds=1 hands reports over, ds=2 stores them; many Qualcomm modems claim one and refuse the other.
CNMI_REPORTS_DIRECT = "2,1,0,1,0"
CNMI_REPORTS_STORED = "2,1,0,2,0"
CNMI_NO_REPORTS = "2,1,0,0,0"
CNMI_BUFFER = "1,1,0,1,0"


@dataclass(frozen=True, slots=True)
class Quirks:
    """How to treat a model. `at_interfaces`: USB interface numbers of AT ports, best first; empty: ask each port."""

    name: str = "generic"
    flow: Flow = Flow.NONE
    cnmi: tuple[str, ...] = (CNMI_REPORTS_DIRECT, CNMI_REPORTS_STORED, CNMI_NO_REPORTS, CNMI_BUFFER)
    setup: tuple[str, ...] = ()  # commands that may fail
    pin_counters: tuple[str, ...] = ('AT+CPINR="SIM PIN"', "AT+QPINC?", "AT^CPIN?", "AT+SPIC", "AT#PCT")
    iccid: tuple[str, ...] = ("AT+CCID", "AT+QCCID", "AT^ICCID?", "AT+CICCID", "AT+ICCID")
    temperature: str = ""
    submit_timeout: float = 120.0
    return_seconds: float = 40.0  # from AT+CFUN=1,1 until the port answers again
    at_interfaces: tuple[int, ...] = ()
    at_port_is_last: bool = False
    advice: str = ""


DEFAULT = Quirks()

HUAWEI = Quirks(
    name="huawei",
    # Mutes ^RSSI, ^HCSQ and the like; ERROR is fine. On some it mutes +CMTI too: stored messages are polled anyway.
    setup=("AT^CURC=0",),
    pin_counters=("AT^CPIN?", 'AT+CPINR="SIM PIN"'),
    iccid=("AT^ICCID?", "AT+ICCID", "AT+CCID"),
    temperature="AT^CHIPTEMP?",
    at_port_is_last=True,
)
HUAWEI_HILINK = Quirks(
    name="huawei-hilink",
    advice=(
        "this Huawei stick is in HiLink mode: it is a router and has no AT port. Switch it to stick mode "
        "(usb_modeswitch, or the stick firmware of its model), or take another modem"
    ),
)
QUECTEL = Quirks(
    name="quectel",
    # EC25 and EG25 with ds=2 store reports in SR and announce them in SM: lost. So ds=1 or none.
    cnmi=(CNMI_REPORTS_DIRECT, CNMI_NO_REPORTS, CNMI_BUFFER),
    pin_counters=("AT+QPINC?", 'AT+CPINR="SIM PIN"'),
    iccid=("AT+QCCID", "AT+CCID"),
    temperature="AT+QTEMP",
    at_interfaces=(2, 3),
)
SIMCOM_LTE = Quirks(
    name="simcom-lte",
    pin_counters=("AT+SPIC", 'AT+CPINR="SIM PIN"'),
    iccid=("AT+CICCID", "AT+CCID"),
    temperature="AT+CPMUTEMP",
    at_interfaces=(2, 3),
)
# A bare UART: RTS and CTS are not wired, and waiting for them is for ever.
SIM800 = Quirks(name="sim800", flow=Flow.NONE, pin_counters=("AT+SPIC",), iccid=("AT+CCID",), return_seconds=20.0)
SIERRA = Quirks(name="sierra", temperature="AT!PCTEMP?", at_interfaces=(2, 3))
ZTE = Quirks(name="zte", iccid=("AT+ZGETICCID", "AT+CCID"), pin_counters=('AT+CPINR="SIM PIN"',))
TELIT = Quirks(name="telit", pin_counters=("AT#PCT", 'AT+CPINR="SIM PIN"'), iccid=("AT#CCID", "AT+CCID"))
WAVECOM = Quirks(name="wavecom", flow=Flow.RTSCTS)
# Some settings answer OK to a PDU that failed (MC35 manual, AT+CMGS): an OK without reference is unknown for all.
CINTERION = Quirks(name="cinterion", pin_counters=("AT^SPIC",), iccid=("AT^SCID", "AT+CCID"))


@dataclass(frozen=True, slots=True)
class UsbRow:
    """`pid` None: any product of the vendor."""

    vid: int
    pid: int | None
    quirks: Quirks
    at_interfaces: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRow:
    """Patterns, without regard to case, that begin what AT+CGMI and AT+CGMM say."""

    manufacturer: str
    model: str
    quirks: Quirks


USB: tuple[UsbRow, ...] = (
    UsbRow(0x12D1, 0x14DB, HUAWEI_HILINK),
    UsbRow(0x12D1, 0x14DC, HUAWEI_HILINK),
    UsbRow(0x3566, 0x2001, HUAWEI_HILINK),
    UsbRow(0x12D1, None, HUAWEI),
    UsbRow(0x2C7C, None, QUECTEL),
    UsbRow(0x1E0E, 0x9001, SIMCOM_LTE),
    UsbRow(0x1E0E, None, SIMCOM_LTE),
    UsbRow(0x19D2, 0x0001, ZTE, (2, 0)),
    UsbRow(0x19D2, 0x0002, ZTE, (4, 2)),
    UsbRow(0x19D2, 0x0003, ZTE, (1, 0)),
    UsbRow(0x19D2, 0x0004, ZTE, (1, 0)),
    UsbRow(0x19D2, 0x0005, ZTE, (1, 0)),
    UsbRow(0x19D2, None, ZTE),
    UsbRow(0x1199, None, SIERRA),
    UsbRow(0x1BC7, None, TELIT),
    UsbRow(0x1E2D, None, CINTERION),
)

MODELS: tuple[ModelRow, ...] = (
    ModelRow("huawei", "", HUAWEI),
    ModelRow("quectel", "", QUECTEL),
    ModelRow("simcom", "(SIMCOM_)?SIM[89]0", SIM800),
    ModelRow("", "(SIMCOM_)?SIM800", SIM800),
    ModelRow("simcom", "", SIMCOM_LTE),
    ModelRow("sierra", "", SIERRA),
    ModelRow("zte", "", ZTE),
    ModelRow("telit", "", TELIT),
    ModelRow("wavecom", "", WAVECOM),
    ModelRow("(siemens|cinterion|gemalto|thales)", "", CINTERION),
)


def for_usb(vid: int | None, pid: int | None) -> Quirks:
    """The quirks of a USB product; `at_interfaces` are those of the product where the table has them."""
    for row in USB:
        if row.vid == vid and row.pid in (None, pid):
            return _with_interfaces(row)
    return DEFAULT


def for_model(manufacturer: str, model: str, known: Quirks = DEFAULT) -> Quirks:
    """The quirks of what a modem says it is; `known` (from its USB numbers) where no row fits."""
    for row in MODELS:
        if re.match(row.manufacturer, manufacturer, re.IGNORECASE) and re.match(row.model, model, re.IGNORECASE):
            return row.quirks
    return known


def _with_interfaces(row: UsbRow) -> Quirks:
    return replace(row.quirks, at_interfaces=row.at_interfaces) if row.at_interfaces else row.quirks
