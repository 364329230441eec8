"""AT commands of short messages (TS 27.005), in PDU mode only: AT+CMGF=1 is refused, so that nobody depends on it.

AT+CMGS and AT+CMGW ask for a PDU; the module's `submit` does the rest. CNMA is not enforced: with CSMS=1 a real module
stops reports which are not acknowledged, here they go on. With <mode> 0 of CNMI nothing is announced, and what would
have been said is not kept for later: a real module's buffer is small, and a client that relies on it loses messages.
"""

from __future__ import annotations

from gatewayd.modem.simulator.card import STORED_READ, STORED_SENT, STORED_UNREAD, STORED_UNSENT, Stored
from gatewayd.modem.simulator.line import Command
from gatewayd.modem.simulator.module import Handler, Module
from gatewayd.modem.simulator.results import cms, unknown_command
from gatewayd.modem.simulator.submit_check import BadSubmission, check

_CNMI_RANGES = (3, 4, 4, 3, 2)  # mode, mt, bm, ds, bfr: how many values each has
_LONGEST_TPDU = 164
_ALL = 4


def _format(_: Module, command: Command) -> list[str]:
    if command.op == "?":
        return ["+CMGF: 0"]
    if command.op == "=?":
        return ["+CMGF: (0)"]
    if command.numbers() != [0]:
        raise cms(303)
    return []


def _service(module: Module, command: Command) -> list[str]:
    if command.op == "?":
        return [f"+CSMS: {module.session.csms},1,1,1"]
    if command.op == "=?":
        return ["+CSMS: (0,1)"]
    chosen = command.numbers()[0]
    if chosen not in (0, 1):
        raise cms(302)
    module.session.csms = chosen
    return ["+CSMS: 1,1,1"]


def _service_centre(module: Module, command: Command) -> list[str]:
    if command.op == "?":
        number = module.card.smsc
        return [f'+CSCA: "{number}",{145 if number.startswith("+") else 129}']
    if command.op == "=":
        number = command.arguments()[0]
        if not number.removeprefix("+").isascii() or not number.removeprefix("+").isdigit():
            raise cms(304)
        module.card.smsc = number
    return []


def _memories(module: Module, command: Command) -> list[str]:
    chosen = module.session.memories
    if command.op == "=?":
        return ['+CPMS: ("SM","ME","MT","SR"),("SM","ME","MT"),("SM","ME","MT")']
    if command.op == "=":
        names = command.arguments()
        if len(names) > 3 or not set(names) <= set(module.memory) or "SR" in names[1:]:
            raise cms(302)
        chosen[: len(names)] = names
        module.retry()
        return ["+CPMS: " + ",".join(_fill(module, name) for name in chosen)]
    return ["+CPMS: " + ",".join(f'"{name}",{_fill(module, name)}' for name in chosen)]


def _fill(module: Module, name: str) -> str:
    memory = module.memory[name]
    return f"{len(memory.messages)},{memory.size}"


def _indications(module: Module, command: Command) -> list[str]:
    if command.op == "?":
        return ["+CNMI: " + ",".join(map(str, module.session.cnmi))]
    if command.op == "=?":
        reports = f"(0-{module.options.ds})" if module.options.ds else "(0)"
        return [f"+CNMI: (0-2),(0-3),(0,2,3),{reports},(0,1)"]
    values = command.numbers()
    if command.op != "=" or len(values) > 5:
        raise cms(302)
    wanted = [new if new is not None else 0 for new in [*values, *[0] * (5 - len(values))]]
    written = ",".join(map(str, wanted))
    if any(value >= limit for value, limit in zip(wanted, _CNMI_RANGES, strict=True)):
        raise cms(302)
    if wanted[3] > module.options.ds or written in module.options.cnmi_refuse:
        raise cms(302)
    mode, mt, bm, ds, bfr = wanted
    module.session.cnmi, module.session.cnmi_set = (mode, mt, bm, ds, bfr), True
    module.follow(module.retry)
    return []


def _keep_link(module: Module, command: Command) -> list[str]:
    if not module.options.cmms:
        raise unknown_command()
    if command.op == "?":
        return [f"+CMMS: {module.session.cmms}"]
    if command.op == "=?":
        return ["+CMMS: (0-2)"]
    chosen = command.numbers()[0]
    if chosen not in (0, 1, 2):
        raise cms(302)
    module.session.cmms = chosen
    return []


