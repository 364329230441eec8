"""What the database holds the receiving half to: each PDU once, and one way past an opt-out, which is no hole."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from gatewayd.errors import StoreError
from gatewayd.store import people as people_module
from gatewayd.store import schema
from gatewayd.store.engine import Database
from gatewayd.store.inbox import MESSAGE, Answer, Inbox, NewArrival
from gatewayd.store.people import People
from tests.store.conftest import NOW

WHO, OTHER = "+33639980001", "+33639980002"


def arrival(sim_id: int, fingerprint: bytes = b"1") -> NewArrival:
    return NewArrival(sim_id, fingerprint, "00", MESSAGE, NOW, WHO)


def answer(sim_id: int, recipient: str, confirms: int | None) -> Answer:
    return Answer(recipient, sim_id, "@answer", 0, "Noté", "gsm7", 1, None, NOW, NOW + timedelta(days=1), confirms)


def opt_out(database: Database, recipient: str = WHO) -> int:
    return database.write(lambda connection: people_module.opt_out(connection, recipient, "sms", "recipient", NOW).id)


def test_a_pdu_is_kept_once_for_each_sim(database: Database, sim_id: int) -> None:
    inbox = Inbox(database)
    assert inbox.keep([arrival(sim_id), arrival(sim_id), arrival(sim_id, b"2")]) == 2
    assert inbox.keep([arrival(sim_id)]) == 0
    assert len(inbox.new(MESSAGE, 10)) == 2


def test_an_opt_out_is_confirmed_once(database: Database, sim_id: int) -> None:
    inbox, optout = Inbox(database), opt_out(database)
    database.write(lambda connection: inbox.answer(connection, answer(sim_id, WHO, optout)))
    with pytest.raises(StoreError):
        database.write(lambda connection: inbox.answer(connection, answer(sim_id, WHO, optout)))


def test_a_confirmation_goes_to_nobody_else(database: Database, sim_id: int) -> None:
    inbox, optout = Inbox(database), opt_out(database)
    opt_out(database, OTHER)
    with pytest.raises(StoreError, match="somebody else"):
        database.write(lambda connection: inbox.answer(connection, answer(sim_id, OTHER, optout)))


def test_no_message_becomes_a_confirmation(database: Database, sim_id: int) -> None:
    inbox, optout = Inbox(database), opt_out(database)
    plain = database.write(lambda connection: inbox.answer(connection, answer(sim_id, WHO, None)))
    change = sa.update(schema.messages).where(schema.messages.c.id == plain).values(confirms=optout)
    with pytest.raises(StoreError, match="does not become"):
        database.write(lambda connection: connection.execute(change))


def facts_of(database: Database, message: int) -> tuple[object, ...]:
    m = schema.messages.c
    query = sa.select(*people_module.gate_facts(m.recipient, m.purpose)).where(m.id == message)
    with database.read() as connection:
        return tuple(connection.execute(query).one())


def test_the_gate_leaves_out_the_opt_out_confirmed_and_no_later_one(
    database: Database, people: People, sim_id: int
) -> None:
    inbox, optout = Inbox(database), opt_out(database)
    confirmation = database.write(lambda connection: inbox.answer(connection, answer(sim_id, WHO, optout)))
    plain = database.write(lambda connection: inbox.answer(connection, answer(sim_id, WHO, None)))
    assert not facts_of(database, confirmation)[0]
    assert facts_of(database, plain)[0]
    lifted = sa.update(schema.optouts).values(lifted_at=NOW)
    database.write(lambda connection: connection.execute(lifted))
    opt_out(database)
    assert facts_of(database, confirmation)[0], "a later opt-out of the same person stops it"
    with database.read() as connection:
        assert people.facts(connection, WHO, "events").opted_out
