"""The database finds whom the rule names: random people, random segments, one answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewayd.domain.field import Value
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
    Length,
    Moment,
    Not,
    Person,
    Segment,
    Today,
    Unit,
    matches,
)
from gatewayd.store import segments
from gatewayd.store.engine import Database
from gatewayd.store.people import People
from gatewayd.store.schema import contacts, incoming, sim_recipients
from gatewayd.store.sims import Sims

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
MOMENT = Moment(NOW, TODAY)
WORDS = st.sampled_from(["Lyon", "LYON ", "lyon-sud", "Saint-Étienne", "saint etienne", "%", "_", "l", ""])
DAYS = st.sampled_from(
    [date(2026, 11, 24), date(2026, 11, 25), date(1980, 11, 24), date(2024, 2, 29), date(2026, 2, 28)]
)
NUMBERS = st.sampled_from([0, 1, 2, -3, 2.5, 10**9])
PURPOSES = ("events", "fees")

held: st.SearchStrategy[Mapping[str, Value]] = st.fixed_dictionaries(
    {},
    optional={
        # Fields that were declared otherwise once still hold what was kept then.
        "ville": WORDS.map(str.strip).filter(bool) | st.booleans() | NUMBERS,
        "paye": st.booleans() | NUMBERS | st.just("true"),
        "adhesion": DAYS.map(date.isoformat) | WORDS.filter(bool) | NUMBERS,
        "enfants": NUMBERS | st.booleans() | st.sampled_from(["trente", "5", "2026-11-24"]),
        "given_name": WORDS.map(str.strip).filter(bool),
    },
)
people = st.lists(
    st.builds(
        Person,
        fields=held,
        consents=st.frozensets(st.sampled_from(PURPOSES)),
        opted_out=st.booleans(),
        written_at=st.none() | st.integers(0, 80).map(lambda days: NOW - timedelta(days=days)),
        replied_at=st.none() | st.integers(0, 80).map(lambda days: NOW - timedelta(days=days)),
    ),
    min_size=1,
    max_size=6,
)
lengths = st.builds(Length, st.integers(0, 60), st.sampled_from(Unit))
days = DAYS | st.builds(Today, st.none() | lengths, st.sampled_from([1, -1]))
ordered = st.sampled_from([Comparison.EQUAL, Comparison.LESS, Comparison.AT_MOST, Comparison.MORE, Comparison.AT_LEAST])
texts = st.sampled_from([Comparison.EQUAL, Comparison.CONTAINS, Comparison.BEGINS])
leaves: st.SearchStrategy[Segment] = st.one_of(
    st.builds(Compare, st.sampled_from(["ville", "given_name"]), texts, WORDS),
    st.builds(Compare, st.just("paye"), st.just(Comparison.EQUAL), st.booleans()),
    st.builds(Compare, st.just("adhesion"), ordered, days),
    st.builds(Compare, st.just("enfants"), ordered, NUMBERS),
    st.builds(Among, st.just("ville"), st.lists(WORDS, min_size=1, max_size=3).map(tuple)),
    st.builds(Among, st.just("enfants"), st.lists(NUMBERS, min_size=1, max_size=3).map(tuple)),
    st.builds(Empty, st.sampled_from(["ville", "paye", "adhesion", "enfants", "given_name", "family_name"])),
    st.just(Anniversary("adhesion")),
    st.builds(Known, st.just(Fact.CONSENTED), st.sampled_from(PURPOSES)),
    st.just(Known(Fact.OPTED_OUT)),
    st.builds(Known, st.sampled_from([Fact.WRITTEN_SINCE, Fact.REPLIED_SINCE]), st.just(""), lengths),
)
asked: st.SearchStrategy[Segment] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(AllOf, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=6,
)


def number(index: int) -> str:
    return f"+3363998{index:04d}"


def keep(database: Database, group: list[Person]) -> None:
    """Only these people are in the database."""
    sim = Sims(database).remember(iccid="8933", imsi="1", name="one", pool="default", imei="1", port="p", now=NOW)
    known = People(database)

    def write(connection: sa.Connection) -> None:
        for table in (contacts, sim_recipients, incoming):
            connection.execute(sa.delete(table))
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS consents_kept")
        connection.exec_driver_sql("DELETE FROM consents")
        connection.exec_driver_sql("DELETE FROM optouts")
        for index, person in enumerate(group):
            own = {"given_name": person.fields.get("given_name", "")}
            fields = {name: value for name, value in person.fields.items() if name not in own}
            row = {"number": number(index), **own, "fields": fields, "source": "", "created_at": NOW, "updated_at": NOW}
            connection.execute(sa.insert(contacts), row)
            if person.written_at is not None:
                met = {"sim_id": sim, "recipient": number(index), "first_at": person.written_at}
                connection.execute(sa.insert(sim_recipients), {**met, "last_at": person.written_at})
            if person.replied_at is not None:
                heard = {"sim_id": sim, "sender": number(index), "text": "", "parts": 1, "complete": True}
                read = {"kind": "other", "tier": "", "rule": "", "review": False, "service_centre": ""}
                connection.execute(sa.insert(incoming), {**heard, **read, "received_at": person.replied_at})

    database.write(write)
    for index, person in enumerate(group):
        for purpose in PURPOSES:
            given = purpose in person.consents
            known.record_consent(number(index), purpose, method="paper", recorded_by="a", at=NOW)
            if not given:
                later = NOW + timedelta(seconds=1)
                known.record_consent(number(index), purpose, method="paper", recorded_by="a", at=later, given=False)
        if person.opted_out:
            known.add_optout(number(index), origin="by hand", by="a", at=NOW)


def found(database: Database, segment: Segment) -> list[str]:
    query = sa.select(contacts.c.number).where(segments.condition(segment, MOMENT)).order_by(contacts.c.id)
    with database.read() as connection:
        return list(connection.execute(query).scalars())


@pytest.fixture
def key() -> bytes | None:
    """The plain engine: what is asked here is SQL."""
    return None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(group=people, questions=st.lists(asked, min_size=10, max_size=30))
def test_the_database_answers_as_the_rule_does(
    database: Database, group: list[Person], questions: list[Segment]
) -> None:
    keep(database, group)
    for segment in questions:
        wanted = [number(index) for index, person in enumerate(group) if matches(segment, person, MOMENT)]
        assert found(database, segment) == wanted, segment


@pytest.mark.parametrize("words", ["' OR 1=1 --", '"', "%", "\\", "ø"])
def test_words_are_only_words(database: Database, words: str) -> None:
    keep(database, [Person({"ville": "Lyon"}), Person({"ville": words})])
    assert found(database, Compare("ville", Comparison.EQUAL, words)) == [number(1)]


def test_the_key_of_the_file_makes_no_difference(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "sealed.db", key=bytes(32))
    keep(database, [Person({"ville": "Saint-Étienne"})])
    assert found(database, Compare("ville", Comparison.EQUAL, "SAINT-ETIENNE")) == [number(0)]
    database.close()
