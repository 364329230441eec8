"""AT commands of identity, card, network and the module itself (V.250, TS 27.007, and Quectel's own).

A handler takes the module and the command, and returns information lines. It raises Refusal, or ValueError for values
which are out of range. `COMMANDS` is the whole table, those of short messages (`sms_commands`) included.
"""

from __future__ import annotations

from collections.abc import Callable

from gatewayd.modem.simulator.card import PIN_TRIES
from gatewayd.modem.simulator.line import Command
from gatewayd.modem.simulator.module import Handler, Module
from gatewayd.modem.simulator.results import cme, unknown_command
from gatewayd.modem.simulator.sms_commands import SMS_COMMANDS
from gatewayd.modem.simulator.tpdu import semi_octets

_EF_SMSS, _EF_ICCID = 28483, 12258
_READ_BINARY = 176
_BEFORE_REBOOT = 0.1
_CELL_TECHNOLOGY = 7  # E-UTRAN


def _fixed(read: Callable[[Module], list[str]]) -> Handler:
    """A command which only tells something, in its run and read forms."""

    def handler(module: Module, command: Command) -> list[str]:
        if command.op == "=":
            raise unknown_command()
        return [] if command.op == "=?" else read(module)

    return handler


def _taken(test: str = "") -> Handler:
    """A command which is taken and changes nothing that matters here."""

    def handler(_: Module, command: Command) -> list[str]:
        return [f"{command.name}: {test}"] if command.op == "=?" and test else []

    return handler


# V.250


def _echo(module: Module, command: Command) -> list[str]:
    module.echo = _one_of(command, 0, 1) == 1
    return []


def _reset(module: Module, _: Command) -> list[str]:
    """ATZ and AT&F: the profile, which is not the messages' settings."""
    module.echo, module.verbosity = module.options.echo, 1
    module.session.creg = dict.fromkeys(module.session.creg, 0)
    module.session.clip = 0
    return []


def _words(_: Module, command: Command) -> list[str]:
    """ATV: results in words are the only ones."""
    if command.values not in ("", "1"):
        raise unknown_command()
    return []


def _identify(module: Module, _: Command) -> list[str]:
    options = module.options
    return [options.manufacturer, options.model, f"Revision: {options.revision}"]


def _dial(_: Module, __: Command) -> list[str]:
    raise cme(4)


def _hang_up(module: Module, _: Command) -> list[str]:
    module.caller = ""
    return []


def _one_of(command: Command, *allowed: int) -> int:
    """The single value of a command, 0 when left out."""
    value = (command.numbers() or [0])[0] or 0
    if value not in allowed:
        raise ValueError(command.values)
    return value


# The card


def _pin(module: Module, command: Command) -> list[str]:
    card = module.card
    wanted = card.wants
    if command.op == "=?":
        return []
    if not wanted:
        raise cme(13)
    if command.op == "?":
        return [f"+CPIN: {wanted}"]
    if command.op != "=":
        raise unknown_command()
    if wanted == "READY":
        raise cme(3)
    values = command.arguments()
    if wanted == "SIM PUK":
        if len(values) != 2 or not _is_pin(values[1]):
            raise cme(12)
        right = card.enter_puk(values[0], values[1])
    else:
        right = card.enter_pin(values[0])
    if not right:
        raise cme(16)
    module.follow(lambda: module.urc("+CPIN: READY", "+QUSIM: 1"))
    module.follow(module.card_ready)
    module.follow(module.tell_registration)
    return []


def _is_pin(text: str) -> bool:
    return text.isascii() and text.isdigit() and 4 <= len(text) <= 8


def _pin_counters(module: Module, _: Command) -> list[str]:
    card = module.card
    return [f'+QPINC: "SC",{card.pin_tries},{card.puk_tries}', f'+QPINC: "P2",{PIN_TRIES},10']


