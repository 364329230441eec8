"""A world with contacts and campaigns: the office's verbs, and the ticks, all turned by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatewayd.domain.campaign import Audience, CampaignRules
from gatewayd.domain.field import Field, FieldType, Value
from gatewayd.domain.lint import Sender
from gatewayd.domain.purpose import Basis, Hours, MessageClass, Purpose
from gatewayd.services.audience import House
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.explaining import Explanation, explain
from gatewayd.services.intake import NumberRules
from gatewayd.services.releasing import CampaignRunner
from gatewayd.store import contacts
from gatewayd.store.campaigns import AudienceRow, Campaign, Campaigns, NewCampaign
from gatewayd.store.contacts import Contacts, Person
from tests.scenarios.receiving import ReceivingWorld
from tests.scenarios.world import number

INFO = Purpose("info", "Informations", Basis.CONSENT, footer="Amicale des Jardins. STOP : répondez STOP, CONTACT")
DAY = Purpose("day", "De jour", Basis.CONTRACT, hours=Hours(frozenset(range(1, 7))))
SALE = Purpose("sale", "Vente", Basis.CONTRACT, MessageClass.MARKETING)
FIELDS = {
    "ville": Field("ville", FieldType.TEXT, "où"),
    "paye": Field("paye", FieldType.BOOLEAN, "cotisation"),
    "naissance": Field("naissance", FieldType.DATE, "anniversaire"),
}
TEXT = "Bonjour {{ prenom }}, la réunion est à {{ ville }}."


class CampaigningWorld(ReceivingWorld):
    """`person` makes a contact who agreed; `create` a draft for all of them; `tick` what time moves."""

    def __init__(self, directory: Path, *names: str, rules: CampaignRules | None = None, **how: Any) -> None:
        how.setdefault("purposes", (INFO, DAY, SALE))
        self.campaign_rules = rules or CampaignRules(trusted_numbers=(number(98), number(99)))
        super().__init__(directory, *names, **how)

    def open_store(self) -> None:
        super().open_store()
        sender = Sender("Amicale des Jardins", "rgpd@example.org", "https://example.org/donnees")
        self.house = House(
            sender, self.rules, NumberRules("FR"), FIELDS, {"lyon": 'ville = "Lyon"'}, self.campaign_rules
        )
        self.campaigns, self.contacts = Campaigns(self.db), Contacts(self.db)
        self.desk = CampaignDesk(self.db, self.house, self.clock)
        self.runner = CampaignRunner(self.db, self.house, self.clock, queued=self.wake)

    def person(self, n: int, *, agreed: bool = True, given_name: str = "Anne", **fields: Value) -> str:
        who = number(n)
        known: Mapping[str, Value] = {"ville": "Lyon"} | fields
        kept = Person(who, given_name, fields={name: value for name, value in known.items() if value != ""})
        self.db.write(lambda connection: contacts.write(connection, [kept], [], "test", self.clock.utc_now()))
        if agreed:
            self.people.record_consent(who, "info", method="paper", recorded_by="t", at=self.clock.utc_now())
        return who

    def create(self, name: str = "reunion", *rows: AudienceRow, **how: Any) -> Campaign:
        new = NewCampaign(name, "info", TEXT, Audience.SEGMENT, 'ville = "Lyon"', "", 5, "camille")
        if rows:
            new = replace(new, audience_kind=Audience.FILE, audience="membres.csv")
        return self.desk.create(replace(new, **how), rows)

    def let_go(self, name: str = "reunion", **how: Any) -> Campaign:
        """Created, agreed to, started; and its messages made."""
        self.create(name, **how)
        self.desk.skip_test(name, "camille", "essai")
        self.desk.approve(name, "dominique")
        self.desk.start(name, "camille")
        self.runner.run_once()
        return self.campaigns.get(name)

    def explain(self, name: str = "reunion") -> Explanation:
        return explain(self.db, self.house, self.campaigns.get(name), self.clock)

    def standing(self) -> dict[str, int]:
        """Messages by state; what is sent may have been reported delivered meanwhile."""
        states = self.states()
        sent = states.pop("sent", 0) + states.pop("delivered", 0)
        return states | ({"sent": sent} if sent else {})

    def tick(self, seconds: float = 0.0) -> str:
        """Time passes, lines and campaigns look; the state of the newest campaign."""
        self.clock.advance(seconds)
        self.outbox.promote(self.clock.utc_now())
        self.runner.run_once()
        self.wake()
        self.turn()
        self.runner.run_once()
        return str(self.campaigns.list()[0].state)
