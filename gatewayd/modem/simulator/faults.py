"""The ways in which modems lie, armed one by one and counted down.

A fault is written `KIND;key=value;...`, as `answer-late;seconds=50` or `cms;code=38;at=accepted;times=2`. Keys:

    times=N     how many times it strikes (1)
    after=N     how many occasions pass unharmed before (0)
    command=C   the command it waits for, as `+CMGS`, `+CSQ`, `AT` (the bare line), `*` (any); else the kind's own
    at=POINT    where it strikes (kinds below say which): `now`, `command` (before it runs), `prompt` (instead of it),
                `half` (half the PDU has come), `body` (Ctrl-Z has come, nothing has reached the network), `accepted`
                (the network accepted, and its answer has not come), `air`, `answer` (while answering), `report`
    seconds=S   for how long (0: until somebody says otherwise)
    code=N      the CMS or CME code
    text=T      what is said

| kind | what happens |
| --- | --- |
| `answer-lost` | the answer never comes; the module listens again |
| `answer-late` | the answer comes `seconds` later; the module listens meanwhile |
| `answer-twice` | the whole answer comes twice |
| `ok-only` | OK without its information lines (a CMGS without +CMGS) |
| `no-ok` | the information lines without OK |
| `cms`, `cme` | an error with `code`, at `body` (+CMGS, the default), `accepted`, or `command` for any other command |
| `unheard` | the network never hears the message; after `seconds` (TR1M) the module says `code` |
| `ack-lost` | the network accepts, and the module never hears so; after `seconds` it says `code` |
| `prompt-late` | the prompt comes after `seconds` |
| `prompt-missing` | no prompt, though the module does take what follows for a PDU |
| `prompt-bare` | the prompt is `>` without its space |
| `unplug` | the port vanishes, at any point; it comes back after `seconds` |
| `reboot` | the module starts again, at any point, deaf for `seconds`, then tells so (RDY, +CFUN: 1, ...) |
| `silence` | the module hears nothing and says nothing, at any point |
| `unregister` | registration is lost, at any point, and regained after `seconds` |
| `urc` | `text` (`^RSSI:18`) comes before the answer |
| `stray-byte` | one octet (0xE9, or `code`) comes before the answer |
| `cmti` | a message (`text`) arrives in the middle of an answer |
| `cds-split` | `seconds` between the header and the PDU of a +CDS |
| `report-early` | the status report comes before the answer to the submission |
| `report-lost` | the status report never comes |
| `sim-busy` | commands that need the SIM answer +CME ERROR: 14 |
| `smsc-empty` | the SIM forgets its service centre |
| `smss-stale` | the card's last TP-MR is read as `code`, whatever was sent |
| `smss-rubbish` | AT+CRSM for it answers `text` |
| `cnmi-refused` | AT+CNMI= is refused, with these values (`text=2,1,0,1,0`) or any |

Each strike is kept in `fired`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gatewayd.errors import UsageError

ANYWHERE = ("now", "command", "prompt", "half", "body", "accepted")
# kind: where it may strike (the first is the default), and the command it waits for
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "answer-lost": (("answer",), "+CMGS"),
    "answer-late": (("answer",), "+CMGS"),
    "answer-twice": (("answer",), "+CMGS"),
    "ok-only": (("answer",), "+CMGS"),
    "no-ok": (("answer",), "+CMGS"),
    "cms": (("body", "accepted", "command"), "+CMGS"),
    "cme": (("body", "accepted", "command"), "+CMGS"),
    "unheard": (("air",), "+CMGS"),
    "ack-lost": (("air",), "+CMGS"),
    "prompt-late": (("prompt",), "+CMGS"),
    "prompt-missing": (("prompt",), "+CMGS"),
    "prompt-bare": (("prompt",), "+CMGS"),
    "unplug": (ANYWHERE, "+CMGS"),
    "reboot": (ANYWHERE, "+CMGS"),
    "silence": (ANYWHERE, "+CMGS"),
    "unregister": (ANYWHERE, "+CMGS"),
    "urc": (("answer",), "*"),
    "stray-byte": (("answer",), "*"),
    "cmti": (("answer",), "*"),
    "cds-split": (("report",), "*"),
    "report-early": (("report",), "*"),
    "report-lost": (("report",), "*"),
    "sim-busy": (("command",), "*"),
    "smsc-empty": (("now",), "*"),
    "smss-stale": (("command",), "+CRSM"),
    "smss-rubbish": (("command",), "+CRSM"),
    "cnmi-refused": (("command",), "+CNMI"),
}
_DEFAULTS: dict[str, dict[str, object]] = {
    "urc": {"text": "^RSSI:18"},
    "stray-byte": {"code": 0xE9},
    "cmti": {"text": "Bonjour"},
    "sim-busy": {"code": 14},
    "smss-rubbish": {"text": '+CRSM: 144,0,"ZZ'},
    "cms": {"code": 500},
    "cme": {"code": 100},
    "unheard": {"seconds": 40.0, "code": 332},
    "ack-lost": {"seconds": 40.0, "code": 332},
    "prompt-late": {"seconds": 1.0},
    "answer-late": {"seconds": 1.0},
    "cds-split": {"seconds": 0.05},
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One armed fault; the module's docstring gives the meaning of each field."""

    kind: str
    at: str = ""
    times: int = 1
    after: int = 0
    command: str = ""
    seconds: float = 0.0
    code: int = 0
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"fault {self.kind!r} is not known; there are {', '.join(sorted(KINDS))}")
        points, command = KINDS[self.kind]
        if self.at and self.at not in points:
            raise UsageError(f"fault {self.kind} strikes at {', '.join(points)}, not at {self.at!r}")
        if self.times < 1 or self.after < 0 or self.seconds < 0 or self.code < 0:
            raise UsageError(f"fault {self.kind}: times is 1 or more, the other numbers 0 or more")
        object.__setattr__(self, "command", self.command.upper())
        # A code for another command than a submission can only come instead of running it.
        chosen = self.command and self.command != "+CMGS" and "body" in points and self.kind in ("cms", "cme")
        defaults: dict[str, object] = {"at": "command" if chosen else points[0], "command": command}
        defaults |= _DEFAULTS.get(self.kind, {})
        for name, value in defaults.items():
            if not getattr(self, name):
                object.__setattr__(self, name, value)

    @classmethod
    def parse(cls, written: str) -> Fault:
        """`KIND;key=value;...` as a Fault; UsageError tells what is wrong."""
        kind, *pairs = written.split(";")
        fields: dict[str, str | int | float] = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or key not in ("at", "times", "after", "command", "seconds", "code", "text"):
                raise UsageError(f"fault {kind}: {pair!r} is not at=, times=, after=, command=, seconds=, code=, text=")
            try:
                if key in ("times", "after", "code"):
                    fields[key] = int(value, 0)
                else:
                    fields[key] = float(value) if key == "seconds" else value
            except ValueError:
                raise UsageError(f"fault {kind}: {key} wants a number, not {value!r}") from None
        return cls(kind, **fields)  # type: ignore[arg-type]  # each key was given its own type above


