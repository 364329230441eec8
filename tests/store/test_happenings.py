"""What happens is noted in the transaction of the fact, by the database itself, and only while somebody is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gatewayd.domain.events import Happening
from gatewayd.domain.text import plan
from gatewayd.services import inheriting
from gatewayd.store import imported
from gatewayd.store.engine import Database
from gatewayd.store.happenings import Happenings, Interest
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.people import People
from gatewayd.store.schema import incoming, telling_triggers
from gatewayd.store.webhooks import Webhooks
from tests.store.conftest import NOW

ALL = Interest(frozenset(Happening))
WHO = "+33639980001"
MADE = plan("Bonjour")
MESSAGE = NewMessage(WHO, "events", "test", "default", 5, "Bonjour", MADE.alphabet, 1, created_at=NOW)


def happened(database: Database) -> list[str]:
    found = Happenings(database)
    found.note(NOW, lambda _connection, _sim: True)
    return [str(one.event) for one in found.following(0, ALL, 100)]


def told(database: Database) -> None:
    Webhooks(database).configure({"app": "https://app.example.org/"})


def test_it_is_noted_or_undone_with_the_fact(database: Database, outbox: Outbox) -> None:
    told(database)

    def accept_and_fail(connection: Connection) -> None:
        outbox.accept(connection, [MESSAGE])
        raise LookupError

    with pytest.raises(LookupError):
        database.write(accept_and_fail)
    assert happened(database) == []
    outbox.accept(None, [MESSAGE, replace(MESSAGE, recipient="+33639980002")])
    assert happened(database) == ["message.queued"] * 2


def test_another_process_that_knows_nothing_of_it_is_heard(
    tmp_path: Path, key: bytes | None, database: Database, outbox: Outbox
) -> None:
    (message,) = outbox.accept(None, [MESSAGE])
    told(database)
    other = Database.open(tmp_path / "gatewayd.db", key=key)
    Outbox(other).cancel(message, NOW)
    People(other).add_optout(WHO, origin="phone", by="Zoé", at=NOW)
    People(other).remove_optout(WHO, by="Zoé", at=NOW)
    other.close()
    assert happened(database) == ["message.canceled", "optout.made", "optout.lifted"]


def test_what_was_brought_in_from_another_gateway_is_history(database: Database, sim_id: int) -> None:
    told(database)
    came = imported.Kept(sim_id, WHO, "STOP", NOW, "opt_out", "certain", "keyword")
    assert inheriting.keep(database, [came], by="Zoé", at=NOW) == 1
    assert happened(database) == []
    now = {"sim_id": sim_id, "sender": WHO, "text": "Oui", "parts": 1, "complete": True, "service_centre": ""}
    now |= {"received_at": NOW, "kind": "other", "tier": "", "rule": "", "review": False}
    database.write(lambda connection: connection.execute(sa.insert(incoming), now))
    assert happened(database) == ["incoming.received"]


def test_the_triggers_are_there_only_while_somebody_is_told(database: Database, outbox: Outbox) -> None:
    def triggers() -> set[str]:
        with database.read() as connection:
            rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
            return {name for name in rows if name.startswith("tell_")}

    assert triggers() == set()
    told(database)
    told(database)
    assert triggers() == telling_triggers().keys()
    database.write(lambda connection: connection.exec_driver_sql("DROP TRIGGER tell_optout"))
    older = "CREATE TRIGGER tell_older AFTER INSERT ON optouts BEGIN SELECT 1; END"
    database.write(lambda connection: connection.exec_driver_sql(older))
    told(database)  # another program's triggers are replaced by this one's
    assert triggers() == telling_triggers().keys()
    outbox.accept(None, [MESSAGE])
    Webhooks(database).configure({})
    assert triggers() == set()
    assert happened(database) == []


def test_a_happening_is_told_only_when_it_was_noted(database: Database, outbox: Outbox) -> None:
    told(database)
    outbox.accept(None, [MESSAGE])
    assert Happenings(database).following(0, ALL, 100) == []
    assert happened(database) == ["message.queued"]


def test_keys_are_never_the_same(database: Database, outbox: Outbox) -> None:
    told(database)
    outbox.accept(None, [MESSAGE] * 500)
    happened(database)
    keys = {one.key for one in Happenings(database).following(0, ALL, 1000)}
    assert len(keys) == 500
    assert all(len(key) == 24 for key in keys)


def test_its_hour_is_the_machines(database: Database, outbox: Outbox) -> None:
    from gatewayd.clock import SystemClock

    told(database)
    before = SystemClock().utc_now()
    outbox.accept(None, [MESSAGE])
    happened(database)
    (one,) = Happenings(database).following(0, ALL, 10)
    second = timedelta(seconds=1)
    assert before - second <= one.at <= SystemClock().utc_now() + second
    assert one.noted_at == NOW
