"""Contacts: written as planned or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gatewayd.errors import StoreError
from gatewayd.store import contacts as store
from gatewayd.store.contacts import Contact, Contacts, Person
from gatewayd.store.engine import Database
from tests.store.conftest import NOW

ZOE = Person("+33639980001", "Zoé", "Léger", "fr", {"ville": "Lyon", "montant": 12.5, "benevole": True})
LEO = Person("+33639980002", "Léo")


def write(database: Database, new: list[Person], changed: list[tuple[Contact, Person]], at: int = 0) -> None:
    database.write(lambda one: store.write(one, new, changed, "list.csv", NOW + timedelta(seconds=at)))


def test_what_is_written_comes_back(database: Database) -> None:
    write(database, [ZOE, LEO], [])
    contacts = Contacts(database)
    found = contacts.get(ZOE.number)
    assert found is not None
    assert (found.given_name, found.fields, found.source, found.created_at) == ("Zoé", ZOE.fields, "list.csv", NOW)
    assert [one.number for one in contacts.list(10)] == [LEO.number, ZOE.number]
    assert contacts.get("+33639980009") is None
    assert set(contacts.known([f"+3363998{n:04d}" for n in range(2000)])) == {ZOE.number, LEO.number}


def test_a_second_writer_is_refused_and_changes_nothing(database: Database) -> None:
    write(database, [ZOE], [])
    old = Contacts(database).known([ZOE.number])[ZOE.number]
    write(database, [], [(old, replace(ZOE, given_name="Zoë"))])
    with pytest.raises(StoreError, match="meanwhile"):
        write(database, [LEO], [(old, replace(ZOE, given_name="Zo"))], at=5)
    with pytest.raises(StoreError, match="meanwhile"):
        write(database, [replace(ZOE, given_name="Zo"), LEO], [])
    assert [one.given_name for one in Contacts(database).list(10)] == ["Zoë"]


def test_a_clock_that_went_back_hides_no_change(database: Database) -> None:
    write(database, [ZOE], [])
    first = Contacts(database).known([ZOE.number])[ZOE.number]
    write(database, [], [(first, replace(ZOE, given_name="Zoë"))], at=-3600)
    with pytest.raises(StoreError):
        write(database, [], [(first, replace(ZOE, given_name="Zo"))])
