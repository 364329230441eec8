"""What the database itself refuses, whoever asks: raw SQL against each rule."""

from __future__ import annotations

import pytest

from gatewayd.domain.message import INITIAL_STATES, TRANSITIONS, MessageState, Outcome
from gatewayd.errors import StoreError, TransitionError
from gatewayd.store.engine import Database

MESSAGE = (
    "INSERT INTO messages"
    " (recipient, purpose, feed, pool, priority, state, text, alphabet, parts, ready, created_at{more})"
    " VALUES ('+33639980001', 'p', 'f', 'default', 5, '{state}', 't', 'gsm7', {parts}, 1, 1{values})"
)
SIM = (
    "INSERT INTO sims (id, iccid, imsi, name, pool, imei, port, seen_at)"
    " VALUES (1, '8933', '208', 's', 'default', '', '', 1)"
)
OPT_OUT = "INSERT INTO optouts (recipient, origin, recorded_by, recorded_at) VALUES ('+33639980001', 'o', 'b', 1)"
ATTEMPT = "INSERT INTO attempts (message_id, part, sim_id, begun_at) VALUES (1, 1, 1, 1)"
BEGUN_ENDED = (
    "INSERT INTO attempts (message_id, part, sim_id, begun_at, outcome, ended_at) VALUES (1, 1, 1, 1, 'refused', 1)"
)
EVERY_PAIR = [(present, following) for present in MessageState for following in MessageState]


def run(database: Database, *statements: str) -> None:
    def each(connection: object) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)  # type: ignore[attr-defined]  # a Connection

    database.write(each)


def message(state: str = "queued", parts: int = 1, more: str = "", values: str = "") -> str:
    return MESSAGE.format(state=state, parts=parts, more=more, values=values)


def change(state: MessageState) -> str:
    lease = "'x'" if state is MessageState.SENDING else "NULL"
    return f"UPDATE messages SET state = '{state}', lease = {lease} WHERE id = 1"  # noqa: S608  (words of the enum)


def way_to(goal: MessageState) -> list[MessageState]:
    """The shortest legal way from a beginning."""
    ways: dict[MessageState, list[MessageState]] = {beginning: [beginning] for beginning in sorted(INITIAL_STATES)}
    while goal not in ways:
        for at, way in list(ways.items()):
            for step in sorted(TRANSITIONS[at]):
                ways.setdefault(step, [*way, step])
    return ways[goal]


@pytest.mark.parametrize(("present", "following"), EVERY_PAIR)
def test_every_pair_of_states(database: Database, present: MessageState, following: MessageState) -> None:
    beginning, *steps = way_to(present)
    run(database, message(beginning), *(change(step) for step in steps))
    if following is present or following in TRANSITIONS[present]:
        run(database, change(following))
    else:
        with pytest.raises(TransitionError):
            run(database, change(following))


@pytest.mark.parametrize("state", MessageState)
def test_where_a_message_may_begin(database: Database, state: MessageState) -> None:
    if state in INITIAL_STATES:
        run(database, message(state))
    else:
        with pytest.raises(TransitionError):
            run(database, message(state))


CONSENT = (
    "INSERT INTO consents (id, recipient, purpose, given, method, recorded_by, recorded_at)"
    " VALUES (1, '+33639980001', 'p', {given}, 'paper', 'b', 1)"
)
WORDING = (
    "INSERT INTO wordings (id, purpose, version, language, text, sha256, recorded_at)"
    " VALUES (1, 'p', '1', 'fr', '{text}', '{text}', 1)"
)


@pytest.mark.parametrize(
    ("table", "row", "another"),
    [
        ("consents", CONSENT.format(given=0), CONSENT.format(given=1)),
        ("wordings", WORDING.format(text="a"), WORDING.format(text="b")),
    ],
)
def test_what_was_said_is_not_replaced(database: Database, table: str, row: str, another: str) -> None:
    run(database, row)
    with pytest.raises(StoreError, match=f"{table} are kept"):
        run(database, another.replace("INSERT", "INSERT OR REPLACE"))


