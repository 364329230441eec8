"""The SIMs as they are shown: where each is, what keeps it from sending, what is left of its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatewayd.clock import Clock
from gatewayd.domain.pacing import Remaining
from gatewayd.domain.purpose import SimSettings
from gatewayd.services import hearsay
from gatewayd.services.allowance import Rules, load_history
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Outbox
from gatewayd.store.reports import Heard
from gatewayd.store.sims import Sim, Sims
from gatewayd.store.unknowns import Unknowns

ABSENT, NOT_RUNNING = "absent", "not running"


@dataclass(frozen=True, slots=True)
class Seen:
    """A SIM: its settings, where it was last found (None: never), and what is left of its limits."""

    settings: SimSettings
    found: Sim | None
    left: Sequence[Remaining]
    state: str
    heard: Heard


def mistyped(listed: Sequence[str], found: Mapping[str, str], missed: str = "never found") -> str:
    """What to say if SIMs of the configuration are nowhere, and others (`found`: name and ICCID) are not in it: one
    whose ICCID or IMSI is mistyped is both. "" if that cannot be. `missed` says how they are missing."""
    missing = [name for name in listed if name not in found]
    unlisted = {name: iccid for name, iccid in found.items() if name not in listed}
    strangers = [f"{name} (ICCID {iccid})" if iccid else name for name, iccid in unlisted.items()]
    if not missing or not strangers:
        return ""
    return (
        f"{', '.join(missing)}: listed in the configuration and {missed}; {', '.join(strangers)}: found and not listed."
        " Is an ICCID or IMSI mistyped? What the configuration says of a SIM holds only for one that it recognises"
    )


def all_sims(database: Database, rules: Rules, clock: Clock, states: Mapping[str, str] | None) -> list[Seen]:
    """The SIMs of the database, then those that are listed and were never found. `states`: what the lines say of those
    they have, by name; None while no daemon runs."""
    outbox, unknowns, now = Outbox(database), Unknowns(database), clock.utc_now()
    otherwise = NOT_RUNNING if states is None else ABSENT
    told, long_ago = states or {}, now - hearsay.LONG_AGO
    seen = []
    for sim in Sims(database).list():
        settings = rules.settings_of(sim.iccid, sim.imsi)
        left = load_history(sim.id, settings, rules, outbox, clock).remaining(now, clock.monotonic())
        state = told.get(settings.name, otherwise)
        seen.append(Seen(settings, sim, left, state, unknowns.heard(sim.id, long_ago)))
    names = {sim.settings.name for sim in seen}
    never = [settings for settings in rules.sims if settings.name not in names]
    return seen + [Seen(settings, None, [], otherwise, Heard(0, 0)) for settings in never]
