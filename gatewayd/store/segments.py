"""A segment as a condition over the contacts: the same question as `domain.segment.matches`, asked of the database.

Words and names are bound parameters, names of fields among them; nothing of a segment becomes SQL. One pass over the
contacts answers it, whatever is asked.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gatewayd.domain.segment import (
    AllOf,
    Among,
    Anniversary,
    AnyOf,
    Compare,
    Comparison,
    Empty,
    Fact,
    Known,
    Moment,
    Not,
    Operand,
    Segment,
    Today,
    anniversaries,
    comparable,
)
from gatewayd.store.schema import campaign_recipients, campaigns, consents, contacts, incoming, optouts, sim_recipients

_DAY = "-".join("[0-9]" * digits for digits in (4, 2, 2))
_OWN = ("given_name", "family_name", "language")


def condition(segment: Segment, moment: Moment) -> sa.ColumnElement[bool]:
    """Which contacts are in the segment at this moment."""
    match segment:
        case AllOf(conditions):
            return sa.and_(*(condition(one, moment) for one in conditions))
        case AnyOf(conditions):
            return sa.or_(*(condition(one, moment) for one in conditions))
        case Not(one):
            return sa.not_(condition(one, moment).self_group())
        case Known():
            return _known(segment, moment)
        case Empty(field):
            return _held(field).is_(None)
        case _:
            held = _held(segment.field)
            # Said of an empty field, each of these is false and never unknown: `not` then is the contrary.
            return sa.and_(held.is_not(None), _of_kind(segment, held), _of_field(segment, held, moment))


def _of_kind(asked: Compare | Among | Anniversary, held: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a field holds something of the kind that it is compared with; of one kind are all that it is among."""
    if asked.field in _OWN:
        return sa.true()
    path = sa.literal(f'$."{asked.field}"')
    kind = sa.func.json_type(sa.type_coerce(contacts.c.fields, sa.Text), path)
    operand = asked.value if isinstance(asked, Compare) else asked.values[0] if isinstance(asked, Among) else Today()
    match operand:
        case bool():
            return kind.in_(("true", "false"))
        case int() | float():
            return kind.in_(("integer", "real"))
        case str():
            return kind == "text"
        case _:
            return sa.and_(kind == "text", held.op("GLOB")(_DAY))


def _held(field: str) -> sa.ColumnElement[Any]:
    """What a contact has in a field; NULL where it is empty."""
    if field in _OWN:
        return sa.func.nullif(contacts.c[field], "")
    return sa.func.json_extract(sa.type_coerce(contacts.c.fields, sa.Text), f'$."{field}"')


def _of_field(
    asked: Compare | Among | Anniversary, held: sa.ColumnElement[Any], moment: Moment
) -> sa.ColumnElement[bool]:
    match asked:
        case Compare(_, comparison, operand):
            return _compare(comparison, _as(operand, held), sa.literal(comparable(operand, moment)))
        case Among(_, operands):
            return sa.or_(*(_as(one, held) == sa.literal(comparable(one, moment)) for one in operands))
        case Anniversary():
            return sa.func.substr(held, 6).in_(sorted(anniversaries(moment.today)))


def _as(operand: Operand, held: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Words are compared as `domain.field.fold` writes them: a function that our connections have."""
    return sa.func.fold(held) if isinstance(operand, str) else held


def _compare(
    comparison: Comparison, held: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    match comparison:
        case Comparison.CONTAINS:
            return sa.func.instr(held, value) > 0
        case Comparison.BEGINS:
            return sa.func.substr(held, 1, sa.func.length(value)) == value
        case _:
            return held.op(comparison.value, is_comparison=True)(value)


def _known(known: Known, moment: Moment) -> sa.ColumnElement[bool]:
    number = contacts.c.number
    since = moment.since(known.length) if known.length is not None else None
    match known.fact:
        case Fact.CONSENTED:
            said = consents.c.recipient == number, consents.c.purpose == known.name
            latest = (
                sa.select(consents.c.given).where(*said).order_by(consents.c.agreed_at.desc(), consents.c.id.desc())
            )
            return sa.func.coalesce(latest.limit(1).correlate(contacts).scalar_subquery(), sa.false())
        case Fact.OPTED_OUT:
            return sa.exists().where(optouts.c.recipient == number, optouts.c.lifted_at.is_(None)).correlate(contacts)
        case Fact.WRITTEN_SINCE:
            met = sim_recipients.c
            return sa.exists().where(met.recipient == number, met.last_at >= since).correlate(contacts)
        case Fact.REPLIED_SINCE:
            heard = incoming.c
            return sa.exists().where(heard.sender == number, heard.received_at >= since).correlate(contacts)
        case Fact.RECEIVED:
            got, named = campaign_recipients.c, sa.select(campaigns.c.id).where(campaigns.c.name == known.name)
            whom = got.campaign_id == named.scalar_subquery(), got.recipient == number
            return sa.exists().where(*whom, got.run > 0, got.message_id.is_not(None)).correlate(contacts)
