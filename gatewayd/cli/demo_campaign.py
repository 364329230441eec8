"""The second half of `gatewayd demo`: a campaign to some of the members, explained, agreed to, sent and reported."""

from __future__ import annotations

import time
from collections.abc import Sequence

from gatewayd.cli import campaign_figures, campaign_views, output
from gatewayd.clock import Clock
from gatewayd.config import Settings
from gatewayd.daemon.gateway import Gateway
from gatewayd.daemon.rules import house_of
from gatewayd.domain.campaign import Audience, CampaignState
from gatewayd.errors import ModemBusy
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.explaining import explain
from gatewayd.services.reporting import report
from gatewayd.store import contacts
from gatewayd.store.campaigns import Campaigns, NewCampaign
from gatewayd.store.contacts import Person

NAME = "plantations"
SEGMENT = "parcelle <= 24"
_TEXT = "Bonjour {{ prenom }}, vos plants pour la parcelle {{ parcelle }} sont arrivés."
_LOOK = 0.1


def run(gateway: Gateway, settings: Settings, clock: Clock, people: Sequence[Person], purpose: str) -> None:
    """One campaign, from its draft to its report. ModemBusy: it did not come to its end in time."""
    house, store = house_of(settings), Campaigns(gateway.database)
    desk = CampaignDesk(gateway.database, house, clock)
    gateway.database.write(lambda connection: contacts.write(connection, people, [], "demo", clock.utc_now()))
    new = NewCampaign(NAME, purpose, _TEXT, Audience.SEGMENT, SEGMENT, "", 5, "camille")
    campaign = desk.create(new)
    output.say("")
    output.say(f"A campaign to the contacts of the segment `{SEGMENT}`, explained before it is sent:", style="bold")
    language = settings.organisation.language
    campaign_views.print_explanation(
        explain(gateway.database, house, campaign, clock, sample=2), settings.timezone, language
    )
    desk.skip_test(NAME, "camille", "a demo")
    desk.approve(NAME, "dominique")
    desk.start(NAME, "camille")
    output.say("")
    output.say("It was written by camille, agreed to by dominique, and started:", style="bold")
    _watch(store, clock)
    found = report(gateway.database, house, store.get(NAME))
    campaign_figures.print_report(found, settings.timezone, language)


def _watch(store: Campaigns, clock: Clock, longest: float = 40.0) -> None:
    deadline = clock.monotonic() + longest
    while (campaign := store.get(NAME)).state is not CampaignState.FINISHED:
        if clock.monotonic() > deadline:
            raise ModemBusy(f"after {longest:.0f} seconds the campaign is still {campaign.state} {campaign.reason}")
        time.sleep(_LOOK)
