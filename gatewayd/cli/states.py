"""What keeps a port from sending, in a sentence with what to do: below the tables of `status` and `modems list`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gatewayd.cli import output

_SAYS = "the log says more (journalctl -u gatewayd -p warning)"
_SENTENCES: Mapping[str, str] = {
    "absent": f"nothing is plugged in there, or gatewayd may not open it; {_SAYS}",
    "busy": f"something is there that does not answer as a modem: is it the AT port? {_SAYS}",
    "locked": f"the SIM wants a PIN or a PUK, or belongs to another modem; {_SAYS}",
    "duplicate": "another port has this very SIM: configure one of the two",
    "silent": "the modem does not answer; it is asked again",
    "network": f"no network, or it refuses this SIM; {_SAYS}",
    "modem": f"the modem has failed several times in a row; {_SAYS}",
    "suspended": f"the network has refused this SIM several times; {_SAYS}",
    "hours": "no purpose may write at this hour or day (`hours` in the configuration); what waits leaves later",
    "line": "this SIM's line allows none of the purposes (`line: {allows: [...]}` in the configuration)",
    "clock": "this machine does not know the time yet: timedatectl",
    "limits": "what is left of a limit is too little for what waits: gatewayd sims list",
    "disk": f"the disk is nearly full, and what is sent must be recorded: make room (df -h); {_SAYS}",
    "storage": f"the database cannot be written; {_SAYS}",
}
_LIMIT = "this limit is reached: what waits leaves later; gatewayd sims list tells when"


def sentence(state: str) -> str:
    """What a state means and what to do; the state itself if it says it all."""
    return _LIMIT if "per_" in state else _SENTENCES.get(state, state)


def explain(states: Iterable[str]) -> None:
    """A line for each state that stands in a table, once; nothing for those that say it all."""
    for state in dict.fromkeys(states):
        words = sentence(state)
        if words != state:
            output.bullet(f"{state}:", "yellow", words)
