"""How a simulated SIM is asked for: one frozen value, read from the query of a `sim://NAME?...` URL or made in code.

An unknown option, or a value of another type, is an `OptionsError` (a UsageError, and a ValueError as pyserial has it)
which names the option and what it wants. `+` in a query is a plus sign: numbers may be written as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from urllib.parse import unquote

from gatewayd.errors import UsageError
from gatewayd.modem.simulator.faults import Fault


class OptionsError(UsageError, ValueError):
    """This option of the simulator cannot be used."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the network does with destinations that end in `suffix`, written `SUFFIX;key=value;...`.

    `cms=N`: refused with this code (38: network out of order; 1: unassigned number). `status=N`: accepted, and the
    status report bears this TP-ST (0x46: validity expired). `absent`: the report says 0x22 (no response from the
    recipient, the service centre tries again), and nothing more comes. `silent`: no report ever comes. `reply=TEXT`:
    the recipient answers TEXT to the first message that reaches him.
    """

    suffix: str
    cms: int | None = None
    status: int | None = None
    silent: bool = False
    reply: str = ""

    @classmethod
    def parse(cls, written: str) -> Rule:
        """`99;cms=38`, `88;absent`, `77;reply=STOP` as a Rule."""
        suffix, *pairs = written.split(";")
        rule = cls(suffix)
        for pair in pairs:
            key, _, value = pair.partition("=")
            if key == "absent":
                rule = replace(rule, status=0x22)
            elif key == "silent":
                rule = replace(rule, silent=True)
            elif key == "reply" and value:
                rule = replace(rule, reply=value)
            elif key == "cms":
                rule = replace(rule, cms=_code(pair, value))
            elif key == "status":
                rule = replace(rule, status=_code(pair, value))
            else:
                raise OptionsError(f"rule {written!r}: {pair!r} is not cms=, status=, absent, silent, reply=")
        return rule


def _code(pair: str, value: str) -> int:
    try:
        return int(value, 0)
    except ValueError:
        raise OptionsError(f"rule: {pair!r} wants a number") from None


@dataclass(frozen=True, slots=True)
class Options:
    """All that may be chosen about one simulated SIM, its module and its network. Times are in seconds.

    The network:
      network         which network it belongs to (`default`): each has its own ledger
      latency         from Ctrl-Z to the network's answer (0)
      jitter          latency varies by as much, more or less, from a generator seeded by `seed` and the name (0)
      seed            see jitter (0)
      report          whether the service centre gives status reports when asked (1)
      report_delay    from the acceptance to the report (0)
      report_status   TP-ST of the reports (0: delivered)
      rule            what happens to some destinations, repeatable: see Rule
      creg, cgreg, cereg  registration: 1 home, 5 roaming, 0 no, 2 searching, 3 denied (1, 1, 1)
      operator        its name (Fiction)
      csq             signal quality, 0 to 31 or 99 (20)
      ussd            answer to any USSD code
    The card:
      iccid, imsi, number   as they should be; else derived from the name
      pin, puk        four to eight digits; without a pin the card asks for none (puk: 12345678)
      smsc            the service centre it holds, may be empty (+33639980000)
      sm              messages it can store (50)
      smss            when its last TP-MR (EF_SMSS) is written: `before` it transmits, at any `answer` of the network,
                      `after` the network took the message; `never`: there is none to read (before)
      mr              the first TP-MR it gives (0)
    The module:
      imei            as it should be; else derived from the name
      manufacturer, model, revision   what it says it is (Quectel, EC25, EC25EFAR06A01M4G)
      me, sr          messages and status reports it can store (127, 20)
      echo            whether it starts with echo (1)
      delay           before each answer (0)
      boot            deaf after a reboot or AT+CFUN=1,1 (1)
      cnmi_refuse     a set of AT+CNMI values refused for ever, repeatable (2,1,0,1,0)
      ds              the greatest <ds> of AT+CNMI that it claims and takes (2)
      clac, crsm, cmms   whether it knows these commands (1)
      cts             whether it raises CTS: with 0, a port opened with rtscts cannot write (1)
    Faults:
      fault           armed from the start, repeatable: see faults.py
    """

    network: str = "default"
    latency: float = 0.0
    jitter: float = 0.0
    seed: int = 0
    report: bool = True
    report_delay: float = 0.0
    report_status: int = 0
    rule: tuple[Rule, ...] = ()
    creg: int = 1
    cgreg: int = 1
    cereg: int = 1
    operator: str = "Fiction"
    csq: int = 20
    ussd: str = "Credit : 9,80 EUR"
    iccid: str = ""
    imsi: str = ""
    number: str = ""
    pin: str = ""
    puk: str = "12345678"
    smsc: str = "+33639980000"
    sm: int = 50
    smss: str = "before"
    mr: int = 0
    imei: str = ""
    manufacturer: str = "Quectel"
    model: str = "EC25"
    revision: str = "EC25EFAR06A01M4G"
    me: int = 127
    sr: int = 20
    echo: bool = True
    delay: float = 0.0
    boot: float = 1.0
    cnmi_refuse: tuple[str, ...] = ()
    ds: int = 2
    clac: bool = True
    crsm: bool = True
    cmms: bool = True
    cts: bool = True
    fault: tuple[Fault, ...] = ()

    @classmethod
    def parse(cls, query: str) -> Options:
        """The options of a URL's query; raises OptionsError."""
        chosen: dict[str, object] = {}
        repeated: dict[str, list[object]] = {}
        for pair in filter(None, query.split("&")):
            key, equals, value = (unquote(piece) for piece in pair.partition("="))
            if key not in _READERS:
                raise OptionsError(f"unknown option {key!r} of a simulated SIM; there are {', '.join(_READERS)}")
            if not equals:
                raise OptionsError(f"option {key} of a simulated SIM wants a value: {key}=...")
            try:
                read = _READERS[key](value)
            except (ValueError, UsageError) as error:
                raise OptionsError(f"option {key} of a simulated SIM: {error}") from None
            if key in _REPEATED:
                repeated.setdefault(key, []).append(read)
            else:
                chosen[key] = read
        chosen |= {key: tuple(values) for key, values in repeated.items()}
        return cls(**chosen)  # type: ignore[arg-type]  # _READERS gives each field its own type

    def rule_for(self, destination: str) -> Rule | None:
        """The first rule whose suffix ends `destination`."""
        return next((rule for rule in self.rule if destination.endswith(rule.suffix)), None)


def _flag(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{value!r} is not 0 or 1")


def _seconds(value: str) -> float:
    seconds = float(value)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{value!r} is no number of seconds")
    return seconds


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is none of {', '.join(words)}")
        return value

    return read


def _whole(value: str) -> int:
    number = int(value, 0)
    if number < 0:
        raise ValueError(f"{value!r} is less than 0")
    return number


_REPEATED: dict[str, Callable[[str], object]] = {"rule": Rule.parse, "fault": Fault.parse, "cnmi_refuse": str}
_BY_TYPE: dict[str, Callable[[str], object]] = {"bool": _flag, "int": _whole, "float": _seconds, "str": str}
_READERS = {field.name: _REPEATED.get(field.name) or _BY_TYPE[str(field.type)] for field in fields(Options)}
_READERS["smss"] = _one_of("before", "answer", "after", "never")