def _send(module: Module, command: Command) -> list[str] | None:
    if command.op != "=":
        return []
    length = _length(command)
    module.prompt(length, lambda pdu: module.submit(pdu, length, "+CMGS"))
    return None


def _length(command: Command) -> int:
    try:
        length = command.numbers()[0]
    except ValueError:
        raise cms(304) from None
    if length is None or not 8 <= length <= _LONGEST_TPDU:
        raise cms(304)
    return length


def _write(module: Module, command: Command) -> list[str] | None:
    """AT+CMGW: keep a PDU to be sent by AT+CMSS."""
    if command.op != "=":
        return []
    length = _length(command)
    module.prompt(length, lambda pdu: _keep(module, pdu.strip("\r\n "), length))
    return None


def _keep(module: Module, pdu: str, length: int) -> None:
    try:
        check(pdu, length)
    except BadSubmission:
        module.finish([], cms(304))
        return
    index = module.memory[module.session.memories[1]].add(Stored(STORED_UNSENT, pdu, length))
    if index is None:
        module.finish([], cms(322))
    else:
        module.finish([f"+CMGW: {index}"])


def _send_stored(module: Module, command: Command) -> list[str] | None:
    if command.op != "=":
        return []
    memory = module.memory[module.session.memories[1]]
    stored = memory.messages.get(_index(command))
    if stored is None or stored.status not in (STORED_UNSENT, STORED_SENT):
        raise cms(321)
    module.submit(stored.pdu, stored.length, "+CMSS")
    stored.status = STORED_SENT
    return None


def _index(command: Command) -> int:
    try:
        index = command.numbers()[0]
    except ValueError:
        index = None
    if command.op != "=" or index is None:
        raise cms(321)
    return index


def _read(module: Module, command: Command) -> list[str]:
    if command.op == "=?":
        return []
    stored = module.memory[module.session.memories[0]].messages.get(_index(command))
    if stored is None:
        raise cms(321)
    line = f"+CMGR: {stored.status},,{stored.length}"
    _mark_read(stored)
    return [line, stored.pdu]


def _mark_read(stored: Stored) -> None:
    if stored.status == STORED_UNREAD:
        stored.status = STORED_READ


def _list(module: Module, command: Command) -> list[str]:
    if command.op == "=?":
        return ["+CMGL: (0-4)"]
    wanted = (command.numbers()[0] or 0) if command.op == "=" else 0
    if wanted > _ALL:
        raise cms(305)
    lines: list[str] = []
    for index, stored in sorted(module.memory[module.session.memories[0]].messages.items()):
        if wanted in (_ALL, stored.status):
            lines += [f"+CMGL: {index},{stored.status},,{stored.length}", stored.pdu]
            _mark_read(stored)
    return lines


def _delete(module: Module, command: Command) -> list[str]:
    memory = module.memory[module.session.memories[0]]
    if command.op == "=?":
        return [f"+CMGD: ({','.join(map(str, sorted(memory.messages)))}),(0-4)"]
    index = _index(command)
    flag = (command.numbers()[1] or 0) if len(command.numbers()) > 1 else 0
    if flag > 4:
        raise cms(305)
    if flag == 0:
        if memory.messages.pop(index, None) is None:
            raise cms(321)
    else:
        doomed = {1: {STORED_READ}, 2: {STORED_READ, STORED_SENT}, 3: {STORED_READ, STORED_SENT, STORED_UNSENT}}
        states = doomed.get(flag)
        for number in [n for n, stored in memory.messages.items() if states is None or stored.status in states]:
            del memory.messages[number]
    module.follow(module.retry)
    return []


def _nothing(_: Module, __: Command) -> list[str]:
    return []


SMS_COMMANDS: dict[str, Handler] = {
    "+CMGF": _format,
    "+CSMS": _service,
    "+CSCA": _service_centre,
    "+CSMP": _nothing,
    "+CPMS": _memories,
    "+CNMI": _indications,
    "+CNMA": _nothing,
    "+CMMS": _keep_link,
    "+CMGS": _send,
    "+CMGW": _write,
    "+CMSS": _send_stored,
    "+CMGR": _read,
    "+CMGL": _list,
    "+CMGD": _delete,
}