def _lock(module: Module, command: Command) -> list[str]:
    """AT+CLCK="SC",2: whether the card asks for a PIN."""
    if command.op == "=?":
        return ['+CLCK: ("SC")']
    if command.arguments()[:2] != ["SC", "2"]:
        raise cme(3)
    return [f"+CLCK: {int(bool(module.card.pin))}"]


def _restricted_access(module: Module, command: Command) -> list[str]:
    """AT+CRSM=176: EF_SMSS, whose first octet is the last TP-MR (TS 31.102 clause 4.2.28), and EF_ICCID."""
    if not module.options.crsm:
        raise unknown_command()
    if command.op != "=":
        return []
    values = command.numbers()
    of_smss = len(values) > 1 and values[1] == _EF_SMSS
    lie = module.faults.strike("command", "+CRSM", ("smss-stale", "smss-rubbish")) if of_smss else None
    if lie is not None:
        return [f'+CRSM: 144,0,"{lie.code:02X}FF"'] if lie.kind == "smss-stale" else [lie.text]
    files = {_EF_ICCID: semi_octets(module.card.iccid).ljust(10, b"\xff")}
    if module.options.smss != "never":
        files[_EF_SMSS] = bytes([module.card.last_reference, 0xFF])
    if values[0] != _READ_BINARY or len(values) < 2 or values[1] not in files:
        return ["+CRSM: 106,130"]  # 6A82: file not found
    content = files[values[1]]
    length = values[4] if len(values) > 4 else None
    return [f'+CRSM: 144,0,"{content[: length or len(content)].hex().upper()}"']


# The network


def _registration(module: Module, command: Command) -> list[str]:
    if command.op == "=?":
        return [f"{command.name}: (0-2)"]
    if command.op == "=":
        module.session.creg[command.name] = _one_of(command, 0, 1, 2)
        return []
    mode = module.session.creg[command.name]
    return [f"{command.name}: {mode},{module.registration_text(command.name, mode)}"]


def _operator(module: Module, command: Command) -> list[str]:
    name = module.options.operator
    if command.op == "=?":
        return [f'+COPS: (2,"{name}","{name}","00101",{_CELL_TECHNOLOGY}),,(0-4),(0-2)']
    if command.op == "=":
        values = command.numbers()
        if values[0] == 3 and len(values) > 1:
            module.session.operator_format = values[1] or 0
        return []
    if not module.registered:
        return ["+COPS: 0"]
    shown = "00101" if module.session.operator_format == 2 else name
    return [f'+COPS: 0,{module.session.operator_format},"{shown}",{_CELL_TECHNOLOGY}']


def _signal(module: Module, _: Command) -> list[str]:
    return [f"+CSQ: {module.options.csq if module.registered else 99},99"]


def _functionality(module: Module, command: Command) -> list[str]:
    if command.op == "?":
        return [f"+CFUN: {module.session.functional}"]
    if command.op == "=?":
        return ["+CFUN: (0,1,4),(0,1)"]
    values = command.numbers()
    if values[0] not in (0, 1, 4) or (len(values) > 1 and values[1] not in (None, 0, 1)):
        raise ValueError(command.values)
    if values[1:] == [1]:
        # A moment later: the answer has left the module by then.
        module.follow(lambda: module.later(_BEFORE_REBOOT, lambda: module.reboot(module.options.boot)))
        return []
    module.session.functional = values[0]
    module.follow(module.tell_registration)
    module.follow(module.retry)
    return []


def _ussd(module: Module, command: Command) -> list[str]:
    if command.op == "=?":
        return ["+CUSD: (0-2)"]
    if command.op == "?":
        return ["+CUSD: 0"]
    if len(command.arguments()) > 1:
        answer = module.options.ussd
        module.follow(lambda: module.urc(f'+CUSD: 0,"{answer}",15'))
    return []


def _calls(module: Module, _: Command) -> list[str]:
    return [f'+CLCC: 1,1,4,0,0,"{module.caller}",145'] if module.caller else []


