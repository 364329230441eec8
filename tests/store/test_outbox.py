"""The queue over a real database file: the marks, the gate, the lease, what a crash leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from gatewayd.domain.message import MessageState, Outcome
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.errors import Cause, CauseClass, LeaseLost, RefusedByRule, TransitionError
from gatewayd.store import audit
from gatewayd.store.claims import LOOK_AHEAD
from gatewayd.store.engine import Database
from gatewayd.store.outbox import CHORE, Finished, NewMessage, Outbox, Resolution, Wanted, Work
from gatewayd.store.people import People
from tests.store.conftest import NOW

ALICE, BOB = "+33639980001", "+33639980002"
EVENTS = Purpose("events", "Events", Basis.LEGITIMATE_INTEREST)
NEWS = Purpose("news", "News", Basis.CONSENT)
PURPOSES: Mapping[str, Purpose] = {"events": EVENTS, "news": NEWS}
AWAY = Cause("cms:38", CauseClass.NETWORK, "network out of order")


def new(recipient: str = ALICE, *, purpose: str = "events", parts: int = 1, priority: int = 5) -> NewMessage:
    return NewMessage(recipient, purpose, "cli", "default", priority, "Bonjour", "gsm7", parts, NOW)


def wanted(sim_id: int, **changes: object) -> Wanted:
    asked = Wanted(sim_id, "default", PURPOSES, frozenset(), None, 100, False, "g/1/1", 300.0)
    return replace(asked, **changes)  # type: ignore[arg-type]  # the test names the fields


def taken(outbox: Outbox, sim_id: int, **changes: object) -> Work:
    work = outbox.turn(None, wanted(sim_id, **changes), NOW)
    assert work is not None
    return work


def state(outbox: Outbox, message_id: int) -> tuple[MessageState, str]:
    record = outbox.get(message_id)
    assert record is not None
    return record.state, record.reason


def sent(work: Work, reference: int = 7) -> Finished:
    return Finished(work, Outcome.SENT, NOW, reference)


def test_a_message_passes_from_queue_to_sent(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    assert (work.message_id, work.part) == (message_id, 1)
    outbox.mark_on_wire(work, EVENTS, NOW)
    assert outbox.turn(sent(work), wanted(sim_id), NOW) is None
    assert state(outbox, message_id) == (MessageState.SENT, "")
    assert [a.reference for a in outbox.attempts(message_id)] == [7]
    assert outbox.history(sim_id, NOW - timedelta(days=1)) == [(NOW, ALICE)]


def test_priority_goes_first_then_age(outbox: Outbox, sim_id: int) -> None:
    ids = outbox.accept(None, [new(), new(BOB), new("+33639980003", priority=0)])
    order = []
    for _ in ids:
        work = taken(outbox, sim_id)
        outbox.mark_on_wire(work, EVENTS, NOW)
        outbox.turn(sent(work), None, NOW)
        order.append(work.message_id)
    assert order == [ids[2], ids[0], ids[1]]


def test_parts_go_out_one_after_the_other_with_one_reference(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new(parts=3)])
    work = taken(outbox, sim_id)
    references = {work.concat_reference}
    for part in (1, 2, 3):
        assert work.part == part
        outbox.mark_on_wire(work, EVENTS, NOW)
        following = outbox.turn(sent(work), None, NOW)
        if following is not None:
            work = following
            references.add(work.concat_reference)
    assert len(references) == 1
    assert state(outbox, message_id)[0] is MessageState.SENT


def test_a_refused_part_is_resumed_where_it_stopped(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new(parts=2)])
    first = taken(outbox, sim_id)
    outbox.mark_on_wire(first, EVENTS, NOW)
    second = outbox.turn(sent(first), None, NOW)
    assert second is not None
    outbox.mark_on_wire(second, EVENTS, NOW)
    later = NOW + timedelta(seconds=30)
    outbox.turn(Finished(second, Outcome.REFUSED, NOW, cause=AWAY, retry_at=later), None, NOW)
    assert state(outbox, message_id) == (MessageState.QUEUED, "cms:38")
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    assert outbox.promote(later) == 1
    again = taken(outbox, sim_id)
    assert (again.part, again.tries, again.concat_reference) == (2, 1, first.concat_reference)


def test_the_message_s_own_fault_fails_it(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    own = Cause("cms:1", CauseClass.MESSAGE, "unassigned number")
    outbox.turn(Finished(work, Outcome.REFUSED, NOW, cause=own), None, NOW)
    assert state(outbox, message_id) == (MessageState.FAILED, "cms:1")


def test_unknown_stays_unknown_until_the_operator_decides(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    silence = Cause("gatewayd:timeout", CauseClass.UNKNOWN, "no answer")
    assert outbox.turn(Finished(work, Outcome.UNKNOWN, NOW, cause=silence), wanted(sim_id), NOW) is None
    assert state(outbox, message_id) == (MessageState.UNKNOWN, "gatewayd:timeout")
    assert outbox.resolve(message_id, Resolution.AS_SENT, NOW + timedelta(days=2)) is MessageState.SENT
    found = outbox.get(message_id)
    assert found is not None
    assert found.sent_at == NOW, "when it was on the wire, not when somebody said so"
    with pytest.raises(TransitionError):
        outbox.resolve(message_id, Resolution.RESEND, NOW)


def test_the_operator_may_ask_for_a_resend(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    outbox.turn(Finished(work, Outcome.UNKNOWN, NOW), None, NOW)
    assert outbox.resolve(message_id, Resolution.RESEND, NOW) is MessageState.QUEUED
    assert taken(outbox, sim_id).message_id == message_id


@pytest.mark.parametrize("on_wire", [False, True])
def test_what_a_crash_leaves_is_read_from_the_marks(outbox: Outbox, sim_id: int, on_wire: bool) -> None:
    [message_id] = outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    if on_wire:
        outbox.mark_on_wire(work, EVENTS, NOW)
    recovery = outbox.recover(NOW, "g/1/2")
    assert (recovery.requeued, recovery.unknown) == (int(not on_wire), int(on_wire))
    assert state(outbox, message_id)[0] is (MessageState.UNKNOWN if on_wire else MessageState.QUEUED)


def test_another_gateway_s_lease_is_left_alone_until_it_runs_out(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new()])
    taken(outbox, sim_id, lease="other/1/1")
    assert outbox.recover(NOW, "g/1/2").requeued == 0
    assert outbox.recover(NOW + timedelta(hours=1), "g/1/2").requeued == 1


def test_a_line_that_lost_its_lease_changes_nothing(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    outbox.recover(NOW, "g/1/2")
    with pytest.raises(LeaseLost):
        outbox.mark_on_wire(work, EVENTS, NOW)
    with pytest.raises(LeaseLost):
        outbox.turn(sent(work), None, NOW)


def test_without_consent_the_claim_blocks_and_goes_on(outbox: Outbox, people: People, sim_id: int) -> None:
    blocked, allowed = outbox.accept(None, [new(ALICE, purpose="news"), new(BOB, purpose="news")])
    people.record_consent(BOB, "news", method="paper", recorded_by="test", at=NOW)
    assert taken(outbox, sim_id).message_id == allowed
    assert state(outbox, blocked) == (MessageState.BLOCKED, "no_consent")


def test_an_opt_out_cancels_what_waits_and_closes_the_gate_at_the_mark(
    outbox: Outbox, people: People, sim_id: int
) -> None:
    under_way, waiting = outbox.accept(None, [new(), new()])
    work = taken(outbox, sim_id)
    assert people.add_optout(ALICE, origin="sms", by="test", at=NOW) == 1
    with pytest.raises(RefusedByRule):
        outbox.mark_on_wire(work, EVENTS, NOW)
    assert state(outbox, under_way) == (MessageState.BLOCKED, "opt_out")
    assert state(outbox, waiting) == (MessageState.CANCELED, "opt_out")


def test_a_withdrawn_consent_is_none(outbox: Outbox, people: People, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new(purpose="news")])
    for given in (True, False):
        people.record_consent(ALICE, "news", method="paper", recorded_by="test", at=NOW, given=given)
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    assert state(outbox, message_id) == (MessageState.BLOCKED, "no_consent")


def other_sim(database: Database) -> int:
    from gatewayd.store.sims import Sims

    return Sims(database).remember(
        iccid="89330000000000000028", imsi="208010000000002", name="two", pool="default", imei="2", port="p2", now=NOW
    )


def test_a_recipient_keeps_the_number_that_wrote_first(database: Database, outbox: Outbox, sim_id: int) -> None:
    other = other_sim(database)
    outbox.accept(None, [new(), new()])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    assert outbox.turn(None, wanted(other), NOW) is None
    assert outbox.turn(None, wanted(other, others_unable=frozenset({sim_id})), NOW) is not None
    outbox.turn(sent(work), None, NOW)
    outbox.accept(None, [new()])
    assert outbox.turn(None, wanted(other), NOW) is None


def test_spent_recipients_leave_only_those_already_met(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new(ALICE)])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    outbox.turn(sent(work), None, NOW)
    _, to_alice = outbox.accept(None, [new(BOB), new(ALICE)])
    since = NOW - timedelta(days=1)
    assert taken(outbox, sim_id, known_since=since).message_id == to_alice
    assert outbox.turn(None, wanted(sim_id, known_since=since), NOW) is None


def test_a_sim_that_was_refused_leaves_the_message_to_another(database: Database, outbox: Outbox, sim_id: int) -> None:
    other = other_sim(database)
    outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    barred = Cause("cms:8", CauseClass.SIM, "barred")
    outbox.turn(Finished(work, Outcome.REFUSED, NOW, cause=barred, avoid=True), None, NOW)
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    assert outbox.turn(None, wanted(other, others_unable=frozenset({sim_id})), NOW) is not None


def test_too_old_is_expired(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [replace(new(), expires_at=NOW)])
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    assert state(outbox, message_id) == (MessageState.EXPIRED, "time_to_live")
    assert expiries(outbox) == [message_id]


def test_each_that_is_too_old_has_its_entry_once(outbox: Outbox) -> None:
    kept, *late = outbox.accept(None, [new(), *(replace(new(), expires_at=NOW) for _ in range(1200))])
    assert outbox.expire(NOW) == 1200
    assert outbox.expire(NOW) == 0
    assert sorted(expiries(outbox)) == late
    assert state(outbox, kept)[0] is MessageState.QUEUED


def expiries(outbox: Outbox) -> list[int]:
    """The messages of which the audit trail says that they waited too long."""
    with outbox._database.read() as connection:
        told = audit.latest(connection, 10_000)
    return [json.loads(row.details)["message"] for row in told if row.event == "message.expired"]


def test_hold_release_cancel(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new()])
    outbox.hold(message_id, NOW)
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    outbox.unhold(message_id, NOW)
    outbox.cancel(message_id, NOW)
    assert state(outbox, message_id) == (MessageState.CANCELED, "operator")
    with pytest.raises(TransitionError):
        outbox.hold(message_id, NOW)


def doubtful(outbox: Outbox, sim_id: int) -> Work:
    """A part whose outcome nobody knows."""
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    outbox.turn(Finished(work, Outcome.UNKNOWN, NOW), None, NOW)
    return work


def test_twice_unknown_and_then_known_counts_as_one_part(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new(parts=2)])
    doubtful(outbox, sim_id)
    outbox.resolve(message_id, Resolution.RESEND, NOW)
    doubtful(outbox, sim_id)
    assert outbox.resolve(message_id, Resolution.AS_SENT, NOW, by="camille") is MessageState.QUEUED
    assert [(a.part, a.outcome, a.resolved_by) for a in outbox.attempts(message_id)] == [
        (1, Outcome.UNKNOWN, "operator"),
        (1, Outcome.SENT, "camille"),
    ]
    assert taken(outbox, sim_id).part == 2, "the second part was never sent"


def on_wire_and_taken_over(outbox: Outbox, sim_id: int) -> Work:
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    outbox.recover(NOW, "g/1/2")
    assert state(outbox, work.message_id)[0] is MessageState.UNKNOWN
    return work


def test_a_late_answer_resolves_what_was_taken_for_unknown(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new()])
    work = on_wire_and_taken_over(outbox, sim_id)
    assert outbox.turn(sent(work), wanted(sim_id), NOW) is None
    assert state(outbox, work.message_id) == (MessageState.SENT, "")


def test_a_late_refusal_queues_again(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new()])
    work = on_wire_and_taken_over(outbox, sim_id)
    outbox.turn(Finished(work, Outcome.REFUSED, NOW, cause=AWAY), None, NOW)
    assert state(outbox, work.message_id) == (MessageState.QUEUED, "cms:38")


def test_a_late_answer_spares_the_resend(outbox: Outbox, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new()])
    work = on_wire_and_taken_over(outbox, sim_id)
    outbox.resolve(message_id, Resolution.RESEND, NOW)
    assert outbox.turn(sent(work), wanted(sim_id), NOW) is None, "it went out: there is nothing to send"
    assert state(outbox, message_id)[0] is MessageState.SENT


def test_a_mark_is_made_once(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    with pytest.raises(LeaseLost):
        outbox.mark_on_wire(work, EVENTS, NOW)


def test_a_lease_that_runs_short_is_renewed_by_the_mark(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new()])
    work = taken(outbox, sim_id, lease="other/1/1", lease_seconds=60.0)
    later = NOW + timedelta(seconds=59)
    outbox.mark_on_wire(work, EVENTS, later)
    assert outbox.recover(later + timedelta(minutes=6), "g/1").unknown == 0, "the answer may still come"
    assert outbox.recover(later + timedelta(minutes=8), "g/1").unknown == 1


def test_what_is_too_large_lets_smaller_ones_pass(outbox: Outbox, sim_id: int) -> None:
    large, small = outbox.accept(None, [new(parts=3), new(BOB)])
    assert taken(outbox, sim_id, max_parts=2).message_id == small
    assert outbox.turn(None, wanted(sim_id, max_parts=2), NOW) is None
    assert taken(outbox, sim_id, max_parts=3).message_id == large


def test_a_small_one_far_behind_waits_for_its_turn(outbox: Outbox, sim_id: int) -> None:
    outbox.accept(None, [new(parts=3)] * LOOK_AHEAD + [new(BOB)])
    assert outbox.turn(None, wanted(sim_id, max_parts=2), NOW) is None


def test_what_avoided_its_sim_goes_to_another_that_can_send(database: Database, outbox: Outbox, sim_id: int) -> None:
    other = other_sim(database)
    [message_id] = outbox.accept(None, [new()])
    work = taken(outbox, sim_id)
    outbox.mark_on_wire(work, EVENTS, NOW)
    barred = Cause("cms:8", CauseClass.SIM, "barred")
    outbox.turn(Finished(work, Outcome.REFUSED, NOW, cause=barred, avoid=True), None, NOW)
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    assert taken(outbox, other).message_id == message_id


def test_scheduled_waits_and_is_promoted(outbox: Outbox, sim_id: int) -> None:
    later = NOW + timedelta(hours=1)
    [message_id] = outbox.accept(None, [replace(new(), state=MessageState.SCHEDULED, not_before=later)])
    assert outbox.turn(None, wanted(sim_id), NOW) is None
    assert outbox.earliest_not_before(NOW) == later
    assert (outbox.promote(NOW), outbox.promote(later)) == (0, 1)
    assert taken(outbox, sim_id).message_id == message_id


def test_chores_go_through_many(outbox: Outbox) -> None:
    count = CHORE + 1
    outbox.accept(None, [replace(new(), expires_at=NOW, not_before=NOW) for _ in range(count)])
    assert outbox.promote(NOW) == count
    assert outbox.expire(NOW) == count
    assert outbox.counts() == {"expired": count}


def test_an_opt_out_stops_every_basis(outbox: Outbox, people: People, sim_id: int) -> None:
    people.add_optout(ALICE, origin="sms", by="test", at=NOW)
    purposes = {basis: Purpose(basis, "", basis) for basis in Basis}
    ids = outbox.accept(None, [new(purpose=basis) for basis in Basis])
    assert outbox.turn(None, wanted(sim_id, purposes=purposes), NOW) is None
    assert [state(outbox, i) for i in ids] == [(MessageState.BLOCKED, "opt_out")] * len(Basis)


def test_the_gate_is_asked_before_each_part(outbox: Outbox, people: People, sim_id: int) -> None:
    [message_id] = outbox.accept(None, [new(parts=2)])
    first = taken(outbox, sim_id)
    outbox.mark_on_wire(first, EVENTS, NOW)
    second = outbox.turn(sent(first), None, NOW)
    assert second is not None
    people.add_optout(ALICE, origin="sms", by="test", at=NOW)
    with pytest.raises(RefusedByRule):
        outbox.mark_on_wire(second, replace(EVENTS, completes=False), NOW)
    assert state(outbox, message_id) == (MessageState.BLOCKED, "opt_out:1/2")


def test_ids_are_given_in_order_and_once(outbox: Outbox) -> None:
    first = outbox.accept(None, [new()] * 3)
    assert outbox.accept(None, [new()] * 2) == [first[-1] + 1, first[-1] + 2]
    assert outbox.accept(None, []) == []
