"""What became of a campaign: who got it, what failed and why, who left, what it cost; and that nobody saw anybody.

That is looked at again, and not only believed: each message has one number, that of the person for whom the campaign
made it, and no text holds the number of another recipient. The PDUs are not kept: each is read back before it goes
(`services/encoding.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gatewayd.domain.confidential import Confidential
from gatewayd.domain.message import MessageState
from gatewayd.services.audience import House
from gatewayd.store.campaign_figures import Figures, Group
from gatewayd.store.campaigns import Campaign
from gatewayd.store.engine import Database

_S = MessageState
SENT = frozenset({_S.SENT, _S.DELIVERED, _S.UNDELIVERED})


@dataclass(slots=True)
class SimFigures:
    """What one SIM did."""

    name: str
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    parts: int = 0
    price: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The figures. `parts` are those sent; `cost` is None where a SIM has no price.

    submissions, submitted   SMS given to the network, and of how many messages
    strays                   messages that are not those of one person of the audience
    betrayed                 texts that hold the number of another recipient
    """

    campaign: Campaign
    accepted: int
    states: Counter[MessageState]
    causes: Counter[str]
    blocked: Counter[str]
    left_out: dict[str, int]
    optouts: int
    replies: int
    parts: int
    cost: float | None
    sims: Sequence[SimFigures]
    hours: Sequence[tuple[datetime, int]] = field(default=())
    submissions: int = 0
    submitted: int = 0
    strays: int = 0
    betrayed: int = 0

    @property
    def sent(self) -> int:
        """Those that the network took, whatever became of them then."""
        return sum(self.states[state] for state in SENT)

    @property
    def optout_percent(self) -> float:
        """Of those who got it."""
        return round(100 * self.optouts / self.sent, 1) if self.sent else 0.0

    @property
    def confidential(self) -> bool:
        """Whether nobody could see anybody."""
        return not self.betrayed and not self.strays


def report(database: Database, house: House, campaign: Campaign) -> Report:
    """What became of a campaign, as it stands now."""
    figures = Figures(database)
    groups = figures.groups(campaign)
    states: Counter[MessageState] = Counter()
    for group in groups:
        states[group.state] += group.messages
    by_sim = _by_sim(groups, house)
    prices = [sim.price for sim in by_sim if sim.parts]
    submissions, submitted = figures.submissions(campaign)
    cost = None if None in prices else round(sum(price for price in prices if price is not None), 2)
    return Report(
        campaign=campaign,
        accepted=sum(states.values()),
        states=states,
        causes=_reasons(groups, {_S.FAILED}),
        blocked=_reasons(groups, {_S.BLOCKED}),
        left_out=figures.left_out(campaign),
        optouts=figures.optouts(campaign),
        replies=figures.replies(campaign),
        parts=sum(sim.parts for sim in by_sim),
        cost=cost,
        sims=by_sim,
        hours=figures.by_hour(campaign),
        submissions=submissions,
        submitted=submitted,
        strays=figures.strays(campaign),
        betrayed=_betrayed(figures, campaign),
    )


def _betrayed(figures: Figures, campaign: Campaign) -> int:
    """Texts that hold the number of another recipient."""
    others = Confidential(campaign.template)
    for recipient, _ in figures.texts(campaign):
        others.learn(recipient, ())
    return sum(1 for recipient, text in figures.texts(campaign) if others.fault(text, recipient, {}))


def _reasons(groups: Sequence[Group], states: set[MessageState]) -> Counter[str]:
    found: Counter[str] = Counter()
    for group in groups:
        if group.state in states:
            found[group.reason] += group.messages
    return found


def _by_sim(groups: Sequence[Group], house: House) -> list[SimFigures]:
    found: dict[str, SimFigures] = {}
    for group in groups:
        if not group.sim or group.state not in SENT | {_S.FAILED}:
            continue
        sim = found.setdefault(group.sim, SimFigures(group.sim))
        if group.state is _S.FAILED:
            sim.failed += group.messages
            continue
        sim.sent += group.messages
        sim.parts += group.parts
        sim.delivered += group.messages if group.state is _S.DELIVERED else 0
        each = house.sending.settings_of(group.iccid, group.imsi).price_per_sms
        sim.price = None if each is None else round(each * sim.parts, 4)
    return sorted(found.values(), key=lambda sim: sim.name)