def _caller_identity(module: Module, command: Command) -> list[str]:
    if command.op == "?":
        return [f"+CLIP: {module.session.clip},1"]
    if command.op == "=":
        module.session.clip = _one_of(command, 0, 1)
    return []


def _clock(module: Module, command: Command) -> list[str]:
    if command.op == "=":
        return []
    return [f'+CCLK: "{module.carrier.utc_now():%y/%m/%d,%H:%M:%S}+00"']


# The module


def _verbosity(module: Module, command: Command) -> list[str]:
    if command.op == "?":
        return [f"+CMEE: {module.verbosity}"]
    if command.op == "=?":
        return ["+CMEE: (0-2)"]
    module.verbosity = _one_of(command, 0, 1, 2)
    return []


def _charset(module: Module, command: Command) -> list[str]:
    if command.op == "?":
        return [f'+CSCS: "{module.session.charset}"']
    if command.op == "=?":
        return ['+CSCS: ("GSM","IRA","UCS2")']
    charset = command.arguments()[0]
    if charset not in ("GSM", "IRA", "UCS2"):
        raise ValueError(charset)
    module.session.charset = charset
    return []


def _known_commands(module: Module, _: Command) -> list[str]:
    if not module.options.clac:
        raise unknown_command()
    return sorted(name for name in COMMANDS if name[0] in "+^")


COMMANDS: dict[str, Handler] = {
    "AT": _taken(),
    "E": _echo,
    "V": _words,
    "Q": _taken(),
    "X": _taken(),
    "S0": _taken(),
    "Z": _reset,
    "&F": _reset,
    "&C": _taken(),
    "&D": _taken(),
    "&W": _taken(),
    "I": _identify,
    "D": _dial,
    "A": _dial,
    "H": _hang_up,
    "+CHUP": _hang_up,
    "+GMI": _fixed(lambda m: [m.options.manufacturer]),
    "+CGMI": _fixed(lambda m: [m.options.manufacturer]),
    "+GMM": _fixed(lambda m: [m.options.model]),
    "+CGMM": _fixed(lambda m: [m.options.model]),
    "+GMR": _fixed(lambda m: [m.options.revision]),
    "+CGMR": _fixed(lambda m: [m.options.revision]),
    "+GSN": _fixed(lambda m: [m.imei]),
    "+CGSN": _fixed(lambda m: [m.imei]),
    "+CIMI": _fixed(lambda m: [m.card.imsi]),
    "+CCID": _fixed(lambda m: [f"+CCID: {m.card.iccid}"]),
    "+QCCID": _fixed(lambda m: [f"+QCCID: {m.card.iccid}"]),
    "+CNUM": _fixed(lambda m: [f'+CNUM: ,"{m.card.number}",145']),
    "+CPIN": _pin,
    "+QPINC": _pin_counters,
    "+CLCK": _lock,
    "+CRSM": _restricted_access,
    "+CREG": _registration,
    "+CGREG": _registration,
    "+CEREG": _registration,
    "+CGATT": _fixed(lambda m: [f"+CGATT: {int(m.registered)}"]),
    "+COPS": _operator,
    "+CSQ": _signal,
    "+CFUN": _functionality,
    "+CUSD": _ussd,
    "+CLCC": _calls,
    "+CLIP": _caller_identity,
    "+CRC": _taken("(0,1)"),
    "+CVHU": _taken("(0,1)"),
    "+CCLK": _clock,
    "+CTZU": _taken("(0,1,3)"),
    "+QTEMP": _fixed(lambda _: ["+QTEMP: 38,36,37"]),
    "+QINISTAT": _fixed(lambda _: ["+QINISTAT: 7"]),
    "+CMEE": _verbosity,
    "+CSCS": _charset,
    "+CLAC": _known_commands,
    **SMS_COMMANDS,
}