class Faults:
    """The faults armed on one SIM. `fired` lists each strike; `on_fired` hears of it."""

    def __init__(self, on_fired: Callable[[Fault], None]) -> None:
        self._armed: list[Fault] = []
        self._on_fired = on_fired
        self.fired: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._armed)

    @property
    def armed(self) -> tuple[Fault, ...]:
        """What still waits, with what is left of `times` and `after`."""
        return tuple(self._armed)

    def arm(self, fault: Fault) -> None:
        """Let `fault` wait for its occasion."""
        self._armed.append(fault)

    def disarm(self) -> None:
        """Forget all that waits."""
        self._armed.clear()

    def strike(self, point: str, command: str = "", kinds: tuple[str, ...] = (), detail: str = "") -> Fault | None:
        """The first fault (of these kinds) that strikes at this occasion, counted down; None if none does."""
        return next(iter(self.strikes(point, command, kinds, detail)), None)

    def strikes(self, point: str, command: str = "", kinds: tuple[str, ...] = (), detail: str = "") -> Iterator[Fault]:
        """Each fault that strikes at this occasion, once; it is counted down when it is taken.

        With `detail` (the values of a command), a fault which has a text waits for that very text.
        """
        for fault in list(self._armed):
            if fault.at != point or (kinds and fault.kind not in kinds):
                continue
            if command and fault.command not in ("*", command):
                continue
            if detail and fault.text not in ("", detail):
                continue
            index = next(i for i, armed in enumerate(self._armed) if armed is fault)
            if fault.after:
                self._armed[index] = replace(fault, after=fault.after - 1)
                continue
            if fault.times > 1:
                self._armed[index] = replace(fault, times=fault.times - 1)
            else:
                del self._armed[index]
            self.fired.append(fault)
            self._on_fired(fault)
            yield fault
