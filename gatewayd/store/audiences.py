"""The people of a campaign: the contacts of its segment, or the rows of its list, a page at a time, with what the gate
asks of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.consent import GateFacts
from gatewayd.domain.field import Value
from gatewayd.domain.segment import Moment, Segment
from gatewayd.store import people, segments
from gatewayd.store.campaigns import Campaign
from gatewayd.store.engine import Database
from gatewayd.store.schema import campaign_rows, contacts

_k = contacts.c


@dataclass(frozen=True, slots=True)
class Addressee:
    """A person of the audience: `place` orders it; `refusal`: why this purpose may not write to him now."""

    place: int
    number: str
    fields: Mapping[str, Value]
    refusal: str


class Audiences:
    """Reads them; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        campaign: Campaign,
        segment: Segment | None,
        moment: Moment,
        allows: Callable[[Connection, str, GateFacts], str],
        *,
        after: int,
        limit: int,
    ) -> Sequence[Addressee]:
        """The next persons behind a place; `allows` says why the gate refuses one, "" where it does not."""
        query = self._of_segment(segment, moment, campaign) if segment is not None else self._of_rows(campaign)
        with self._database.read() as connection:
            rows = connection.execute(query, {"after": after, "most": limit}).all()
            return [
                Addressee(
                    row.place,
                    row.number,
                    fields_of(row) | dict(row.own or {}),
                    row.reason or allows(connection, row.number, GateFacts(bool(row.opted_out), row.agreed_at)),
                )
                for row in rows
            ]

    def size(self, campaign: Campaign, segment: Segment | None, moment: Moment) -> int:
        """How many persons, refused ones included."""
        if segment is not None:
            return self.count(segment, moment)
        query = sa.select(sa.func.count()).where(campaign_rows.c.campaign_id == campaign.id)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def count(self, segment: Segment, moment: Moment) -> int:
        """How many contacts are in a segment."""
        query = sa.select(sa.func.count()).select_from(contacts).where(segments.condition(segment, moment))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def members(self, segment: Segment, moment: Moment, limit: int) -> Sequence[tuple[str, str]]:
        """Number and name of the first contacts in a segment."""
        query = sa.select(_k.number, _k.given_name, _k.family_name).where(segments.condition(segment, moment))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_k.id).limit(limit))
            return [(row.number, f"{row.given_name} {row.family_name}".strip()) for row in rows]

    def _of_segment(self, segment: Segment, moment: Moment, campaign: Campaign) -> sa.Select[Any]:
        asked = people.gate_facts(_k.number, sa.literal(campaign.purpose), sa.null())
        return (
            sa.select(
                _k.id.label("place"), _k.number, _k.given_name, _k.family_name, _k.language, _k.fields,
                sa.null().label("own"), sa.literal("").label("reason"), *asked,
            )
            .where(_k.id > sa.bindparam("after"), segments.condition(segment, moment))
            .order_by(_k.id)
            .limit(sa.bindparam("most", type_=sa.Integer))
        )  # fmt: skip

    def _of_rows(self, campaign: Campaign) -> sa.Select[Any]:
        r = campaign_rows.c
        asked = people.gate_facts(r.number, sa.literal(campaign.purpose), sa.null())
        return (
            sa.select(
                r.row_number.label("place"), r.number, _k.given_name, _k.family_name, _k.language, _k.fields,
                r.fields.label("own"), r.reason, *asked,
            )
            .select_from(campaign_rows.outerjoin(contacts, sa.and_(_k.number == r.number, r.reason == "")))
            .where(r.campaign_id == campaign.id, r.row_number > sa.bindparam("after"))
            .order_by(r.row_number)
            .limit(sa.bindparam("most", type_=sa.Integer))
        )  # fmt: skip

    def numbers(self, campaign: Campaign) -> set[str]:
        """Whose number may not stand in somebody else's text: all contacts', and those of its list."""
        r = campaign_rows.c
        listed = sa.select(r.number).where(r.campaign_id == campaign.id, r.reason == "")
        with self._database.read() as connection:
            return set(connection.execute(sa.union(sa.select(_k.number), listed)).scalars())


def fields_of(person: Any) -> dict[str, Value]:
    """What is known of a contact, or of a row that has its columns; what is empty is left out."""
    own = {"given_name": person.given_name, "family_name": person.family_name, "language": person.language}
    return {name: value for name, value in own.items() if value} | dict(person.fields or {})
