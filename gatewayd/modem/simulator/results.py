"""Final result codes: OK, ERROR, and the two families of errors with their words (TS 27.007 9.2, TS 27.005 3.2.5)."""

from __future__ import annotations

_CME = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    20: "memory full",
    21: "invalid index",
    30: "no network service",
    31: "network timeout",
    50: "incorrect parameters",
    100: "unknown",
}
_CMS = {
    1: "Unassigned number",
    8: "Operator determined barring",
    10: "Call barred",
    21: "Short message transfer rejected",
    28: "Unidentified subscriber",
    30: "Unknown subscriber",
    38: "Network out of order",
    41: "Temporary failure",
    42: "Congestion",
    47: "Resources unavailable",
    50: "Requested facility not subscribed",
    302: "Operation not allowed",
    303: "Operation not supported",
    304: "Invalid PDU mode parameter",
    305: "Invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    314: "SIM busy",
    316: "SIM PUK required",
    320: "Memory failure",
    321: "Invalid memory index",
    322: "Memory full",
    330: "SMSC address unknown",
    331: "No network service",
    332: "Network timeout",
    500: "Unknown error",
    512: "MM connection failure",
}


class Refusal(Exception):
    """A command is answered with an error; `family` is CME or CMS."""

    def __init__(self, family: str, code: int) -> None:
        self.family, self.code = family, code
        super().__init__(f"{family} {code}")

    def final(self, verbosity: int) -> str:
        """The final result code, as AT+CMEE=`verbosity` wants it. CMS errors have no form without their number."""
        if self.family == "CME" and verbosity == 0:
            return "ERROR"
        words = (_CME if self.family == "CME" else _CMS).get(self.code) if verbosity == 2 else None
        return f"+{self.family} ERROR: {words or self.code}"


def cme(code: int) -> Refusal:
    """+CME ERROR: `code`."""
    return Refusal("CME", code)


def cms(code: int) -> Refusal:
    """+CMS ERROR: `code`."""
    return Refusal("CMS", code)


def unknown_command() -> Refusal:
    """A command, or a form of it, that this module does not have."""
    return cme(100)


def bad_parameters() -> Refusal:
    """Values out of range."""
    return cme(50)
