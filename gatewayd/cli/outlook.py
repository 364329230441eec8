"""Why a message waits and when it may leave, in plain words and in the organisation's time zone: below `send` and
`messages show`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from gatewayd.cli import context, output, states
from gatewayd.daemon import status
from gatewayd.daemon.rules import rules_of
from gatewayd.services.outlook import Forecaster, Hindrance, Outlook
from gatewayd.store.outbox import AHEAD_COUNTED, Outbox
from gatewayd.store.sims import Sims

# {what}: the purpose, pool, SIM or detail; {at}: "tomorrow at 08:00"; {when}: " until tomorrow at 08:00", or nothing
_SENTENCES: Mapping[str, str] = {
    "held": "held{by}: gatewayd messages release lets it go",
    "campaign_paused": "its campaign `{what}` is paused: gatewayd campaigns resume {what}",
    "campaign_window": "outside the hours of its campaign `{what}`: they begin {begin}",
    "campaign_canceled": "its campaign `{what}` is canceled: it will not be sent",
    "time_to_live": "its campaign `{what}` has ended: it will not be sent",
    "scheduled": "scheduled for {at}",
    "tried": "tried before{because}; not tried again{when}",
    "purpose": "the configuration has no purpose `{what}` any more: put it back, or cancel the message",
    "opt_out": "this person said STOP: it is blocked when its turn comes",
    "consent_expired": "this person's consent is too old: it is blocked when its turn comes",
    "no_consent": "no consent of this person is recorded: it is blocked when its turn comes",
    "hours": "outside the hours of `{what}`: they begin {begin}",
    "clock": "this machine does not know the time yet (timedatectl), and nothing that depends on it leaves",
    "daemon": "gatewayd does not run: systemctl start gatewayd, or gatewayd run",
    "no_sim": "no SIM of the pool `{what}` was ever found: gatewayd modems probe",
    "line": "no SIM's line of its pool allows `{what}` (`line: {{allows: [...]}}` in the configuration)",
    "suspended": "SIM {what}: the network has refused it several times, it rests{when}",
}
_LIMIT = "SIM {what}: its limit {limit} is reached{when}"
_PEOPLE = "SIM {what}: {limit} is reached{when}, it writes to nobody new"
_HELD_BY = {
    "operator": " by the operator",
    "approval": ", for its file wants approval",
}


def of_message(here: context.Context, message_id: int) -> Outlook | None:
    """The outlook of a message; None if it does not wait."""
    try:
        told = status.read(here.settings.state_directory)
    except PermissionError:
        told = None
    lines = {line.sim: line.why for line in told.lines if line.sim} if told else None
    forecaster = Forecaster(Outbox(here.database), Sims(here.database), rules_of(here.settings), here.clock, lines)
    return forecaster.of(message_id)


def sentences(outlook: Outlook, zone: tzinfo, now: datetime) -> list[str]:
    """A sentence for each thing that keeps it back; the last one says when it may leave, where that is known."""
    found = [_sentence(one, zone, now) for one in outlook.hindrances]
    if not found and outlook.ahead:
        many = "many" if outlook.ahead == AHEAD_COUNTED else str(outlook.ahead)
        found.append(f"it waits its turn: {many} go before it")
    if outlook.hindrances and outlook.leaves_at not in (None, outlook.opens_at):
        found.append(f"it may leave {when(outlook.leaves_at, zone, now)} ({zone})")
    if outlook.in_vain and outlook.ends_at is not None:
        found.append(f"but it expires before that, {when(outlook.ends_at, zone, now)}, and will not be sent")
    return found


def as_json(outlook: Outlook | None) -> dict[str, object] | None:
    """The outlook for scripts; None for a message that does not wait."""
    if outlook is None:
        return None
    return {
        "opens_at": output.rfc3339(outlook.opens_at),
        "leaves_at": output.rfc3339(outlook.leaves_at),
        "expires_at": output.rfc3339(outlook.ends_at),
        "because": [
            {"why": one.why, "what": one.what or None, "until": output.rfc3339(one.until)} for one in outlook.hindrances
        ],
    }


def _sentence(one: Hindrance, zone: tzinfo, now: datetime) -> str:
    at = when(one.until, zone, now).removeprefix("on ") if one.until is not None else "a time that nobody knows"
    until = f" until {at}" if one.until is not None else ""
    if "per_" in one.why:
        pattern = _PEOPLE if one.why.startswith("recipients") else _LIMIT
        return pattern.format(what=one.what, limit=one.why, when=until)
    if one.why not in _SENTENCES:
        return f"SIM {one.what}: {states.sentence(one.why)}"
    return _SENTENCES[one.why].format(
        what=one.what,
        when=until,
        at=at,
        because=f" ({one.what})" if one.what else "",
        by=_HELD_BY.get(one.what, ""),
        begin=f"{when(one.until, zone, now)} ({zone})" if one.until is not None else "never: no day is in them",
    )


def when(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """`today at 20:00`, `tomorrow at 08:00`, `on Monday 30 November at 08:00`, in local time."""
    there, today = moment.astimezone(zone), now.astimezone(zone).date()
    hour = f"{there:%H:%M}"
    if there.date() == today:
        return f"today at {hour}"
    if there.date() == today + timedelta(days=1):
        return f"tomorrow at {hour}"
    year = "" if there.year == today.year else f" {there.year}"
    return f"on {there:%A} {there.day} {there:%B}{year} at {hour}"