def test_replacing_a_row_does_not_pass_by_the_triggers(database: Database) -> None:
    run(database, SIM, message(), change(MessageState.SENDING), ATTEMPT)
    with pytest.raises(StoreError, match="attempts are kept"):
        run(database, ATTEMPT.replace("INSERT", "INSERT OR REPLACE").replace("(message_id", "(id, message_id")
            .replace("VALUES (1", "VALUES (1, 1"))  # fmt: skip


REFUSED = {
    "an unknown word for a state": [message("lost")],
    "no part": [message(parts=0)],
    "a long message without a reference": [message(parts=2)],
    "a reference of 17 bits": [message(parts=2, more=", concat_reference", values=", 65536")],
    "a lease without sending": [message(more=", lease", values=", 'x'")],
    "sending without a lease": [message(), "UPDATE messages SET state = 'sending'"],
    "a row of no batch": [message(more=", row_number", values=", 1")],
    "an attempt of no message": [SIM, ATTEMPT],
    "a second running attempt": [SIM, message(), ATTEMPT, ATTEMPT],
    "an attempt begun with an outcome": [SIM, message(), BEGUN_ENDED],
    "sent and never on the wire": [SIM, message(), ATTEMPT, "UPDATE attempts SET outcome = 'sent', ended_at = 1"],
    "unknown and never on the wire": [SIM, message(), ATTEMPT, "UPDATE attempts SET outcome = 'unknown', ended_at = 1"],
    "an outcome at no time": [SIM, message(), ATTEMPT, "UPDATE attempts SET outcome = 'refused'"],
    "another word for an outcome": [SIM, message(), ATTEMPT, "UPDATE attempts SET outcome = 'maybe', ended_at = 1"],
    "a mark made twice": [SIM, message(), ATTEMPT, *["UPDATE attempts SET on_wire_at = 1"] * 2],
    "a mark after the end": [
        SIM, message(), ATTEMPT, "UPDATE attempts SET outcome = 'refused', ended_at = 1",
        "UPDATE attempts SET on_wire_at = 1",
    ],
    "a second opt-out at once": [OPT_OUT, OPT_OUT],
    "an attempt deleted": [SIM, message(), ATTEMPT, "DELETE FROM attempts"],
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(database: Database, what: str) -> None:
    *before, last = REFUSED[what]
    run(database, *before)
    with pytest.raises(StoreError):
        run(database, last)


ON_WIRE = "UPDATE attempts SET on_wire_at = 2"


@pytest.mark.parametrize("following", [*Outcome, None])
@pytest.mark.parametrize("present", Outcome)
def test_only_unknown_is_resolved(database: Database, present: Outcome, following: Outcome | None) -> None:
    end = "UPDATE attempts SET outcome = {}, ended_at = {}"
    run(database, SIM, message(), ATTEMPT, ON_WIRE, end.format(f"'{present}'", 3))
    resolve = end.format(f"'{following}'", 4) if following is not None else end.format("NULL", "NULL")
    if present is Outcome.UNKNOWN and following is not None:
        run(database, resolve)
    else:
        with pytest.raises(StoreError, match="an outcome is not taken back"):
            run(database, resolve)


def test_a_part_is_sent_once(database: Database) -> None:
    run(database, SIM, message(), ATTEMPT, ON_WIRE, "UPDATE attempts SET outcome = 'sent', ended_at = 3")
    with pytest.raises(StoreError, match="this part is sent already"):
        run(database, ATTEMPT)


def test_an_id_is_never_given_again(database: Database) -> None:
    run(database, message(), "DELETE FROM messages", message())
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT id FROM messages").scalar_one() == 2


def test_the_counts_are_those_of_the_rows(database: Database) -> None:
    run(database, *[message()] * 3, message("held"), "UPDATE messages SET state = 'canceled' WHERE id < 3")
    run(database, "DELETE FROM messages WHERE id = 1")
    with database.read() as connection:
        kept = connection.exec_driver_sql("SELECT state, total FROM message_counts WHERE total <> 0 ORDER BY 1").all()
        there = connection.exec_driver_sql("SELECT state, count(*) FROM messages GROUP BY 1 ORDER BY 1").all()
    assert kept == there
